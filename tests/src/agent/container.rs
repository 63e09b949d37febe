//! What a Deployment says about its first container, with everything resolved that a kubelet would resolve.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, EnvVar, EnvVarSource, Pod, Secret};
use kube::api::ListParams;
use kube::{Api, Client};

use crate::stack::Stack;

/// A container to be run on the host.
pub(super) struct Container {
    /// Its arguments.
    pub(super) args: Vec<String>,
    /// Its environment.
    pub(super) env: BTreeMap<String, String>,
    /// The account its pod runs as.
    pub(super) service_account: String,
}

impl Container {
    /// Reads the Deployment as the administrator.
    pub(super) async fn read(stack: &Stack, namespace: &str, name: &str) -> Result<Self> {
        let client = stack.kubernetes.client().await?;
        let deployment = Api::<Deployment>::namespaced(client.clone(), namespace)
            .get(name)
            .await
            .with_context(|| format!("read the Deployment {namespace}/{name}"))?;
        let pod = deployment.spec.and_then(|spec| spec.template.spec).context("the Deployment has no pod")?;
        let container = pod.containers.into_iter().next().context("the Deployment has no container")?;
        let cluster = Cluster { client, namespace, deployment: name };
        let mut env = BTreeMap::new();
        for variable in container.env.unwrap_or_default() {
            let value = cluster.value(&variable, &env).await.with_context(|| format!("variable {}", variable.name))?;
            if let Some(value) = value {
                env.insert(variable.name, value);
            }
        }
        let args = container.args.unwrap_or_default().iter().map(|arg| expand(arg, &env)).collect();
        let service_account = pod.service_account_name.unwrap_or_else(|| "default".to_owned());
        Ok(Self { args, env, service_account })
    }
}

/// `args` with this flag set to `value`, whether and however it was set before. A flag wins over its variable, so that one
/// needs no look.
pub(super) fn with_flag(args: &[String], flag: &str, value: &str) -> Vec<String> {
    let mut changed: Vec<String> = Vec::new();
    let mut given = args.iter();
    while let Some(arg) = given.next() {
        if arg == flag {
            given.next();
        } else if arg.split_once('=').is_none_or(|(name, _)| name != flag) {
            changed.push(arg.clone());
        }
    }
    changed.push(format!("{flag}={value}"));
    changed
}

/// Where the values of variables come from.
struct Cluster<'a> {
    client: Client,
    namespace: &'a str,
    deployment: &'a str,
}

impl Cluster<'_> {
    async fn value(&self, variable: &EnvVar, known: &BTreeMap<String, String>) -> Result<Option<String>> {
        match &variable.value_from {
            None => Ok(Some(expand(variable.value.as_deref().unwrap_or_default(), known))),
            Some(source) => self.source(source).await,
        }
    }

    async fn source(&self, source: &EnvVarSource) -> Result<Option<String>> {
        if let Some(field) = &source.field_ref {
            return match field.field_path.as_str() {
                "metadata.namespace" => Ok(Some(self.namespace.to_owned())),
                "metadata.name" => self.pod_name().await.map(Some),
                other => bail!("fieldRef {other} is not known to the local stack"),
            };
        }
        if let Some(key) = &source.secret_key_ref {
            let secret = Api::<Secret>::namespaced(self.client.clone(), self.namespace).get_opt(&key.name).await?;
            let value = secret.and_then(|secret| secret.data).and_then(|mut data| data.remove(&key.key));
            let text = value.map(|value| String::from_utf8(value.0)).transpose()?;
            return present(text, key.optional, &key.name, &key.key);
        }
        if let Some(key) = &source.config_map_key_ref {
            let map = Api::<ConfigMap>::namespaced(self.client.clone(), self.namespace).get_opt(&key.name).await?;
            let text = map.and_then(|map| map.data).and_then(|mut data| data.remove(&key.key));
            return present(text, key.optional, &key.name, &key.key);
        }
        bail!("its source is not known to the local stack")
    }

    /// The name of the Deployment's pod, which exists, though nothing runs in it.
    async fn pod_name(&self) -> Result<String> {
        let pods = Api::<Pod>::namespaced(self.client.clone(), self.namespace).list(&ListParams::default()).await?;
        let prefix = format!("{}-", self.deployment);
        let names = pods.items.into_iter().filter_map(|pod| pod.metadata.name);
        Ok(names.into_iter().find(|name| name.starts_with(&prefix)).unwrap_or_else(|| format!("{prefix}local")))
    }
}

/// As the kubelet has it: a pod does not start without a key that is not optional.
fn present(value: Option<String>, optional: Option<bool>, name: &str, key: &str) -> Result<Option<String>> {
    if value.is_none() && optional != Some(true) {
        bail!("{name} has no key {key}");
    }
    Ok(value)
}

/// `$(NAME)` of variables that are known; the rest stays as it is.
fn expand(text: &str, env: &BTreeMap<String, String>) -> String {
    env.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("$({name})"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_replaced_in_either_spelling_and_nothing_else_is() {
        let expected = ["--queue-url=u", "--log-level=info", "--admin-addr=127.0.0.1:1"];
        for given in [
            ["--queue-url=u", "--admin-addr=0.0.0.0:8080", "--log-level=info"].as_slice(),
            ["--queue-url=u", "--admin-addr", "0.0.0.0:8080", "--log-level=info"].as_slice(),
            ["--queue-url=u", "--log-level=info"].as_slice(),
        ] {
            let given: Vec<String> = given.iter().map(|arg| (*arg).to_owned()).collect();
            assert_eq!(with_flag(&given, "--admin-addr", "127.0.0.1:1"), expected);
        }
    }

    #[test]
    fn references_to_variables_are_expanded_and_unknown_ones_stay() {
        let env = BTreeMap::from([("POD_NAME".to_owned(), "agent-0".to_owned())]);
        assert_eq!(expand("--pod-name=$(POD_NAME) $(OTHER)", &env), "--pod-name=agent-0 $(OTHER)");
    }
}
