//! Replays what Go's text/template computed (tests/vectors/main.go) against the Rust engine.

use rekey_template::{Env, Input, render};
use serde_json::Value;

/// Where the engine differs from Go. Each is here because it cannot put a wrong value into a Secret unseen, or only for
/// a template that no manifest has a reason for. One that stops differing has to leave the list.
const DIFFERENT: [(&str, &str); 0] = [];

#[test]
fn every_template_gives_what_go_gives() {
    let file: Value = serde_json::from_str(include_str!("vectors/vectors.json")).expect("the vectors are JSON");
    let data = file["data"].as_object().expect("data");
    let input = Input::new(data.iter().map(|(key, value)| (key.as_str(), value.as_str().expect("text").as_bytes())));
    let env = Env::new("2026-11-23T03:00:00Z".parse().expect("a time"), [7; 32]);
    let vectors = file["vectors"].as_array().expect("vectors");
    assert!(vectors.len() > 250, "only {} vectors", vectors.len());
    let (mut wrong, mut different) = (Vec::new(), Vec::new());
    for vector in vectors {
        let template = vector["template"].as_str().expect("a template");
        let expected =
            (!vector["fails"].as_bool().expect("a verdict")).then(|| vector["output"].as_str().expect("text"));
        let found = render(template, &input, &env);
        if found.as_ref().ok().map(|output| output.as_slice()) == expected.map(str::as_bytes) {
            continue;
        }
        if DIFFERENT.iter().any(|(known, _)| *known == template) {
            different.push(template);
        } else {
            let found = found.as_ref().map(|output| String::from_utf8_lossy(output));
            wrong.push(format!("{template:?}\n    Go: {expected:?}\n    here: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
    let gone: Vec<_> = DIFFERENT.iter().filter(|(known, _)| !different.contains(known)).collect();
    assert!(gone.is_empty(), "no longer different: {gone:?}");
}
