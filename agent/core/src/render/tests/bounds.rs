//! Whatever manifests, templates and values hold: nothing panics, no error shows a value, and what rendering an object may
//! cost has an end, however often its manifest names the same thing.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::*;

const SECRET: &str = "s3cr3t-7788";

/// What the rendering of any object may take here, unoptimized and on a very busy machine; without limits, these would take
/// hours.
const PATIENCE: Duration = Duration::from_mins(10);

/// What a template may be made of that is to make keys and values.
const PARTS: [&str; 32] = [
    "{{ .secret }}",
    "{{ .user }}",
    "{{ .gone }}",
    "{{ range $k, $v := . }}",
    "{{ $k }}: {{ $v }}",
    "{{ end }}",
    "{{",
    "}}",
    "{{- ",
    "{{ fromYaml .user }}",
    "{{ .secret | b64enc }}",
    "a",
    "b: ",
    "c: ",
    ": ",
    "\n",
    "  ",
    "- ",
    "&x ",
    "*x",
    "<<: ",
    "|\n",
    "'",
    "\"",
    "{",
    "}",
    "!!binary ",
    "---\n",
    "aGk=",
    "_w==",
    "#",
    "é",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(select(&PARTS[..]), 0..12).prop_map(|parts| parts.concat())
}

/// What a ConfigMap or Secret is asked for; of their keys one holds no text, and one is not there.
fn items() -> impl Strategy<Value = Value> {
    let item = (select(vec!["one", "two", "two", "bytes", "gone"]), select(vec!["Values", "KeysAndValues"]));
    let item = item.prop_map(|(key, form)| json!({"key": key, "templateAs": form}));
    prop::collection::vec(item, 0..4).prop_map(|items| json!({"name": "app", "items": items}))
}

fn template_from() -> impl Strategy<Value = Value> {
    let target = select(vec!["", "Data", "data", "Labels", "annotations"]);
    let decoding = select(vec!["None", "Base64", "Base64URL", "Auto"]);
    let of = prop::option::of::<BoxedStrategy<Value>>;
    (of(items().boxed()), of(items().boxed()), of(text().prop_map(Value::from).boxed()), target, decoding).prop_map(
        |(config_map, secret, literal, target, decoding)| {
            let mut from = json!({"target": target, "valuesDecodingStrategy": decoding});
            for (field, value) in [("configMap", config_map), ("secret", secret), ("literal", literal)] {
                if let Some(value) = value {
                    from[field] = value;
                }
            }
            from
        },
    )
}

fn template() -> impl Strategy<Value = Value> {
    let texts = || prop::collection::btree_map("[ab]", text(), 0..2);
    let from = prop::collection::vec(template_from(), 0..4);
    (from, select(vec!["Replace", "Merge"]), texts(), texts(), texts()).prop_map(
        |(from, merge, data, labels, annotations)| {
            let metadata = json!({"labels": labels, "annotations": annotations});
            json!({"templateFrom": from, "mergePolicy": merge, "data": data, "metadata": metadata})
        },
    )
}

