use proptest::prelude::*;

use super::*;

#[test]
fn what_go_reads_otherwise_is_read_as_go_does() {
    for (source, matches, others) in [
        ("db", &["db", "prod/db-1"][..], &["dB"][..]),
        ("^(prod|dev)/[^/]+$", &["prod/a"], &["prod/a/b", "xprod/a"]),
        (r"^\d+$", &["12"], &["١٢", ""]),
        (r"^[\w.]+$", &["a.b_1"], &["é"]),
        (r"^[^\D5]$", &["4"], &["5", "a"]),
        (r"^\Qa.b*\E+$", &["a.b*", "a.b**"], &["aXb"]),
        (r"\Q[x", &["[x"], &["x"]),
        ("^a{,2}$", &["a{,2}"], &["aa"]),
        ("^a{2}{x$", &["aa{x"], &["a"]),
        ("^a{01}$", &["a{01}"], &["a"]),
        ("^[[&&]+$", &["[&"], &["a"]),
        ("^[a-c~~b]+$", &["a~bc"], &["d"]),
        ("^[]a]+$", &["]a"], &["b"]),
        ("^[a-]+$", &["a-"], &["b"]),
        ("^[--0]+$", &["-./0"], &["1", ","]),
        ("^[[:alpha:]_]+$", &["a_"], &["1"]),
        (r"^\<a\>\_\/$", &["<a>_/"], &["a"]),
        (r"^\101\x{42}\x43\0?$", &["ABC"], &["ABD"]),
        (r"(?i)^DB\b", &["db-1", "dbé"], &["dbx"]),
        (r"\Bx", &["ax"], &["éx", "x"]),
        ("", &["", "anything"], &[]),
        ("^(?P<a>x)(?<b>y)$", &["xy"], &["x"]),
    ] {
        let regexp = Regexp::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        assert!(matches.iter().all(|text| regexp.is_match(text)), "{source} matches {matches:?}");
        assert!(!others.iter().any(|text| regexp.is_match(text)), "{source} does not match {others:?}");
    }
}

#[test]
fn what_go_refuses_in_names_is_refused_in_one_line() {
    for source in [
        "(",
        "a**(",
        "[a",
        "[z-a]",
        r"\1",
        r"\y",
        "(?x)a",
        "(?=a)",
        "(?<!a)b",
        "*",
        r"a\",
        r"\p{Nope}",
        r"[\b]",
        r"[\B]",
    ] {
        let error = Regexp::parse(source).expect_err(source).to_string();
        assert!(!error.is_empty() && !error.contains('\n'), "{source}: {error}");
    }
    assert_eq!(Regexp::parse("(a{900}){900}"), Err(Malformed::TooLarge));
}

#[test]
fn what_takes_much_to_parse_is_not_parsed() {
    let began = std::time::Instant::now();
    let folded = format!("(?i){}", r"\pL".repeat(300_000));
    for source in [folded.as_str(), &r"[^\PN\pS]".repeat(1000), &"a".repeat(1 << 20)] {
        assert_eq!(Regexp::parse(source), Err(Malformed::TooLarge));
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(Regexp::parse(r"^[\pL\pN_]+(-\p{Greek}+)*$").is_ok());
}

proptest! {
    #[test]
    fn any_text_is_either_an_expression_or_refused(source in r"[\\\[\](){}?^$*+|:&~,a-cQE0-9<>é-]{0,12}") {
        let _ = Regexp::parse(&source);
    }
}
