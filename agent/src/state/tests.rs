use rekey_core::change;
use std::collections::BTreeMap;

use rekey_core::ledger::Known;
use rekey_core::report;
use rekey_core::store::{Identity, Rules};
use rekey_core::template_from::TemplateSource;
use rekey_core::wanted::Token;
use serde_json::{Value, json};

use k8s_openapi::api::core::v1::Secret;
use rekey_core::plan;

use super::*;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/db-AbCdEf";

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("in range")
}

fn state() -> State {
    State::new(StateOptions {
        stores: Rules { class: "default".to_owned(), ..Rules::default() },
        companion: false,
        all_follow_events: false,
        heartbeat_period: Duration::from_mins(10),
    })
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("shop", name)
}

#[expect(clippy::needless_pass_by_value, reason = "a json! literal is what is passed")]
fn store(state: &State, name: &str, provider: Value) {
    let key = StoreKey { namespace: Some("shop".to_owned()), name: name.to_owned() };
    let _ = state.store_seen(&key, Some(serde_json::from_value(json!({"provider": provider})).expect("a store")));
}

fn aws() -> Value {
    json!({"aws": {"service": "SecretsManager", "region": "eu-west-1"}})
}

fn aws_with_keys(secret: &str) -> Value {
    let key = |key: &str| json!({"name": secret, "key": key});
    let keys = json!({"accessKeyIDSecretRef": key("id"), "secretAccessKeySecretRef": key("secret")});
    json!({"aws": {"service": "SecretsManager", "region": "eu-west-1", "auth": {"secretRef": keys}}})
}

#[expect(clippy::needless_pass_by_value, reason = "a json! literal is what is passed")]
fn object(state: &State, name: &str, store: &str, target: Value) {
    let resource: ExternalSecret = serde_json::from_value(json!({
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "generation": 1},
        "spec": {
            "secretStoreRef": {"name": store},
            "target": target,
            "data": [{"secretKey": "v", "remoteRef": {"key": "app/db"}}],
        },
    }))
    .expect("an object");
    let _ = state.object_seen(resource, now());
}

/// A Secret of that version, as an ExternalSecret left it or with its data edited.
fn secret(version: &str, valid: bool) -> Secret {
    let hash = rekey_core::hash::data([]);
    serde_json::from_value(json!({"metadata": {
        "name": "any", "resourceVersion": version,
        "labels": {plan::MANAGED_LABEL: "true"},
        "annotations": {plan::DATA_HASH_ANNOTATION: if valid { hash.as_str() } else { "edited" }},
    }}))
    .expect("a Secret")
}

/// Each entry names the store, and none has one of its own.
#[test]
fn an_object_s_entries_share_one_resolved_store() {
    let state = state();
    let tags: Vec<Value> = (0..50).map(|tag| json!({"key": tag.to_string(), "value": "x".repeat(256)})).collect();
    let role = "arn:aws:iam::123456789012:role/reader";
    store(
        &state,
        "aws",
        json!({"aws": {"service": "SecretsManager", "region": "eu-west-1", "role": role, "sessionTags": tags}}),
    );
    let entry = |number: usize| json!({"secretKey": number.to_string(), "remoteRef": {"key": "app/db"}});
    let resource: ExternalSecret = serde_json::from_value(json!({
        "metadata": {"name": "large", "namespace": "shop"},
        "spec": {"secretStoreRef": {"name": "aws"}, "data": (0..1000).map(entry).collect::<Vec<_>>()},
    }))
    .expect("an object");
    let _ = state.object_seen(resource, now());
    let requests = state.with_object(&key("large"), |object| object.requests.clone()).expect("it is there");
    let requests = requests.expect("in order");
    assert_eq!(requests.len(), 1000);
    assert!(requests.iter().all(|request| Arc::ptr_eq(&request.store, &requests[0].store)));
    let Identity::Role(first) = &requests[0].wanted.identity else { panic!("no role") };
    let shared = |wanted: &Wanted| matches!(&wanted.identity, Identity::Role(role) if Arc::ptr_eq(role, first));
    assert!(requests.iter().all(|request| shared(&request.wanted)));
}

