//! The agents that the cases are played with: agents.yaml. Each serves only the namespaces that carry its name, so that all
//! run side by side in one cluster, with the RBAC and the environment that the chart gives them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rekey_tests::agent::{Agent, Way};
use rekey_tests::helm;
use rekey_tests::stack::Stack;
use serde::Deserialize;
use serde_json::json;

use super::workload::KINDS;
use super::world::LABEL;

const NAMESPACE: &str = "rekey-system";
const RELEASE: &str = "rekey";

/// How an agent runs, and what a fence for it looks like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    /// Why it is there: for people.
    #[serde(rename = "for")]
    _purpose: String,
    #[serde(default)]
    flags: BTreeMap<String, String>,
    /// Whether it chooses its namespaces by their label.
    #[serde(default = "yes")]
    selects: bool,
    #[serde(default)]
    pub(super) fence: Fence,
}

/// What the agent notices: by it a fence shows that the agent has seen all that came before.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fence {
    /// Its annotation for `reloader.stakater.com/auto`.
    pub(super) auto: String,
    /// Labels of Secrets and ConfigMaps.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) resources: Vec<String>,
    pub(super) kinds: Vec<String>,
    /// Where the fences are put; none: in a new namespace each time.
    pub(super) namespaces: Vec<String>,
}

impl Default for Fence {
    fn default() -> Self {
        Self {
            auto: "reloader.stakater.com/auto".to_owned(),
            labels: BTreeMap::new(),
            resources: ["Secret", "ConfigMap"].map(str::to_owned).into(),
            kinds: KINDS.map(str::to_owned).into(),
            namespaces: Vec::new(),
        }
    }
}

fn yes() -> bool {
    true
}

pub(super) fn read(file: &Path) -> Result<BTreeMap<String, Plan>> {
    let text = std::fs::read_to_string(file)?;
    serde_yaml_ng::from_str(&text).with_context(|| format!("read {}", file.display()))
}

/// `helm install`, for a queue to which nobody sends anything. Returns the name of the Deployment.
pub(super) async fn install(stack: &Stack) -> Result<String> {
    let sqs = aws_sdk_sqs::Client::new(&stack.aws.sdk_config().await);
    let queue = sqs.create_queue().queue_name("rollouts").send().await.context("create a queue")?;
    let policy =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]});
    let create = ["iam", "create-policy", "--policy-name", "rollouts", "--policy-document", &policy.to_string()];
    let policy = stack.aws.cli(&create).await?;
    let policy = policy["Policy"]["Arn"].as_str().context("create-policy names no ARN")?;
    let user = stack.aws.create_user("rollouts", policy).await?;
    let queue = queue.queue_url().context("CreateQueue names no URL")?;
    let mut values = helm::values(&stack.aws, Some(&user), queue);
    values["logLevel"] = json!("debug");
    values["minRestartInterval"] = json!("0s");
    values["reloader"] = json!({"isArgoRollouts": true});
    helm::install(stack, RELEASE, NAMESPACE, &values).await?;
    helm::deployment(stack, RELEASE, NAMESPACE).await
}

impl Plan {
    /// For a test of its own, which gives it a name that is no other agent's.
    pub(super) fn with_flags(flags: &[(&str, &str)]) -> Self {
        let flags = flags.iter().map(|(flag, value)| ((*flag).to_owned(), (*value).to_owned())).collect();
        Self { _purpose: String::new(), flags, selects: true, fence: Fence::default() }
    }

    /// Starts an agent by this plan and waits until it is ready.
    pub(super) async fn start(&self, stack: &Stack, deployment: &str, name: &str) -> Result<Agent> {
        let mut flags: Vec<(String, String)> = self.flags.clone().into_iter().collect();
        if self.selects {
            flags.push(("--namespace-selector".to_owned(), format!("{LABEL}={name}")));
        }
        let way = Way { flags, pod: Some(format!("{deployment}-{name}")), ..Way::default() };
        let agent = Agent::start(stack, NAMESPACE, deployment, &way).await?;
        agent.ready(Duration::from_secs(30)).await?;
        Ok(agent)
    }
}
