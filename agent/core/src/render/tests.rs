use serde_json::json;

use super::*;
use crate::identity::{Region, Service};
use crate::request::requests;
use crate::store::{AwsStore, Identity};

const VALUE: &str = r#"{"user":"app","password":"pa\"ss","port":5432}"#;

fn rendered(spec: serde_json::Value, text: Option<&str>) -> Result<Rendered, RenderProblem> {
    match outcome(spec, text, |_| true)? {
        Outcome::Write(rendered) => Ok(rendered),
        other => panic!("nothing is to be written: {other:?}"),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a json! literal is what is passed")]
fn outcome(
    spec: serde_json::Value,
    text: Option<&str>,
    exists: impl Fn(&str) -> bool,
) -> Result<Outcome, RenderProblem> {
    let mut full = json!({"secretStoreRef": {"name": "aws"}});
    full.as_object_mut().expect("an object").extend(spec.as_object().expect("an object").clone());
    let spec: ExternalSecretSpec = serde_json::from_value(full).expect("a spec");
    let store = AwsStore {
        service: Service::SecretsManager,
        region: Region::parse("eu-west-1").expect("a region"),
        prefix: String::new(),
        identity: Identity::Agent,
    };
    let requests = requests(&spec, |_| Ok(store.clone())).expect("requests");
    let payload = Payload::Value { text: text.map(|text| SecretValue::from(text.to_owned())), binary: None };
    let own = OwnMetadata {
        labels: [("own".to_owned(), "label".to_owned())].into(),
        annotations: [("own".to_owned(), "annotation".to_owned())].into(),
    };
    let payload_of = |request: &Request| exists(&request.written_key).then_some(&payload);
    let env = Env::new(jiff::Timestamp::UNIX_EPOCH, [7; 32]);
    render(&spec, &own, requests.iter().map(|request| (request, payload_of(request))), &env)
}

fn texts(rendered: &Rendered) -> Vec<(&str, &str)> {
    rendered
        .data
        .iter()
        .map(|(key, value)| (key.as_str(), std::str::from_utf8(value.expose()).expect("text")))
        .collect()
}

#[test]
fn whole_values_properties_and_members() {
    let result = rendered(
        json!({
            "dataFrom": [{"extract": {"key": "db"}}],
            "data": [
                {"secretKey": "all", "remoteRef": {"key": "db"}},
                {"secretKey": "user", "remoteRef": {"key": "db", "property": "password"}},
            ],
        }),
        Some(VALUE),
    )
    .expect("renders");
    let expected = [("all", VALUE), ("password", "pa\"ss"), ("port", "5432"), ("user", "pa\"ss")];
    assert_eq!(texts(&result), expected, "data wins over dataFrom");
    assert_eq!(result.labels["own"], "label");
    assert_eq!(result.annotations["own"], "annotation");
}

#[test]
fn a_template_replaces_the_values_and_the_metadata_unless_it_merges() {
    let template = |merge: &str| {
        json!({
            "dataFrom": [{"extract": {"key": "db"}}],
            "target": {"template": {
                "type": "kubernetes.io/basic-auth",
                "mergePolicy": merge,
                "metadata": {"annotations": {"for": "{{ .user }}"}},
                "data": {"url": "postgres://{{ .user }}:{{ .password }}@db:{{ .port }}"},
            }},
        })
    };
    let replaced = rendered(template("Replace"), Some(VALUE)).expect("renders");
    assert_eq!(texts(&replaced), [("url", "postgres://app:pa\"ss@db:5432")]);
    assert_eq!(replaced.annotations["for"], "app");
    assert!(replaced.labels.is_empty());
    assert_eq!(replaced.type_.as_deref(), Some("kubernetes.io/basic-auth"));
    let merged = rendered(template("Merge"), Some(VALUE)).expect("renders");
    assert_eq!(merged.data.len(), 4);
    let mut only_metadata = template("Replace");
    only_metadata["target"]["template"]["data"] = json!({});
    assert_eq!(rendered(only_metadata, Some(VALUE)).expect("renders").data.len(), 3);
}

#[test]
fn problems_name_the_place_and_never_the_value() {
    let data = |remote: serde_json::Value| json!({"data": [{"secretKey": "k", "remoteRef": remote}]});
    let template =
        |text: &str| json!({"dataFrom": [{"extract": {"key": "db"}}], "target": {"template": {"data": {"out": text}}}});
    for (spec, text, part) in [
        (data(json!({"key": "db", "property": "nope"})), Some(VALUE), "key nope does not exist in secret db"),
        (data(json!({"key": "db"})), None, "db has no value"),
        (json!({"dataFrom": [{"extract": {"key": "db"}}]}), Some("hunter2"), "unable to unmarshal secret db"),
        (data(json!({"key": "db", "decodingStrategy": "Base64"})), Some("hunter2!"), "unable to decode secret db"),
        (data(json!({"key": "db", "nullBytePolicy": "Fail"})), Some("hunter2\0"), "NUL"),
        (template("{{ .missing }}"), Some(VALUE), "spec.target.template.data[out]"),
        (template("{{ .user | nonsense }}"), Some(VALUE), "nonsense"),
        (template("{{ .user"), Some(VALUE), "spec.target.template.data[out]"),
    ] {
        let problem = rendered(spec, text).expect_err(part).to_string();
        assert!(problem.contains(part), "{problem}");
        assert!(!problem.contains("hunter2") && !problem.contains("pa\"ss"), "{problem}");
    }
}

#[test]
fn the_deletion_policy_says_what_becomes_of_a_target_whose_sources_are_gone() {
    let spec = |policy: &str| {
        json!({
            "target": {"deletionPolicy": policy},
            "data": [
                {"secretKey": "here", "remoteRef": {"key": "here"}},
                {"secretKey": "gone", "remoteRef": {"key": "gone"}},
            ],
        })
    };
    let keys = |outcome: Outcome| match outcome {
        Outcome::Write(rendered) => rendered.data.into_keys().collect::<Vec<_>>().join(","),
        Outcome::Keep => "keep".to_owned(),
        Outcome::Delete => "delete".to_owned(),
    };
    for (policy, one_is_gone, both_are_gone) in
        [("Delete", "here", "delete"), ("Merge", "here", ""), ("Retain", "here", "keep")]
    {
        let outcome = |exists: fn(&str) -> bool| keys(outcome(spec(policy), Some("v"), exists).expect("an outcome"));
        assert_eq!(outcome(|key| key == "here"), one_is_gone, "{policy}");
        assert_eq!(outcome(|_| false), both_are_gone, "{policy}");
    }
}