#[test]
fn a_store_that_cannot_be_read_is_not_used_as_it_was() {
    let state = state();
    let aws_store = StoreKey { namespace: Some("shop".to_owned()), name: "aws".to_owned() };
    store(&state, "aws", aws());
    object(&state, "app", "aws", json!({}));
    let problem = || state.with_object(&key("app"), |object| object.requests.as_ref().err().map(ToString::to_string));
    assert_eq!(problem(), Some(None));
    assert_eq!(state.store_unreadable(&aws_store, "unknown variant `Vault`"), [key("app")]);
    let said = problem().flatten().unwrap_or_default();
    assert!(said.contains("SecretStore \"aws\" cannot be read: unknown variant"), "{said}");
    assert_eq!(state.store_unreadable(&aws_store, "unknown variant `Vault`"), [], "that is known");
    store(&state, "aws", aws());
    assert_eq!(problem(), Some(None));
    let _ = state.store_unreadable(&aws_store, "again");
    assert_eq!(state.store_seen(&aws_store, None), [key("app")]);
    assert!(problem().flatten().unwrap_or_default().contains("does not exist"));
}

fn moved(account: &str) -> Change {
    let body = json!({
        "version": "0", "id": "event-1", "detail-type": "Secret Label Updated", "source": "aws.secretsmanager",
        "account": account, "time": "2027-01-15T08:00:00Z", "region": "eu-west-1",
        "resources": [ARN.replace("123456789012", account)],
        "detail": {"name": "app/db", "labelUpdated": "AWSCURRENT", "versionId": "v2"},
    });
    match change::parse(&body.to_string()) {
        change::Parsed::Change(change) => change,
        other => panic!("expected a change, got {other:?}"),
    }
}

#[test]
fn news_ends_the_back_off_of_every_object_that_uses_the_source() {
    let state = state();
    store(&state, "aws", aws());
    for name in ["one", "two"] {
        object(&state, name, "aws", json!({}));
        let later = now() + jiff::SignedDuration::from_mins(5);
        state.with_object(&key(name), |object| object.failed(now(), Duration::from_mins(5)));
        assert_eq!(state.decide(&key(name), now()), Some(Decision::Wait(later)));
    }
    let concerned = state.announce(&moved("123456789012"), now());
    assert_eq!((concerned.objects, concerned.stale.len()), (2, 2));
    for name in ["one", "two"] {
        assert_eq!(state.with_object(&key(name), |object| object.failures()), Some(0), "the next pause is short again");
        assert_eq!(state.decide(&key(name), now()), Some(Decision::Read), "{name}");
    }
}

#[test]
fn an_event_of_another_account_concerns_only_those_who_read_from_it() {
    let state = state();
    for (name, account) in [("staging", "111111111111"), ("production", "222222222222")] {
        store(&state, name, aws_with_keys(name));
        object(&state, name, name, json!({}));
        let wanted = state.with_object(&key(name), |object| object.wanted().next().cloned()).flatten().expect("one");
        let token = Token::of_secret(&ARN.replace("123456789012", account), "v1");
        let known = Known::of_source(token, None, None);
        let look = state.begin_check(&wanted);
        state.settle_check(&wanted, look, known, Account::parse(account).ok());
    }
    assert_eq!(state.announce(&moved("222222222222"), now()).stale, [key("production")]);
    assert_eq!(state.announce(&moved("333333333333"), now()).objects, 0, "foreign to both");
}

#[test]
fn an_event_wakes_the_searches_that_may_find_its_source() {
    let state = state();
    store(&state, "aws", aws());
    for (name, find) in [
        ("by-path", json!({"path": "app/", "name": {"regexp": ".*"}})),
        ("by-tag", json!({"tags": {"team": "a"}})),
        ("elsewhere", json!({"path": "other/", "tags": {"team": "a"}})),
    ] {
        let resource: ExternalSecret = serde_json::from_value(json!({
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": "shop", "uid": name, "generation": 1},
            "spec": {"secretStoreRef": {"name": "aws"}, "dataFrom": [{"find": find}]},
        }))
        .expect("an object");
        let _ = state.object_seen(resource, now());
    }
    assert_eq!(state.announce(&moved("123456789012"), now()).stale, [key("by-path"), key("by-tag")]);
    let wanted = state.with_object(&key("by-tag"), |object| object.wanted().next().cloned()).flatten().expect("one");
    assert_eq!(state.suspects(&wanted, now()).len(), 1);
    let _ = state.object_gone(&key("by-tag"));
    assert_eq!(state.announce(&moved("123456789012"), now()).objects, 1);
}

#[test]
fn a_renamed_target_wakes_its_object_under_the_new_name() {
    let state = state();
    store(&state, "aws", aws());
    object(&state, "one", "aws", json!({"name": "old"}));
    object(&state, "one", "aws", json!({"name": "new"}));
    for target in ["old", "new"] {
        assert_eq!(state.target_seen(&key(target), &secret("1", true), now()), []);
    }
    assert_eq!(state.target_seen(&key("old"), &secret("2", false), now()), []);
    assert_eq!(state.target_seen(&key("new"), &secret("2", false), now()), [key("one")]);
}

