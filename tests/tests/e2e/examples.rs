//! The four ways in which people start, in `examples/`: each is applied as it is, synced, and carried through a rotation, with
//! the restart where there is a workload.
//!
//! Only AWS is made to fit: the account is that of the manifests' roles, and the access key is the one that stands in a manifest.

use std::time::Duration;

use anyhow::{Context, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use rekey_tests::app::App;
use rekey_tests::aws::{ACCOUNT, Caller, REGION};
use rekey_tests::eventually::eventually;
use rekey_tests::repository;
use rekey_tests::stack::Stack;
use serde_json::{Value, json};

use crate::fixture::{self, Pipe, Values};

const SOON: Duration = Duration::from_secs(30);

/// A text for a secret, which must never be seen in a log.
fn value(values: &Values) -> String {
    let value = rekey_tests::random_word(24);
    values.add(&value);
    value
}

/// The namespaces are made, the file is applied unchanged. The first of them is the application's.
async fn apply(stack: &Stack, file: &str, namespaces: &[&str]) -> App {
    let client = stack.kubernetes.client().await.unwrap();
    for name in namespaces {
        let namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    }
    let app = App { namespace: namespaces[0].to_owned(), client };
    let text = std::fs::read_to_string(repository().join("tests/tests/e2e/examples").join(file)).unwrap();
    app.apply(&text).await.unwrap();
    app
}

async fn call(caller: &Caller, operation: &str, parameters: Value) {
    caller.call(operation, &parameters).await.unwrap();
}

async fn create(caller: &Caller, secret: &str, value: &Value) {
    call(caller, "secretsmanager.CreateSecret", json!({"Name": secret, "SecretString": value.to_string()})).await;
}

async fn put(caller: &Caller, secret: &str, value: &Value) {
    call(caller, "secretsmanager.PutSecretValue", json!({"SecretId": secret, "SecretString": value.to_string()})).await;
}

/// May read the secrets whose names begin so.
fn reads(prefix: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
        "Resource": format!("arn:aws:secretsmanager:*:{ACCOUNT}:secret:{prefix}*"),
    }]})
    .to_string()
}

/// Lets the agent request tokens in a namespace: what the chart's `stores.serviceAccounts` makes.
async fn tokens(app: &App, namespace: &str) {
    let role = "rbac.authorization.k8s.io";
    app.apply(&format!(
        "apiVersion: {role}/v1
kind: Role
metadata: {{name: rekey-tokens, namespace: {namespace}}}
rules: [{{apiGroups: [''], resources: [serviceaccounts/token], verbs: [create]}}]
---
apiVersion: {role}/v1
kind: RoleBinding
metadata: {{name: rekey-tokens, namespace: {namespace}}}
roleRef: {{apiGroup: {role}, kind: Role, name: rekey-tokens}}
subjects: [{{kind: ServiceAccount, name: rekey, namespace: rekey-system}}]"
    ))
    .await
    .unwrap();
}

/// A role for one ServiceAccount, as IRSA has it.
async fn role(caller: &Caller, name: &str, account: &str, prefix: &str) {
    let issuer = "kubernetes.default.svc";
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}")},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            format!("{issuer}:sub"): format!("system:serviceaccount:{account}"),
            format!("{issuer}:aud"): "sts.amazonaws.com",
        }},
    }]});
    let parameters = json!({"RoleName": name, "AssumeRolePolicyDocument": trust.to_string()});
    call(caller, "iam.CreateRole", parameters).await;
    let policy = json!({"RoleName": name, "PolicyName": "reads", "PolicyDocument": reads(prefix)});
    call(caller, "iam.PutRolePolicy", policy).await;
}

