use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const LABEL: &str = include_str!("fixtures/secret-label-updated.json");
const ROTATED: &str = include_str!("fixtures/secret-rotated.json");
const PARAMETER: &str = include_str!("fixtures/parameter-change.json");
const POLICY: &str = include_str!("fixtures/parameter-policy.json");
const PUT: &str = include_str!("fixtures/trail-put-secret-value.json");
const SUCCEEDED: &str = include_str!("fixtures/trail-rotation-succeeded.json");
const NOTIFICATION: &str = include_str!("fixtures/sns-notification.json");
const SUBSCRIPTION: &str = include_str!("fixtures/sns-subscription.json");
const ALL: [&str; 8] = [LABEL, ROTATED, PARAMETER, POLICY, PUT, SUCCEEDED, NOTIFICATION, SUBSCRIPTION];

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3";
const VERSION: &str = "b4f0c2de-7a45-4a0e-8f2b-51f1f0a7c9d1";

/// The fixture with each pointed-at field set, or removed where the value is `Value::Null`.
fn with<const N: usize>(fixture: &str, edits: [(&str, Value); N]) -> String {
    let mut event: Value = serde_json::from_str(fixture).expect("the fixture is JSON");
    for (pointer, value) in edits {
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
        let parent = event.pointer_mut(parent).and_then(Value::as_object_mut).expect("the fixture has the parent");
        match value {
            Value::Null => drop(parent.remove(field)),
            value => drop(parent.insert(field.to_owned(), value)),
        }
    }
    event.to_string()
}

fn change(body: &str) -> Change {
    match parse(body) {
        Parsed::Change(change) => change,
        other => panic!("{other:?}"),
    }
}

fn label(version_id: &str, label: &str) -> What {
    What::Label { version_id: version_id.to_owned(), label: label.to_owned() }
}

fn account() -> Account {
    Account::parse("123456789012").expect("an account")
}

#[test]
fn a_moved_label_is_a_change_that_names_the_version() {
    let change = change(LABEL);
    assert_eq!(change.event_id, "1b4a8d6e-0f6c-4f0e-9d0b-6a5d1c2e3f40");
    assert_eq!(change.at, "2026-02-06T16:43:48Z".parse().expect("a time"));
    assert_eq!(change.what, label(VERSION, "AWSCURRENT"));
    assert_eq!(change.announced.service, Service::SecretsManager);
    assert_eq!(change.announced.arn.as_deref(), Some(ARN));
    assert_eq!(change.announced.name.as_deref(), Some("prod/db"));
    assert_eq!(change.announced.account, Some(account()));
    assert_eq!(change.announced.region.as_ref().map(Region::as_str), Some("eu-west-1"));
}

#[test]
fn an_sns_notification_is_what_it_wraps() {
    assert_eq!(parse(NOTIFICATION), parse(LABEL));
    let twice = json!({ "Type": "Notification", "Message": NOTIFICATION }).to_string();
    assert_eq!(parse(&twice), Parsed::Malformed(Reason::NotAnEvent));
    assert_eq!(parse(SUBSCRIPTION), Parsed::Ignored(Reason::Subscription));
}

#[test]
fn a_label_event_without_its_arn_still_names_the_secret() {
    let change = change(&with(LABEL, [("/resources", json!([]))]));
    assert_eq!((change.announced.arn, change.announced.account), (None, Some(account())));
    assert_eq!(change.announced.name.as_deref(), Some("prod/db"));
}

#[test]
fn a_rotation_that_rekey_announces_is_a_move_of_awscurrent_at_the_time_of_the_move() {
    let found = change(ROTATED);
    assert_eq!(found.what, label(VERSION, "AWSCURRENT"));
    assert_eq!(found.at, "2026-02-06T16:43:48.75Z".parse().expect("a time"));
    assert_eq!(found.announced, change(LABEL).announced);
    // A clock that runs ahead of AWS's, or a forger, cannot date the change after the event.
    let ahead = change(&with(ROTATED, [("/detail/rotatedAt", json!(4_000_000_000_000_i64))]));
    assert_eq!(ahead.at, "2026-02-06T16:43:49Z".parse().expect("a time"));
    assert_eq!(change(&with(ROTATED, [("/detail/rotatedAt", Value::Null)])).at, ahead.at);
}

