//! What the API server refuses, and what it lets through, by the rules in the CRDs alone: nothing of Rekey takes part.

use kube::Api;
use kube::api::{DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::fixture;

/// A dry run of creating an object: what the API server says against it.
async fn refusal(client: &kube::Client, version: &str, kind: &str, spec: &Value) -> Option<String> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("external-secrets.io", version, kind));
    let api: Api<DynamicObject> = match kind {
        "ExternalSecret" | "SecretStore" => Api::namespaced_with(client.clone(), "default", &resource),
        _ => Api::all_with(client.clone(), &resource),
    };
    let mut object = DynamicObject::new("admission", &resource);
    object.data = json!({ "spec": spec });
    match api.create(&PostParams { dry_run: true, ..PostParams::default() }, &object).await {
        Ok(_) => None,
        Err(kube::Error::Api(status)) => Some(status.message.clone()),
        Err(other) => panic!("{kind} {spec}: {other}"),
    }
}

/// One row: what it shows, the kind, the spec as YAML, and a part of the refusal (none: it is accepted).
type Row = (&'static str, &'static str, &'static str, Option<&'static str>);

const DELETE: &str = "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner";
const MERGE: &str = "deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with";
const TARGETS: &str = "templateFrom target is not allowed when targeting a Secret, must be one of \"Data\", \"Annotations\" or \"Labels\"";
const ONE_OF: &str = "extract, find, or generatorRef cannot be set at the same time";

