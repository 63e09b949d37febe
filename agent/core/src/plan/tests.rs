use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use serde_json::{Value, json};

use super::*;
use crate::hash;
use crate::render::Rendered;
use crate::report::Refreshed;
use crate::value::SecretValue;
use CreationPolicy::{CreateOrMerge, Merge, None as Nothing, Orphan, Owner as Owning};

mod matrix;

fn owner() -> Owner {
    Owner { key: ObjectKey::new("shop", "db"), uid: "uid-1".to_owned() }
}

fn target() -> ObjectKey {
    ObjectKey::new("shop", "shop-db")
}

fn rendered(password: &str) -> Rendered {
    Rendered {
        data: [("password".to_owned(), SecretValue::from(password.to_owned()))].into(),
        labels: [("team".to_owned(), "a".to_owned())].into(),
        ..Rendered::default()
    }
}

fn plan_as(policy: CreationPolicy, existing: Option<&Secret>, rendered: &Rendered) -> Plan {
    plan_beside(&[], policy, existing, rendered)
}

fn plan_beside(rivals: &[&str], policy: CreationPolicy, existing: Option<&Secret>, rendered: &Rendered) -> Plan {
    let rivals: Vec<String> = rivals.iter().map(|&rival| rival.to_owned()).collect();
    let target = target();
    plan(&Order { owner: owner(), target: &target, policy, immutable: false, rivals: &rivals }, existing, rendered)
}

fn plan_immutable(existing: &Secret, rendered: &Rendered) -> Plan {
    let (target, rivals) = (target(), []);
    let order = Order { owner: owner(), target: &target, policy: Owning, immutable: true, rivals: &rivals };
    plan(&order, Some(existing), rendered)
}

/// As the API server keeps what this ExternalSecret wrote.
fn written(policy: CreationPolicy, password: &str) -> Secret {
    match plan_as(policy, None, &rendered(password)) {
        Plan::Create(secret) => signed(*secret, &field_manager("db")),
        other => panic!("expected a creation, got {other:?}"),
    }
}

/// The same with everything in it owned by that manager.
fn signed(mut secret: Secret, manager: &str) -> Secret {
    let fields = |keys: Vec<&String>| -> Value { keys.iter().map(|key| (format!("f:{key}"), json!({}))).collect() };
    let fields = json!({
        "f:data": fields(secret.data.iter().flatten().map(|(key, _)| key).collect()),
        "f:metadata": {
            "f:labels": fields(secret.metadata.labels.iter().flatten().map(|(key, _)| key).collect()),
            "f:annotations": fields(secret.metadata.annotations.iter().flatten().map(|(key, _)| key).collect()),
        },
    });
    secret.metadata.managed_fields.get_or_insert_default().push(ManagedFieldsEntry {
        manager: Some(manager.to_owned()),
        fields_v1: Some(FieldsV1(fields)),
        ..ManagedFieldsEntry::default()
    });
    secret
}

/// A Secret that somebody else made.
fn foreign(data: &[(&str, &str)]) -> Secret {
    let mut secret = Secret { type_: Some("Opaque".to_owned()), ..Secret::default() };
    secret.metadata.name = Some("shop-db".to_owned());
    secret.metadata.namespace = Some("shop".to_owned());
    for (key, value) in data {
        set(&mut secret, key, value);
    }
    secret
}

fn set(secret: &mut Secret, key: &str, value: &str) {
    secret.data.get_or_insert_default().insert(key.to_owned(), ByteString(value.as_bytes().to_vec()));
}

fn controlled_by(kind: &str, name: &str) -> Secret {
    let mut secret = written(Owning, "old");
    let reference = &mut secret.metadata.owner_references.as_mut().expect("owned")[0];
    kind.clone_into(&mut reference.kind);
    name.clone_into(&mut reference.name);
    secret
}

fn data_of(secret: &Secret) -> Vec<String> {
    let text = |(key, value): (&str, &[u8])| format!("{key}={}", String::from_utf8_lossy(value));
    validity::data(secret).map(text).collect()
}

