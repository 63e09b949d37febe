use serde_json::json;

use super::*;

fn spec(value: serde_json::Value) -> SecretStoreSpec {
    serde_json::from_value(value).expect("a store's spec")
}

fn reference(kind: StoreKind) -> StoreRef {
    StoreRef { name: "aws".to_owned(), kind }
}

fn resolve_in(kind: StoreKind, value: serde_json::Value) -> Result<AwsStore, StoreProblem> {
    resolve(&reference(kind), Some(&spec(value)), "shop", "default")
}

#[expect(clippy::needless_pass_by_value, reason = "a json! literal is what is passed")]
fn aws(extra: serde_json::Value) -> serde_json::Value {
    let mut aws = json!({"service": "SecretsManager", "region": "eu-west-1"});
    aws.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
    json!({"provider": {"aws": aws}})
}

fn keys(namespace: Option<&str>) -> serde_json::Value {
    let key = |name: &str| json!({"name": name, "key": "k", "namespace": namespace});
    json!({"auth": {"secretRef": {"accessKeyIDSecretRef": key("id"), "secretAccessKeySecretRef": key("secret")}}})
}

#[test]
fn without_auth_the_agent_asks_as_itself() {
    let store = resolve_in(StoreKind::SecretStore, aws(json!({"prefix": "prod/"}))).expect("usable");
    assert_eq!((store.identity, store.prefix.as_str()), (Identity::Agent, "prod/"));
}

#[test]
fn a_namespaced_store_never_leaves_its_namespace_and_a_cluster_store_follows_the_object() {
    for (kind, named, expected) in [
        (StoreKind::SecretStore, Some("elsewhere"), "shop"),
        (StoreKind::SecretStore, None, "shop"),
        (StoreKind::ClusterSecretStore, Some("elsewhere"), "elsewhere"),
        (StoreKind::ClusterSecretStore, None, "shop"),
    ] {
        let store = resolve_in(kind, aws(keys(named))).expect("usable");
        let secrets: Vec<&ObjectKey> = store.identity.keys().map(|key| &key.secret).collect();
        let (id, secret) = (ObjectKey::new(expected, "id"), ObjectKey::new(expected, "secret"));
        assert_eq!(secrets, [&id, &secret], "{kind:?} {named:?}");
    }
}

#[test]
fn conditions_admit_by_name_or_pattern_and_deny_otherwise() {
    for (conditions, admitted) in [
        (json!([]), true),
        (json!([{"namespaces": ["shop"]}]), true),
        (json!([{"namespaces": ["other"]}, {"namespaceRegexes": ["^sh"]}]), true),
        (json!([{"namespaces": ["other"]}]), false),
    ] {
        let mut value = aws(json!({}));
        value["conditions"] = conditions;
        let resolved = resolve_in(StoreKind::ClusterSecretStore, value);
        assert_eq!(resolved.is_ok(), admitted);
        if let Err(problem) = resolved {
            assert!(problem.to_string().contains("denied by spec.condition"), "{problem}");
        }
    }
}

#[test]
fn what_cannot_be_used_names_the_field() {
    for (value, field) in [
        (aws(json!({"region": "eu west"})), "spec.provider.aws.region"),
        (aws(json!({"region": ""})), "spec.provider.aws.region"),
        (aws(json!({"service": "CertificateManager"})), "spec.provider.aws.service"),
        (aws(json!({"role": "arn:aws:iam::123456789012:role/x"})), "spec.provider.aws.role"),
        (aws(json!({"auth": {"jwt": {}}})), "spec.provider.aws.auth.jwt"),
        (aws(json!({"auth": {"secretRef": {}}})), "accessKeyIDSecretRef"),
    ] {
        let problem = resolve_in(StoreKind::SecretStore, value).expect_err(field);
        assert!(problem.to_string().contains(field), "{problem}");
        assert!(!problem.is_foreign());
    }
}

#[test]
fn other_controllers_stores_are_foreign() {
    let mut classed = aws(json!({}));
    classed["controller"] = json!("other");
    assert!(resolve_in(StoreKind::SecretStore, classed).expect_err("foreign").is_foreign());
    let vault = json!({"provider": {"vault": {"server": "https://vault"}}});
    assert!(resolve_in(StoreKind::SecretStore, vault).expect_err("foreign").is_foreign());
}