const EXTERNAL_SECRETS: &[Row] = &[
    (
        "no sources",
        "ExternalSecret",
        "{secretStoreRef: {name: a}}",
        Some("either data or dataFrom should be specified"),
    ),
    ("empty lists", "ExternalSecret", "{data: [], dataFrom: []}", Some("either data or dataFrom should be specified")),
    (
        "Delete of what is merged",
        "ExternalSecret",
        "{target: {deletionPolicy: Delete, creationPolicy: Merge}, DATA}",
        Some(DELETE),
    ),
    (
        "Delete of nothing",
        "ExternalSecret",
        "{target: {deletionPolicy: Delete, creationPolicy: None}, DATA}",
        Some(DELETE),
    ),
    (
        "Delete of what may be merged",
        "ExternalSecret",
        "{target: {deletionPolicy: Delete, creationPolicy: CreateOrMerge}, DATA}",
        Some(DELETE),
    ),
    ("Delete of what is owned", "ExternalSecret", "{target: {deletionPolicy: Delete}, DATA}", None),
    (
        "Delete of what is orphaned",
        "ExternalSecret",
        "{target: {deletionPolicy: Delete, creationPolicy: Orphan}, DATA}",
        None,
    ),
    (
        "Merge into nothing",
        "ExternalSecret",
        "{target: {deletionPolicy: Merge, creationPolicy: None}, DATA}",
        Some(MERGE),
    ),
    (
        "Merge into what is merged",
        "ExternalSecret",
        "{target: {deletionPolicy: Merge, creationPolicy: Merge}, DATA}",
        None,
    ),
    (
        "extract and find",
        "ExternalSecret",
        "{dataFrom: [{extract: {key: a}, find: {name: {regexp: b}}}]}",
        Some(ONE_OF),
    ),
    (
        "extract and generator",
        "ExternalSecret",
        "{dataFrom: [{extract: {key: a}, sourceRef: {generatorRef: {kind: Password, name: p}}}]}",
        Some(ONE_OF),
    ),
    (
        "find and generator",
        "ExternalSecret",
        "{dataFrom: [{find: {path: a}, sourceRef: {generatorRef: {kind: Password, name: p}}}]}",
        Some(ONE_OF),
    ),
    (
        "a generator",
        "ExternalSecret",
        "{dataFrom: [{sourceRef: {generatorRef: {apiVersion: g/v1, kind: Password, name: p}}}]}",
        None,
    ),
    (
        "a generator nobody knows",
        "ExternalSecret",
        "{dataFrom: [{sourceRef: {generatorRef: {kind: Later, name: p, more: [1]}}}]}",
        None,
    ),
    (
        "rewrite of nothing",
        "ExternalSecret",
        "{dataFrom: [{rewrite: [{regexp: {source: a, target: b}}]}]}",
        Some("either extract, find, or sourceRef must be set to dataFrom"),
    ),
    (
        "an empty sourceRef",
        "ExternalSecret",
        "{dataFrom: [{extract: {key: a}, sourceRef: {}}]}",
        Some("spec.dataFrom[0].sourceRef"),
    ),
    (
        "two stores for one entry",
        "ExternalSecret",
        "{data: [{secretKey: k, remoteRef: {key: a}, sourceRef: {storeRef: {name: b}, generatorRef: {kind: c, name: d}}}]}",
        Some("spec.data[0].sourceRef"),
    ),
    (
        "two rewrites in one",
        "ExternalSecret",
        "{dataFrom: [{extract: {key: a}, rewrite: [{regexp: {source: a, target: b}, transform: {template: c}}]}]}",
        Some("spec.dataFrom[0].rewrite[0]"),
    ),
    (
        "a bootstrap token",
        "ExternalSecret",
        "{target: {template: {type: bootstrap.kubernetes.io/token}}, DATA}",
        Some("template.type=\"bootstrap.kubernetes.io/token\" is not allowed"),
    ),
    (
        "a token of a ServiceAccount",
        "ExternalSecret",
        "{target: {template: {type: kubernetes.io/service-account-token, metadata: {annotations: {kubernetes.io/service-account.name: admin}}}}, DATA}",
        Some("with annotation \"kubernetes.io/service-account.name\" is not allowed"),
    ),
    (
        "the same by templateFrom",
        "ExternalSecret",
        "{target: {template: {type: kubernetes.io/service-account-token, templateFrom: [{literal: a, target: aNNOTATIONS}]}}, DATA}",
        Some("with templateFrom target=\"Annotations\" is not allowed"),
    ),
    (
        "that type without a ServiceAccount",
        "ExternalSecret",
        "{target: {template: {type: kubernetes.io/service-account-token}}, DATA}",
        None,
    ),
    (
        "annotations of another type",
        "ExternalSecret",
        "{target: {template: {type: Opaque, metadata: {annotations: {kubernetes.io/service-account.name: a}}, templateFrom: [{literal: a, target: Annotations}]}}, DATA}",
        None,
    ),
    (
        "a path of a Secret",
        "ExternalSecret",
        "{target: {template: {templateFrom: [{literal: a}, {literal: a, target: metadata.ownerReferences}]}}, DATA}",
        Some(TARGETS),
    ),
    (
        "a path of a Secret that is named",
        "ExternalSecret",
        "{target: {manifest: {apiVersion: v1, kind: Secret}, template: {templateFrom: [{literal: a, target: type}]}}, DATA}",
        Some(TARGETS),
    ),
    (
        "a path of something else",
        "ExternalSecret",
        "{target: {manifest: {apiVersion: x/v1, kind: Thing}, template: {templateFrom: [{literal: a, target: spec.a.b}]}}, DATA}",
        None,
    ),
    (
        "targets in any case",
        "ExternalSecret",
        "{target: {template: {templateFrom: [{literal: a, target: dATA}, {literal: a, target: labels}, {literal: a, target: ''}]}}, DATA}",
        None,
    ),
    (
        "a key of no Secret",
        "ExternalSecret",
        "{data: [{secretKey: 'a b', remoteRef: {key: a}}]}",
        Some("spec.data[0].secretKey"),
    ),
    ("a target of no name", "ExternalSecret", "{target: {name: A_B}, DATA}", Some("spec.target.name")),
    (
        "windows without a window",
        "ExternalSecret",
        "{syncWindows: {kind: allow, windows: []}, DATA}",
        Some("spec.syncWindows.windows"),
    ),
    (
        "a schedule of no kind",
        "ExternalSecret",
        "{syncWindows: {kind: allow, windows: [{schedule: noon, duration: 1h}]}, DATA}",
        Some("spec.syncWindows.windows[0].schedule"),
    ),
    (
        "schedules",
        "ExternalSecret",
        "{syncWindows: {kind: deny, windows: [{schedule: '@daily', duration: 1h}, {schedule: '@every 1h30m', duration: 1h}, {schedule: '0 22 * * 1-5', duration: 8h}]}, DATA}",
        None,
    ),
    (
        "one key twice, which only the controller sees",
        "ExternalSecret",
        "{data: [{secretKey: k, remoteRef: {key: a}}, {secretKey: k, remoteRef: {key: b}}]}",
        None,
    ),
];