fn source(entries: impl IntoIterator<Item = (&'static str, Vec<u8>)>) -> BTreeMap<String, SecretValue> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), SecretValue::new(value))).collect()
}

fn of_text(text: impl Into<String>) -> Payload {
    Payload::Value { text: Some(SecretValue::from(text.into())), binary: None }
}

fn glance() -> Env {
    Env::glance(jiff::Timestamp::UNIX_EPOCH, [7; 32])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_template_from_anywhere_is_rendered_or_refused(
        template in template(),
        [one, two, user] in [text(), text(), text()],
    ) {
        let held = || source([("one", one.clone().into()), ("two", two.clone().into()), ("bytes", vec![0xff, 0])]);
        let app = ObjectKey::new("ns", "app");
        let data = [(TemplateSource::ConfigMap(app.clone()), held()), (TemplateSource::Secret(app), held())].into();
        let spec = json!({"dataFrom": [{"extract": {"key": "db"}}], "target": {"template": template}});
        let payload = of_text(json!({"secret": SECRET, "user": user}).to_string());
        let done = |env: &Env| outcome_in(env, spec.clone(), &payload, &data, |_| true);

        let begun = Instant::now();
        let found = done(&env());
        prop_assert!(begun.elapsed() < PATIENCE);
        prop_assert_eq!(&found, &done(&env()), "the same gives the same");
        let glance = glance();
        let glanced = done(&glance);
        prop_assert!(glance.is_spent() || glanced == found, "a glance gives the same, if it is enough");
        match found {
            Err(problem) => {
                let shown = format!("{problem} {problem:?}");
                prop_assert!(shown.contains("spec.target.template.") && !shown.contains("s3cr3t"), "{}", shown);
            }
            Ok(Outcome::Write(rendered)) => {
                let is_empty = |field: &str| template[field] == json!([]) || template[field] == json!({});
                let keeps = template["mergePolicy"] == "Merge" || is_empty("data") && is_empty("templateFrom");
                prop_assert!(!keeps || ["secret", "user"].iter().all(|key| rendered.data.contains_key(*key)));
            }
            Ok(other) => prop_assert!(false, "{:?}", other),
        }
    }
}

/// Renders what is too much, and returns what is said about it.
fn refused(spec: Value, payload: &Payload, held: &str) -> String {
    let held = source([("one", held.as_bytes().to_vec())]);
    let data = [(TemplateSource::ConfigMap(ObjectKey::new("ns", "app")), held)].into();
    let begun = Instant::now();
    let problem = outcome_in(&env(), spec, payload, &data, |_| true).expect_err("too much").to_string();
    assert!(begun.elapsed() < PATIENCE, "{problem}: {:?}", begun.elapsed());
    problem
}

fn many<T, C: FromIterator<T>>(count: usize, make: impl Fn(usize) -> T) -> C {
    (0..count).map(make).collect()
}

fn extracting(template: &Value) -> Value {
    json!({"dataFrom": [{"extract": {"key": "db"}}], "target": {"template": template}})
}

#[test]
fn many_values_are_too_large_together() {
    let entry = |index| json!({"secretKey": format!("k{index}"), "remoteRef": {"key": "db"}});
    let problem = refused(json!({"data": many::<_, Vec<_>>(3000, entry)}), &of_text("x".repeat(60_000)), "");
    assert_eq!(problem, "the values are larger than 4 MiB together; ask for fewer");
}

#[test]
fn many_properties_take_too_long() {
    let wide = json!({"a": {"b": "x".repeat(60_000)}, "c": 1}).to_string();
    for path in ["*.*x|c", "[@this,@this]|[@this,@this]|0.0.c"] {
        let property = format!("[{path},c]|@reverse|0");
        let entry = |index| {
            let remote = json!({"key": "db", "property": property});
            json!({"secretKey": format!("k{index}"), "remoteRef": remote})
        };
        let few = json!({"data": many::<_, Vec<_>>(10, entry)});
        assert_eq!(rendered(few, Some(&wide)).expect(path).data.len(), 10);
        let problem = refused(json!({"data": many::<_, Vec<_>>(20_000, entry)}), &of_text(&*wide), "");
        assert!(problem.starts_with("db: looking through what is asked for takes too long"), "{path}: {problem}");
    }
}

#[test]
fn many_templates_are_too_much_together() {
    let keys = |text: &str| json!(many::<_, BTreeMap<_, _>>(20_000, |index| (format!("k{index}"), text)));
    let items = |form: &str| {
        let items = vec![json!({"key": "one", "templateAs": form}); 20_000];
        json!({"templateFrom": [{"configMap": {"name": "app", "items": items}}]})
    };
    let long = "y".repeat(60_000);
    // Small, and large once their aliases are replaced.
    let laughs = format!("a: &a {}\n", "x".repeat(1000)) + &many::<_, String>(100, |key| format!("k{key}: *a\n"));
    let merges = format!("<<: [{}]\n", "{k: 1},".repeat(10_000));
    for (template, held, part) in [
        (json!({"data": keys("{{ .value }}")}), &long, "MiB would have to be made"),
        (json!({"metadata": {"labels": keys("{{ .value }}")}}), &long, "MiB would have to be made"),
        (items("Values"), &long, "200000 steps"),
        (items("KeysAndValues"), &laughs, "MiB would have to be made"),
        (items("KeysAndValues"), &merges, "MiB would have to be made"),
        (json!({"data": keys("{{ $x := fromYaml .value }}")}), &merges, "200000 steps"),
    ] {
        let payload = of_text(json!({"value": held}).to_string());
        let problem = refused(extracting(&template), &payload, held);
        assert!(problem.contains(part), "{part}: {problem}");
    }
}

#[test]
fn many_names_are_too_much_to_rewrite() {
    let names: serde_json::Map<_, _> = many(5000, |index| (format!("name-{index}"), json!(1)));
    let payload = of_text(Value::Object(names).to_string());
    for (operation, part) in [
        (json!({"regexp": {"source": "[a-z]", "target": "$0".repeat(5000)}}), "regexp.target: more than"),
        (json!({"regexp": {"source": "(.*)(.*)(.*)(.*)(a|b){300}", "target": "$0"}}), "regexp.source: more than"),
        (json!({"transform": {"template": "{{ range until 10000 }}{{ end }}"}}), "transform.template: it takes more"),
        (json!({"transform": {"template": "{{ repeat 10000 .value }}"}}), "transform.template: more than"),
    ] {
        let spec = json!({"dataFrom": [{"extract": {"key": "db"}, "rewrite": vec![operation; 20]}]});
        let problem = refused(spec, &payload, "");
        assert!(problem.contains("spec.dataFrom[0].rewrite[") && problem.contains(part), "{part}: {problem}");
    }
}

#[test]
fn what_most_objects_ask_for_fits_into_a_glance() {
    let spent = |spec: Value, text: &str| {
        let glance = glance();
        let done = outcome_in(&glance, spec, &of_text(text), &template_data(), |_| true);
        assert_eq!(done.is_err(), glance.is_spent(), "{done:?}");
        glance.is_spent()
    };
    let config = "{{ range $key, $value := . }}{{ $key }}={{ $value | quote }}\n{{ end }}";
    let url = "postgres://{{ .user | urlquery }}:{{ .password | urlquery }}@db:{{ .port }}/app";
    assert!(!spent(extracting(&json!({"data": {"url": url, "config": config}})), VALUE));
    let whole = json!({"data": [{"secretKey": "k", "remoteRef": {"key": "db"}}]});
    assert!(!spent(whole, &"x".repeat(64 << 10)));
    let property = |index| json!({"secretKey": format!("k{index}"), "remoteRef": {"key": "db", "property": "user"}});
    assert!(!spent(json!({"data": many::<_, Vec<_>>(100, property)}), VALUE));
    for function in ["genPrivateKey \"rsa\"", "bcrypt .user", "derivePassword 1 \"long\" .user \"a\" \"b\""] {
        let slow = json!({"data": {"k": format!("{{{{ {function} }}}}")}});
        assert!(spent(extracting(&slow), VALUE), "{function}");
    }
}
