//! Objects that cannot be worked on say why, leave targets alone, and stop nobody else.

use std::time::Duration;

use rekey_tests::app::App;

use crate::fixture::{self, Pipe};

const SOON: Duration = Duration::from_secs(30);

fn external_secret(name: &str, spec: &str) -> String {
    format!("{{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {{name: {name}}}, spec: {spec}}}")
}

#[tokio::test]
async fn each_mistake_has_its_condition() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let value = format!("{{\"user\":\"app\",\"password\":\"{}\"}}", rekey_tests::random_word(20));
    values.add(&value);
    stack.aws.create_secret("bad/json", &value).await.unwrap();
    let app = App::create(stack, "bad-input").await.unwrap();
    app.apply(
        "apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: no-keys}
spec:
  provider:
    aws:
      service: SecretsManager
      region: us-east-1
      auth:
        secretRef:
          accessKeyIDSecretRef: {name: absent, key: id}
          secretAccessKeySecretRef: {name: absent, key: secret}",
    )
    .await
    .unwrap();
    let cases = [
        ("gone", "{secretStoreRef: {name: aws}, data: [{secretKey: v, remoteRef: {key: bad/none}}]}", "does not exist"),
        (
            "property",
            "{secretStoreRef: {name: aws}, data: [{secretKey: v, remoteRef: {key: bad/json, property: nope}}]}",
            "key nope does not exist in secret bad/json",
        ),
        (
            "store",
            "{secretStoreRef: {name: nowhere}, data: [{secretKey: v, remoteRef: {key: bad/json}}]}",
            "does not exist",
        ),
        (
            "keys",
            "{secretStoreRef: {name: no-keys}, data: [{secretKey: v, remoteRef: {key: bad/json}}]}",
            "auth.secretRef",
        ),
        (
            "interval",
            "{refreshInterval: banana, secretStoreRef: {name: aws}, data: [{secretKey: v, remoteRef: {key: bad/json}}]}",
            "spec.refreshInterval",
        ),
        (
            "function",
            "{secretStoreRef: {name: aws}, target: {template: {data: {v: '{{ .user | getHostByName }}'}}}, dataFrom: [{extract: {key: bad/json}}]}",
            "getHostByName",
        ),
        (
            "template",
            "{secretStoreRef: {name: aws}, target: {template: {data: {v: '{{ .absent }}'}}}, dataFrom: [{extract: {key: bad/json}}]}",
            "spec.target.template.data[v]",
        ),
    ];
    for (name, spec, _) in &cases {
        app.apply(&external_secret(name, spec)).await.unwrap();
    }
    for (name, _, part) in &cases {
        app.condition(name, "False", part, SOON).await.unwrap();
        assert!(app.secret(name).await.is_err(), "{name} must not have produced a Secret");
    }
    app.external_secret("good", "aws", "bad/json", Some("user")).await.unwrap();
    app.holds("good", "value", "app", SOON).await.unwrap();

    // A source that goes away leaves the target as it was.
    let delete = ["secretsmanager", "delete-secret", "--secret-id", "bad/json", "--force-delete-without-recovery"];
    stack.aws.cli(&delete).await.unwrap();
    app.apply(&external_secret(
        "good",
        "{secretStoreRef: {name: aws}, data: [{secretKey: value, remoteRef: {key: bad/json, property: password}}]}",
    ))
    .await
    .unwrap();
    app.condition("good", "False", "does not exist", SOON).await.unwrap();
    app.holds("good", "value", "app", SOON).await.unwrap();
    rekey.agent.check().unwrap();
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn stores_say_whether_they_can_be_used() {
    let (stack, rekey, values) = fixture::rekey().await;
    let app = App::create(stack, "bad-stores").await.unwrap();
    let policy = rekey.deployed.output("AgentPolicyArn").unwrap();
    let user = stack.aws.create_user("store-user", policy).await.unwrap();
    values.add(&user.secret_key);
    let first = values.fresh();
    stack.aws.create_secret("stores/one", &first).await.unwrap();
    app.apply(&format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: keys}}
stringData: {{id: '{}', secret: '{}'}}
---
apiVersion: external-secrets.io/v1beta1
kind: ClusterSecretStore
metadata: {{name: with-keys}}
spec:
  provider:
    aws:
      service: SecretsManager
      region: us-east-1
      auth:
        secretRef:
          accessKeyIDSecretRef: {{name: keys, key: id, namespace: bad-stores}}
          secretAccessKeySecretRef: {{name: keys, key: secret, namespace: bad-stores}}",
        user.access_key, user.secret_key
    ))
    .await
    .unwrap();
    app.apply(&external_secret(
        "one",
        "{secretStoreRef: {name: with-keys, kind: ClusterSecretStore}, data: [{secretKey: v, remoteRef: {key: stores/one}}]}",
    ))
    .await
    .unwrap();
    app.holds("one", "v", &first, SOON).await.unwrap();
    let requests = stack.aws.requests().since(rekey_tests::log::Mark::default()).unwrap();
    assert!(
        rekey_tests::aws::count(&requests, "secretsmanager", "GetSecretValue", Some(&user.access_key)) >= 1,
        "the store's own keys were not used"
    );
    let stores: kube::Api<rekey_core::resource::ClusterSecretStore> = kube::Api::all(app.client.clone());
    rekey_tests::eventually::eventually("the store to be Valid", SOON, async || {
        let status = stores.get("with-keys").await?.status.unwrap_or_default();
        anyhow::ensure!(status.conditions.iter().any(|one| one.reason.as_deref() == Some("Valid")), "{status:?}");
        Ok(())
    })
    .await
    .unwrap();
    values.are_in_no_log(stack, rekey);
}