#[test]
fn what_the_watch_shows_late_does_not_hide_a_newer_edit() {
    let state = state();
    store(&state, "aws", aws());
    object(&state, "one", "aws", json!({}));
    assert_eq!(state.target_seen(&key("one"), &secret("5", true), now()), [], "our write");
    assert_eq!(state.target_seen(&key("one"), &secret("4", false), now()), [], "what was there before it");
    assert_eq!(state.target_seen(&key("one"), &secret("6", false), now()), [key("one")], "somebody's edit");
    assert_eq!(state.target_seen(&key("one"), &secret("5", true), now()), [], "our write again");
    assert_eq!(state.decide(&key("one"), now()), Some(Decision::Read), "the edit stands until it is mended");
    assert_eq!(state.target_gone(&key("one"), now()), [key("one")]);
}

#[test]
fn another_controllers_object_is_left_alone_whatever_is_in_it() {
    let state = state();
    store(&state, "vault", json!({"vault": {"server": "https://vault"}}));
    object(&state, "theirs", "vault", json!({"creationPolicy": "Merge"}));
    assert_eq!(state.decide(&key("theirs"), now()), None);
    object(&state, "ours", "aws", json!({}));
    assert_eq!(state.decide(&key("ours"), now()), Some(Decision::Read), "a missing store is said so");
}

/// The object at a version, with a Ready condition and the time of its last refresh.
fn shown(version: u32, ready: &str, refreshed: &str) -> ExternalSecret {
    serde_json::from_value(json!({
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {
            "name": "one", "namespace": "shop", "uid": "one", "generation": 1, "resourceVersion": version.to_string(),
        },
        "spec": {"secretStoreRef": {"name": "aws"}, "data": [{"secretKey": "v", "remoteRef": {"key": "app/db"}}]},
        "status": {"refreshTime": refreshed, "conditions": [{"type": "Ready", "status": ready}]},
    }))
    .expect("an object")
}

#[test]
fn a_standby_knows_what_the_leader_wrote_and_an_echo_takes_nothing_back() {
    let state = state();
    store(&state, "aws", aws());
    let known = |state: &State| {
        let version = |object: &mut Object| object.resource.metadata.resource_version.clone().unwrap_or_default();
        state.with_object(&key("one"), |object| (object.is_failing(), version(object))).expect("it is there")
    };
    let refreshed = "2027-01-15T07:00:00Z";
    let _ = state.object_seen(shown(5, "True", refreshed), now());
    assert_eq!(state.object_seen(shown(7, "False", refreshed), now()), None, "nothing to look at");
    assert_eq!(known(&state), (true, "7".to_owned()), "the leader failed, and its successor tries again");

    let ours = shown(0, "True", "2027-01-15T08:00:00Z").status.expect("a status");
    state.with_object(&key("one"), |object| object.status_written(ours.clone(), "12".to_owned()));
    let _ = state.object_seen(shown(11, "False", refreshed), now());
    assert_eq!(known(&state), (false, "12".to_owned()), "an echo from before our write");
    let _ = state.object_seen(shown(14, "False", refreshed), now());
    state.with_object(&key("one"), |object| object.status_written(ours, "13".to_owned()));
    assert_eq!(known(&state), (true, "14".to_owned()), "the watch was faster than the answer");
}

#[test]
fn an_object_that_was_made_anew_inherits_nothing() {
    let state = state();
    store(&state, "aws", aws());
    object(&state, "one", "aws", json!({}));
    state.with_object(&key("one"), |object| object.failed(now(), Duration::from_mins(5)));
    object(&state, "one", "aws", json!({}));
    assert_eq!(state.with_object(&key("one"), |object| object.failures()), Some(1), "it is the same object");
    let mut anew = state.with_object(&key("one"), |object| (*object.resource).clone()).expect("it is there");
    anew.metadata.uid = Some("another".to_owned());
    assert_eq!(state.object_seen(anew, now()), Some(key("one")));
    assert_eq!(state.with_object(&key("one"), |object| object.failures()), Some(0));
}

