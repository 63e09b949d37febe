use super::*;

fn input(entries: &[(&str, &str)]) -> Input {
    Input::new(entries.iter().map(|(key, value)| (*key, value.as_bytes())))
}

fn env() -> Env {
    Env::new("2026-11-23T03:00:00Z".parse().expect("a time"), [7; 32])
}

fn rendered(text: &str, entries: &[(&str, &str)]) -> Result<String, Error> {
    render(text, &input(entries), &env()).map(|output| String::from_utf8_lossy(&output).into_owned())
}

#[test]
fn an_unknown_function_is_named_even_where_it_would_not_be_called() {
    let refusal = Error::UnknownFunction { name: "nonsense".to_owned() };
    assert!(refusal.to_string().contains("\"nonsense\" is not defined"));
    for text in [
        "{{ nonsense .a }}",
        "{{ .a | nonsense }}",
        "{{ if false }}{{ nonsense .a }}{{ end }}",
        "{{ printf \"%s\" (nonsense .a) }}",
        "{{ define \"x\" }}{{ nonsense . }}{{ end }}",
        "{{ range . }}{{ else }}{{ with nonsense }}{{ end }}{{ end }}",
        "{{ (nonsense .a).b }}",
    ] {
        assert_eq!(rendered(text, &[("a", "1")]), Err(refusal.clone()), "{text}");
    }
}

#[test]
fn no_error_shows_a_value() {
    let secret = "s3cr3t-7788";
    let templates = [
        "{{ .missing }}",
        "{{ len (len .password) }}",
        "{{ printf (len .password) }}",
        "{{ slice .password 1 99 }}",
        "{{ slice .password 9 (len .password) 3 }}",
        "{{ index .password 99 }}",
        "{{ index .password .password }}",
        "{{ index (index .password 0) 1 }}",
        "{{ .password.x }}",
        "{{ range .password }}{{ end }}",
        "{{ call .password }}",
        "{{ template .password }}",
        "{{ eq .password 1 }}",
        "{{ lt .password 1 }}",
        "{{ .password .password }}",
        "{{ if .password }}",
        "{{ slice .password (index .password 0) }}",
        "{{ index . (index .password 0) }}",
    ];
    for text in templates {
        let error = rendered(text, &[("password", secret)]).expect_err(text);
        let shown = format!("{error} {error:?}");
        // 115 is the first byte, 11 the length.
        for leak in [secret, "s3cr", "7788", "115", "11"] {
            assert!(!shown.contains(leak), "{text}: {shown}");
        }
    }
    assert_eq!(format!("{:?}", input(&[("password", secret)])), "Input(…)");
}

#[test]
fn errors_say_what_to_look_at() {
    let data = [("a", "1")];
    assert_eq!(rendered("{{ .b }}", &data), Err(Error::MissingKey { key: "b".to_owned() }));
    let Err(Error::Syntax { line: 2, .. }) = rendered("x\n{{ if }}", &data) else { panic!("no syntax error") };
    assert_eq!(rendered("{{ .a.b }}", &data), Err(Error::Failed("can't evaluate field b in type string".to_owned())));
}

#[test]
fn values_are_any_bytes() {
    let input = Input::new([("text", b"t".as_slice()), ("bin", &[0xff, 0xfe])]);
    let run = |text: &str| render(text, &input, &env()).map(|output| output.to_vec());
    assert_eq!(run("{{ .text }}{{ .bin }}{{ len .bin }}"), Ok(b"t\xff\xfe2".to_vec()));
    assert_eq!(run("{{ printf \"%s %q %x\" .bin .bin .bin }}"), Ok(b"\xff\xfe \"\\xff\\xfe\" fffe".to_vec()));
}

#[test]
fn output_stops_at_its_limit() {
    let half = "x".repeat(limits::OUTPUT / 2);
    let data = [("half", half.as_str())];
    assert_eq!(rendered("{{ .half }}{{ .half }}", &data).map(|output| output.len()), Ok(limits::OUTPUT));
    assert_eq!(rendered("{{ .half }}{{ .half }}x", &data), Err(Error::OutputTooLarge));
}

#[test]
fn loops_and_recursion_end() {
    let data = [("a", "1")];
    let all = [
        "{{ range 1000000000 }}{{ end }}".to_owned(),
        "{{ range 100000 }}{{ range 100000 }}{{ $x := 1 }}{{ end }}{{ end }}".to_owned(),
        format!("{{{{ range 5000 }}}}{}{{{{ end }}}}", "{{ $x := 1 }}".repeat(100)),
    ];
    for text in all {
        assert_eq!(rendered(&text, &data), Err(Error::TooManySteps), "{text}");
    }
    // Each template calls the next one twice: 2 to the 60th calls without recursion.
    let mut doubling = String::new();
    for number in 0..60 {
        let call = format!("{{{{ template \"t{}\" }}}}", number + 1);
        doubling.extend(["{{ define \"t", &number.to_string(), "\" }}", &call, &call, "{{ end }}"]);
    }
    doubling.push_str("{{ define \"t60\" }}{{ end }}{{ template \"t0\" }}");
    assert_eq!(rendered(&doubling, &data), Err(Error::TooManySteps));
    let endless = "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}";
    assert_eq!(rendered(endless, &data), Err(Error::TooDeep));
}

#[test]
fn text_cannot_be_blown_up() {
    let data = [("a", "x")];
    let doubled = "{{ $x := printf \"%1000s\" .a }}".to_owned() + &"{{ $x = print $x $x $x $x }}".repeat(30);
    let wide = format!("{{{{ $x := printf \"{}\" .a }}}}", "%65535[1]s".repeat(5000));
    let again = format!("{{{{ $x := printf \"%60000s\" .a }}}}{{{{ $y := printf \"{}\" $x }}}}", "%[1]s".repeat(5000));
    let starred = "{{ range 100000 }}{{ $x := printf \"%*d\" 65535 1 }}{{ end }}".to_owned();
    for text in [doubled, wide, again, starred] {
        assert_eq!(rendered(&text, &data), Err(Error::TooMuchMade), "{text:.80}");
    }
}

#[test]
fn sizes_of_template_and_input_are_limited() {
    assert_eq!(rendered(&" ".repeat(limits::TEMPLATE + 1), &[]), Err(Error::TemplateTooLarge));
    assert_eq!(rendered("x", &[("a", &" ".repeat(limits::INPUT))]), Err(Error::InputTooLarge));
    let deep = "{{ if true }}".repeat(5000) + &"{{ end }}".repeat(5000);
    assert!(matches!(rendered(&deep, &[]), Err(Error::Syntax { .. })));
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
    assert!(matches!(rendered(&parens, &[]), Err(Error::Syntax { .. })));
}
