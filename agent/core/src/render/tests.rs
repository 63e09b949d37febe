mod bounds;

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::identity::{Region, Service};
use crate::object::ObjectKey;
use crate::request::requests;
use crate::store::{AwsStore, Identity, Retry};
use crate::template_from::{TemplateData, TemplateSource};

const VALUE: &str = r#"{"user":"app","password":"pa\"ss","port":5432}"#;

fn rendered(spec: serde_json::Value, text: Option<&str>) -> Result<Rendered, RenderProblem> {
    match outcome(spec, text, |_| true)? {
        Outcome::Write(rendered) => Ok(rendered),
        other => panic!("nothing is to be written: {other:?}"),
    }
}

fn outcome(
    spec: serde_json::Value,
    text: Option<&str>,
    exists: impl Fn(&str) -> bool,
) -> Result<Outcome, RenderProblem> {
    let payload = Payload::Value { text: text.map(|text| SecretValue::from(text.to_owned())), binary: None };
    outcome_in(&env(), spec, &payload, &template_data(), exists)
}

fn env() -> Env {
    Env::new(jiff::Timestamp::UNIX_EPOCH, [7; 32])
}

/// `data` is what the namespace holds, and each source that exists yields `payload`.
#[expect(clippy::needless_pass_by_value, reason = "a json! literal is what is passed")]
fn outcome_in(
    env: &Env,
    spec: serde_json::Value,
    payload: &Payload,
    data: &TemplateData,
    exists: impl Fn(&str) -> bool,
) -> Result<Outcome, RenderProblem> {
    let mut full = json!({"secretStoreRef": {"name": "aws"}});
    full.as_object_mut().expect("an object").extend(spec.as_object().expect("an object").clone());
    let spec: ExternalSecretSpec = serde_json::from_value(full).expect("a spec");
    let store = Arc::new(AwsStore {
        service: Service::SecretsManager,
        region: Region::parse("eu-west-1").expect("a region"),
        prefix: String::new(),
        identity: Identity::Agent,
        retry: Retry::default(),
    });
    let requests = requests(&spec, |_| Ok(Arc::clone(&store))).expect("requests");
    let own = OwnMetadata {
        labels: [("own".to_owned(), "label".to_owned())].into(),
        annotations: [("own".to_owned(), "annotation".to_owned())].into(),
    };
    let payload_of = |request: &Request| exists(&request.written_key).then_some(payload);
    let templates = Resolved::all(spec.target.template.as_ref(), "ns", data);
    let ingredients = Ingredients { spec: &spec, own: &own, templates: &templates, env };
    render(&ingredients, requests.iter().map(|request| (request, payload_of(request))))
}

/// What the namespace holds.
fn template_data() -> TemplateData {
    let key = ObjectKey::new("ns", "app");
    let data = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), SecretValue::from((*value).to_owned()))).collect()
    };
    [
        (
            TemplateSource::ConfigMap(key.clone()),
            data(&[
                ("url", "http://{{ .user }}"),
                ("map", "{{ .user }}: {{ .port }}\nencoded: aGk=\n"),
                ("bad", "{{ ."),
            ]),
        ),
        (TemplateSource::Secret(key), data(&[("url", "https://{{ .user }}")])),
    ]
    .into()
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

#[expect(clippy::needless_pass_by_value, reason = "a json! literal is what is passed")]
fn with_template(template: serde_json::Value) -> serde_json::Value {
    json!({"dataFrom": [{"extract": {"key": "db"}}], "target": {"template": template}})
}

#[test]
fn templates_from_elsewhere_come_in_order_and_before_data() {
    let config_map = |items: serde_json::Value| json!({"configMap": {"name": "app", "items": items}});
    let secret = json!({"secret": {"name": "app", "items": [{"key": "url"}]}});
    let url = config_map(json!([{"key": "url"}]));
    let data = |template: serde_json::Value| {
        let rendered = rendered(with_template(template), Some(VALUE)).expect("renders");
        texts(&rendered).into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<Vec<_>>()
    };
    let one = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    assert_eq!(data(json!({"templateFrom": [url, secret]})), one("url", "https://app"));
    assert_eq!(data(json!({"templateFrom": [secret, url]})), one("url", "http://app"));
    let mut both = url.clone();
    both["secret"] = secret["secret"].clone();
    both["literal"] = json!("{{ .user }}: literal");
    assert_eq!(data(json!({"templateFrom": [both]}))[1], ("url".to_owned(), "https://app".to_owned()));
    assert_eq!(data(json!({"templateFrom": [url], "data": {"url": "data"}})), one("url", "data"));
    assert_eq!(data(json!({"templateFrom": [{"literal": "user: {{ .port }}"}], "mergePolicy": "Merge"})).len(), 3);
    let map = json!([{"key": "map", "templateAs": "KeysAndValues"}]);
    let keys = |template: serde_json::Value| data(template).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(json!({"templateFrom": [config_map(map)]})), ["app", "encoded"]);
}

