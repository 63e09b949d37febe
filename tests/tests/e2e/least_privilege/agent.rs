//! What the agent reads: one IAM user for each action, who has all of the agent's policy but that, and a store with that user's
//! keys. The shared agent asks as all of them at once.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::future::join_all;
use rekey_tests::app::App;
use rekey_tests::aws::{ACCOUNT, REGION, Request, User};
use rekey_tests::eventually::eventually;
use rekey_tests::installation::Installation;
use rekey_tests::log::Mark;
use rekey_tests::stack::Stack;
use serde_json::json;

use super::{Row, Seen, agent_policy, rows};
use crate::fixture::{self, Values};
use crate::identities::says;

/// The back-off of an object after some refusals.
const SOON: Duration = Duration::from_secs(90);
const NAMESPACE: &str = "least-privilege";
const ROLE: &str = "identities-least";

/// An object that needs the action.
struct Feature {
    service: &'static str,
    /// What its store has beside service, region and keys.
    store: String,
    /// What the object has beside its store and its target.
    spec: &'static str,
}

fn feature(action: &str) -> Feature {
    let secrets = |spec| Feature { service: "SecretsManager", store: String::new(), spec };
    let parameters = |spec| Feature { service: "ParameterStore", store: String::new(), spec };
    let role = format!(", role: 'arn:aws:iam::{ACCOUNT}:role/{ROLE}'");
    let value = "data: [{secretKey: v, remoteRef: {key: least/one}}]";
    match action {
        "secretsmanager:GetSecretValue" => secrets(value),
        "secretsmanager:DescribeSecret" => {
            secrets("data: [{secretKey: v, remoteRef: {key: least/one, metadataPolicy: Fetch}}]")
        }
        "secretsmanager:ListSecrets" | "secretsmanager:BatchGetSecretValue" => {
            secrets("dataFrom: [{find: {path: least/, name: {regexp: '^least/(one|two)$'}}}]")
        }
        "ssm:GetParameter" => parameters("data: [{secretKey: v, remoteRef: {key: /least/one}}]"),
        "ssm:ListTagsForResource" => {
            parameters("data: [{secretKey: v, remoteRef: {key: /least/one, metadataPolicy: Fetch}}]")
        }
        "ssm:GetParametersByPath" => parameters("dataFrom: [{find: {path: /least, name: {regexp: 'one$'}}}]"),
        "ssm:DescribeParameters" => parameters("dataFrom: [{find: {tags: {team: least}}}]"),
        "sts:AssumeRole" => Feature { store: role, ..secrets(value) },
        "sts:TagSession" => {
            let tags = "sessionTagsPolicy: Custom, customSessionTags: {team: a}";
            Feature { store: format!("{role}, {tags}"), ..secrets(value) }
        }
        other => panic!("nothing here needs {other}"),
    }
}

/// A user's keys, a store with them, and an object of that store; all have this name.
async fn apply(app: &App, name: &str, user: &User, feature: &Feature) -> Result<()> {
    let Feature { service, store, spec } = feature;
    let key = |field: &str| format!("{{name: keys-{name}, key: {field}}}");
    let auth = format!("accessKeyIDSecretRef: {}, secretAccessKeySecretRef: {}", key("id"), key("secret"));
    app.apply(&format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: keys-{name}}}
stringData: {{id: '{}', secret: '{}'}}
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {{name: {name}}}
spec:
  controller: default
  provider: {{aws: {{service: {service}, region: {REGION}, auth: {{secretRef: {{{auth}}}}}{store}}}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: {name}}}
spec: {{secretStoreRef: {{name: {name}}}, target: {{name: target-{name}}}, {spec}}}",
        user.access_key, user.secret_key
    ))
    .await
}

/// What there is to read, and the role.
async fn prepare(stack: &Stack, values: &Values) -> Result<()> {
    let aws = stack.aws.caller();
    for name in ["least/one", "least/two"] {
        aws.call("secretsmanager.CreateSecret", &json!({"Name": name, "SecretString": values.fresh()})).await?;
    }
    let parameter = json!({
        "Name": "/least/one", "Type": "SecureString", "Value": values.fresh(),
        "Tags": [{"Key": "team", "Value": "least"}],
    });
    aws.call("ssm.PutParameter", &parameter).await?;
    // The whole account is trusted, so each user's own policies decide.
    let trust = json!({
        "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}, "Action": ["sts:AssumeRole", "sts:TagSession"],
    });
    let reads = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"},
    ]});
    aws.create_role(ROLE, &trust, &reads).await.map(drop)
}