#[test]
fn a_missing_target_is_created_as_eso_would() {
    let secret = written(Owning, "one");
    let labels = secret.metadata.labels.as_ref().expect("labels");
    assert_eq!(labels[MANAGED_LABEL], "true");
    assert_eq!(labels[CREATED_BY_LABEL], hash::name("shop/db"));
    assert_eq!(labels["team"], "a");
    assert!(is_valid(&secret));
    let reference = &secret.metadata.owner_references.as_ref().expect("owned")[0];
    assert_eq!((reference.kind.as_str(), reference.controller), ("ExternalSecret", Some(true)));
    assert_eq!(secret.type_.as_deref(), Some("Opaque"));
}

#[test]
fn other_content_is_written_over_the_version_it_was_planned_on() {
    let mut existing = written(Owning, "one");
    existing.metadata.resource_version = Some("42".to_owned());
    match plan_as(Owning, Some(&existing), &rendered("two")) {
        Plan::Update { secret, data_changes: true, adopts: false } => {
            assert_eq!(secret.metadata.resource_version.as_deref(), Some("42"));
            assert!(is_valid(&secret));
        }
        other => panic!("expected an update, got {other:?}"),
    }
}

#[test]
fn an_object_that_was_made_anew_finds_its_target_again() {
    let mut existing = written(Owning, "one");
    existing.metadata.owner_references.as_mut().expect("owned")[0].uid = "uid-0".to_owned();
    let Plan::Update { secret, data_changes: false, .. } = plan_as(Owning, Some(&existing), &rendered("one")) else {
        panic!("expected another signature")
    };
    assert_eq!(secret.metadata.owner_references.expect("owned")[0].uid, "uid-1");
}

#[test]
fn a_signature_as_v1beta1_is_left_as_it_is() {
    let mut existing = written(Owning, "one");
    existing.metadata.owner_references.as_mut().expect("owned")[0].api_version = format!("{GROUP}/v1beta1");
    assert_eq!(plan_as(Owning, Some(&existing), &rendered("one")), Plan::Unchanged);
}

#[test]
fn an_immutable_secret_keeps_its_data_and_says_whose_it_is() {
    let mut frozen = written(Owning, "one");
    frozen.immutable = Some(true);
    assert_eq!(plan_immutable(&frozen, &rendered("one")), Plan::Unchanged);
    assert_eq!(plan_immutable(&frozen, &rendered("two")), Plan::Refuse(Refusal::Immutable));
    assert_eq!(plan_as(Owning, Some(&frozen), &rendered("two")), Plan::Refuse(Refusal::Immutable));

    // One that others made, and one that was not immutable yet: what it holds is not touched.
    for immutable in [Some(true), None] {
        let mut existing = foreign(&[("password", "theirs")]);
        existing.immutable = immutable;
        let Plan::Mark { secret, short_of: Some(Refusal::Immutable) } = plan_immutable(&existing, &rendered("two"))
        else {
            panic!("expected marks")
        };
        assert_eq!((data_of(&secret), secret.immutable), (vec!["password=theirs".to_owned()], immutable));
        assert!(is_valid(&secret), "it is what the status will be about");
    }
    let right = foreign(&[("password", "one")]);
    let Plan::Update { secret, .. } = plan_immutable(&right, &rendered("one")) else { panic!("expected an update") };
    assert_eq!(secret.immutable, Some(true));
}

#[test]
fn what_was_ours_and_is_not_asked_for_any_more_goes_and_what_others_added_stays() {
    let long = "a-name-of-more-than-27-characters";
    for (name, manager) in [
        ("db", field_manager("db")),
        (long, field_manager(long)),
        // As releases wrote it that did not hash it.
        (long, format!("externalsecrets.external-secrets.io/{long}")),
    ] {
        let owner = Owner { key: ObjectKey::new("shop", name), uid: "uid-1".to_owned() };
        let (target, rivals) = (target(), []);
        let order = Order { owner, target: &target, policy: Merge, immutable: false, rivals: &rivals };
        let mut ours = foreign(&[("dropped", "x"), ("password", "old")]);
        ours.metadata.labels = Some([("dropped".to_owned(), "x".to_owned())].into());
        ours.metadata.annotations = Some([("dropped".to_owned(), "x".to_owned())].into());
        let mut existing = signed(ours, &manager);
        set(&mut existing, "foreign", "y");
        existing.metadata.labels.as_mut().expect("labels").insert("foreign".to_owned(), "y".to_owned());
        let Plan::Update { secret, .. } = plan(&order, Some(&existing), &rendered("new")) else {
            panic!("expected an update")
        };
        assert_eq!(data_of(&secret), ["foreign=y", "password=new"], "{manager}");
        let labels = secret.metadata.labels.as_ref().expect("labels");
        assert!(!labels.contains_key("dropped") && labels["foreign"] == "y" && labels["team"] == "a", "{manager}");
        assert!(!secret.metadata.annotations.as_ref().expect("annotations").contains_key("dropped"), "{manager}");
    }
}