#[test]
fn templates_from_elsewhere_can_make_metadata_and_binary_values() {
    let literal = "owner: {{ .user }}";
    for (target, part) in [("Labels", 0), ("annotations", 1), ("LABELS", 0), ("data", 2), ("", 2), ("Data", 2)] {
        let template = json!({"templateFrom": [{"literal": literal, "target": target}]});
        let made = rendered(with_template(template), Some(VALUE)).expect("renders");
        let found = [made.labels.get("owner"), made.annotations.get("owner"), None];
        assert_eq!(found[part].map_or("", String::as_str), if part == 2 { "" } else { "app" }, "{target}");
        // A list with entries counts as data, even if nothing of it goes there.
        assert_eq!(texts(&made), if part == 2 { vec![("owner", "app")] } else { vec![] }, "{target}");
    }
    let template = json!({
        "metadata": {"labels": {"owner": "{{ .port }}"}},
        "templateFrom": [
            {"literal": literal, "target": "Labels"},
            {"literal": "binary: /w==", "valuesDecodingStrategy": "Base64"},
        ],
    });
    let made = rendered(with_template(template), Some(VALUE)).expect("renders");
    assert_eq!(made.labels["owner"], "5432", "metadata.labels wins");
    assert_eq!(made.data["binary"].expose(), [0xff]);
}

#[test]
fn what_is_wrong_with_a_template_from_elsewhere_names_the_field() {
    let item = |name: &str, key: &str| json!({"configMap": {"name": name, "items": [{"key": key}]}});
    for (from, parts) in [
        (item("gone", "url"), &["templateFrom[0].configMap", "ConfigMap/gone does not exist in namespace ns"][..]),
        (json!({"secret": {"name": "gone", "items": []}}), &["templateFrom[0].secret", "Secret/gone"]),
        (item("app", "gone"), &["templateFrom[0].configMap.items[0]", "error in configmap app: missing key gone"]),
        (item("app", "bad"), &["templateFrom[0].configMap.items[0]", "line 1"]),
        (json!({"literal": "{{ .missing }}"}), &["templateFrom[0].literal", "missing"]),
        (json!({"literal": "{{ .password }}"}), &["templateFrom[0].literal"]),
        (
            json!({"literal": "a: {{ .password }}", "valuesDecodingStrategy": "Base64"}),
            &["templateFrom[0].literal", "\"a\"", "Base64"],
        ),
        (
            json!({"literal": "a: /w==", "valuesDecodingStrategy": "Base64", "target": "Labels"}),
            &["templateFrom[0].literal", "UTF-8"],
        ),
        (
            json!({"literal": "{{ .password }}: '%'", "valuesDecodingStrategy": "Base64", "target": "Labels"}),
            &["templateFrom[0].literal: a key that it makes: the value is not Base64"],
        ),
        (
            json!({"literal": "{{ .password }}: a"}),
            &["templateFrom[0].literal: a key that it makes: it is none for a Secret"],
        ),
        (json!({"literal": "a b: c"}), &["templateFrom[0].literal: key \"a b\": it is none for a Secret"]),
    ] {
        let problem = rendered(with_template(json!({"templateFrom": [from]})), Some(VALUE)).expect_err(parts[0]);
        let problem = problem.to_string();
        assert!(parts.iter().all(|part| problem.contains(part)), "{parts:?}: {problem}");
        assert!(!problem.contains("pa\"ss"), "{problem}");
    }
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
        (
            data(json!({"key": "db", "decodingStrategy": "Base64"})),
            Some("hunter2!"),
            "db: key \"k\": the value is not Base64",
        ),
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
