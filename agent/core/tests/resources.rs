//! Manifests survive the way through the types: nothing that a user or another controller wrote is lost or changed.

#![allow(clippy::unwrap_used, reason = "clippy takes helpers of an integration test for code of their own")]

use rekey_core::resource::external_secret::{CreationPolicy, DeletionPolicy, RefreshPolicy, StoreKind};
use rekey_core::resource::store::{AwsAuth, AwsService, SessionTagsPolicy};
use rekey_core::resource::{ClusterSecretStore, ExternalSecret, ExternalSecretSpec, SecretStore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn read<T: DeserializeOwned>(manifest: Value) -> T {
    serde_json::from_value(manifest).unwrap()
}

fn assert_survives<T: DeserializeOwned + Serialize>(manifest: &Value) {
    assert_eq!(&serde_json::to_value(read::<T>(manifest.clone())).unwrap(), manifest);
}

#[test]
fn every_field_of_an_externalsecret_survives() {
    assert_survives::<ExternalSecret>(&json!({
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "full", "namespace": "shop"},
        "spec": {
            "secretStoreRef": {"name": "a", "kind": "ClusterSecretStore"},
            "refreshPolicy": "OnChange",
            "refreshInterval": "0",
            "syncWindows": {"kind": "allow", "windows": [{"schedule": "0 1 * * *", "duration": "1h"}]},
            "target": {
                "name": "x",
                "creationPolicy": "CreateOrMerge",
                "deletionPolicy": "Merge",
                "immutable": true,
                "manifest": {"apiVersion": "v1", "kind": "ConfigMap"},
                "template": {
                    "type": "kubernetes.io/tls",
                    "engineVersion": "v2",
                    "mergePolicy": "Merge",
                    "metadata": {"labels": {"a": "{{ .x }}"}, "annotations": {"b": "c"}, "finalizers": ["x.io/y"]},
                    "data": {"k": "{{ .x }}"},
                    "templateFrom": [
                        {"configMap": {"name": "c", "items": [{"key": "a", "templateAs": "KeysAndValues"}]}, "target": "Data"},
                        {"secret": {"name": "c", "items": [{"key": "a", "templateAs": "Values"}]}, "target": "Labels"},
                        {"literal": "a: b", "target": "annotations", "valuesDecodingStrategy": "Base64"},
                    ],
                },
            },
            "data": [{
                "secretKey": "a.b-c_d",
                "remoteRef": {
                    "key": "k", "property": "p", "version": "uuid/x", "metadataPolicy": "Fetch",
                    "conversionStrategy": "Unicode", "decodingStrategy": "Base64URL", "nullBytePolicy": "Fail",
                },
                "sourceRef": {"storeRef": {"name": "b", "kind": "ClusterSecretStore"}},
            }],
            "dataFrom": [
                {"extract": {"key": "k"}, "rewrite": [
                    {"regexp": {"source": "a", "target": "b"}},
                    {"transform": {"template": "{{ .value }}"}},
                    {"merge": {
                        "into": "q", "priority": ["a"], "priorityPolicy": "IgnoreNotFound", "conflictPolicy": "Ignore",
                        "strategy": "JSON",
                    }},
                ]},
                {"find": {
                    "path": "/a", "name": {"regexp": "x"}, "tags": {"a": "b"}, "conversionStrategy": "Unicode",
                    "decodingStrategy": "Auto", "nullBytePolicy": "Fail",
                }, "sourceRef": {"storeRef": {"name": "b"}}},
                {"sourceRef": {"generatorRef": {"apiVersion": "g/v1", "kind": "Password", "name": "p"}}},
            ],
        },
        "status": {
            "refreshTime": "2026-11-22T20:00:00Z",
            "syncedResourceVersion": "1-a",
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced",
                "lastTransitionTime": "2026-11-22T20:00:00Z",
            }],
            "binding": {"name": "x"},
            "sourceVersions": {"refreshTime": "2026-11-22T20:00:00Z", "tokens": {"a": "b"}},
        },
    }));
}

