//! As whom the agent itself asks AWS where it has no keys: the role of its ServiceAccount, by IRSA and by EKS Pod Identity.
//!
//! Each agent runs beside the shared one, with a controller class and a queue of its own; the policy is the template's.

pub(crate) mod pod_identity;

use std::time::Duration;

use anyhow::{Result, ensure};
use kube::Api;
use rekey_core::resource::SecretStore;
use rekey_tests::agent::{Agent, Way};
use rekey_tests::app::App;
use rekey_tests::aws::{ACCOUNT, REGION, Request};
use rekey_tests::eventually::eventually;
use rekey_tests::helm;
use rekey_tests::log::Mark;
use rekey_tests::stack::Stack;
use serde_json::{Value, json};

use crate::fixture::queue::Queue;
use crate::fixture::{self, Values};
use pod_identity::PodIdentity;

/// The back-off of an object after some refusals.
const SOON: Duration = Duration::from_secs(90);

/// What an agent has in AWS and in the cluster; all of it has this name.
struct Place {
    stack: &'static Stack,
    values: &'static Values,
    name: &'static str,
    queue: String,
    role: String,
}

impl Place {
    /// Makes a queue that hears of the secret, and the role with the template's policy.
    async fn create(name: &'static str, trust: &Value) -> Self {
        let (stack, shared, values) = fixture::rekey().await;
        let Queue { url: queue, statement } = Queue::create(stack, name).await;
        let role = stack.aws.create_role(name, trust, &statement).await.unwrap();
        let policy = shared.deployed.output("AgentPolicyArn").unwrap();
        let attach = ["iam", "attach-role-policy", "--role-name", name, "--policy-arn", policy];
        stack.aws.cli(&attach).await.unwrap();
        Self { stack, values, name, queue, role }
    }

    /// `helm install` with these annotations of the ServiceAccount. Returns the name of the Deployment, and the account's.
    async fn install(&self, annotations: Value) -> (String, String) {
        let mut values = helm::values(&self.stack.aws, None, &self.queue);
        values["controllerClass"] = json!(self.name);
        values["crds"] = json!({"install": false});
        // Workloads are the shared agent's, and this one has none.
        values["reloader"] = json!({"namespaces": [self.name]});
        values["serviceAccount"] = json!({"annotations": annotations});
        helm::install(self.stack, self.name, self.name, &values).await.unwrap();
        let deployment = helm::deployment(self.stack, self.name, self.name).await.unwrap();
        let app = App { namespace: self.name.to_owned(), client: self.stack.kubernetes.client().await.unwrap() };
        let pod = app.workload(&deployment).await.unwrap().spec.unwrap().template.spec.unwrap();
        (deployment, pod.service_account_name.unwrap())
    }

    /// An application with a store without auth, and an ExternalSecret that is not polled within a test.
    async fn app(&self) -> (App, String) {
        let value = self.values.fresh();
        self.stack.aws.create_secret(&format!("{}/db", self.name), &value).await.unwrap();
        let app = App::create(self.stack, &format!("{}-app", self.name)).await.unwrap();
        let name = self.name;
        app.apply(&format!(
            "apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {{name: own}}
spec: {{controller: {name}, provider: {{aws: {{service: SecretsManager, region: {REGION}}}}}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: db}}
spec:
  refreshInterval: 1h
  secretStoreRef: {{name: own}}
  data: [{{secretKey: value, remoteRef: {{key: {name}/db}}}}]"
        ))
        .await
        .unwrap();
        (app, value)
    }

    /// The object is Ready, and follows what the queue tells. Returns the access keys that the agent asked with.
    async fn works(&self, app: &App, value: &str) -> Vec<String> {
        app.condition("db", "True", "", SOON).await.unwrap();
        app.holds("db", "value", value, SOON).await.unwrap();
        let changed = self.values.fresh();
        self.stack.aws.put_secret(&format!("{}/db", self.name), &changed).await.unwrap();
        app.holds("db", "value", &changed, SOON).await.unwrap();
        let requests = self.stack.aws.requests().since(Mark::default()).unwrap();
        let resources = [format!("{}/db", self.name), self.queue.clone()];
        let is_about = |one: &&Request| {
            let resource = one.resource.as_deref().unwrap_or_default();
            one.status == 200 && resources.iter().any(|ours| resource.contains(ours.as_str()))
        };
        let by = |action: &str| {
            let asked = requests.iter().filter(is_about).filter(|one| one.action == action);
            asked.map(|one| one.principal.clone().unwrap_or_default()).collect::<Vec<_>>()
        };
        let (read, received) = (by("GetSecretValue"), by("ReceiveMessage"));
        assert!(!read.is_empty() && !received.is_empty(), "{read:?} {received:?}");
        let mut keys = [read, received].concat();
        keys.sort();
        keys.dedup();
        keys
    }
}

