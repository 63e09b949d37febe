//! What the agent does as itself: the queue, and what it compares every now and then. An agent of its own, beside the shared
//! one, has its policy changed while it runs.

use std::time::Duration;

use anyhow::ensure;
use rekey_tests::agent::{Agent, Line, Way};
use rekey_tests::app::App;
use rekey_tests::aws::{ACCOUNT, REGION, Request, User};
use rekey_tests::eventually::eventually;
use rekey_tests::helm;
use rekey_tests::log::Mark;
use rekey_tests::stack::Stack;
use serde_json::{Value, json};

use super::{Row, Seen, agent_policy, rows};
use crate::fixture::{self, HEARTBEAT_PERIOD, Pipe, Values};

const SOON: Duration = Duration::from_mins(1);
/// The agent's namespace, its queue, its user and its controller class.
const NAME: &str = "least-rekey";
const APP: &str = "least-rekey-app";
/// No heartbeat comes from there, so what is there is compared all the time.
const ELSEWHERE: &str = "eu-central-1";

/// The agent and what it has.
struct Place {
    stack: &'static Stack,
    values: &'static Values,
    app: App,
    agent: Agent,
    user: User,
    queue: String,
    dead: String,
}

impl Place {
    async fn create() -> Self {
        let (stack, _shared, values) = fixture::rekey().await;
        let aws = stack.aws.caller();
        let dead = format!("{NAME}-dead");
        let made = aws.call("sqs.CreateQueue", &json!({"QueueName": dead})).await.unwrap();
        let redrive = json!({
            "deadLetterTargetArn": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{dead}"), "maxReceiveCount": "3",
        });
        let attributes = json!({"RedrivePolicy": redrive.to_string()});
        let queue = fixture::queue::Queue::create_with(stack, NAME, attributes).await.url;
        let user = aws.create_user(NAME, &agent_policy(NAME, &[])).await.unwrap();
        values.add(&user.secret_key);

        let mut chart = helm::values(&stack.aws, Some(&user), &queue);
        chart["controllerClass"] = json!(NAME);
        chart["crds"] = json!({"install": false});
        chart["heartbeatPeriod"] = json!(HEARTBEAT_PERIOD);
        // Workloads are the shared agent's, and this one has none.
        chart["reloader"] = json!({"namespaces": [NAME]});
        helm::install(stack, NAME, NAME, &chart).await.unwrap();
        let deployment = helm::deployment(stack, NAME, NAME).await.unwrap();
        let agent = Agent::start(stack, NAME, &deployment, &Way::default()).await.unwrap();
        agent.ready(SOON).await.unwrap();
        let app = App::create(stack, APP).await.unwrap();
        let dead = made["QueueUrl"].as_str().unwrap().to_owned();
        Self { stack, values, app, agent, user, queue, dead }
    }

    /// Objects that hear of changes, and objects that are compared all the time.
    async fn objects(&self) {
        let here = self.stack.aws.caller();
        let secret = |name: &str| json!({"Name": name, "SecretString": self.values.fresh()});
        here.call("secretsmanager.CreateSecret", &secret(&format!("{NAME}/told"))).await.unwrap();
        let elsewhere = here.clone().in_region(ELSEWHERE);
        elsewhere.call("secretsmanager.CreateSecret", &secret(&format!("{NAME}/compared"))).await.unwrap();
        let parameter =
            json!({"Name": format!("/{NAME}/compared"), "Type": "SecureString", "Value": self.values.fresh()});
        here.call("ssm.PutParameter", &parameter).await.unwrap();
        for (name, service, region, interval, key) in [
            ("told", "SecretsManager", REGION, "1h", format!("{NAME}/told")),
            ("secret", "SecretsManager", ELSEWHERE, "1s", format!("{NAME}/compared")),
            ("parameter", "ParameterStore", REGION, "1s", format!("/{NAME}/compared")),
        ] {
            let manifest = format!(
                "apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {{name: {name}}}
spec: {{controller: {NAME}, provider: {{aws: {{service: {service}, region: {region}}}}}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: {name}}}
spec:
  refreshInterval: {interval}
  secretStoreRef: {{name: {name}}}
  data: [{{secretKey: v, remoteRef: {{key: {key}}}}}]"
            );
            self.app.apply(&manifest).await.unwrap();
        }
        for name in ["told", "secret", "parameter"] {
            self.app.condition(name, "True", "", SOON).await.unwrap();
        }
    }

    /// From now on the agent may do all that is documented, without these.
    async fn may_not(&self, without: &[&Row]) {
        self.stack.aws.caller().set_user_policy(NAME, &agent_policy(NAME, without)).await.unwrap();
    }

    /// Waits for a call of the agent that AWS allowed, or did not.
    async fn calls(&self, since: Mark, action: &str, allowed: bool) {
        let ours = |one: &Request| {
            one.principal.as_deref() == Some(self.user.access_key.as_str())
                && one.action == action
                && (one.status == 200) == allowed
        };
        let what = format!("{action} to be {}", if allowed { "allowed" } else { "refused" });
        self.stack.aws.requests().wait_for(&what, since, SOON, ours).await.unwrap();
    }

