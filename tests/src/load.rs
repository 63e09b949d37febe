//! Pods that log in all the time, each with the credential that its Secret held when the pod started, as an application
//! does that reads its environment once.
//!
//! There are no containers here, so each running pod of a Deployment is played by a task of this process. It begins when
//! kwok says that the pod runs and ends when the pod is told to go. What it finds out goes into one [`Tally`].

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio::task::JoinHandle;

/// Between two log-ins of a pod.
const PAUSE: Duration = Duration::from_millis(15);

/// What a Secret holds.
pub type Credential = BTreeMap<String, String>;

/// Logs in once: whether the credential was accepted. An error is one that says nothing about the credential.
pub type Login = Arc<dyn Fn(Credential) -> Pin<Box<dyn Future<Output = Result<bool>> + Send>> + Send + Sync>;

/// A log-in that was refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// When its answer came.
    pub at: Instant,
    /// The pod.
    pub pod: String,
}

/// What all pods together saw.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Log-ins that succeeded.
    pub accepted: u64,
    /// Log-ins that were refused, in order.
    pub refused: Vec<Refusal>,
    /// Log-ins that ended otherwise, a few of them in words.
    pub broken: Vec<String>,
    /// How many pods logged in at least once.
    pub pods: usize,
}

/// Load from the pods of one Deployment. Dropping it ends it.
pub struct Load {
    tally: Arc<Mutex<Tally>>,
    watch: JoinHandle<()>,
}

impl Load {
    /// Starts to play the pods with the label `app: NAME`, whose credential is the whole of the Secret `secret`.
    #[must_use]
    pub fn start(client: Client, namespace: &str, app: &str, secret: &str, login: Login) -> Self {
        let tally: Arc<Mutex<Tally>> = Arc::default();
        let watch = tokio::spawn(watch(client, namespace.to_owned(), app.to_owned(), secret.to_owned(), login, {
            Arc::clone(&tally)
        }));
        Self { tally, watch }
    }

    /// What was seen so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// A pod that is played; it ends when this is dropped.
struct Played(JoinHandle<()>);

impl Drop for Played {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn watch(client: Client, namespace: String, app: String, secret: String, login: Login, tally: Arc<Mutex<Tally>>) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let secrets: Api<Secret> = Api::namespaced(client, &namespace);
    let mut stream = watcher(pods, watcher::Config::default().labels(&format!("app={app}"))).boxed();
    let mut played: HashMap<String, Played> = HashMap::new();
    while let Some(event) = stream.next().await {
        let (pod, there) = match event {
            Ok(Event::Apply(pod) | Event::InitApply(pod)) => (pod, true),
            Ok(Event::Delete(pod)) => (pod, false),
            _ => continue,
        };
        let name = pod.metadata.name.clone().unwrap_or_default();
        // A pod that is told to go stops to work, as a process does that gets SIGTERM.
        if !there || pod.metadata.deletion_timestamp.is_some() {
            played.remove(&name);
            continue;
        }
        let runs = pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
        if runs && !played.contains_key(&name) {
            let play = play(name.clone(), secrets.clone(), secret.clone(), Arc::clone(&login), Arc::clone(&tally));
            played.insert(name, Played(tokio::spawn(play)));
        }
    }
}

async fn play(pod: String, secrets: Api<Secret>, secret: String, login: Login, tally: Arc<Mutex<Tally>>) {
    let note = |work: &dyn Fn(&mut Tally)| work(&mut tally.lock().unwrap_or_else(PoisonError::into_inner));
    let credential = match credential(&secrets, &secret).await {
        Ok(credential) => credential,
        Err(error) => return note(&|tally| tally.broken.push(format!("{pod} has no credential: {error:#}"))),
    };
    note(&|tally| tally.pods += 1);
    loop {
        let answer = login(credential.clone()).await;
        note(&|tally| match &answer {
            Ok(true) => tally.accepted += 1,
            Ok(false) => tally.refused.push(Refusal { at: Instant::now(), pod: pod.clone() }),
            Err(error) => tally.broken.push(format!("{pod}: {error:#}")),
        });
        tokio::time::sleep(PAUSE).await;
    }
}

async fn credential(secrets: &Api<Secret>, name: &str) -> Result<Credential> {
    let data = secrets.get(name).await?.data.context("the Secret is empty")?;
    data.into_iter().map(|(key, value)| Ok((key, String::from_utf8(value.0)?))).collect()
}