#[test]
fn parameter_events_say_whether_it_is_gone() {
    let operation = |operation: &str| change(&with(PARAMETER, [("/detail/operation", json!(operation))])).what;
    for written in ["Create", "Update", "LabelParameterVersion"] {
        assert_eq!(operation(written), What::Written);
    }
    assert_eq!(operation("Delete"), What::Deleted);
    let found = change(PARAMETER).announced;
    assert_eq!((found.service, found.name.as_deref()), (Service::ParameterStore, Some("/prod/api/key")));
    assert_eq!(change(&with(PARAMETER, [("/detail/description", Value::Null)])).announced, found);

    assert_eq!(change(POLICY).what, What::Deleted);
    for reminder in ["ExpirationNotification", "NoChangeNotification"] {
        let body = with(POLICY, [("/detail/policy-type", json!(reminder))]);
        assert_eq!(parse(&body), Parsed::Ignored(Reason::ChangesNothing));
    }
    let failed = with(POLICY, [("/detail/action-status", json!("Failed"))]);
    assert_eq!(parse(&failed), Parsed::Ignored(Reason::CallFailed));
}

#[test]
fn only_a_service_s_own_event_about_a_canary_is_a_heartbeat() {
    let beat = |service, region: &str| {
        let at = "2026-02-06T16:43:48Z".parse().expect("a time");
        Parsed::Heartbeat(Heartbeat { service, account: account(), region: Region::parse(region).expect("one"), at })
    };
    let name = |fixture, name: &str| with(fixture, [("/detail/name", json!(name))]);
    assert_eq!(parse(&name(LABEL, "rekey/canary/prod")), beat(Service::SecretsManager, "eu-west-1"));
    assert_eq!(parse(&name(PARAMETER, "/rekey/canary/prod")), beat(Service::ParameterStore, "us-east-2"));

    let lookalikes = [
        name(LABEL, "rekey/canary/"),
        name(LABEL, "/rekey/canary/prod"),
        name(LABEL, "a/rekey/canary/prod"),
        name(PARAMETER, "rekey/canary/prod"),
        name(ROTATED, "rekey/canary/prod"),
        with(PUT, [("/detail/requestParameters/secretId", json!("rekey/canary/prod"))]),
        with(LABEL, [("/detail/name", json!("rekey/canary/prod")), ("/source", json!("rekey.rotation"))]),
        with(LABEL, [("/detail/name", json!("rekey/canary/prod")), ("/source", json!("aws.ssm"))]),
        with(LABEL, [("/detail/name", json!("rekey/canary/prod")), ("/detail-type", json!("Rekey Secret Rotated"))]),
    ];
    for body in lookalikes {
        assert!(!matches!(parse(&body), Parsed::Heartbeat(_)), "{body}");
    }
}

#[test]
fn put_secret_value_moves_the_labels_it_names() {
    let stages = |stages: Value| with(PUT, [("/detail/requestParameters/versionStages", stages)]);
    assert_eq!(change(PUT).what, label(VERSION, "AWSCURRENT"));
    assert_eq!(change(&stages(json!([]))).what, label(VERSION, "AWSCURRENT"));
    assert_eq!(change(&stages(json!(["AWSPENDING", "blue"]))).what, label(VERSION, "blue"));
    assert_eq!(change(&stages(json!(["AWSCURRENT", "blue"]))).what, What::Written);
    assert_eq!(parse(&stages(json!(["AWSPENDING"]))), Parsed::Ignored(Reason::Pending));
    let no_token = with(PUT, [("/detail/requestParameters/clientRequestToken", Value::Null)]);
    assert_eq!(change(&no_token).what, What::Written);
}

