//! Replays what Go's text/template computed (tests/vectors/main.go) against the Rust engine.

use rekey_template::{Input, render};
use serde_json::Value;

/// Where the engine differs from Go. Each is here because it cannot put a wrong value into a Secret unseen, or only for
/// a template that no manifest has a reason for. One that stops differing has to leave the list.
const DIFFERENT: [(&str, &str); 17] = [
    // Refused or failed by Go, harmless here.
    ("{{ if .user }}{{ define \"x\" }}{{ end }}{{ end }}", "a definition inside a block"),
    ("{{ if false }}{{ break }}{{ end }}", "a break outside range fails only when it is reached"),
    ("{{ /* spaced */ }}x", "a comment that does not touch its delimiter"),
    ("{{/* a */ }}", "a comment that does not touch its delimiter"),
    ("{{ $a = 1 }}", "an assignment declares"),
    ("{{ \"a\\qb\" }}", "an unknown escape stays as it is"),
    ("{{ \"a\nb\" }}", "a line break in a quoted string"),
    // Refused here, accepted by Go.
    ("{{ .user | }}", "a pipe into nothing"),
    ("{{ 1i }}", "complex numbers"),
    ("{{ slice \"héllo\" 0 2 }}", "half a character is not text"),
    // Formats of numbers and rare verbs; the map's values are strings.
    ("{{ define \"u\" }}{{ . }}{{ end }}{{ template \"u\" }}", "nothing prints as map[], not as <no value>"),
    ("{{ printf \"%T %T %T\" .user 1 1.5 }}", "types of Go"),
    ("{{ printf \"%\" }}", "a format that ends in the middle"),
    ("{{ printf \"%+q\" .unicode }}", "ASCII-only quoting"),
    ("{{ printf \"% x %#x\" .user .user }}", "flags of %x for strings"),
    ("{{ print 1e6 }} {{ print 1e21 }}", "large literals without exponent"),
    ("{{ 1e-7 }} {{ 100000000.0 }}", "large and small literals without exponent"),
];

#[test]
fn every_template_gives_what_go_gives() {
    let file: Value = serde_json::from_str(include_str!("vectors/vectors.json")).expect("the vectors are JSON");
    let data = file["data"].as_object().expect("data");
    let input = Input::new(data.iter().map(|(key, value)| (key.as_str(), value.as_str().expect("text").as_bytes())));
    let vectors = file["vectors"].as_array().expect("vectors");
    assert!(vectors.len() > 250, "only {} vectors", vectors.len());
    let (mut wrong, mut different) = (Vec::new(), Vec::new());
    for vector in vectors {
        let template = vector["template"].as_str().expect("a template");
        let expected =
            (!vector["fails"].as_bool().expect("a verdict")).then(|| vector["output"].as_str().expect("text"));
        let found = render("t", template, &input);
        if found.as_ref().ok().map(|output| output.as_str()) == expected {
            continue;
        }
        if DIFFERENT.iter().any(|(known, _)| *known == template) {
            different.push(template);
        } else {
            let found = found.as_ref().map(|output| output.as_str());
            wrong.push(format!("{template:?}\n    Go: {expected:?}\n    here: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
    let gone: Vec<_> = DIFFERENT.iter().filter(|(known, _)| !different.contains(known)).collect();
    assert!(gone.is_empty(), "no longer different: {gone:?}");
}