#[tokio::test]
async fn access_keys_in_a_secret() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let caller = stack.aws.caller();
    call(&caller, "iam.CreateUser", json!({"UserName": "shop"})).await;
    let policy = json!({"UserName": "shop", "PolicyName": "reads", "PolicyDocument": reads("prod/shop/")});
    call(&caller, "iam.PutUserPolicy", policy).await;
    let key = json!({"UserName": "shop", "AccessKeyId": "AKIAEXAMPLE", "SecretAccessKey": "example"});
    call(&caller, "iam.CreateAccessKey", key).await;
    let (first, second) = (value(values), value(values));
    create(&caller, "prod/shop/db", &json!({"username": "shop", "password": first})).await;

    let app = apply(stack, "static.yaml", &["shop"]).await;
    let secret = app.holds("shop-db", "DB_PASSWORD", &first, SOON).await.unwrap();
    assert_eq!(secret.data.unwrap()["DB_USERNAME"].0, b"shop");
    app.condition("shop-db", "True", "secret synced", SOON).await.unwrap();
    app.has_baseline("shop", SOON).await.unwrap();
    let generation = app.settled("shop", SOON).await.unwrap();

    put(&caller, "prod/shop/db", &json!({"username": "shop", "password": second})).await;
    app.holds("shop-db", "DB_PASSWORD", &second, SOON).await.unwrap();
    fixture::restarted(&app, "shop", generation).await;
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn the_agents_own_identity() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let caller = stack.aws.caller();
    let (first, second) = (value(values), value(values));
    let parameter =
        |value: &str| json!({"Name": "/prod/web/api-token", "Value": value, "Type": "SecureString", "Overwrite": true});
    call(&caller, "ssm.PutParameter", parameter(&first)).await;

    let app = apply(stack, "pod-identity.yaml", &["web"]).await;
    app.holds("api-token", "token", &first, SOON).await.unwrap();
    app.condition("api-token", "True", "secret synced", SOON).await.unwrap();
    app.has_baseline("web", SOON).await.unwrap();
    let generation = app.settled("web", SOON).await.unwrap();

    call(&caller, "ssm.PutParameter", parameter(&second)).await;
    app.holds("api-token", "token", &second, SOON).await.unwrap();
    fixture::restarted(&app, "web", generation).await;
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn a_role_for_the_whole_cluster() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let caller = stack.aws.caller();
    role(&caller, "external-secrets", "external-secrets:external-secrets", "EKS/app/").await;
    let [password, payment, mail, config] = [value(values), value(values), value(values), value(values)];
    create(&caller, "EKS/app/database", &json!({"username": "app", "password": password})).await;
    create(&caller, "EKS/app/payment", &json!({"api_key": payment})).await;
    create(&caller, "EKS/app/mail", &json!({"api_key": mail})).await;
    create(&caller, "EKS/app/config", &json!({"MODE": config, "PORT": 8080})).await;

    let app = apply(stack, "irsa.yaml", &["app", "external-secrets"]).await;
    tokens(&app, "external-secrets").await;
    app.holds("app-database", "password", &password, SOON).await.unwrap();
    app.holds("app-api-keys", "PAYMENT_KEY", &payment, SOON).await.unwrap();
    app.holds("app-api-keys", "MAIL_KEY", &mail, SOON).await.unwrap();
    app.holds("app-all", "MODE", &config, SOON).await.unwrap();
    app.holds("app-all", "PORT", "8080", SOON).await.unwrap();
    let mut generation = stateful_set_settled(&app, "app", 0).await;

    // One restart for each Secret in the list.
    let (payment, password) = (value(values), value(values));
    put(&caller, "EKS/app/payment", &json!({"api_key": payment})).await;
    app.holds("app-api-keys", "PAYMENT_KEY", &payment, SOON).await.unwrap();
    generation = stateful_set_settled(&app, "app", generation + 1).await;
    put(&caller, "EKS/app/database", &json!({"username": "app", "password": password})).await;
    app.holds("app-database", "password", &password, SOON).await.unwrap();
    stateful_set_settled(&app, "app", generation + 1).await;

    // An interval of 0 means once, until it is said otherwise.
    let (changed, then) = (value(values), value(values));
    put(&caller, "EKS/app/config", &json!({"MODE": changed, "PORT": 8080})).await;
    let mail = value(values);
    put(&caller, "EKS/app/mail", &json!({"api_key": mail})).await;
    app.holds("app-api-keys", "MAIL_KEY", &mail, SOON).await.unwrap();
    app.holds("app-all", "MODE", &config, SOON).await.unwrap();
    let objects: Api<rekey_core::resource::ExternalSecret> = Api::namespaced(app.client.clone(), &app.namespace);
    let annotated = json!({"metadata": {"annotations": {"rekey.dev/refresh": "events"}}});
    objects.patch("app-all", &PatchParams::default(), &Patch::Merge(annotated)).await.unwrap();
    put(&caller, "EKS/app/config", &json!({"MODE": then, "PORT": 8080})).await;
    app.holds("app-all", "MODE", &then, SOON).await.unwrap();
    values.are_in_no_log(stack, rekey);
}