/// Waits until all that people look at says why there are no credentials: the log, the store and the object.
async fn said(agent: &Agent, app: &App, parts: &[&str]) {
    let all = |text: &str| parts.iter().all(|part| text.contains(part));
    eventually("the agent to say what was presented", SOON, async || {
        let queue =
            agent.log().since(Mark::default())?.into_iter().filter(|line| line.message.starts_with("queue not"));
        let errors: Vec<String> = queue.map(|line| line.field("error").to_owned()).collect();
        ensure!(errors.iter().any(|error| all(error)), "of the queue the log says {errors:?}");
        let stores: Api<SecretStore> = Api::namespaced(app.client.clone(), &app.namespace);
        let status = stores.get("own").await?.status.unwrap_or_default();
        let messages: Vec<String> = status.conditions.into_iter().filter_map(|one| one.message).collect();
        ensure!(messages.iter().any(|message| all(message)), "the store says {messages:?}");
        let status = app.object("db").await?.status.unwrap_or_default();
        let messages: Vec<String> = status.conditions.into_iter().filter_map(|one| one.message).collect();
        ensure!(messages.iter().any(|message| all(message)), "the object says {messages:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert!(!agent.log().text_since(Mark::default()).unwrap().contains("eyJ"), "a token is in the log");
}

async fn started(place: &Place, deployment: &str, way: &Way) -> Result<Agent> {
    let agent = Agent::start(place.stack, place.name, deployment, way).await?;
    agent.ready(SOON).await?;
    Ok(agent)
}

#[tokio::test]
async fn the_agent_is_the_role_of_its_service_account_and_says_what_was_refused() {
    let name = "irsa-rekey";
    let (stack, ..) = fixture::rekey().await;
    let issuer = stack.kubernetes.issuer().await.unwrap();
    let host = issuer.trim_start_matches("https://");
    let trust = |account: &str| {
        json!({
            "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{host}")},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                format!("{host}:sub"): format!("system:serviceaccount:{name}:{account}"),
                format!("{host}:aud"): "sts.amazonaws.com",
            }},
        })
    };
    let place = Place::create(name, &trust("somebody-else")).await;
    let (deployment, account) = place.install(json!({"eks.amazonaws.com/role-arn": place.role})).await;
    let agent = started(&place, &deployment, &Way::default()).await.unwrap();
    let (app, value) = place.app().await;
    let subject = format!("system:serviceaccount:{name}:{account}");
    said(&agent, &app, &[&subject, "sts.amazonaws.com", &issuer, &place.role]).await;

    stack.aws.set_trust(name, &trust(&account)).await.unwrap();
    let keys = place.works(&app, &value).await;
    assert!(keys.iter().all(|key| key.starts_with("ASIA")), "{keys:?} are no sessions");
    let requests = stack.aws.requests().since(Mark::default()).unwrap();
    let obtained = requests.iter().filter(|one| {
        one.action == "AssumeRoleWithWebIdentity" && one.status == 200 && one.resource.as_deref() == Some(&place.role)
    });
    assert!(obtained.count() >= keys.len(), "a session is not this role's");
    agent.check().unwrap();
}

#[tokio::test]
async fn the_agent_is_the_role_of_its_pod_identity_association() {
    let name = "pods-rekey";
    let trust =
        json!({"Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]});
    let place = Place::create(name, &trust).await;
    let endpoint = PodIdentity::start(place.stack).await.unwrap();
    endpoint.associate(name, "somebody-else", &place.role);
    let (deployment, account) = place.install(json!({})).await;
    let way = Way { pod_identity: Some(endpoint.url.clone()), ..Way::default() };
    let agent = started(&place, &deployment, &way).await.unwrap();
    let (app, value) = place.app().await;
    let subject = format!("system:serviceaccount:{name}:{account}");
    said(&agent, &app, &[&subject, "pods.eks.amazonaws.com", "association"]).await;

    endpoint.associate(name, &account, &place.role);
    let keys = place.works(&app, &value).await;
    let handed_out = endpoint.keys();
    assert!(keys.iter().all(|key| handed_out.contains(key)), "{keys:?} are not all of {handed_out:?}");
    agent.check().unwrap();
}
