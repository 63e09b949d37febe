use serde_json::{Value, json};

use super::*;
use crate::value::SecretValue;

fn env() -> Env {
    Env::new(jiff::Timestamp::UNIX_EPOCH, [7; 32])
}

fn rewritten(operations: Value, found: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
    let operations: Vec<Rewrite> = serde_json::from_value(operations).expect("rewrites");
    let found =
        found.iter().map(|(name, value)| ((*name).to_owned(), SecretValue::from((*value).to_owned()))).collect();
    let text = |value: &SecretValue| String::from_utf8(value.expose().to_vec()).expect("text");
    rewrite("spec.dataFrom[0].rewrite", &operations, found, &env())
        .map(|pairs| pairs.iter().map(|(name, value)| (name.clone(), text(value))).collect())
        .map_err(|problem| problem.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "a json! literal is what is passed")]
fn expect(operations: Value, found: &[(&str, &str)], expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(rewritten(operations.clone(), found), Ok(expected), "{operations}");
}

#[test]
fn operations_rename_one_after_the_other() {
    expect(
        json!([
            {"regexp": {"source": "^prod/(.*)$", "target": "app-$1"}},
            {"transform": {"template": "{{ .value }}.txt"}},
            {"regexp": {"source": "[^-._a-zA-Z0-9]", "target": "_"}},
        ]),
        &[("prod/db/user", "1"), ("other", "2")],
        &[("app-db_user.txt", "1"), ("other.txt", "2")],
    );
    expect(json!([{}]), &[("a", "1")], &[("a", "1")]);
}

/// Computed with Go's regexp (`tests/vectors`).
#[test]
fn every_replacement_gives_what_go_gives() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/rewrite.json")).expect("vectors");
    let vectors = vectors.as_array().expect("a list");
    assert!(vectors.len() > 1000);
    for vector in vectors {
        let field = |name: &str| vector[name].as_str().expect(name);
        let regexp = Regexp::parse(field("source")).expect("valid");
        let replaced = regexp.replace_all(field("text"), field("target"), usize::MAX, &env());
        assert_eq!(replaced, Ok(Some(field("result").to_owned())), "{vector}");
    }
}

#[test]
fn of_names_that_become_one_the_last_of_the_alphabet_wins() {
    for _ in 0..8 {
        expect(
            json!([{"regexp": {"source": ".+", "target": "one"}}]),
            &[("b", "2"), ("c", "3"), ("a", "1")],
            &[("one", "3")],
        );
    }
}

const ONE: &str = r#"{"user":"one","port":5432.50,"tags":{"b":"<","a":[1e21, null]}}"#;
const TWO: &str = r#"{"user":"two","on":true,"none":null}"#;

#[test]
fn a_merge_takes_the_members_out_or_joins_them_under_one_key() {
    let extract = |more: Value| {
        let mut merge = json!({"strategy": "Extract", "conflictPolicy": "Ignore"});
        merge.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!([{"merge": merge}])
    };
    let members = |user| {
        [
            ("none", ""),
            ("on", "true"),
            ("port", "5432.5"),
            ("tags", r#"{"a":[1e+21,null],"b":"\u003c"}"#),
            ("user", user),
        ]
    };
    let found = [("one", ONE), ("two", TWO)];
    expect(extract(json!({})), &found, &members("two"));
    expect(extract(json!({"priority": ["one"]})), &found, &members("one"));
    expect(extract(json!({"priority": ["two", "one"]})), &found, &members("one"));
    expect(extract(json!({"priority": ["gone", "one"], "priorityPolicy": "IgnoreNotFound"})), &found, &members("one"));
    expect(extract(json!({})), &[("a", "null")], &[]);
    expect(
        json!([{"merge": {"strategy": "JSON", "into": "all", "conflictPolicy": "Ignore"}}]),
        &found,
        &[
            ("all", r#"{"none":null,"on":true,"port":5432.5,"tags":{"a":[1e+21,null],"b":"<"},"user":"two"}"#),
            ("one", ONE),
            ("two", TWO),
        ],
    );
    // By default a merge extracts and tolerates no conflict.
    expect(json!([{"merge": {}}]), &[("a", r#"{"x":"y"}"#)], &[("x", "y")]);
}

#[test]
fn a_problem_names_the_operation_and_the_key_and_never_the_value() {
    let found = [("one", ONE), ("two", TWO), ("text", "hunter2")];
    let both = &found[..2];
    for (operations, found, parts) in [
        (json!([{"regexp": {"source": "(", "target": ""}}]), both, &["rewrite[0].regexp.source"][..]),
        (json!([{}, {"transform": {"template": "{{ .value"}}]), both, &["rewrite[1].transform.template", "line 1"]),
        (json!([{"transform": {"template": "{{ .key }}"}}]), both, &["rewrite[0].transform.template", "key"]),
        (json!([{"merge": {}}]), both, &["rewrite[0].merge", "conflicts: user"]),
        (json!([{"merge": {"conflictPolicy": "Ignore"}}]), &found, &["rewrite[0].merge", "text", "JSON object"]),
        (json!([{"merge": {"priority": ["gone"]}}]), both, &["rewrite[0].merge.priority", "gone"]),
        (json!([{"merge": {"strategy": "JSON", "conflictPolicy": "Ignore"}}]), both, &["rewrite[0].merge.into"]),
        (Value::Array(vec![json!({}); 65]), both, &["spec.dataFrom[0].rewrite", "65 operations"]),
        (json!([{"regexp": {"source": "", "target": "x".repeat(40_000)}}]), both, &["regexp.target", "65536"]),
    ] {
        let problem = rewritten(operations, found).expect_err(parts[0]);
        assert!(parts.iter().all(|part| problem.contains(part)), "{parts:?}: {problem}");
        assert!(!problem.contains("hunter2") && !problem.contains("5432"), "{problem}");
    }
}

#[test]
fn what_gets_too_long_is_not_made() {
    let regexp = Regexp::parse("").expect("valid");
    let text = "x".repeat(60_000);
    assert_eq!(regexp.replace_all(&text, &"y".repeat(60_000), 100_000, &env()), Ok(None));
    assert_eq!(regexp.replace_all("ab", "-", 5, &env()), Ok(Some("-a-b-".to_owned())));
    assert_eq!(regexp.replace_all("ab", "-", 4, &env()), Ok(None));
}

/// Each letter is a match of its own, after a look at all that follow.
#[test]
fn looking_through_a_name_again_and_again_ends() {
    let name = "A".repeat(60_000);
    let operation = json!([{"regexp": {"source": ".*[^A-Z]|[A-Z]", "target": "a"}}]);
    let problem = rewritten(operation, &[(&name, "1")]).expect_err("too much");
    assert!(problem.contains("rewrite[0].regexp.source") && problem.contains("look"), "{problem}");
}

#[test]
fn many_copies_are_bounded_together() {
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(100_000));
    let copy = |copy: i32| json!({"merge": {"strategy": "JSON", "into": copy.to_string(), "conflictPolicy": "Ignore"}});
    let problem = rewritten((0..64).map(copy).collect(), &[("one", &large)]).expect_err("six megabytes");
    assert!(problem.contains("merge: makes values"), "{problem}");
}
