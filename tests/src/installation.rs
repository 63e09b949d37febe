//! Rekey on a stack, installed by the same steps as on a real account and cluster: sam, an IAM user with the template's
//! policy, helm, and the agent.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::agent::{Agent, Way};
use crate::aws::User;
use crate::helm;
use crate::progress::Progress;
use crate::sam::{self, Deployed};
use crate::stack::Stack;

/// What to install. A stack can hold several, if their names differ; the chart's CustomResourceDefinitions belong to the
/// first.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the cluster in AWS (parameter `ClusterName`), of the CloudFormation stack and of the helm release.
    pub name: String,
    /// Namespace of the agent.
    pub namespace: String,
    /// Further parameters of infra/template.yaml.
    pub parameters: Vec<(String, String)>,
    /// Further values of infra/chart; objects are merged, lists grow, everything else replaces what was there.
    pub values: Value,
    /// How the agent reaches its servers.
    pub way: Way,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "rekey".to_owned(),
            namespace: "rekey-system".to_owned(),
            parameters: vec![("EnginePostgres".to_owned(), "true".to_owned())],
            values: Value::Null,
            way: Way::default(),
        }
    }
}

/// An installed Rekey with a running agent.
pub struct Installation {
    /// The AWS side.
    pub deployed: Deployed,
    /// The agent's identity in AWS: the template's policy and nothing else. Its access key is the principal of the agent's
    /// calls in the request log.
    pub user: User,
    /// The agent.
    pub agent: Agent,
    /// The agent's namespace.
    pub namespace: String,
    /// The name of its Deployment.
    pub deployment: String,
}

impl Installation {
    /// Installs everything and starts the agent. Returns when its admin port answers.
    pub async fn create(stack: &Stack, options: &Options, progress: &Progress) -> Result<Self> {
        let name = options.name.as_str();
        let mut parameters = vec![("ClusterName", name)];
        parameters.extend(options.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let deployed = Box::pin(sam::deploy(stack, name, &parameters, progress)).await?;

        let user = stack.aws.create_user(&format!("{name}-agent"), deployed.output("AgentPolicyArn")?).await?;
        progress.line(format!("helm install {name} infra/chart"));
        let mut values = helm::values(&stack.aws, Some(&user), deployed.output("QueueUrl")?);
        merge(&mut values, &options.values);
        helm::install(stack, name, &options.namespace, &values).await?;

        progress.line("starting the agent as its Deployment says");
        let deployment = helm::deployment(stack, name, &options.namespace).await?;
        let agent = Agent::start(stack, &options.namespace, &deployment, &options.way);
        let agent = Box::pin(agent).await.context("start the agent")?;
        Ok(Self { deployed, user, agent, namespace: options.namespace.clone(), deployment })
    }
}

fn merge(values: &mut Value, more: &Value) {
    match (values, more) {
        (_, Value::Null) => {}
        (Value::Object(values), Value::Object(more)) => {
            for (name, value) in more {
                merge(values.entry(name).or_insert(Value::Null), value);
            }
        }
        // Lists of variables grow: the agent still needs those that lead it to the local AWS.
        (Value::Array(values), Value::Array(more)) => values.extend(more.iter().cloned()),
        (value, more) => more.clone_into(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_merged_into_objects_and_appended_to_lists() {
        let mut values = json!({"extraEnv": [1], "crds": {"install": true}, "logLevel": "info"});
        merge(&mut values, &json!({"extraEnv": [2], "crds": {"other": 1}, "logLevel": "trace", "new": {"a": 1}}));
        let expected = json!({
            "extraEnv": [1, 2], "crds": {"install": true, "other": 1}, "logLevel": "trace", "new": {"a": 1},
        });
        assert_eq!(values, expected);
        merge(&mut values, &Value::Null);
        assert_eq!(values, expected);
    }
}
