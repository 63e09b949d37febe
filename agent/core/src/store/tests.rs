use serde_json::json;

use super::*;
use crate::extent::Asked;
use crate::rollout::scope::Scope;

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
const OTHER: &str = "arn:aws:iam::123456789012:role/hub";

fn spec(value: serde_json::Value) -> SecretStoreSpec {
    serde_json::from_value(value).expect("a store's spec")
}

fn reference(kind: StoreKind) -> StoreRef {
    StoreRef { name: "aws".to_owned(), kind }
}

/// ServiceAccounts of the namespaces shop and elsewhere; `odd` has an audience of its own, `wrong` no role.
fn accounts() -> HashMap<ObjectKey, AccountRole> {
    let account = |namespace: &str, name: &str, role: &str, audience: &str| {
        let role = AccountRole { role: role.to_owned(), audience: audience.to_owned() };
        (ObjectKey::new(namespace, name), role)
    };
    [
        account("shop", "reader", ROLE, "sts.amazonaws.com"),
        account("elsewhere", "reader", OTHER, "sts.amazonaws.com"),
        account("shop", "odd", ROLE, "sts.cn"),
        account("shop", "wrong", "reader", "sts.amazonaws.com"),
        account("shop", "sly", ROLE, "https://kubernetes.default.svc.cluster.local"),
    ]
    .into()
}

fn rules(default_identity: DefaultIdentity) -> Rules {
    let api_audiences = vec!["api.example".to_owned()];
    Rules { class: "default".to_owned(), default_identity, api_audiences, ..Rules::default() }
}

fn resolve_with(rules: &Rules, kind: StoreKind, value: serde_json::Value) -> Result<AwsStore, StoreProblem> {
    let (accounts, labels) = (accounts(), BTreeMap::from([("team".to_owned(), "a".to_owned())]));
    let around = Surroundings { rules, namespace: "shop", labels: Some(&labels), accounts: &accounts };
    resolve(&reference(kind), Some(&spec(value)), &around)
}

