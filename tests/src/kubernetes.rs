//! A Kubernetes of its own: the real control plane on 127.0.0.1, one node that does not exist, and kwok in the place of
//! its kubelet.
//!
//! Admission, RBAC, watches, TokenRequest, garbage collection and the workload controllers are the real ones. There are
//! no containers: a pod becomes Ready when it is scheduled, whatever it mounts.

mod control_plane;
mod kubeconfig;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::Value;

use crate::cache::{RunDir, write_private};
use crate::eventually::eventually;
use crate::process::{Process, while_alive};
use crate::tools::Tools;

/// How long the control plane may take on a machine that compiles at the same time; it needs 3 to 4 s.
const START: Duration = Duration::from_secs(90);

/// The name of the only node.
pub const NODE: &str = "node-1";

/// A running cluster. Dropping it kills it.
pub struct Kubernetes {
    processes: Vec<Process>,
    url: String,
    ca: String,
    admin: PathBuf,
}

impl Kubernetes {
    /// Starts a cluster and waits until pods can be scheduled on it.
    pub async fn start(tools: &Tools, run: &RunDir) -> Result<Self> {
        let directory = run.join("kubernetes")?;
        let mut plane = control_plane::ControlPlane::prepare(tools, &directory)?;
        let admin = directory.join("admin.kubeconfig");
        write_private(&admin, &kubeconfig::with_token(plane.url(), plane.ca(), plane.admin_token()))?;
        plane.start_server()?;
        let client = client(&admin).await?;
        let ready = eventually("kube-apiserver to be ready", START, async || {
            let request = http::Request::get("/readyz").body(Vec::new())?;
            client.request_text(request).await.context("GET /readyz").map(drop)
        });
        while_alive(&plane.processes(), ready).await?;
        plane.start_controllers(&admin)?;
        let kubernetes =
            Self { url: plane.url().to_owned(), ca: plane.ca().to_owned(), processes: plane.into_processes(), admin };
        let processes: Vec<&Process> = kubernetes.processes.iter().collect();
        while_alive(&processes, add_node(&client)).await?;
        Ok(kubernetes)
    }

    /// The address of the API server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The CA that the API server's certificate is from, PEM.
    #[must_use]
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// The kubeconfig of the administrator: what a person exports as KUBECONFIG.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.admin
    }

    /// A client of the administrator, for the runtime that calls this.
    pub async fn client(&self) -> Result<Client> {
        client(&self.admin).await
    }

    /// A client that may do what the kubeconfig in `text` may do.
    pub async fn client_of(&self, text: &str) -> Result<Client> {
        client_from(text).await
    }

    /// A kubeconfig (YAML) with a token of a ServiceAccount, as a pod of that account would have one. It is valid for
    /// eight hours.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<String> {
        self.service_account_kubeconfig_for(namespace, name, &self.url, &self.ca).await
    }

    /// The same for an API server that is reached at `url`, whose certificate is from the CA `ca` (PEM): a proxy.
    pub async fn service_account_kubeconfig_for(
        &self,
        namespace: &str,
        name: &str,
        url: &str,
        ca: &str,
    ) -> Result<String> {
        let token = self.service_account_token(namespace, name, &[]).await?;
        Ok(kubeconfig::with_token(url, ca, &token))
    }

    /// A token of a ServiceAccount for `audiences` (none: the API server).
    pub async fn service_account_token(&self, namespace: &str, name: &str, audiences: &[&str]) -> Result<String> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: audiences.iter().map(|audience| (*audience).to_owned()).collect(),
                expiration_seconds: Some(8 * 3600),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .with_context(|| format!("request a token of the ServiceAccount {namespace}/{name}"))?;
        Ok(answer.status.context("TokenRequest was answered without a token")?.token)
    }

    /// Who makes the ServiceAccounts' tokens, as AWS would know it: an https URL.
    pub async fn issuer(&self) -> Result<String> {
        let token = self.service_account_token("default", "default", &["issuer"]).await?;
        let payload = token.split('.').nth(1).context("the token is no JWT")?;
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
        Ok(claims["iss"].as_str().context("the token names no issuer")?.to_owned())
    }

    /// The children, for [`crate::stack`].
    #[must_use]
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// # Errors
    /// When a part of the control plane has ended.
    pub fn check(&self) -> Result<()> {
        self.processes.iter().try_for_each(Process::check)
    }
}

impl Drop for Kubernetes {
    fn drop(&mut self) {
        // Nothing of it is worth a graceful stop. The clients go first, so that none logs the server's end.
        while let Some(process) = self.processes.pop() {
            process.kill();
        }
    }
}

async fn add_node(client: &Client) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    let node = serde_json::from_value(serde_json::json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": NODE, "labels": {
            "kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux",
            "kubernetes.io/arch": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        }},
    }))?;
    nodes.create(&PostParams::default(), &node).await.context("create the node")?;
    eventually("the node to be Ready", START, async || {
        let node = nodes.get(NODE).await?;
        let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
        anyhow::ensure!(
            conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"),
            "its conditions are {conditions:?}"
        );
        Ok(())
    })
    .await?;
    // Admission puts the not-ready taint on every new node, and the controller that removes it does not run here: it
    // would also watch for heartbeats that nobody sends.
    let untainted = serde_json::json!({"spec": {"taints": null}});
    nodes.patch(NODE, &PatchParams::default(), &Patch::Merge(untainted)).await.context("remove the taint")?;
    Ok(())
}

async fn client(kubeconfig: &Path) -> Result<Client> {
    let text = std::fs::read_to_string(kubeconfig).with_context(|| format!("read {}", kubeconfig.display()))?;
    client_from(&text).await
}

async fn client_from(kubeconfig: &str) -> Result<Client> {
    let kubeconfig = kube::config::Kubeconfig::from_yaml(kubeconfig)?;
    let mut config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?;
    // A proxy of the environment does not lead to 127.0.0.1.
    config.proxy_url = None;
    Ok(Client::try_from(config)?)
}
