//! As whom stores read: tokens of ServiceAccounts, chains of roles, keys that are rotated, and who may use a store.

use std::time::Duration;

use anyhow::{Result, ensure};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use rekey_core::resource::{ClusterSecretStore, SecretStore};
use rekey_tests::app::App;
use rekey_tests::aws::{ACCOUNT, REGION, count};
use rekey_tests::eventually::eventually;
use rekey_tests::log::Mark;
use rekey_tests::manifests::apply;
use rekey_tests::stack::Stack;
use serde_json::{Value, json};

use crate::fixture::{self, Pipe};

/// Longer than the half minute that a store of another provider is left to others.
const SOON: Duration = Duration::from_secs(90);
/// The namespace of the ServiceAccounts that the agent may speak for.
const TOKENS: &str = "identities-tokens";
/// The roles that the agent may assume.
pub const ROLES: &str = "arn:aws:iam::*:role/identities-*";

/// The chart's value: the agent may ask for tokens of these two, and of no other.
pub fn service_accounts() -> Value {
    json!([{"namespace": TOKENS, "name": "reader"}, {"namespace": TOKENS, "name": "stranger"}])
}

/// Makes their namespace, which has to be there before the chart.
pub async fn prepare(stack: &Stack) -> Result<()> {
    let namespace = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {TOKENS}}}}}");
    apply(&stack.kubernetes.client().await?, "", &namespace).await
}

async fn secret(stack: &Stack, values: &fixture::Values, name: &str) -> String {
    let value = values.fresh();
    stack.aws.create_secret(name, &value).await.unwrap();
    value
}

/// Lets read the secrets below a prefix.
fn reads(prefix: &str) -> Value {
    json!({
        "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
        "Resource": format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{prefix}*"),
    })
}

fn store(kind: &str, name: &str, aws: &str, more: &str) -> String {
    format!(
        "{{apiVersion: external-secrets.io/v1, kind: {kind}, metadata: {{name: {name}}}, \
         spec: {{provider: {{aws: {{service: SecretsManager, region: {REGION}, {aws}}}}}{more}}}}}"
    )
}

fn object(name: &str, kind: &str, store: &str, key: &str) -> String {
    format!(
        "{{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {{name: {name}}}, \
         spec: {{secretStoreRef: {{kind: {kind}, name: {store}}}, \
         data: [{{secretKey: value, remoteRef: {{key: {key}}}}}]}}}}"
    )
}

fn account(name: &str, role: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: ServiceAccount, metadata: {{name: {name}, \
         annotations: {{eks.amazonaws.com/role-arn: '{role}'}}}}}}"
    )
}

fn jwt(account: &str) -> String {
    format!("auth: {{jwt: {{serviceAccountRef: {{name: {account}}}}}}}")
}