#[test]
fn every_field_of_a_store_survives() {
    assert_survives::<ClusterSecretStore>(&json!({
        "apiVersion": "external-secrets.io/v1",
        "kind": "ClusterSecretStore",
        "metadata": {"name": "full"},
        "spec": {
            "controller": "mine",
            "refreshInterval": 60,
            "retrySettings": {"maxRetries": 5, "retryInterval": "10s"},
            "conditions": [
                {"namespaceSelector": {"matchLabels": {"a": "b"}}},
                {"namespaces": ["a"]},
                {"namespaceRegexes": ["x.*"]},
            ],
            "provider": {"aws": {
                "service": "ParameterStore",
                "region": "eu-west-1",
                "role": "r",
                "additionalRoles": ["a"],
                "externalID": "e",
                "sessionTags": [{"key": "a", "value": "b"}],
                "transitiveTagKeys": ["a"],
                "sessionTagsPolicy": "Custom",
                "customSessionTags": {"a": "b"},
                "prefix": "p/",
                "secretsManager": {"forceDeleteWithoutRecovery": true, "recoveryWindowInDays": 7},
                "auth": {
                    "secretRef": {
                        "accessKeyIDSecretRef": {"name": "a", "key": "b", "namespace": "c"},
                        "secretAccessKeySecretRef": {"name": "a", "key": "b", "namespace": "c"},
                        "sessionTokenSecretRef": {"name": "a", "key": "b", "namespace": "c"},
                    },
                    "jwt": {"serviceAccountRef": {"name": "s", "namespace": "n", "audiences": ["x"]}},
                },
            }},
        },
        "status": {"capabilities": "ReadWrite", "conditions": [{"type": "Ready", "status": "True", "reason": "Valid"}]},
    }));
}

#[test]
fn a_store_of_another_provider_is_kept_whole() {
    let manifest = json!({
        "apiVersion": "external-secrets.io/v1",
        "kind": "SecretStore",
        "metadata": {"name": "vault", "namespace": "shop"},
        "spec": {"refreshInterval": "5m", "provider": {"vault": {"server": "https://v", "auth": {"tokenSecretRef": {"name": "t"}}}}},
    });
    assert_survives::<SecretStore>(&manifest);
    assert_eq!(read::<SecretStore>(manifest).spec.provider.aws, None);
}

#[test]
fn absent_fields_have_the_defaults_that_the_api_server_injects() {
    let object: ExternalSecret = read(json!({"metadata": {"name": "a"}, "spec": {}}));
    assert_eq!(object.spec.refresh_interval, "1h0m0s");
    assert_eq!(object.spec.refresh_policy, RefreshPolicy::Periodic);
    assert_eq!(object.spec.secret_store_ref.kind, StoreKind::SecretStore);
    assert_eq!(object.spec.target.creation_policy, CreationPolicy::Owner);
    assert_eq!(object.spec.target.deletion_policy, DeletionPolicy::Retain);
    assert_eq!(object.spec, ExternalSecretSpec::default());

    let store: SecretStore = read(
        json!({"metadata": {"name": "a"}, "spec": {"provider": {"aws": {"service": "SecretsManager", "region": "x"}}}}),
    );
    let aws = store.spec.provider.aws.unwrap();
    assert_eq!((aws.service, aws.session_tags_policy), (AwsService::SecretsManager, SessionTagsPolicy::None));
    assert_eq!(aws.auth, AwsAuth::default());
}

#[test]
fn an_older_operators_objects_read_the_same() {
    // What v1beta1 and early v1 schemas injected, and the null that Go writes for a time that never was.
    let with: ExternalSecret = read(json!({
        "apiVersion": "external-secrets.io/v1beta1",
        "kind": "ExternalSecret",
        "metadata": {"name": "a"},
        "spec": {"data": [{"secretKey": "k", "remoteRef": {
            "key": "s", "conversionStrategy": "Default", "decodingStrategy": "None", "metadataPolicy": "None",
            "nullBytePolicy": "Ignore",
        }}]},
        "status": {"refreshTime": null, "binding": {"name": ""}},
    }));
    let without: ExternalSecret =
        read(json!({"metadata": {"name": "a"}, "spec": {"data": [{"secretKey": "k", "remoteRef": {"key": "s"}}]}}));
    assert_eq!(with.spec, without.spec);
    assert_eq!(with.status.unwrap().refresh_time, None);
}
