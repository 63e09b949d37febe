//! Replays what Go's text/template and sprig computed (tests/vectors) against the Rust engine.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rekey_template::{Env, Error, Input, render};
use serde_json::Value;

/// Where the engine differs from Go. Each is here because it cannot put a wrong value into a Secret unseen, or only for
/// a template that no manifest has a reason for. One that stops differing has to leave the list.
const DIFFERENT: [(&str, &str); 5] = [
    ("{{ 1i }}", "complex numbers"),
    ("{{ printf \"%x\" 3.5 }}", "numbers with a point in hex"),
    ("{{ round 1.5 1.0 }}", "a whole number with a point"),
    ("{{ chunk -1 (list 1 2) }}", "a negative size gives no list here"),
    ("{{ deepCopy (semver \"1.2.3\") }}", "a copied version has its numbers"),
];

/// Functions whose results are drawn by chance or depend on the present; tests of properties look at them.
const BY_CHANCE: [&str; 12] = [
    "genCA",
    "genSelfSignedCert",
    "genSignedCert",
    "now",
    "randAlpha",
    "randAlphaNum",
    "randAscii",
    "randBytes",
    "randInt",
    "randNumeric",
    "shuffle",
    "uuidv4",
];

#[expect(clippy::expect_used, reason = "a broken file fails the test")]
fn file() -> Value {
    serde_json::from_str(include_str!("vectors/vectors.json")).expect("the vectors are JSON")
}

fn vectors(file: &Value) -> &[Value] {
    file["vectors"].as_array().map_or(&[], Vec::as_slice)
}

fn env() -> Env {
    Env::new(Timestamp::UNIX_EPOCH, [7; 32])
}

#[test]
fn every_template_gives_what_go_gives() {
    let file = file();
    let data = file["data"].as_object().expect("data");
    let input = Input::new(data.iter().map(|(key, value)| (key.as_str(), value.as_str().expect("text").as_bytes())));
    assert!(vectors(&file).len() > 600, "only {} vectors", vectors(&file).len());
    let (mut wrong, mut different) = (Vec::new(), Vec::new());
    for vector in vectors(&file) {
        let template = vector["template"].as_str().expect("a template");
        let expected = match (&vector["fails"], &vector["binary"], &vector["output"]) {
            (Value::Bool(true), ..) => None,
            (_, Value::String(binary), _) => Some(STANDARD.decode(binary).expect("base64")),
            (.., output) => Some(output.as_str().unwrap_or_default().as_bytes().to_vec()),
        };
        let found = render(template, &input, &env());
        if found.as_ref().ok().map(|output| output.to_vec()) == expected {
            continue;
        }
        if DIFFERENT.iter().any(|(known, _)| *known == template) {
            different.push(template);
        } else {
            let expected = expected.as_ref().map(|output| String::from_utf8_lossy(output));
            let found = found.as_ref().map(|output| String::from_utf8_lossy(output));
            wrong.push(format!("{template:?}\n    Go: {expected:?}\n    here: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors(&file).len(), wrong.join("\n"));
    let gone: Vec<_> = DIFFERENT.iter().filter(|(known, _)| !different.contains(known)).collect();
    assert!(gone.is_empty(), "no longer different: {gone:?}");
}

#[test]
fn every_function_of_sprig_is_there_and_has_a_vector() {
    let file = file();
    let names = file["functions"].as_array().expect("functions").iter().map(|name| name.as_str().expect("a name"));
    let keys: Value = serde_json::from_str(include_str!("vectors/crypto/vectors.json")).expect("JSON");
    let words: BTreeSet<&str> = vectors(&file)
        .iter()
        .chain(keys.as_array().expect("a list"))
        .filter_map(|vector| vector["template"].as_str())
        .flat_map(|template| template.split(|letter: char| !letter.is_alphanumeric() && letter != '_'))
        .collect();
    let input = Input::new([]);
    let (mut missing, mut untested) = (Vec::new(), Vec::new());
    for name in names {
        let call = format!("{{{{ if false }}}}{{{{ {name} }}}}{{{{ end }}}}");
        if matches!(render(&call, &input, &env()), Err(Error::UnknownFunction { .. })) {
            missing.push(name);
        }
        if !words.contains(name) && !BY_CHANCE.contains(&name) {
            untested.push(name);
        }
    }
    assert!(missing.is_empty(), "not there: {missing:?}");
    assert!(untested.is_empty(), "without a vector: {untested:?}");
}