#[test]
fn other_calls_and_service_events_say_what_they_did() {
    let renamed = |name: &str| parse(&with(PUT, [("/detail/eventName", json!(name))]));
    let what = |name: &str| match renamed(name) {
        Parsed::Change(change) => change.what,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(what("CreateSecret"), What::Written);
    assert_eq!(what("UpdateSecret"), What::Written);
    assert_eq!(what("DeleteSecret"), What::Deleted);
    assert_eq!(what("RestoreSecret"), What::Restored);
    assert_eq!(what("UntagResource"), What::Tagged);
    for quiet in ["RotateSecret", "RotationStarted", "RotationFailed", "GetSecretValue", "PutResourcePolicy", "X"] {
        assert_eq!(renamed(quiet), Parsed::Ignored(Reason::ChangesNothing), "{quiet}");
    }
    assert_eq!(change(SUCCEEDED).what, What::Written);
    assert_eq!(change(SUCCEEDED).announced.arn.as_deref(), Some(ARN));

    let stage = |stage: &str| {
        let request = json!({ "secretId": "prod/db", "versionStage": stage, "moveToVersionId": "v2" });
        parse(&with(
            PUT,
            [("/detail/eventName", json!("UpdateSecretVersionStage")), ("/detail/requestParameters", request)],
        ))
    };
    assert!(matches!(stage("AWSCURRENT"), Parsed::Change(Change { what, .. }) if what == label("v2", "AWSCURRENT")));
    assert_eq!(stage("AWSPENDING"), Parsed::Ignored(Reason::Pending));
}

#[test]
fn a_refused_call_changed_nothing() {
    let body = with(PUT, [("/detail/errorCode", json!("AccessDenied")), ("/detail/responseElements", Value::Null)]);
    assert_eq!(parse(&body), Parsed::Ignored(Reason::CallFailed));
}

#[test]
fn the_secret_of_a_record_is_found_in_every_place_and_spelling() {
    let nowhere = [("/detail/responseElements", Value::Null), ("/detail/requestParameters", Value::Null)];
    let bare = with(PUT, nowhere);
    for (place, value) in [
        ("/detail/responseElements", json!({ "arn": ARN })),
        ("/detail/responseElements", json!({ "aRN": ARN })),
        ("/detail/responseElements", json!({ "ARN": ARN })),
        ("/detail/responseElements", json!({ "arn": ARN, "aRN": ARN })),
        ("/detail/additionalEventData", json!({ "SecretId": ARN })),
        ("/detail/serviceEventDetails", json!({ "secretId": ARN })),
        ("/resources", json!([ARN])),
        ("/detail/requestParameters", json!({ "secretId": ARN })),
    ] {
        let found = change(&with(&bare, [(place, value.clone())])).announced;
        assert_eq!(found.arn.as_deref(), Some(ARN), "{place} {value}");
    }
    let named = change(&with(&bare, [("/detail/requestParameters", json!({ "secretId": "prod/db" }))])).announced;
    assert_eq!((named.arn, named.name.as_deref(), named.account), (None, Some("prod/db"), Some(account())));
    assert_eq!(parse(&bare), Parsed::Malformed(Reason::Missing("detail.requestParameters.secretId")));
}

#[test]
fn calls_to_parameter_store_are_read_too() {
    let call = |name: &str, request: Value| {
        let edits =
            [("/source", json!("aws.ssm")), ("/detail/eventName", json!(name)), ("/detail/requestParameters", request)];
        parse(&with(PUT, edits))
    };
    let what = |parsed| match parsed {
        Parsed::Change(Change { what, announced, .. }) => (what, announced.name),
        other => panic!("{other:?}"),
    };
    let name = Some("/a/b".to_owned());
    assert_eq!(what(call("PutParameter", json!({ "name": "/a/b" }))), (What::Written, name.clone()));
    assert_eq!(what(call("DeleteParameter", json!({ "name": "/a/b" }))), (What::Deleted, name.clone()));
    let tags = |kind: &str| call("AddTagsToResource", json!({ "resourceType": kind, "resourceId": "/a/b" }));
    assert_eq!(what(tags("Parameter")), (What::Tagged, name));
    assert_eq!(tags("Document"), Parsed::Ignored(Reason::ChangesNothing));
    // A request of another shape is none of our business where the action is not.
    assert_eq!(call("SendCommand", json!({ "name": 5 })), Parsed::Ignored(Reason::ChangesNothing));
}

#[test]
fn a_field_that_a_kind_always_has_is_missed() {
    let empty = json!("  ");
    for (fixture, field) in [
        (LABEL, "id"),
        (LABEL, "time"),
        (LABEL, "account"),
        (LABEL, "region"),
        (LABEL, "detail"),
        (LABEL, "detail/name"),
        (LABEL, "detail/labelUpdated"),
        (LABEL, "detail/versionId"),
        (ROTATED, "id"),
        (ROTATED, "detail/secretArn"),
        (ROTATED, "detail/versionId"),
        (PARAMETER, "detail/name"),
        (PARAMETER, "detail/operation"),
        (POLICY, "detail/parameter-name"),
        (PUT, "id"),
        (PUT, "detail/eventName"),
    ] {
        let pointer = format!("/{field}");
        for value in [Value::Null, empty.clone()] {
            let found = parse(&with(fixture, [(&pointer, value)]));
            let Parsed::Malformed(reason) = found else { panic!("{field}: {found:?}") };
            assert!(reason.to_string().contains(&field.replace('/', ".")), "{field}: {reason}");
        }
    }
}

#[test]
fn a_field_that_makes_no_sense_is_refused() {
    for (fixture, pointer, value, field) in [
        (LABEL, "/time", json!("yesterday"), "time"),
        (LABEL, "/account", json!("me"), "account"),
        (LABEL, "/region", json!("evil.example.com/"), "region"),
        (LABEL, "/detail", json!([1]), "detail"),
        (LABEL, "/detail/name", json!(7), "detail"),
        (LABEL, "/detail/versionId", json!("v".repeat(5000)), "detail.versionId"),
        (ROTATED, "/detail/secretArn", json!("prod/db"), "detail.secretArn"),
        (ROTATED, "/detail/rotatedAt", json!(i64::MAX), "detail.rotatedAt"),
    ] {
        assert_eq!(parse(&with(fixture, [(pointer, value)])), Parsed::Malformed(Reason::Invalid(field)), "{pointer}");
    }
}

#[test]
fn what_is_no_event_is_malformed_and_what_is_another_kind_is_ignored() {
    for body in
        ["", "hello", "5", "null", "[]", "{}", r#"{"source":"aws.ssm"}"#, r#"{"Type":"Notification"}"#, "{\"a\":"]
    {
        assert_eq!(parse(body), Parsed::Malformed(Reason::NotAnEvent), "{body}");
    }
    let long = "k".repeat(500);
    let other = with(LABEL, [("/detail-type", json!(long))]);
    let Parsed::Ignored(reason) = parse(&other) else { panic!("not ignored") };
    assert!(reason.to_string().len() < 200, "{reason}");
    let foreign = with(LABEL, [("/source", json!("aws.ec2")), ("/account", Value::Null)]);
    assert!(matches!(parse(&foreign), Parsed::Ignored(Reason::UnknownKind { .. })));
}

#[test]
fn a_body_of_a_mebibyte_is_read_like_any_other() {
    let ballast = "x".repeat(1 << 20);
    assert_eq!(parse(&with(LABEL, [("/detail/ballast", json!(ballast))])), parse(LABEL));
    assert_eq!(parse(&"[".repeat(1 << 20)), Parsed::Malformed(Reason::NotAnEvent));
    let deep = with(LABEL, [("/detail", json!("@"))]).replace("\"@\"", &"[".repeat(1 << 20));
    assert_eq!(parse(&deep), Parsed::Malformed(Reason::NotAnEvent));
}

fn holds_no_empty_id(parsed: &Parsed) -> bool {
    let Parsed::Change(change) = parsed else { return true };
    let named = change.announced.arn.is_some() || change.announced.name.is_some();
    let versioned = match &change.what {
        What::Label { version_id, label } => !version_id.is_empty() && !label.is_empty(),
        _ => true,
    };
    !change.event_id.trim().is_empty() && named && versioned && !change.announced.lookup_keys().is_empty()
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop_oneof![Just(ARN.to_owned()), Just("AWSPENDING".to_owned()), "\\PC{0,6}", Just(String::new())];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        names.prop_map(Value::from),
        prop::collection::vec("\\PC{0,3}", 0..3).prop_map(Value::from),
        Just(json!({})),
    ]
}

/// Replaces the n-th leaf or branch of a document.
fn mutate(value: &mut Value, n: &mut usize, by: &Value) {
    if *n == 0 {
        *value = by.clone();
    }
    *n = n.wrapping_sub(1);
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|field| mutate(field, n, by)),
        Value::Array(items) => items.iter_mut().for_each(|item| mutate(item, n, by)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn a_mutated_event_never_panics_and_never_yields_an_empty_id(
        fixture in 0..ALL.len(), mutations in prop::collection::vec((0_usize..40, any_json()), 1..4),
    ) {
        let mut event: Value = serde_json::from_str(ALL[fixture]).expect("the fixture is JSON");
        for (mut at, by) in mutations {
            mutate(&mut event, &mut at, &by);
        }
        prop_assert!(holds_no_empty_id(&parse(&event.to_string())));
    }

    #[test]
    fn a_cut_or_spoilt_body_never_panics(fixture in 0..ALL.len(), at in any::<prop::sample::Index>(), junk in "\\PC{0,4}") {
        let body = ALL[fixture];
        let cut = (0..=at.index(body.len())).rev().find(|cut| body.is_char_boundary(*cut)).unwrap_or(0);
        prop_assert!(holds_no_empty_id(&parse(&body[..cut])));
        let spoilt = format!("{}{junk}{}", &body[..cut], &body[cut..]);
        prop_assert!(holds_no_empty_id(&parse(&spoilt)));
    }

    #[test]
    fn arbitrary_text_never_panics(body in "\\PC{0,200}") {
        prop_assert!(holds_no_empty_id(&parse(&body)));
    }
}
