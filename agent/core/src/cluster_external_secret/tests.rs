use serde_json::{Value, json};

use super::*;

fn object(spec: Value) -> ClusterExternalSecret {
    let mut spec = spec;
    spec["externalSecretSpec"] =
        json!({"secretStoreRef": {"name": "aws"}, "data": [{"secretKey": "k", "remoteRef": {"key": "a"}}]});
    let manifest = json!({"metadata": {"name": "shared", "uid": "u-1"}, "spec": spec});
    serde_json::from_value(manifest).expect("a ClusterExternalSecret")
}

fn namespaces(all: &[(&str, &str)]) -> BTreeMap<String, Namespace> {
    let namespace = |(name, team): &(&str, &str)| {
        let labels = BTreeMap::from([("team".to_owned(), (*team).to_owned())]);
        ((*name).to_owned(), Namespace { labels, terminating: false })
    };
    all.iter().map(namespace).collect()
}

/// What the cluster makes of it: the ExternalSecrets after the steps.
fn carried_out(plan: &Plan, existing: Vec<ExternalSecret>) -> Vec<ExternalSecret> {
    let mut all: BTreeMap<(Option<String>, Option<String>), ExternalSecret> = BTreeMap::new();
    let place = |object: &ExternalSecret| (object.metadata.namespace.clone(), object.metadata.name.clone());
    all.extend(existing.into_iter().map(|object| (place(&object), object)));
    for step in &plan.steps {
        match step {
            Step::Create(object) | Step::Update(object) => {
                let mut object = ExternalSecret::clone(object);
                object.metadata.uid.get_or_insert_with(|| "made".to_owned());
                all.insert(place(&object), object);
            }
            Step::Delete { key, .. } => {
                all.remove(&(Some(key.namespace.clone()), Some(key.name.clone())));
            }
        }
    }
    all.into_values().collect()
}

fn summary(plan: &Plan) -> Vec<String> {
    let name = |step: &Step| match step {
        Step::Create(object) => {
            format!("create {}/{}", step.namespace(), object.metadata.name.clone().unwrap_or_default())
        }
        Step::Update(object) => {
            format!("update {}/{}", step.namespace(), object.metadata.name.clone().unwrap_or_default())
        }
        Step::Delete { key, .. } => format!("delete {key}"),
    };
    plan.steps.iter().map(name).collect()
}

#[test]
fn namespaces_are_chosen_by_any_selector_or_by_name() {
    let all = namespaces(&[("a", "x"), ("b", "y"), ("c", "z"), ("d", "none")]);
    let spec = json!({
        "namespaceSelector": {"matchLabels": {"team": "x"}},
        "namespaceSelectors": [{"matchLabels": {"team": "y"}}, {"matchLabels": {"team": "nobody"}}],
        "namespaces": ["c", "absent"],
    });
    let none: [ExternalSecret; 0] = [];
    let plan = plan(&object(spec), &all, &none);
    assert_eq!(summary(&plan), ["create a/shared", "create b/shared", "create c/shared"]);
    assert_eq!(plan.provisioned, BTreeSet::from(["a", "b", "c"].map(str::to_owned)));
}

#[test]
fn one_without_selectors_chooses_nothing_and_an_empty_selector_everything() {
    let all = namespaces(&[("a", "x")]);
    let none: [ExternalSecret; 0] = [];
    assert_eq!(plan(&object(json!({})), &all, &none), Plan::default());
    assert_eq!(plan(&object(json!({"namespaceSelectors": [{}]})), &all, &none).provisioned.len(), 1);
}

#[test]
fn what_was_done_needs_nothing_more() {
    let all = namespaces(&[("a", "x"), ("b", "x")]);
    let object = object(json!({
        "namespaceSelectors": [{}], "externalSecretName": "db",
        "externalSecretMetadata": {"labels": {"l": "1"}, "annotations": {"n": "2"}},
    }));
    let none: [ExternalSecret; 0] = [];
    let first = plan(&object, &all, &none);
    let mut made = carried_out(&first, Vec::new());
    let owners = made[0].metadata.owner_references.clone().expect("an owner");
    assert_eq!(
        (owners[0].api_version.as_str(), owners[0].name.as_str(), owners[0].uid.as_str(), owners[0].controller),
        ("external-secrets.io/v1", "shared", "u-1", Some(true))
    );
    assert!(made[0].metadata.labels.as_ref().is_some_and(|labels| labels["l"] == "1"));
    let older = OwnerReference { api_version: "external-secrets.io/v1beta1".to_owned(), ..owners[0].clone() };
    made[1].metadata.owner_references = Some(vec![older]);
    let second = plan(&object, &all, &made);
    assert_eq!(second.steps, [], "not even to sign it with the newer version");
    assert_eq!(status(&object, &second).provisioned_namespaces, ["a", "b"]);
}