/// The calls of one user, in their order: action and whether it was allowed.
fn calls(requests: &[Request], user: &User) -> Vec<(String, bool)> {
    let own = requests.iter().filter(|one| one.principal.as_deref() == Some(user.access_key.as_str()));
    own.map(|one| (one.action.clone(), one.status == 200)).collect()
}

/// Who asks, and where.
struct Place {
    stack: &'static Stack,
    rekey: &'static Installation,
    values: &'static Values,
    app: App,
}

impl Place {
    /// Makes a user with the agent's policy, without these rows.
    async fn user(&self, name: &str, without: &[&Row]) -> User {
        let user = self.stack.aws.caller().create_user(name, &agent_policy("rekey", without)).await.unwrap();
        self.values.add(&user.secret_key);
        user
    }
}

/// One row: without the action, and with it.
async fn shows(place: &Place, number: usize, row: &'static Row, whole: &User) {
    let Place { stack, rekey, app, .. } = place;
    let (name, control) = (format!("without-{number}"), format!("with-{number}"));
    let what = format!("{} without {}", row.feature, row.action);
    let user_name = format!("least-{number}");
    let user = place.user(&user_name, &[row]).await;
    let (logged, asked) = (rekey.agent.log().mark(), stack.aws.requests().mark());
    let feature = feature(row.action);
    apply(app, &name, &user, &feature).await.unwrap();
    apply(app, &control, whole, &feature).await.unwrap();

    // AWS's sentence names who was refused.
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/{user_name} ");
    match &row.seen {
        Seen::Object => {
            let part = format!("grant {} to the identity that asks", row.action);
            app.condition(&name, "False", &part, SOON).await.unwrap();
            app.condition(&name, "False", &arn, SOON).await.unwrap();
            assert!(app.secret(&format!("target-{name}")).await.is_err(), "{what}: there is a Secret");
        }
        Seen::Store => {
            let part = format!("{arn}is not authorized to perform: {}", row.action);
            says(app, &name, "InvalidProviderConfig", &[&part, ROLE, "that caller's own policies"]).await;
            app.condition(&name, "False", &part, SOON).await.unwrap();
        }
        Seen::Instead(instead, others) => {
            app.condition(&name, "True", "", SOON).await.unwrap();
            let line = rekey.agent.log().wait_for(&what, logged, SOON, |line| {
                line.message == "a permission is missing"
                    && line.field("action") == row.action
                    && line.field("problem").contains(&arn)
            });
            let line = line.await.unwrap();
            assert_eq!((line.level.as_str(), line.field("instead")), ("WARN", *instead), "{what}");
            let (_, call) = row.action.split_once(':').unwrap();
            eventually(&format!("the calls of {what}"), SOON, async || {
                let calls = calls(&stack.aws.requests().since(asked)?, &user);
                let refused = calls.iter().position(|(action, allowed)| action == call && !allowed);
                let after = &calls[refused.map_or(calls.len(), |place| place + 1)..];
                let made = |other: &str| after.iter().any(|(action, allowed)| action == other && *allowed);
                ensure!(refused.is_some() && others.iter().all(|other| made(other)), "{calls:?}");
                Ok(())
            })
            .await
            .unwrap();
        }
        other => panic!("{what} is not seen by {other:?} here"),
    }
    app.condition(&control, "True", "", SOON).await.unwrap();
}

#[tokio::test]
async fn what_the_agent_may_not_read_is_named_and_the_rest_works() {
    let (stack, rekey, values) = fixture::rekey().await;
    prepare(stack, values).await.unwrap();
    let place = Place { stack, rekey, values, app: App::create(stack, NAMESPACE).await.unwrap() };
    let whole = place.user("least-whole", &[]).await;
    let read = ["read-secrets", "read-parameters", "assume-roles"].into_iter().flat_map(rows);
    // What is compared every now and then is the other agent's.
    let read = read.filter(|row| !matches!(row.seen, Seen::Comparison(..)));
    join_all(read.enumerate().map(|(number, row)| shows(&place, number, row, &whole))).await;

    let requests = stack.aws.requests().since(Mark::default()).unwrap();
    let refused: Vec<_> = calls(&requests, &whole).into_iter().filter(|(_, allowed)| !allowed).collect();
    assert!(refused.is_empty(), "the whole policy is not enough for {refused:?}");
    rekey.agent.check().unwrap();
    values.are_in_no_log(stack, rekey);
}