/// Waits until the StatefulSet has a baseline, its generation is at least this, and its pods are of it. Returns it.
async fn stateful_set_settled(app: &App, name: &str, generation: i64) -> i64 {
    let sets: Api<StatefulSet> = Api::namespaced(app.client.clone(), &app.namespace);
    eventually(&format!("StatefulSet {name} to be at generation {generation}"), SOON, async || {
        let set = sets.get(name).await?;
        let now = set.metadata.generation.unwrap_or_default();
        ensure!(now >= generation, "it is at generation {now}");
        let annotations = set.metadata.annotations.unwrap_or_default();
        ensure!(annotations.contains_key("rekey.dev/applied"), "there is no rekey.dev/applied");
        let status = set.status.context("it has no status")?;
        ensure!(status.observed_generation == Some(now), "generation {now} is not observed");
        ensure!(status.updated_replicas == Some(1) && status.available_replicas == Some(1), "{status:?}");
        ensure!(generation == 0 || now == generation, "it was restarted more than once");
        Ok(now)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_role_for_one_namespace_and_another_region() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let region = "eu-west-1";
    let caller = stack.aws.caller().in_region(region);
    role(&caller, "monitoring-secrets", "monitoring:secrets-reader", "eu/prod/").await;
    // The queue listens in one region; a rule carries the events of the other there.
    let bus = format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default");
    let trust = json!({"Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"});
    let puts = json!({"Action": "events:PutEvents", "Resource": bus});
    let forwards = stack.aws.create_role("forwards", &trust, &puts).await.unwrap();
    let target = format!("Id=home,Arn={bus},RoleArn={forwards}");
    let pattern = json!({"source": ["aws.secretsmanager"], "detail": {"name": ["eu/prod/grafana"]}}).to_string();
    let rule = ["events", "put-rule", "--region", region, "--name", "forwards", "--event-pattern", &pattern];
    stack.aws.cli(&rule).await.unwrap();
    let targets = ["events", "put-targets", "--region", region, "--rule", "forwards", "--targets", &target];
    stack.aws.cli(&targets).await.unwrap();
    let (first, second) = (value(values), value(values));
    create(&caller, "eu/prod/grafana", &json!({"username": "admin", "password": first})).await;

    let app = apply(stack, "argocd.yaml", &["monitoring"]).await;
    tokens(&app, "monitoring").await;
    let secret = app.holds("grafana-admin", "admin-password", &first, SOON).await.unwrap();
    assert_eq!(secret.metadata.labels.unwrap()["app.kubernetes.io/instance"], "monitoring-eu");
    app.condition("grafana-admin", "True", "secret synced", SOON).await.unwrap();

    put(&caller, "eu/prod/grafana", &json!({"username": "admin", "password": second})).await;
    app.holds("grafana-admin", "admin-password", &second, SOON).await.unwrap();
    values.are_in_no_log(stack, rekey);
}
