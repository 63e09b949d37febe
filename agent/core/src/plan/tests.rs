use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use serde_json::json;

use super::*;

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

fn written(password: &str) -> Secret {
    match plan(&owner(), &target(), None, &rendered(password), false) {
        Plan::Create(secret) => *secret,
        other => panic!("expected a creation, got {other:?}"),
    }
}

fn controlled_by(kind: &str, uid: &str) -> Secret {
    let mut secret = written("old");
    let reference = &mut secret.metadata.owner_references.as_mut().expect("owned")[0];
    kind.clone_into(&mut reference.kind);
    uid.clone_into(&mut reference.uid);
    secret
}

#[test]
fn a_missing_target_is_created_as_eso_would() {
    let secret = written("one");
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
fn the_same_content_is_not_written_again() {
    assert_eq!(plan(&owner(), &target(), Some(&written("one")), &rendered("one"), false), Plan::Unchanged);
}

#[test]
fn other_content_is_written_over_the_version_it_was_planned_on() {
    let mut existing = written("one");
    existing.metadata.resource_version = Some("42".to_owned());
    match plan(&owner(), &target(), Some(&existing), &rendered("two"), false) {
        Plan::Update { secret, data_changes: true, adopts: false } => {
            assert_eq!(secret.metadata.resource_version.as_deref(), Some("42"));
            assert!(is_valid(&secret));
        }
        other => panic!("expected an update, got {other:?}"),
    }
}

#[test]
fn an_edited_target_is_invalid_and_restored() {
    let mut edited = written("one");
    edited.data.as_mut().expect("data").insert("extra".to_owned(), ByteString(b"x".to_vec()));
    assert!(!is_valid(&edited));
    let plan = plan(&owner(), &target(), Some(&edited), &rendered("one"), false);
    assert!(matches!(plan, Plan::Update { data_changes: true, .. }), "{plan:?}");
}

#[test]
fn a_secret_nobody_owns_is_adopted_and_another_controllers_is_refused() {
    let mut orphan = Secret::default();
    orphan.metadata.name = Some("shop-db".to_owned());
    assert!(matches!(
        plan(&owner(), &target(), Some(&orphan), &rendered("one"), false),
        Plan::Update { adopts: true, .. }
    ));
    for (kind, refusal) in [("ExternalSecret", Refusal::OwnedByAnother), ("SealedSecret", Refusal::OwnedByAnotherKind)]
    {
        let foreign = controlled_by(kind, "uid-2");
        assert_eq!(plan(&owner(), &target(), Some(&foreign), &rendered("one"), false), Plan::Refuse(refusal), "{kind}");
    }
}

#[test]
fn an_immutable_secret_is_refused_only_where_its_data_would_change() {
    let mut frozen = written("one");
    frozen.immutable = Some(true);
    assert_eq!(plan(&owner(), &target(), Some(&frozen), &rendered("one"), true), Plan::Unchanged);
    assert_eq!(plan(&owner(), &target(), Some(&frozen), &rendered("two"), true), Plan::Refuse(Refusal::Immutable));
}

#[test]
fn labels_that_were_ours_go_and_those_of_others_stay() {
    let mut existing = written("one");
    let labels = existing.metadata.labels.as_mut().expect("labels");
    labels.insert("dropped".to_owned(), "x".to_owned());
    labels.insert("foreign".to_owned(), "y".to_owned());
    let fields = json!({"f:metadata": {"f:labels": {".": {}, "f:dropped": {}, "f:team": {}}}});
    existing.metadata.managed_fields = Some(vec![ManagedFieldsEntry {
        manager: Some(field_manager("db")),
        fields_v1: Some(FieldsV1(fields)),
        ..ManagedFieldsEntry::default()
    }]);
    let Plan::Update { secret, data_changes: false, .. } =
        plan(&owner(), &target(), Some(&existing), &rendered("one"), false)
    else {
        panic!("expected a change of metadata only")
    };
    let labels = secret.metadata.labels.expect("labels");
    assert!(!labels.contains_key("dropped"));
    assert_eq!(labels["foreign"], "y");
    assert_eq!(labels["team"], "a");
}

#[test]
fn long_names_get_the_hashed_field_manager() {
    assert_eq!(field_manager("short"), "externalsecrets.external-secrets.io/short");
    let long = field_manager("a-name-of-more-than-27-characters");
    assert!(long.starts_with("externalsecrets.external-secrets.io/sha3/"), "{long}");
}

#[test]
fn only_what_this_object_controls_is_removed() {
    let mut own = written("one");
    own.metadata.uid = Some("uid-secret".to_owned());
    own.metadata.resource_version = Some("7".to_owned());
    let exactly_it = Removal::Delete { uid: "uid-secret".to_owned(), resource_version: "7".to_owned() };
    assert_eq!(removal(&owner(), Some(&own)), exactly_it);
    assert_eq!(removal(&owner(), None), Removal::Nothing);
    assert_eq!(removal(&owner(), Some(&controlled_by("ExternalSecret", "uid-2"))), Removal::Nothing);
    own.metadata.owner_references = None;
    assert_eq!(removal(&owner(), Some(&own)), Removal::Nothing, "nobody's");
}