/// Waits until a SecretStore's condition has this reason, and a message with all of these parts.
pub async fn says(app: &App, name: &str, reason: &str, parts: &[&str]) {
    let stores: Api<SecretStore> = Api::namespaced(app.client.clone(), &app.namespace);
    eventually(&format!("SecretStore {name} to say {reason}"), SOON, async || {
        let status = stores.get(name).await?.status.unwrap_or_default();
        let ready = status.conditions.iter().find(|one| one.reason.as_deref() == Some(reason));
        let message = ready.and_then(|ready| ready.message.clone()).unwrap_or_default();
        ensure!(ready.is_some() && parts.iter().all(|part| message.contains(part)), "{:?}", status.conditions);
        ensure!(reason != "Valid" || status.capabilities.as_deref() == Some("ReadWrite"), "{status:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_token_of_a_service_account_gives_its_role_and_no_other_account_s() {
    let (stack, _rekey, values) = fixture::rekey().await;
    let app = App::create(stack, TOKENS).await.unwrap();
    let value = secret(stack, values, "identities/token").await;
    let issuer = stack.kubernetes.issuer().await.unwrap();
    let host = issuer.trim_start_matches("https://");
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{host}");
    let trust = |account: &str| {
        json!({
            "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                format!("{host}:sub"): format!("system:serviceaccount:{TOKENS}:{account}"),
                format!("{host}:aud"): "sts.amazonaws.com",
            }},
        })
    };
    let role = stack.aws.create_role("identities-by-token", &trust("reader"), &reads("identities/")).await.unwrap();
    for name in ["reader", "stranger", "unlisted"] {
        app.apply(&account(name, &role)).await.unwrap();
        app.apply(&store("SecretStore", name, &jwt(name), "")).await.unwrap();
        app.apply(&object(name, "SecretStore", name, "identities/token")).await.unwrap();
    }
    app.holds("reader", "value", &value, SOON).await.unwrap();
    says(&app, "reader", "Valid", &["store validated"]).await;

    // Whoever is refused learns what was presented.
    let subject = format!("system:serviceaccount:{TOKENS}:stranger");
    let presented = [subject.as_str(), "sts.amazonaws.com", issuer.as_str(), role.as_str()];
    says(&app, "stranger", "InvalidProviderConfig", &presented).await;
    app.condition("stranger", "False", &subject, SOON).await.unwrap();
    says(&app, "unlisted", "InvalidProviderConfig", &["stores.serviceAccounts"]).await;

    // One session serves the store and its objects.
    for number in 0..5 {
        app.apply(&object(&format!("more-{number}"), "SecretStore", "reader", "identities/token")).await.unwrap();
    }
    for number in 0..5 {
        app.holds(&format!("more-{number}"), "value", &value, SOON).await.unwrap();
    }
    let requests = stack.aws.requests().since(Mark::default()).unwrap();
    let ours = |one: &&rekey_tests::aws::Request| {
        one.action == "AssumeRoleWithWebIdentity" && one.status == 200 && one.resource.as_deref() == Some(&role)
    };
    let obtained = requests.iter().filter(ours).count();
    assert_eq!(obtained, 1, "one session for all of them");

    // A store that recovers wakes its objects.
    stack.aws.set_trust("identities-by-token", &trust("stranger")).await.unwrap();
    says(&app, "stranger", "Valid", &[]).await;
    app.holds("stranger", "value", &value, SOON).await.unwrap();

    // Another role in the annotation is another identity, at once.
    app.apply(&account("reader", "arn:aws:iam::000000000000:role/nobody")).await.unwrap();
    says(&app, "reader", "InvalidProviderConfig", &["role/nobody"]).await;
}

#[tokio::test]
async fn roles_are_assumed_one_from_the_other_with_external_id_and_tags() {
    let (stack, rekey, values) = fixture::rekey().await;
    let app = App::create(stack, "identities-roles").await.unwrap();
    let value = secret(stack, values, "chained/one").await;
    let agent = format!("arn:aws:iam::{ACCOUNT}:user/rekey-agent");
    let assume = json!({"Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": ROLES});
    let trusts = |who: &str, conditions: Value| json!({"Principal": {"AWS": who}, "Action": ["sts:AssumeRole", "sts:TagSession"], "Condition": conditions});
    let hub = stack.aws.create_role("identities-hub", &trusts(&agent, json!({})), &assume).await.unwrap();
    let conditions = json!({"StringEquals": {
        "sts:ExternalId": "shop-1", "aws:RequestTag/esoNamespace": "identities-roles", "aws:RequestTag/team": "a",
    }});
    let spoke = stack.aws.create_role("identities-spoke", &trusts(&hub, conditions), &reads("chained/")).await.unwrap();
    let aws = |external_id: &str| {
        format!(
            "additionalRoles: ['{hub}'], role: '{spoke}', externalID: {external_id}, \
             sessionTagsPolicy: Custom, customSessionTags: {{team: a}}, transitiveTagKeys: [team]"
        )
    };
    app.apply(&store("SecretStore", "chain", &aws("shop-2"), "")).await.unwrap();
    app.apply(&object("chained", "SecretStore", "chain", "chained/one")).await.unwrap();
    says(&app, "chain", "InvalidProviderConfig", &["sts:AssumeRole", &spoke, &hub, "esoNamespace", "team"]).await;
    app.condition("chained", "False", "an external id", SOON).await.unwrap();

    app.apply(&store("SecretStore", "chain", &aws("shop-1"), "")).await.unwrap();
    says(&app, "chain", "Valid", &[]).await;
    app.holds("chained", "value", &value, SOON).await.unwrap();
    rekey.agent.check().unwrap();
}

#[tokio::test]
async fn a_store_goes_on_working_whose_own_keys_are_rotated_through_it() {
    let (stack, _rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let app = App::create(stack, "identities-keys").await.unwrap();
    let first = stack.aws.create_user_with("identities-keys", &reads("keyed/")).await.unwrap();
    let keys = |user: &rekey_tests::aws::User| {
        values.add(&user.secret_key);
        json!({"id": user.access_key, "secret": user.secret_key}).to_string()
    };
    stack.aws.create_secret("keys/own", &keys(&first)).await.unwrap();
    let value = secret(stack, values, "keyed/one").await;
    app.apply(
        "{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: keys}, \
         spec: {secretStoreRef: {name: aws}, dataFrom: [{extract: {key: keys/own}}]}}",
    )
    .await
    .unwrap();
    let auth = "auth: {secretRef: {accessKeyIDSecretRef: {name: keys, key: id}, \
                secretAccessKeySecretRef: {name: keys, key: secret}}}";
    app.apply(&store("SecretStore", "keyed", auth, "")).await.unwrap();
    app.apply(&object("keyed", "SecretStore", "keyed", "keyed/one")).await.unwrap();
    app.holds("keyed", "value", &value, SOON).await.unwrap();

    let second = stack.aws.create_access_key("identities-keys").await.unwrap();
    stack.aws.put_secret("keys/own", &keys(&second)).await.unwrap();
    app.holds("keys", "id", &second.access_key, SOON).await.unwrap();
    stack.aws.delete_access_key("identities-keys", &first).await.unwrap();
    let mark = stack.aws.requests().mark();
    let changed = values.fresh();
    stack.aws.put_secret("keyed/one", &changed).await.unwrap();
    app.holds("keyed", "value", &changed, SOON).await.unwrap();
    let requests = stack.aws.requests().since(mark).unwrap();
    assert_eq!(count(&requests, "secretsmanager", "GetSecretValue", Some(&first.access_key)), 0);
    app.condition("keyed", "True", "secret synced", SOON).await.unwrap();
}

#[tokio::test]
async fn a_cluster_store_without_a_namespace_takes_each_user_s_own_keys() {
    let (stack, _rekey, values) = fixture::rekey().await;
    let auth = "auth: {secretRef: {accessKeyIDSecretRef: {name: keys, key: id}, \
                secretAccessKeySecretRef: {name: keys, key: secret}}}";
    let one = App::create(stack, "identities-referent-1").await.unwrap();
    one.apply(&store("ClusterSecretStore", "referent", auth, "")).await.unwrap();
    let value = secret(stack, values, "referent/1").await;
    let user = stack.aws.create_user_with("identities-referent-1", &reads("referent/1")).await.unwrap();
    values.add(&user.secret_key);
    one.apply(&object("mine", "ClusterSecretStore", "referent", "referent/1")).await.unwrap();
    one.condition("mine", "False", "identities-referent-1/keys does not exist", SOON).await.unwrap();
    one.apply(&format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: keys}}, stringData: {{id: '{}', secret: '{}'}}}}",
        user.access_key, user.secret_key
    ))
    .await
    .unwrap();
    // Long before its next retry.
    one.holds("mine", "value", &value, Duration::from_secs(5)).await.unwrap();

    let two = App::create(stack, "identities-referent-2").await.unwrap();
    two.apply(&object("theirs", "ClusterSecretStore", "referent", "referent/1")).await.unwrap();
    two.condition("theirs", "False", "identities-referent-2/keys does not exist", SOON).await.unwrap();
    let stores: Api<ClusterSecretStore> = Api::all(two.client.clone());
    let status = stores.get("referent").await.unwrap().status.unwrap_or_default();
    assert_eq!(status.conditions[0].reason.as_deref(), Some("Valid"), "{status:?}");
}