#[test]
fn a_template_wakes_its_users_and_nothing_is_kept_of_one_that_nobody_uses() {
    let state = state();
    store(&state, "aws", aws());
    let from = |name: &str| json!({"template": {"templateFrom": [{"configMap": {"name": name, "items": []}}]}});
    object(&state, "one", "aws", from("texts"));
    object(&state, "two", "aws", from("texts"));
    object(&state, "other", "aws", from("others"));
    let source = |name: &str| TemplateSource::ConfigMap(key(name));
    let seen = |name: &str, version: &str| {
        let metadata = serde_json::from_value(json!({"resourceVersion": version})).expect("metadata");
        state.template_seen(&source(name), &metadata)
    };
    assert_eq!(seen("unused", "7"), []);
    assert_eq!(seen("texts", "7"), [key("one"), key("two")]);
    assert_eq!(seen("texts", "6"), [], "an echo from before");
    assert_eq!(seen("texts", "8"), [key("one"), key("two")]);
    assert_eq!(state.template_gone(&source("texts")), [key("one"), key("two")]);
    assert_eq!(seen("texts", "9"), [key("one"), key("two")]);
    assert_eq!(state.lock().templates.len(), 1);
    let _ = state.object_gone(&key("one"));
    object(&state, "two", "aws", json!({}));
    assert!(state.lock().templates.is_empty());
}

/// An object whose last refresh succeeded, and its target as that left it.
fn synced(state: &State, name: &str, target: Value, version: &str) {
    object(state, name, "aws", target);
    let _ = state.target_seen(&key(name), &secret(version, true), now());
    let tokens = BTreeMap::new();
    let refresh = report::Refresh {
        what: report::Refreshed::Synced,
        object_version: state
            .with_object(&key(name), |object| report::synced_resource_version(&object.resource))
            .expect("it is there"),
        bound: None,
        tokens: &tokens,
        started: now(),
        note: None,
    };
    let status = report::synced(None, refresh, now());
    let wanted =
        state.with_object(&key(name), |object| object.wanted().cloned().collect::<Vec<_>>()).expect("it is there");
    let tokens = wanted.iter().map(|wanted| (wanted.to_string(), Token::of_secret(ARN, "v1"))).collect();
    state.synced(&key(name), tokens, status, "6".to_owned(), now());
    assert_eq!(state.decide(&key(name), now()), Some(Decision::Skip), "the test's own premise");
}

#[test]
fn what_others_make_of_an_orphan_stays_until_a_comparison() {
    for change in ["edited", "deleted"] {
        let state = state();
        store(&state, "aws", aws());
        synced(&state, "one", json!({"creationPolicy": "Orphan"}), "5");
        let woken = match change {
            "edited" => state.target_seen(&key("one"), &secret("7", false), now()),
            _ => state.target_gone(&key("one"), now()),
        };
        assert_eq!((woken, state.decide(&key("one"), now())), (vec![], Some(Decision::Skip)), "{change}");
        state.compared(&key("one"), Some(true), now());
        assert_eq!(state.decide(&key("one"), now()), Some(Decision::Read), "{change}");
        synced(&state, "one", json!({"creationPolicy": "Orphan"}), "9");
        state.compared(&key("one"), Some(true), now());
        assert_eq!(state.decide(&key("one"), now()), Some(Decision::Skip), "{change} and put right");
    }
}

#[test]
fn a_label_that_somebody_removed_is_put_back_at_a_comparison() {
    let state = state();
    store(&state, "aws", aws());
    for name in ["one", "none"] {
        synced(&state, name, json!({"creationPolicy": if name == "none" { "None" } else { "Owner" }}), "5");
        let mut relabelled = secret("7", true);
        relabelled.metadata.labels.as_mut().expect("labels").insert("team".to_owned(), "a".to_owned());
        assert_eq!(state.target_seen(&key(name), &relabelled, now()), [], "its data are right");
        state.compared(&key(name), Some(true), now());
    }
    assert_eq!(state.decide(&key("one"), now()), Some(Decision::Read));
    assert_eq!(state.decide(&key("none"), now()), Some(Decision::Skip), "it writes nothing");
}

#[test]
fn what_was_put_into_a_target_is_known_before_its_status_says_so() {
    let state = state();
    store(&state, "aws", aws());
    synced(&state, "one", json!({}), "5");
    let tokens = || state.producers(&key("one")).into_iter().map(|(_, tokens)| tokens).collect::<Vec<_>>();
    let before = tokens();
    let newer: BTreeMap<String, Token> = before[0].keys().map(|source| (source.clone(), Token::absent())).collect();
    assert!(!newer.is_empty() && before != [newer.clone()]);
    state.written(&key("one"), &newer);
    assert_eq!(tokens(), [newer]);
    synced(&state, "one", json!({}), "5");
    assert_eq!(tokens(), before);
}