#[test]
fn two_that_write_different_values_under_one_key_do_not_take_turns() {
    let theirs = signed(foreign(&[("password", "theirs")]), &field_manager("other"));
    let contested = Plan::Refuse(Refusal::Contested { key: "password".to_owned(), rival: "other".to_owned() });
    for policy in [Merge, CreateOrMerge, Orphan] {
        assert_eq!(plan_beside(&["other"], policy, Some(&theirs), &rendered("ours")), contested, "{policy:?}");
        let agree = plan_beside(&["other"], policy, Some(&theirs), &rendered("theirs"));
        assert!(matches!(agree, Plan::Update { data_changes: false, .. }), "{agree:?}");
        let gone = plan_as(policy, Some(&theirs), &rendered("ours"));
        assert!(matches!(gone, Plan::Update { data_changes: true, .. }), "nobody else writes it now: {gone:?}");
    }
    let owns = plan_beside(&["other"], Owning, Some(&theirs), &rendered("ours"));
    assert!(matches!(owns, Plan::Update { data_changes: true, .. }), "the owner does not ask: {owns:?}");
    let beside = signed(foreign(&[("user", "theirs")]), &field_manager("other"));
    let merged = plan_beside(&["other"], Merge, Some(&beside), &rendered("ours"));
    assert!(matches!(merged, Plan::Update { data_changes: true, .. }), "other keys are no contest: {merged:?}");
}

#[test]
fn long_names_get_the_hashed_field_manager() {
    assert_eq!(field_manager("short"), "externalsecrets.external-secrets.io/short");
    let long = field_manager("a-name-of-more-than-27-characters");
    assert!(long.starts_with("externalsecrets.external-secrets.io/sha3/"), "{long}");
}

#[test]
fn what_releases_up_to_0_9_left_is_valid_and_written_anew_with_the_next_change() {
    let mut old = written(Owning, "one");
    old.metadata.labels = Some([(CREATED_BY_LABEL.to_owned(), hash::names("shop/db")[1].clone())].into());
    // Go: md5 of `map[password:[111 110 101]]`.
    let md5 = "22062265b0a7143871cc87d209209340".to_owned();
    old.metadata.annotations = Some([(DATA_HASH_ANNOTATION.to_owned(), md5)].into());
    old.metadata.managed_fields = None;
    assert!(is_valid(&old));
    let Plan::Update { secret, adopts: false, .. } = plan_as(Owning, Some(&old), &rendered("two")) else {
        panic!("expected an update")
    };
    assert_eq!(secret.metadata.labels, written(Owning, "two").metadata.labels);
    set(&mut old, "password", "edited");
    assert!(!is_valid(&old));
}

#[test]
fn only_what_this_object_controls_is_deleted() {
    let existing = |mut secret: Secret| {
        secret.metadata.uid = Some("uid-secret".to_owned());
        secret.metadata.resource_version = Some("7".to_owned());
        secret.metadata
    };
    let own = existing(written(Owning, "one"));
    let exactly_it = Some(Removal { key: target(), uid: "uid-secret".to_owned(), resource_version: "7".to_owned() });
    assert_eq!(removal(&owner(), &own), exactly_it);
    for other in [controlled_by("ExternalSecret", "other"), controlled_by("SealedSecret", "db"), foreign(&[])] {
        assert_eq!(removal(&owner(), &existing(other)), None);
    }

    // After a rename: its earlier target, and no copy of it that has only the labels.
    let renamed = ObjectKey::new("shop", "new-name");
    assert_eq!(orphan_removal(&owner(), &renamed, &own), exactly_it);
    assert_eq!(orphan_removal(&owner(), &target(), &own), None, "that is the target");
    let copy = ObjectMeta { owner_references: None, ..own };
    assert_eq!(orphan_removal(&owner(), &renamed, &copy), None);
}