#[tokio::test]
async fn a_store_says_what_is_new_once_and_leaves_other_controllers_stores_to_them() {
    let (stack, _rekey, _values) = fixture::rekey().await;
    let app = App::create(stack, "identities-stores").await.unwrap();
    let vault = |name: &str| {
        format!(
            "{{apiVersion: external-secrets.io/v1, kind: SecretStore, metadata: {{name: {name}}}, \
             spec: {{provider: {{vault: {{server: 'https://vault.example', auth: {{}}}}}}}}}}"
        )
    };
    app.apply(&vault("theirs")).await.unwrap();
    let stores: Api<SecretStore> = Api::namespaced(app.client.clone(), &app.namespace);
    let said = json!({"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Valid"}]}});
    stores.patch_status("theirs", &PatchParams::default(), &Patch::Merge(&said)).await.unwrap();
    app.apply(&vault("nobodys")).await.unwrap();
    app.apply(&store("SecretStore", "often", "prefix: ''", ", refreshInterval: 1")).await.unwrap();
    says(&app, "often", "Valid", &["store validated"]).await;
    app.apply(&store("SecretStore", "often", "role: nobody", ", refreshInterval: 1")).await.unwrap();
    says(&app, "often", "InvalidProviderConfig", &["unable to create client", "spec.provider.aws.role"]).await;

    // It waits half a minute for somebody else's word first.
    says(&app, "nobodys", "InvalidProviderConfig", &["unsupported provider", "spec.provider.aws"]).await;
    let status = stores.get("theirs").await.unwrap().status.unwrap_or_default();
    assert_eq!(status.conditions[0].reason.as_deref(), Some("Valid"), "{status:?}");
    let events: Api<k8s_openapi::api::core::v1::Event> = Api::namespaced(app.client.clone(), &app.namespace);
    let events = events.list(&ListParams::default()).await.unwrap().items;
    let about = |reason: &str| {
        let ours = |event: &&k8s_openapi::api::core::v1::Event| {
            event.involved_object.name.as_deref() == Some("often") && event.reason.as_deref() == Some(reason)
        };
        events
            .iter()
            .filter(ours)
            .map(|event| event.series.as_ref().map_or(1, |series| series.count.unwrap_or(1)))
            .sum::<i32>()
    };
    assert_eq!((about("Valid"), about("InvalidProviderConfig")), (1, 1), "each answer is told once");
}

#[tokio::test]
async fn labels_of_a_namespace_open_and_close_a_cluster_store() {
    let (stack, _rekey, values) = fixture::rekey().await;
    let app = App::create(stack, "identities-labels").await.unwrap();
    let value = secret(stack, values, "labels/one").await;
    let conditions =
        ", conditions: [{namespaceSelector: {matchExpressions: [{key: team, operator: In, values: [a, b]}]}}]";
    app.apply(&store("ClusterSecretStore", "labelled", "prefix: ''", conditions)).await.unwrap();
    app.apply(&object("labelled", "ClusterSecretStore", "labelled", "labels/one")).await.unwrap();
    app.condition("labelled", "False", "denied by spec.condition", SOON).await.unwrap();

    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(app.client.clone());
    let label = async |team: Value| {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"team": team}}}));
        namespaces.patch("identities-labels", &PatchParams::default(), &patch).await.unwrap();
    };
    label(json!("a")).await;
    app.holds("labelled", "value", &value, Duration::from_secs(5)).await.unwrap();
    label(Value::Null).await;
    app.condition("labelled", "False", "denied by spec.condition", SOON).await.unwrap();
    app.holds("labelled", "value", &value, SOON).await.unwrap();
}