fn resolve_in(kind: StoreKind, value: serde_json::Value) -> Result<AwsStore, StoreProblem> {
    resolve_with(&rules(DefaultIdentity::All), kind, value)
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

#[expect(clippy::needless_pass_by_value, reason = "a json! literal is what is passed")]
fn jwt(account: serde_json::Value) -> serde_json::Value {
    json!({"auth": {"jwt": {"serviceAccountRef": account}}})
}

fn both(mut one: serde_json::Value, other: &serde_json::Value) -> serde_json::Value {
    one.as_object_mut().expect("an object").extend(other.as_object().expect("an object").clone());
    one
}

#[test]
fn without_auth_the_agent_asks_as_itself() {
    let store = resolve_in(StoreKind::SecretStore, aws(json!({"prefix": "prod/"}))).expect("usable");
    assert_eq!((store.identity, store.prefix.as_str()), (Identity::Agent, "prod/"));
}

#[test]
fn an_agent_of_some_namespaces_says_what_it_does_not_see() {
    let within = |cluster_stores: bool| {
        let (namespaces, rollouts) = (["shop".to_owned()].into(), Scope::default());
        let asked =
            Asked { namespaces: &namespaces, cluster_stores, cluster_external_secrets: None, rollouts: &rollouts };
        Rules { extent: Extent::of(asked).unwrap(), ..rules(DefaultIdentity::All) }
    };
    let named = |rules: &Rules, namespace: &str| {
        let account = json!({"name": "reader", "namespace": namespace});
        [jwt(account), keys(Some(namespace))].map(|auth| resolve_with(rules, StoreKind::ClusterSecretStore, aws(auth)))
    };
    assert!(named(&within(true), "shop").iter().all(Result::is_ok));
    for refused in named(&within(true), "elsewhere") {
        let problem = refused.unwrap_err().to_string();
        assert!(problem.contains("names elsewhere/") && problem.contains("--watch-namespaces"), "{problem}");
    }
    assert!(named(&rules(DefaultIdentity::All), "elsewhere").iter().all(Result::is_ok));
    let left_alone = resolve_with(&within(false), StoreKind::ClusterSecretStore, aws(json!({}))).unwrap_err();
    assert!(left_alone.is_foreign() && left_alone.to_string().contains("--cluster-stores"), "{left_alone}");
    assert!(resolve_with(&within(false), StoreKind::SecretStore, aws(json!({}))).is_ok());
}

#[test]
fn the_agent_s_identity_is_lent_to_whom_the_option_says() {
    for (lent, namespaced, cluster) in [
        (DefaultIdentity::All, true, true),
        (DefaultIdentity::ClusterStores, false, true),
        (DefaultIdentity::None, false, false),
    ] {
        for (kind, usable) in [(StoreKind::SecretStore, namespaced), (StoreKind::ClusterSecretStore, cluster)] {
            for extra in [json!({}), json!({"role": ROLE})] {
                let resolved = resolve_with(&rules(lent), kind, aws(extra));
                assert_eq!(resolved.is_ok(), usable, "{lent:?} {kind:?}");
                if let Err(problem) = resolved {
                    assert!(problem.to_string().contains("--default-identity does not lend"), "{problem}");
                }
            }
            assert!(resolve_with(&rules(lent), kind, aws(keys(None))).is_ok());
        }
    }
}

#[test]
fn a_namespaced_store_never_leaves_its_namespace_and_a_cluster_store_follows_the_object() {
    for (kind, named, expected) in [
        (StoreKind::SecretStore, Some("elsewhere"), None),
        (StoreKind::SecretStore, Some("shop"), Some("shop")),
        (StoreKind::SecretStore, None, Some("shop")),
        (StoreKind::ClusterSecretStore, Some("elsewhere"), Some("elsewhere")),
        (StoreKind::ClusterSecretStore, None, Some("shop")),
    ] {
        let by_keys = resolve_in(kind, aws(keys(named)));
        let by_token = resolve_in(kind, aws(jwt(json!({"name": "reader", "namespace": named}))));
        let Some(expected) = expected else {
            for problem in [by_keys.expect_err("refused"), by_token.expect_err("refused")] {
                assert!(problem.to_string().contains("must be empty or match"), "{problem}");
            }
            continue;
        };
        let identity = by_keys.expect("usable").identity;
        let secrets: Vec<&ObjectKey> = identity.keys().map(|key| &key.secret).collect();
        let (id, secret) = (ObjectKey::new(expected, "id"), ObjectKey::new(expected, "secret"));
        assert_eq!(secrets, [&id, &secret], "{kind:?} {named:?}");
        let Identity::ServiceAccount(own) = by_token.expect("usable").identity else { panic!("not by token") };
        assert_eq!(own.account, ObjectKey::new(expected, "reader"));
        assert_eq!(own.role.as_str(), if expected == "shop" { ROLE } else { OTHER });
    }
}

#[test]
fn a_token_is_for_sts_or_what_the_account_says_and_for_what_the_store_adds_and_never_for_the_api_server() {
    for (account, audiences) in [
        (json!({"name": "reader"}), Some(vec!["sts.amazonaws.com"])),
        (json!({"name": "odd"}), Some(vec!["sts.cn"])),
        (json!({"name": "odd", "audiences": ["x", "sts.cn"]}), Some(vec!["sts.cn", "x"])),
        (json!({"name": "sly"}), None),
        (json!({"name": "reader", "audiences": ["https://kubernetes.default.svc"]}), None),
        (json!({"name": "reader", "audiences": ["kubernetes.default.svc.cluster.local:443"]}), None),
        (json!({"name": "reader", "audiences": ["api.example"]}), None),
        (json!({"name": "reader", "audiences": [""]}), None),
    ] {
        match (resolve_in(StoreKind::SecretStore, aws(jwt(account))), audiences) {
            (Ok(AwsStore { identity: Identity::ServiceAccount(own), .. }), Some(audiences)) => {
                assert_eq!(own.audiences, audiences);
            }
            (Err(problem), None) => assert!(problem.to_string().contains("API server"), "{problem}"),
            (other, _) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_token_wins_over_keys_and_roles_are_assumed_in_their_order() {
    let roles = json!({
        "additionalRoles": [OTHER], "role": ROLE, "externalID": "x", "transitiveTagKeys": ["team"],
        "sessionTags": [{"key": "team", "value": "a"}],
    });
    let auth = json!({"auth": {"jwt": {"serviceAccountRef": {"name": "reader"}}, "secretRef": {}}});
    let store = resolve_in(StoreKind::SecretStore, aws(both(roles, &auth))).expect("usable");
    let Identity::Role(last) = &store.identity else { panic!("no role") };
    assert_eq!((last.role.as_str(), last.external_id.as_deref()), (ROLE, Some("x")));
    assert_eq!((last.tags.len(), last.transitive_tag_keys.as_slice()), (1, ["team".to_owned()].as_slice()));
    let Identity::Role(first) = &last.by else { panic!("no additional role") };
    assert_eq!((first.role.as_str(), first.external_id.as_deref(), first.tags.len()), (OTHER, None, 0));
    assert!(matches!(first.by, Identity::ServiceAccount(_)));
}

#[test]
fn tags_of_a_policy_replace_those_that_are_written_out() {
    let tags = |policy: &str| {
        let extra = json!({
            "role": ROLE, "sessionTags": [{"key": "own", "value": "1"}], "sessionTagsPolicy": policy,
            "customSessionTags": {"team": "a", "empty": ""},
        });
        match resolve_in(StoreKind::ClusterSecretStore, aws(extra)).expect("usable").identity {
            Identity::Role(assumed) => {
                assumed.tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect::<Vec<_>>().join(" ")
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(tags("None"), "own=1");
    assert_eq!(tags("Simple"), "esoNamespace=shop esoStoreName=aws esoStoreKind=ClusterSecretStore");
    assert_eq!(tags("Custom"), "esoNamespace=shop esoStoreName=aws esoStoreKind=ClusterSecretStore team=a");
}

#[test]
fn retry_settings_count_attempts_and_fix_the_pause() {
    let retry = |settings: serde_json::Value| {
        let mut value = aws(json!({}));
        value["retrySettings"] = settings;
        resolve_in(StoreKind::SecretStore, value).map(|store| (store.retry.attempts, store.retry.pause))
    };
    assert_eq!(retry(json!(null)), Ok((3, None)));
    assert_eq!(retry(json!({"retryInterval": "2s"})), Ok((3, Some(Duration::from_secs(2)))));
    assert_eq!(retry(json!({"maxRetries": 5, "retryInterval": "0s"})), Ok((5, None)));
    assert_eq!(retry(json!({"maxRetries": 0})), Ok((1, None)));
    let problem = retry(json!({"retryInterval": "soon"})).expect_err("no duration").to_string();
    assert!(problem.contains("spec.retrySettings.retryInterval"), "{problem}");
}

#[test]
fn conditions_admit_by_name_or_pattern_or_labels_and_deny_otherwise() {
    for (conditions, admitted) in [
        (json!([]), true),
        (json!([{"namespaces": ["shop"]}]), true),
        (json!([{"namespaces": ["other"]}, {"namespaceRegexes": ["^sh"]}]), true),
        (json!([{"namespaceRegexes": ["ho"]}]), true),
        (json!([{"namespaces": ["other"]}]), false),
        (json!([{"namespaceSelector": {"matchLabels": {"team": "a"}}}]), true),
        (json!([{"namespaceSelector": {"matchLabels": {"team": "b"}}}]), false),
        (json!([{"namespaceSelector": {"matchLabels": {"team": "b"}}, "namespaces": ["shop"]}]), true),
        (json!([{"namespaceSelector": {}}]), true),
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
        (aws(json!({"role": "reader"})), "spec.provider.aws.role"),
        (aws(json!({"role": ROLE, "additionalRoles": ["hub"]})), "spec.provider.aws.additionalRoles"),
        (aws(json!({"auth": {"jwt": {}}})), "spec.provider.aws.auth.jwt.serviceAccountRef of"),
        (aws(jwt(json!({"name": ""}))), "spec.provider.aws.auth.jwt.serviceAccountRef"),
        (aws(jwt(json!({"name": "absent"}))), "ServiceAccount shop/absent"),
        (aws(jwt(json!({"name": "wrong"}))), "eks.amazonaws.com/role-arn is no ARN"),
        (aws(json!({"auth": {"secretRef": {}}})), "accessKeyIDSecretRef"),
        (aws(json!({"additionalRoles": vec![ROLE; 30_000]})), "additionalRoles of SecretStore \"aws\" has 30000 roles"),
        (aws(json!({"role": format!("{ROLE}{}", "x".repeat(2048))})), "spec.provider.aws.role"),
        (aws(json!({"role": ROLE, "externalID": "x".repeat(1225)})), "spec.provider.aws.externalID"),
        (aws(json!({"role": ROLE, "sessionTags": vec![json!({"key": "a", "value": "b"}); 51]})), "sessionTags"),
        (aws(json!({"role": ROLE, "sessionTags": [{"key": "a", "value": "b".repeat(257)}]})), "sessionTags"),
        (aws(json!({"role": ROLE, "transitiveTagKeys": vec!["a"; 51]})), "spec.provider.aws.transitiveTagKeys"),
        (aws(jwt(json!({"name": "reader", "audiences": vec!["a".repeat(1025)]}))), "audiences"),
        (aws(json!({"prefix": "x".repeat(2049)})), "spec.provider.aws.prefix"),
    ] {
        let problem = resolve_in(StoreKind::SecretStore, value).expect_err(field);
        let text = problem.to_string();
        assert!(text.contains(field) && text.len() < 500, "{text}");
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

/// As the validation of a store asks: without a user, for a ClusterSecretStore.
fn checked(kind: StoreKind, value: serde_json::Value) -> Result<Option<AwsStore>, StoreProblem> {
    let (rules, accounts) = (rules(DefaultIdentity::ClusterStores), accounts());
    let namespace = if kind == StoreKind::SecretStore { "shop" } else { "" };
    check(&reference(kind), &spec(value), &Surroundings { rules: &rules, namespace, labels: None, accounts: &accounts })
}

#[test]
fn a_store_is_checked_without_its_users() {
    for (extra, tried) in [
        (json!({}), true),
        (keys(Some("shop")), true),
        (keys(None), false),
        (jwt(json!({"name": "reader", "namespace": "shop"})), true),
        (jwt(json!({"name": "reader"})), false),
        (json!({"role": ROLE, "sessionTagsPolicy": "Simple"}), false),
        (json!({"role": ROLE}), true),
    ] {
        let mut value = aws(extra.clone());
        value["conditions"] = json!([{"namespaces": ["nobody"]}]);
        let resolved = checked(StoreKind::ClusterSecretStore, value).expect("in order");
        assert_eq!(resolved.is_some(), tried, "{extra}");
    }
    assert!(checked(StoreKind::SecretStore, aws(keys(None))).expect("in order").is_some());
}

#[test]
fn mistakes_are_found_where_no_user_would_meet_them() {
    let with = |field: &str, part: serde_json::Value| {
        let mut value = aws(keys(None));
        value[field] = part;
        value
    };
    for (value, field) in [
        (with("refreshInterval", json!(-1)), "spec.refreshInterval"),
        (with("refreshInterval", json!("soon")), "spec.refreshInterval"),
        (with("retrySettings", json!({"retryInterval": "soon"})), "spec.retrySettings.retryInterval"),
        (with("conditions", json!([{"namespaceRegexes": ["("]}])), "spec.conditions[].namespaceRegexes"),
        (
            with("conditions", json!([{"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}])),
            "spec.conditions[].namespaceSelector",
        ),
        (aws(both(keys(None), &json!({"role": "reader"}))), "spec.provider.aws.role"),
    ] {
        let problem = checked(StoreKind::ClusterSecretStore, value).expect_err(field);
        assert!(problem.to_string().contains(field), "{problem}");
    }
}

#[test]
fn a_store_is_validated_again_after_its_own_interval_or_five_minutes() {
    for (interval, seconds) in [
        (json!(null), 300),
        (json!(0), 300),
        (json!(""), 300),
        (json!("0s"), 300),
        (json!(30), 30),
        (json!("1m"), 60),
        (json!("soon"), 300),
    ] {
        let mut value = aws(json!({}));
        value["refreshInterval"] = interval;
        assert_eq!(revalidation(&spec(value)).as_secs(), seconds);
    }
}

#[test]
fn what_credentials_are_made_of_is_known_even_where_it_is_missing() {
    let found = |kind, namespace: &str, extra: serde_json::Value| {
        let (reference, spec) = (reference(kind), spec(aws(extra)));
        dependencies(&reference, &spec, namespace)
    };
    let secret = |namespace: &str, name: &str| Dependency::Secret(ObjectKey::new(namespace, name));
    let account = |namespace: &str| Dependency::ServiceAccount(ObjectKey::new(namespace, "gone"));
    let cluster = StoreKind::ClusterSecretStore;
    assert_eq!(found(StoreKind::SecretStore, "shop", json!({})), []);
    assert_eq!(found(cluster, "shop", keys(None)), [secret("shop", "id"), secret("shop", "secret")]);
    assert_eq!(found(cluster, "", keys(None)), []);
    assert_eq!(found(cluster, "", keys(Some("a"))), [secret("a", "id"), secret("a", "secret")]);
    assert_eq!(found(StoreKind::SecretStore, "shop", jwt(json!({"name": "gone"}))), [account("shop")]);
    assert_eq!(found(cluster, "", jwt(json!({"name": "gone"}))), []);
}
