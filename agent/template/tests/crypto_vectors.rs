//! Replays what Go made of keys, certificates, keystores and YAML (tests/vectors/crypto) against the Rust functions.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rekey_template::{Env, Input, render};
use serde_json::Value;

/// Where the functions differ from Go's. One that stops differing has to leave the list.
const DIFFERENT: [(&str, &str); 2] = [
    ("{{ (fromYaml \"a: b: c\").Error }}", "Go does not name the first line"),
    ("{{ derivePassword 4294967296 \"long\" \"a\" \"b\" \"c\" }}", "Go takes it for 0"),
];

#[test]
fn every_function_gives_what_go_gives() {
    let json = |text| serde_json::from_str::<Value>(text).expect("JSON");
    let bytes = |value: &Value| STANDARD.decode(value.as_str().expect("base64")).expect("base64");
    let data: BTreeMap<String, Vec<u8>> = json(include_str!("vectors/crypto/data.json"))
        .as_object()
        .expect("an object")
        .iter()
        .map(|(name, value)| (name.clone(), bytes(value)))
        .collect();
    let input = Input::new(data.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
    let vectors = json(include_str!("vectors/crypto/vectors.json"));
    let (mut wrong, mut different) = (Vec::new(), Vec::new());
    for vector in vectors.as_array().expect("a list") {
        let template = vector["template"].as_str().expect("a text");
        let env = Env::new(Timestamp::UNIX_EPOCH, [1; 32]);
        let found = render(template, &input, &env).map(|output| output.to_vec());
        let expected = (vector["fails"] == false).then(|| bytes(&vector["output"]));
        if found.as_ref().ok() == expected.as_ref() {
            continue;
        }
        if DIFFERENT.iter().any(|(known, _)| *known == template) {
            different.push(template);
            continue;
        }
        let expected = expected.map(|output| String::from_utf8_lossy(&output).into_owned());
        let found = found.map(|output| String::from_utf8_lossy(&output).into_owned());
        wrong.push(format!("{template}\n    Go: {expected:.200?}\n    here: {found:.200?}"));
    }
    let gone: Vec<_> = DIFFERENT.iter().filter(|(known, _)| !different.contains(known)).collect();
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(gone.is_empty(), "no longer different: {gone:?}");
}
