//! What no vector can say of the functions: those that draw by chance or know the present, and that none of them
//! panics, takes long or shows a value, whatever it is given.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::select;
use rekey_template::{Env, Error, Input, limits, render};
use serde_json::Value;

const SECRET: &str = "s3cr3t-7788";

/// What any template may take here, unoptimized and on a busy machine; without limits, these would take hours.
const PATIENCE: Duration = Duration::from_mins(1);

fn env(seed: u8) -> Env {
    // A Monday, 2026-11-23T03:00:00Z.
    Env::new(jiff::Timestamp::from_second(1_795_402_800).unwrap_or_default(), [seed; 32])
}

fn rendered_by(text: &str, env: &Env) -> Result<String, Error> {
    let input = Input::new([("secret", SECRET.as_bytes()), ("binary", b"\xff\xfe\0")]);
    render(text, &input, env).map(|output| String::from_utf8_lossy(&output).into_owned())
}

fn rendered(text: &str) -> Result<String, Error> {
    rendered_by(text, &env(7))
}

/// All functions of sprig, and those of Go's own.
fn names() -> Vec<String> {
    let file: Value = serde_json::from_str(include_str!("vectors/vectors.json")).unwrap_or_default();
    let builtin = "and call eq ge gt hexdec html index js le len lt ne not or print printf println urlquery";
    let sprig = file["functions"].as_array().cloned().unwrap_or_default();
    sprig.iter().filter_map(Value::as_str).chain(builtin.split(' ')).map(str::to_owned).collect()
}

#[test]
fn what_is_drawn_is_as_long_as_asked_and_of_the_right_letters() {
    for (name, is_wanted) in [
        ("randAlphaNum", (|letter| letter.is_ascii_alphanumeric()) as fn(char) -> bool),
        ("randAlpha", |letter| letter.is_ascii_alphabetic()),
        ("randNumeric", |letter| letter.is_ascii_digit()),
        ("randAscii", |letter| matches!(letter, ' '..='~')),
    ] {
        let drawn = rendered(&format!("{{{{ {name} 2000 }}}}")).expect(name);
        assert_eq!(drawn.len(), 2000, "{name}");
        assert!(drawn.chars().all(is_wanted), "{name}");
        let all: BTreeSet<char> = drawn.chars().collect();
        assert_eq!(all.len(), (' '..='~').filter(|letter| is_wanted(*letter)).count(), "{name} draws all letters");
        assert_eq!(rendered(&format!("{{{{ {name} 0 }}}}{{{{ {name} -1 }}}}")), Ok(String::new()));
    }
    assert_eq!(rendered("{{ randBytes 16 | b64dec | len }}").as_deref(), Ok("16"));
    let numbers = rendered("{{ range until 500 }}{{ randInt -2 3 }} {{ end }}").expect("numbers");
    let numbers: BTreeSet<&str> = numbers.split_whitespace().collect();
    assert_eq!(numbers, ["-1", "-2", "0", "1", "2"].into());
    assert!(rendered("{{ randInt 5 5 }}").is_err());
    let shuffled = rendered("{{ shuffle \"abcdefghijklmnopqrstuvwxyzé\" }}").expect("letters");
    assert_ne!(shuffled, "abcdefghijklmnopqrstuvwxyzé");
    assert_eq!(shuffled.chars().collect::<BTreeSet<_>>(), ('a'..='z').chain(['é']).collect());
    let uuid = rendered("{{ uuidv4 }}").expect("a UUID");
    let form = "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
    assert!(rekey_template::regexp::Regexp::parse(form).expect("valid").is_match(&uuid), "{uuid}");
}

#[test]
fn templates_of_one_object_draw_differently_and_those_of_another_seed_too() {
    let (one, other) = (env(7), env(8));
    let text = "{{ randAlphaNum 30 }}";
    let drawn: BTreeSet<_> = [&one, &one, &other].map(|env| rendered_by(text, env).expect("letters")).into();
    assert_eq!(drawn.len(), 3);
    assert_eq!(rendered(text), rendered(text), "the same seed gives the same");
}