const STORES: &[Row] = &[
    ("no provider", "SecretStore", "{provider: {}}", Some("spec.provider")),
    ("two providers", "SecretStore", "{provider: {AWS, vault: {server: s}}}", Some("spec.provider")),
    ("a provider nobody knows", "ClusterSecretStore", "{provider: {later: {deep: [{a: 1}]}}}", None),
    ("seconds", "SecretStore", "{refreshInterval: 300, provider: {AWS}}", None),
    ("a duration", "ClusterSecretStore", "{refreshInterval: 1h30m0.5s, provider: {AWS}}", None),
    ("no interval", "SecretStore", "{refreshInterval: '', provider: {AWS}}", None),
    ("negative seconds", "SecretStore", "{refreshInterval: -1, provider: {AWS}}", Some("refreshInterval must be")),
    ("a negative duration", "SecretStore", "{refreshInterval: -5m, provider: {AWS}}", Some("refreshInterval must be")),
    ("no duration", "ClusterSecretStore", "{refreshInterval: often, provider: {AWS}}", Some("refreshInterval must be")),
    (
        "a service nobody knows",
        "SecretStore",
        "{provider: {aws: {service: S3, region: eu-west-1}}}",
        Some("spec.provider.aws.service"),
    ),
    ("no region", "SecretStore", "{provider: {aws: {service: SecretsManager, region: ''}}}", Some("region not found")),
    (
        "a region that is a host",
        "ClusterSecretStore",
        "{provider: {aws: {service: SecretsManager, region: evil.example/x}}}",
        Some("region not found"),
    ),
    ("a region nobody knows", "SecretStore", "{provider: {aws: {service: ParameterStore, region: xx-north-9}}}", None),
    (
        "deletion at once and later",
        "SecretStore",
        "{provider: {aws: {service: SecretsManager, region: a, secretsManager: {forceDeleteWithoutRecovery: true, recoveryWindowInDays: 7}}}}",
        Some("forceDeleteWithoutRecovery conflicts with recoveryWindowInDays"),
    ),
    (
        "deletion too soon",
        "SecretStore",
        "{provider: {aws: {service: SecretsManager, region: a, secretsManager: {recoveryWindowInDays: 6}}}}",
        Some("must be between 7 and 30 days"),
    ),
    (
        "deletion after a month",
        "SecretStore",
        "{provider: {aws: {service: SecretsManager, region: a, secretsManager: {recoveryWindowInDays: 30}}}}",
        None,
    ),
    (
        "tags that are made",
        "SecretStore",
        "{provider: {aws: {service: SecretsManager, region: a, sessionTagsPolicy: Custom, customSessionTags: {esoStoreName: x}}}}",
        Some("customSessionTags cannot contain automatically injected reserved keys"),
    ),
    (
        "a namespace of no name",
        "ClusterSecretStore",
        "{conditions: [{namespaces: [A_B]}], provider: {AWS}}",
        Some("spec.conditions[0].namespaces[0]"),
    ),
    (
        "an expression that only the controller reads",
        "ClusterSecretStore",
        "{conditions: [{namespaceRegexes: ['(']}], provider: {AWS}}",
        None,
    ),
];