    /// Waits for a line of the log.
    async fn logs(&self, row: &Row, since: Mark, wanted: impl Fn(&Line) -> bool) {
        let what = format!("{} without {}", row.feature, row.action);
        let line = self.agent.log().wait_for(&what, since, SOON, wanted).await.unwrap();
        assert_eq!(line.level, "WARN", "{what}");
    }

    /// Waits until `/readyz` says this of the pipe that carries heartbeats.
    async fn pipe(&self, state: &str) {
        let line = format!("{ACCOUNT} {REGION} SecretsManager: {state}");
        eventually(&format!("/readyz to say {line}"), SOON, async || {
            let (_, text) = self.agent.get("/readyz").await?;
            ensure!(text.lines().any(|found| found.contains(&line)), "{text}");
            Ok(())
        })
        .await
        .unwrap();
    }

    /// Changes the secret that events tell of, and waits until it has arrived.
    async fn change_arrives(&self) {
        let changed = self.values.fresh();
        let put = json!({"SecretId": format!("{NAME}/told"), "SecretString": changed});
        self.stack.aws.caller().call("secretsmanager.PutSecretValue", &put).await.unwrap();
        self.app.holds("told", "v", &changed, SOON).await.unwrap();
    }

    /// Sends a message that nobody can make sense of. Returns its text.
    async fn nonsense(&self) -> String {
        let body = format!("not an event at all {}", rekey_tests::random_word(12));
        let send = json!({"QueueUrl": self.queue, "MessageBody": body});
        self.stack.aws.caller().call("sqs.SendMessage", &send).await.unwrap();
        body
    }

    /// Waits until the dead-letter queue has that message.
    async fn is_dead(&self, body: &str) {
        let aws = self.stack.aws.caller();
        let receive = json!({"QueueUrl": self.dead, "MaxNumberOfMessages": 10});
        eventually("the message to be in the dead-letter queue", SOON, async || {
            let received = aws.call("sqs.ReceiveMessage", &receive).await?;
            let messages: Vec<&Value> = received["Messages"].as_array().into_iter().flatten().collect();
            ensure!(messages.iter().any(|message| message["Body"] == body), "{} messages", messages.len());
            Ok(())
        })
        .await
        .unwrap();
    }

    /// Takes the action away, sees what people see, gives it back, and sees it work.
    async fn shows(&self, row: &Row) {
        if matches!(row.seen, Seen::Log(_)) {
            self.pipe("proven").await;
        }
        let (logged, asked) = (self.agent.log().mark(), self.stack.aws.requests().mark());
        self.may_not(&[row]).await;
        let missing = |line: &Line, instead: &str| {
            line.message == "a permission is missing"
                && line.field("action") == row.action
                && line.field("instead") == instead
                && line.field("problem").contains(&format!("user/{NAME} is not authorized"))
        };
        match (row.action, &row.seen) {
            (_, Seen::Log(message)) => {
                let grant = format!("grant {} on the queue to the agent", row.action);
                self.logs(row, logged, |line| line.message == *message && line.field("error").contains(&grant)).await;
                self.pipe("unproven").await;
            }
            ("sqs:DeleteMessage", Seen::Instead(instead, _)) => {
                self.change_arrives().await;
                self.logs(row, logged, |line| missing(line, instead)).await;
            }
            ("sqs:ChangeMessageVisibility", Seen::Instead(instead, _)) => {
                self.nonsense().await;
                self.logs(row, logged, |line| missing(line, instead)).await;
            }
            (_, Seen::Comparison(instead, others)) => {
                self.logs(row, logged, |line| missing(line, instead)).await;
                for other in *others {
                    self.calls(asked, other, true).await;
                }
            }
            other => panic!("{other:?} is not of this agent"),
        }
        let given_back = self.stack.aws.requests().mark();
        self.may_not(&[]).await;
        match row.action {
            "sqs:ReceiveMessage" => {
                self.pipe("proven").await;
                self.change_arrives().await;
            }
            "sqs:DeleteMessage" => {
                self.change_arrives().await;
                self.calls(given_back, "DeleteMessageBatch", true).await;
            }
            "sqs:ChangeMessageVisibility" => self.is_dead(&self.nonsense().await).await,
            other => self.calls(given_back, other.split_once(':').unwrap().1, true).await,
        }
    }
}

#[tokio::test]
async fn an_agent_that_may_not_use_its_queue_or_compare_says_so_and_goes_on() {
    let place = Place::create().await;
    place.objects().await;
    let compared = ["read-secrets", "read-parameters"].into_iter().flat_map(rows);
    let compared = compared.filter(|row| matches!(row.seen, Seen::Comparison(..)));
    for row in compared.chain(rows("queue")) {
        // Heartbeats are needed, which other tests stop.
        let _pipe = if matches!(row.seen, Seen::Log(_)) { Some(Pipe::shared().await) } else { None };
        place.shows(row).await;
    }
    place.agent.check().unwrap();
    let log = place.agent.log().text_since(Mark::default()).unwrap();
    place.values.are_not_in("the agent's log", &log);
}