#[test]
fn the_present_is_that_of_the_environment() {
    for (text, expected) in [
        ("{{ now }}", "2026-11-23 03:00:00 +0000 UTC"),
        ("{{ now | date \"2006-01-02\" }} {{ now.Unix }} {{ (now).Weekday }}", "2026-11-23 1795402800 Monday"),
        ("{{ dateInZone \"15:04 MST\" now \"America/New_York\" }}", "22:00 EST"),
        ("{{ now.Format \"Jan 2\" }}", "Nov 23"),
        ("{{ ago (toDate \"2006-01-02 15:04:05.0\" \"2026-11-23 02:58:29.5\") }}", "1m31s"),
        ("{{ ago 1795402740 }} {{ ago (int64 1795402860) }} {{ ago now }}", "1m0s -1m0s 0s"),
        ("{{ durationRound (toDate \"2006\" \"2020\") }} {{ durationRound (now | dateModify \"-3h\") }}", "6y 3h"),
        ("{{ date \"2006\" \"x\" }} {{ htmlDate nil }}", "2026 2026-11-23"),
        ("{{ now | dateModify \"24h\" | htmlDate }} {{ (now.AddDate 0 1 0).Month }}", "2026-11-24 December"),
        ("{{ unixEpoch now }} {{ typeOf now }}", "1795402800 time.Time"),
    ] {
        assert_eq!(rendered(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn words_of_fail_are_shown_if_the_template_holds_them() {
    assert_eq!(rendered("{{ fail \"no host\" }}"), Err(Error::Failed("no host".to_owned())));
    assert_eq!(rendered("{{ fail `no host` }}"), Err(Error::Failed("no host".to_owned())));
    for text in ["{{ fail .secret }}", "{{ fail (print \"bad \" .secret) }}"] {
        assert_eq!(rendered(text), Err(Error::Failed("the template called fail".to_owned())), "{text}");
    }
}

#[test]
fn nothing_grows_beyond_the_limits() {
    let huge = "9223372036854775807";
    for text in [
        format!("{{{{ repeat {huge} \"ab\" }}}}"),
        format!("{{{{ until {huge} }}}}"),
        format!("{{{{ untilStep 0 {huge} 1 }}}}"),
        format!("{{{{ seq {huge} }}}}"),
        format!("{{{{ seq 0 1 {huge} }}}}"),
        format!("{{{{ indent {huge} \"a\" }}}}"),
        format!("{{{{ nindent {huge} \"a\" }}}}"),
        format!("{{{{ randAlphaNum {huge} }}}}"),
        format!("{{{{ randBytes {huge} }}}}"),
        "{{ $x := repeat 100000 \"ab\" }}{{ range until 1000 }}{{ $y := replace \"a\" $x $x }}{{ end }}".to_owned(),
        "{{ $x := repeat 100000 \"ab\" }}{{ $y := regexReplaceAll \"a\" $x $x }}".to_owned(),
        "{{ $x := repeat 1000 \"ab\" }}{{ range until 5000 }}{{ $x = cat $x $x }}{{ end }}".to_owned(),
        "{{ $x := repeat 1000 \"ab\" }}{{ range until 5000 }}{{ $x = quote $x $x }}{{ end }}".to_owned(),
        "{{ $l := list 1 }}{{ range until 50 }}{{ $l = concat $l $l }}{{ end }}".to_owned(),
        "{{ $l := list }}{{ range until 50000 }}{{ $l = append $l 1 }}{{ end }}".to_owned(),
        "{{ $l := repeat 100000 \"a,\" | splitList \",\" }}{{ range until 50 }}{{ $l = concat $l $l }}{{ end }}"
            .to_owned(),
        "{{ $x := repeat 1000000 \"a\" }}{{ range until 100 }}{{ $y := splitList \"\" $x }}{{ end }}".to_owned(),
        "{{ $x := repeat 1000000 \"a\" }}{{ range until 100 }}{{ $y := wrapWith 1 \"----------\" $x }}{{ end }}"
            .to_owned(),
        "{{ $x := repeat 1000000 \"a\" }}{{ range until 100 }}{{ $y := regexFindAll \"\" $x -1 }}{{ end }}".to_owned(),
        "{{ $d := dict }}{{ range $i := until 100000 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}".to_owned(),
        "{{ range until 100000 }}{{ $d := deepCopy $ }}{{ end }}".to_owned(),
    ] {
        let begun = Instant::now();
        let found = rendered(&text);
        assert!(
            matches!(found, Err(Error::TooMuchMade | Error::TooManySteps | Error::TooMuchRead)),
            "{text}: {found:?}"
        );
        assert!(begun.elapsed() < PATIENCE, "{text}: {:?}", begun.elapsed());
    }
}

#[test]
fn values_that_hold_themselves_or_each_other_end() {
    let twice = "{{ $d := dict }}{{ range until 60 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}";
    let chain = "{{ $top := dict }}{{ $d := $top }}{{ range until 5000 }}{{ $next := dict }}\
                 {{ $_ := set $d \"n\" $next }}{{ $d = $next }}{{ end }}";
    for text in [
        "{{ $d := dict }}{{ $_ := set $d \"self\" $d }}{{ $d }}".to_owned(),
        "{{ $d := dict }}{{ $_ := set $d \"self\" $d }}{{ $d | toJson }}".to_owned(),
        "{{ $d := dict }}{{ $_ := set $d \"self\" (list $d) }}{{ deepCopy $d }}".to_owned(),
        "{{ $d := dict }}{{ $_ := set $d \"a\" $d }}{{ $e := dict }}{{ $_ := set $e \"a\" $e }}{{ deepEqual $d $e }}"
            .to_owned(),
        "{{ $d := dict }}{{ $_ := set $d \"a\" $d }}{{ $e := dict }}{{ $_ := set $e \"a\" $e }}{{ merge $d $e }}"
            .to_owned(),
        "{{ $l := list }}{{ range until 5000 }}{{ $l = list $l }}{{ end }}".to_owned(),
        format!("{twice}{{{{ $d }}}}"),
        format!("{twice}{{{{ $d | toJson | len }}}}"),
        format!("{twice}{{{{ deepCopy $d | len }}}}"),
        format!("{twice}{{{{ deepEqual $d (deepCopy $d) }}}}"),
        format!("{chain}{{{{ $top }}}}"),
        format!("{{{{ fromJson {:?} }}}}", "[".repeat(100_000)),
    ] {
        let begun = Instant::now();
        let found = rendered(&text);
        assert!(
            matches!(found, Err(Error::TooDeep | Error::TooMuchMade | Error::TooMuchRead)),
            "{text:.200}: {found:?}"
        );
        assert!(begun.elapsed() < PATIENCE, "{text:.200}: {:?}", begun.elapsed());
    }
    // Letting go of it ends too.
    assert_eq!(rendered(chain).as_deref(), Ok(""));
}

#[test]
fn no_expression_searches_for_long() {
    for regex in ["(a|b)*a(a|b){20}", "(a*)*b", "(.*)(.*)(.*)(.*)c", r"(\\pL|b){1000}"] {
        let begun = Instant::now();
        let loops = "{{ range until 1000 }}";
        let text =
            format!("{{{{ $x := repeat 9000 \"ab\" }}}}{loops}{{{{ $y := regexMatch \"{regex}\" $x }}}}{{{{ end }}}}");
        assert!(matches!(rendered(&text), Err(Error::TooMuchRead) | Ok(_)), "{regex}");
        assert!(begun.elapsed() < PATIENCE, "{regex}: {:?}", begun.elapsed());
    }
    let many = "{{ range $i := until 100000 }}{{ $y := regexMatch (print \"a{\" $i \"}\") \"a\" }}{{ end }}";
    let begun = Instant::now();
    assert!(rendered(many).is_err());
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

/// Each match is found after a look at all that follows.
#[test]
fn no_expression_searches_the_rest_again_and_again() {
    let again = r".*[^A-Z]|[A-Z]";
    for call in [
        format!("regexFindAll {again:?} $x -1 | len"),
        format!("regexReplaceAll {again:?} $x \"a\" | len"),
        format!("regexReplaceAllLiteral {again:?} $x \"a\" | len"),
        format!("regexSplit {again:?} $x -1 | len"),
    ] {
        let begun = Instant::now();
        let found = rendered(&format!("{{{{ $x := repeat 100000 \"A\" }}}}{{{{ {call} }}}}"));
        assert_eq!(found, Err(Error::TooMuchRead), "{call}");
        assert!(begun.elapsed() < PATIENCE, "{call}: {:?}", begun.elapsed());
    }
    // What people write: a certificate's lines.
    let lines = "{{ $x := repeat 800 \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\n\" }}";
    for call in [r#"regexReplaceAll "\\s+" $x " ""#, r#"regexFindAll "[^\\n]+" $x -1"#, r#"regexSplit "\\n" $x -1"#] {
        assert!(rendered(&format!("{lines}{{{{ $y := {call} }}}}")).is_ok(), "{call}");
    }
}

#[test]
fn thousands_of_variables_are_not_looked_through_for_ever() {
    let declared = |count: usize, before: &str, after: &str| {
        let each = |number| [before, "{{ $x", &format!("{number}"), " := 1 }}", after].concat();
        (0..count).map(each).collect::<Vec<_>>().concat()
    };
    let begun = Instant::now();
    let found = rendered(&(declared(900, "", "") + "{{ range 60000 }}{{ $y := $x0 }}{{ end }}"));
    assert_eq!(found, Err(Error::TooMuchRead));
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert!(matches!(rendered(&declared(1100, "", "")), Err(Error::Syntax { .. })));
    assert!(rendered(&declared(1100, "{{ if true }}", "{{ end }}")).is_ok());
}

#[test]
fn numbers_are_as_wide_as_asked() {
    for (format, number, expected) in [
        ("%.70000f", "1.5", format!("1.5{}", "0".repeat(69_999))),
        ("%.70000e", "1.5", format!("1.5{}e+00", "0".repeat(69_999))),
        ("%.70000g", "1.5", "1.5".to_owned()),
        ("%.70000d", "-7", format!("-{}7", "0".repeat(69_999))),
        ("%070000x", "255", format!("{}ff", "0".repeat(69_998))),
        ("%.70000U", "65", format!("U+{}41", "0".repeat(69_998))),
        ("%70000d", "7", format!("{}7", " ".repeat(69_999))),
    ] {
        let found = rendered(&format!("{{{{ printf {format:?} {number} }}}}"));
        assert!(found.as_ref() == Ok(&expected), "{format}: {:.80}…", found.unwrap_or_default());
    }
    assert_eq!(rendered("{{ range 10 }}{{ $x := printf \"%.9999999U\" 65 }}{{ end }}"), Err(Error::TooMuchMade));
}

/// Few bytes that stand for many cost what they stand for, also where nothing comes of them.
#[test]
fn aliases_are_not_replaced_again_and_again_for_nothing() {
    let ten = |name: &str, of: &str| format!("{name}: &{name} [{}]\\n", [of; 10].join(","));
    let bomb = [ten("a", "~"), ten("b", "*a"), ten("c", "*b"), ten("d", "*c"), ten("e", "*d")].concat();
    for document in [format!("{bomb}f: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]"), format!("{bomb}f: [*e,.inf]")] {
        let begun = Instant::now();
        let found = rendered(&format!(
            "{{{{ $x := \"{document}\" }}}}{{{{ range 10000 }}}}{{{{ $y := fromYaml $x }}}}{{{{ end }}}}"
        ));
        assert_eq!(found, Err(Error::TooMuchRead));
        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    }
}

/// Headers behind the end of their block belong to nothing, and are not read again for the next.
#[test]
fn blocks_whose_headers_never_end_are_read_once() {
    let begun = Instant::now();
    let found = rendered(&format!(
        "{{{{ $x := repeat 30000 {:?} }}}}{{{{ $y := filterPEM \"A\" $x }}}}",
        "-----BEGIN :-----\n-----END :\n"
    ));
    assert_eq!(found, Err(Error::Failed("error filtering pem: found junk".to_owned())));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn the_limits_hold_for_all_templates_of_an_object() {
    let env = env(7);
    let half = format!("{{{{ $x := repeat {} \"a\" }}}}", limits::MADE * 2 / 3);
    assert_eq!(rendered_by(&half, &env).as_deref(), Ok(""));
    assert_eq!(rendered_by(&half, &env), Err(Error::TooMuchMade));
}

/// Arguments that functions may trip over.
const ARGUMENTS: [&str; 38] = [
    "nil",
    "true",
    "0",
    "1",
    "-1",
    "3",
    "99999",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5",
    "-0.0",
    "1e300",
    "(float64 \"nan\")",
    "(int64 5)",
    "\"\"",
    "\"a\"",
    "\"é✓ x\"",
    "\"%s%d%[2]*d\"",
    "\"[(\"",
    "\"(a+)|b*\"",
    "\"1.2.3\"",
    "\"2006-01-02\"",
    "\"{\\\"a\\\":[1]}\"",
    "\"http://u:p@h/x\"",
    "\"aGVsbG8=\"",
    ".secret",
    ".binary",
    ".",
    "(list)",
    "(list 1 \"a\" nil (list))",
    "(splitList \"\" \"ab\")",
    "(until 3)",
    "(dict)",
    "(dict \"a\" (dict \"b\" 1))",
    "(split \",\" \"a,b\")",
    "(semver \"1.2.3-a\")",
    "now",
    "(list .secret (dict .secret .secret))",
];

/// What a text may be made of.
const PARTS: [&str; 40] = [
    "{{", "}}", "{{- ", " -}}", "/*", "*/", "(", ")", ".", "|", ":=", "=", "$", "$x", ",", "\"", "'", "`", "\\", "0",
    "0x", "1e9", "-", "a", "_", "é", "\n", " ", "if", "end", "else", "range", "with", "define", "block", "template",
    "list", "break", "nil", ".secret",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_function_panics_or_shows_a_value(
        name in select(names()),
        arguments in proptest::collection::vec(select(&ARGUMENTS[..]), 0..5),
        printing in select(vec!["", " | printf \"%v %#v %q\"", " | toJson", " | typeOf", " | list | join \",\""]),
    ) {
        let text = format!("{{{{ {name} {}{printing} }}}}", arguments.join(" "));
        let begun = Instant::now();
        if let Err(error) = rendered(&text) {
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains("s3cr3t") && !shown.contains("7788"), "{text}: {shown}");
        }
        prop_assert!(begun.elapsed() < PATIENCE, "{text}: {:?}", begun.elapsed());
    }

    #[test]
    fn no_text_is_too_odd_for_the_parser(parts in proptest::collection::vec(select(&PARTS[..]), 0..24)) {
        let _ = rendered(&parts.concat());
    }
}