#[test]
fn edits_are_put_back_and_what_others_need_is_kept() {
    let all = namespaces(&[("a", "x")]);
    let object = object(json!({"namespaceSelectors": [{}]}));
    let none: [ExternalSecret; 0] = [];
    let mut made = carried_out(&plan(&object, &all, &none), Vec::new());
    made[0].metadata.finalizers = Some(vec!["x.io/y".to_owned()]);
    made[0].metadata.resource_version = Some("7".to_owned());
    assert!(plan(&object, &all, &made).steps.is_empty());
    made[0].metadata.annotations = Some(BTreeMap::from([("added".to_owned(), "1".to_owned())]));
    made[0].spec.refresh_interval = "5m".to_owned();
    let plan = plan(&object, &all, &made);
    let [Step::Update(update)] = plan.steps.as_slice() else { panic!("{:?}", summary(&plan)) };
    assert_eq!(update.spec, object.spec.external_secret_spec);
    assert!(update.metadata.annotations.as_ref().is_some_and(BTreeMap::is_empty));
    assert_eq!(update.metadata.finalizers, Some(vec!["x.io/y".to_owned()]));
    assert_eq!(update.metadata.resource_version.as_deref(), Some("7"), "never over a newer one");
}

#[test]
fn what_is_not_asked_for_any_more_goes() {
    let mut all = namespaces(&[("a", "x"), ("b", "x"), ("c", "x")]);
    let mut object = object(json!({"namespaceSelectors": [{"matchLabels": {"team": "x"}}]}));
    let none: [ExternalSecret; 0] = [];
    let made = carried_out(&plan(&object, &all, &none), Vec::new());
    all.get_mut("a").expect("a").labels.clear();
    all.get_mut("b").expect("b").terminating = true;
    let second = plan(&object, &all, &made);
    assert_eq!(summary(&second), ["delete a/shared"], "what is in a namespace that goes, goes with it");
    assert_eq!(second.provisioned, BTreeSet::from(["c".to_owned()]));

    object.spec.external_secret_name = Some("renamed".to_owned());
    let renamed = plan(&object, &all, &carried_out(&second, made.clone()));
    assert_eq!(summary(&renamed), ["delete c/shared", "create c/renamed"]);

    object.metadata.deletion_timestamp = serde_json::from_value(json!("2026-11-23T00:00:00Z")).expect("a time");
    assert_eq!(summary(&plan(&object, &all, &made)), ["delete a/shared", "delete c/shared"]);
}

#[test]
fn a_foreign_one_of_the_same_name_is_a_failure_of_its_namespace_alone() {
    let all = namespaces(&[("a", "x"), ("b", "x")]);
    let object = object(json!({"namespaceSelectors": [{}]}));
    let foreign = json!({"metadata": {"name": "shared", "namespace": "a", "uid": "f"}, "spec": {}});
    let foreign: Vec<ExternalSecret> = vec![serde_json::from_value(foreign).expect("an ExternalSecret")];
    let plan = plan(&object, &all, &foreign);
    assert_eq!(summary(&plan), ["create b/shared"]);
    let status = status(&object, &plan);
    assert_eq!(status.provisioned_namespaces, ["b"]);
    assert_eq!(status.failed_namespaces[0].namespace, "a");
    assert_eq!(status.failed_namespaces[0].reason.as_deref(), Some("external secret already exists in namespace"));
    let ready = &status.conditions[0];
    assert_eq!(
        (ready.status.as_str(), ready.message.as_deref(), ready.reason.as_deref()),
        ("False", Some("one or more namespaces failed"), None)
    );
}

#[test]
fn a_selector_that_cannot_be_read_changes_nothing() {
    let all = namespaces(&[("a", "x")]);
    let mut object = object(json!({"namespaceSelectors": [{}]}));
    let none: [ExternalSecret; 0] = [];
    let made = carried_out(&plan(&object, &all, &none), Vec::new());
    let like = json!([{"matchExpressions": [{"key": "team", "operator": "Like", "values": ["x"]}]}]);
    object.spec.namespace_selectors = serde_json::from_value(like).expect("selectors");
    let plan = plan(&object, &all, &made);
    assert_eq!((plan.steps.len(), plan.failed.keys().next().map(String::as_str)), (0, Some("unknown")));
}

#[test]
fn force_sync_is_handed_on_and_taken_back() {
    let all = namespaces(&[("a", "x")]);
    let mut object =
        object(json!({"namespaceSelectors": [{}], "externalSecretMetadata": {"annotations": {FORCE_SYNC: "old"}}}));
    let none: [ExternalSecret; 0] = [];
    let made = carried_out(&plan(&object, &all, &none), Vec::new());
    let annotation =
        |made: &[ExternalSecret]| made[0].metadata.annotations.as_ref().and_then(|all| all.get(FORCE_SYNC)).cloned();
    assert_eq!(annotation(&made), None);
    object.metadata.annotations = Some(BTreeMap::from([(FORCE_SYNC.to_owned(), "now".to_owned())]));
    let made = carried_out(&plan(&object, &all, &made), made);
    assert_eq!(annotation(&made).as_deref(), Some("now"));
    object.metadata.annotations = None;
    let made = carried_out(&plan(&object, &all, &made), made);
    assert_eq!(annotation(&made), None);
}

#[test]
fn what_another_object_of_the_same_name_made_is_taken_over() {
    let all = namespaces(&[("a", "x")]);
    let mut object = object(json!({"namespaceSelectors": [{}]}));
    let none: [ExternalSecret; 0] = [];
    let made = carried_out(&plan(&object, &all, &none), Vec::new());
    object.metadata.uid = Some("u-2".to_owned());
    let plan = plan(&object, &all, &made);
    assert_eq!(summary(&plan), ["update a/shared"]);
    let owners = carried_out(&plan, made)[0].metadata.owner_references.clone().expect("an owner");
    assert_eq!((owners.len(), owners[0].uid.as_str()), (1, "u-2"));
}