const CLUSTER_EXTERNAL_SECRETS: &[Row] = &[
    (
        "one that is repeated",
        "ClusterExternalSecret",
        "{externalSecretSpec: {DATA}, namespaceSelectors: [{matchLabels: {a: b}}], refreshTime: 1m}",
        None,
    ),
    (
        "one without sources, which each namespace refuses",
        "ClusterExternalSecret",
        "{externalSecretSpec: {}, namespaces: [a]}",
        None,
    ),
    ("no spec", "ClusterExternalSecret", "{namespaces: [a]}", Some("spec.externalSecretSpec")),
    (
        "a name of no object",
        "ClusterExternalSecret",
        "{externalSecretName: A_B, externalSecretSpec: {DATA}}",
        Some("spec.externalSecretName"),
    ),
    (
        "a namespace of no name",
        "ClusterExternalSecret",
        "{externalSecretSpec: {DATA}, namespaces: [a.b]}",
        Some("spec.namespaces[0]"),
    ),
];

#[tokio::test]
async fn the_api_server_refuses_what_the_webhook_of_eso_refuses() {
    let (stack, _, _) = fixture::rekey().await;
    let client = stack.kubernetes.client().await.unwrap();
    let mut wrong = Vec::new();
    for (what, kind, spec, expected) in [EXTERNAL_SECRETS, STORES, CLUSTER_EXTERNAL_SECRETS].concat() {
        let spec = spec
            .replace("DATA", "data: [{secretKey: k, remoteRef: {key: a}}]")
            .replace("AWS", "aws: {service: SecretsManager, region: eu-west-1}");
        let spec: Value = serde_yaml_ng::from_str(&spec).unwrap();
        for version in ["v1", "v1beta1"] {
            let said = refusal(&client, version, kind, &spec).await;
            let right = match (&said, expected) {
                (None, None) => true,
                (Some(said), Some(expected)) => said.contains(expected),
                _ => false,
            };
            if !right {
                wrong.push(format!("{what} ({version}): {said:?} instead of {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// ESO 2.9 injects these and no others; more would put Argo CD permanently out of sync.
#[tokio::test]
async fn the_api_server_injects_the_defaults_of_eso() {
    let (stack, _, _) = fixture::rekey().await;
    let client = stack.kubernetes.client().await.unwrap();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("external-secrets.io", "v1", "ExternalSecret"));
    let api: Api<DynamicObject> = Api::namespaced_with(client, "default", &resource);
    let mut object = DynamicObject::new("defaults", &resource);
    object.data = json!({"spec": {
        "target": {"template": {"templateFrom": [{"configMap": {"name": "c", "items": [{"key": "k"}]}}]}},
        "data": [{"secretKey": "k", "remoteRef": {"key": "a"}}],
        "dataFrom": [{"find": {"name": {"regexp": "x"}}, "rewrite": [{"merge": {}}]},
            {"sourceRef": {"generatorRef": {"kind": "Later", "name": "p", "more": [1]}}}],
    }});
    let created = api.create(&PostParams { dry_run: true, ..PostParams::default() }, &object).await.unwrap();
    let expected = json!({
        "refreshInterval": "1h0m0s",
        "target": {
            "creationPolicy": "Owner", "deletionPolicy": "Retain",
            "template": {
                "engineVersion": "v2", "mergePolicy": "Replace",
                "templateFrom": [{
                    "target": "Data", "configMap": {"name": "c", "items": [{"key": "k", "templateAs": "Values"}]},
                }],
            },
        },
        "data": [{"secretKey": "k", "remoteRef": {"key": "a"}}],
        "dataFrom": [
            {"find": {"name": {"regexp": "x"}}, "rewrite": [{"merge": {
                "into": "", "priorityPolicy": "Strict", "conflictPolicy": "Error", "strategy": "Extract",
            }}]},
            {"sourceRef": {"generatorRef": {"kind": "Later", "name": "p", "more": [1]}}},
        ],
    });
    assert_eq!(created.data["spec"], expected);
}
