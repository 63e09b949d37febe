//! Secrets with an ExternalSecret each, and Deployments that use the targets; rotated fast, every value remembered.
//!
//! All values of a fleet begin with the same random word, so one search of a log finds any of them: [`Fleet::word`].

pub(crate) mod manifests;
mod removal;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_sdk_secretsmanager::Client as SecretsManager;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Client};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rekey_core::resource::ExternalSecret;
use serde_json::{Value, json};

pub use removal::remove_all;

use super::observer::Observer;
use crate::aws::{ACCOUNT, REGION};
use crate::eventually::eventually;
use crate::stack::Stack;

/// The entry of every target.
pub const KEY: &str = "value";
/// Requests at a time while a fleet is made.
const AT_ONCE: usize = 16;
/// How long the agent may take for the first sync of a fleet on a busy machine.
const FIRST_SYNC: Duration = Duration::from_mins(1);

/// What a fleet consists of.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its namespace, which begins with [`PREFIX`].
    pub namespace: String,
    /// How many secrets.
    pub secrets: usize,
    /// How many of them each Deployment uses.
    pub per_workload: usize,
    /// `spec.refreshInterval`.
    pub refresh_interval: &'static str,
}

/// Every fleet's namespace begins so.
pub const PREFIX: &str = "faults-";

/// One version of a secret.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its VersionId.
    pub id: String,
    /// Its value.
    pub value: String,
    /// When AWS had confirmed it.
    pub at: Instant,
    /// The same by the wall clock.
    pub time: Timestamp,
}

/// A secret.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name of its ExternalSecret and of the target.
    pub name: String,
    /// The secret's name in AWS.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Every version so far, oldest first.
    pub versions: Vec<Version>,
}

impl Source {
    /// The value that counts.
    #[must_use]
    pub fn value(&self) -> &str {
        self.versions.last().map_or("", |version| &version.value)
    }

    /// The native event that AWS sends when AWSCURRENT moves to this version, with a new id.
    #[must_use]
    pub fn event(&self, version_id: &str, time: Timestamp) -> Value {
        json!({
            "version": "0",
            "id": format!("event-{}", crate::random_word(16)),
            "detail-type": "Secret Label Updated",
            "source": "aws.secretsmanager",
            "account": ACCOUNT,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": REGION,
            "resources": [self.arn],
            "detail": {"name": self.id, "labelUpdated": "AWSCURRENT", "versionId": version_id},
        })
    }
}

/// A running fleet.
pub struct Fleet {
    /// Its namespace.
    pub namespace: String,
    /// Its secrets.
    pub sources: Vec<Source>,
    /// What every value begins with.
    pub word: String,
    /// Which restarts there were.
    pub observer: Observer,
    client: Client,
    secrets_manager: SecretsManager,
    /// By Deployment, the targets it uses.
    workloads: BTreeMap<String, Vec<String>>,
    random: StdRng,
}

impl Fleet {
    /// Makes everything, and waits until each target holds its value and each Deployment has its baseline.
    pub async fn create(stack: &Stack, options: &Options) -> Result<Self> {
        let client = stack.kubernetes.client().await?;
        let secrets_manager = SecretsManager::new(&stack.aws.sdk_config().await);
        let namespace = options.namespace.clone();
        ensure!(namespace.starts_with(PREFIX), "{namespace} does not begin with {PREFIX}");
        let word = crate::random_word(16);
        let names: Vec<String> = (0..options.secrets).map(|index| format!("s{index:03}")).collect();
        let sources: Vec<Source> = futures::stream::iter(&names)
            .map(|name| create_secret(&secrets_manager, &namespace, name, &word))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        manifests::namespace(&client, &namespace).await?;
        futures::stream::iter(&sources)
            .map(|source| {
                manifests::external_secret(&client, &namespace, &source.name, &source.id, options.refresh_interval)
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        let workloads: BTreeMap<String, Vec<String>> = names
            .chunks(options.per_workload)
            .enumerate()
            .map(|(index, targets)| (format!("w{index:03}"), targets.to_vec()))
            .collect();
        let observer = Observer::start(client.clone(), &namespace);
        let random = StdRng::seed_from_u64(4);
        let fleet = Self { namespace, sources, word, observer, client, secrets_manager, workloads, random };
        fleet.arrived(FIRST_SYNC).await?;
        futures::stream::iter(&fleet.workloads)
            .map(|(name, targets)| manifests::deployment(&fleet.client, &fleet.namespace, name, targets))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        eventually("every Deployment to have its baseline", FIRST_SYNC, async || {
            let with = fleet.observer.recorded();
            ensure!(with == fleet.workloads.len(), "{with} of {} have one", fleet.workloads.len());
            Ok(())
        })
        .await?;
        Ok(fleet)
    }

    /// By Deployment, the targets it uses.
    #[must_use]
    pub fn workloads(&self) -> &BTreeMap<String, Vec<String>> {
        &self.workloads
    }

    /// The secret of this target, if it is one of the fleet's.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// `put-secret-value` with a new value. Returns the id of its version.
    pub async fn rotate(&mut self, index: usize) -> Result<String> {
        let value = new_value(&self.word);
        let source = &mut self.sources[index];
        let put = self.secrets_manager.put_secret_value().secret_id(&source.arn).secret_string(&value).send().await;
        let id = put.with_context(|| format!("put a value into {}", source.id))?.version_id;
        let id = id.context("PutSecretValue names no version")?;
        source.versions.push(Version { id: id.clone(), value, at: Instant::now(), time: Timestamp::now() });
        Ok(id)
    }

    /// Rotates each secret once.
    pub async fn rotate_each(&mut self) -> Result<()> {
        for index in 0..self.sources.len() {
            self.rotate(index).await?;
        }
        Ok(())
    }

    /// So many rotations, each of a secret drawn at random, with this pause between them.
    pub async fn rotate_at_random(&mut self, times: usize, pause: Duration) -> Result<()> {
        for _ in 0..times {
            let index = self.random.random_range(0..self.sources.len());
            self.rotate(index).await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Waits until every target holds its secret's last value.
    pub async fn arrived(&self, timeout: Duration) -> Result<()> {
        eventually("every target to hold its secret's value", timeout, async || self.are_equal().await).await
    }

    /// Looks once whether every target holds its secret's last value.
    pub async fn are_equal(&self) -> Result<()> {
        let behind = self.behind().await?;
        let all = self.sources.len();
        ensure!(behind.is_empty(), "{} of {all} do not: {:?}", behind.len(), &behind[..behind.len().min(5)]);
        Ok(())
    }

    /// The targets that do not hold their secret's last value.
    pub async fn behind(&self) -> Result<Vec<&str>> {
        let held = self.targets().await?;
        let differs = |source: &&Source| held.get(&source.name).map(String::as_str) != Some(source.value());
        Ok(self.sources.iter().filter(differs).map(|source| source.name.as_str()).collect())
    }

    /// Waits until this target holds its secret's last value, and says how long after AWS's confirmation that was seen.
    pub async fn one_arrived(&self, index: usize, timeout: Duration) -> Result<Duration> {
        let source = &self.sources[index];
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        eventually(&format!("target {} to hold its secret's value", source.name), timeout, async || {
            ensure!(value_of(&api.get(&source.name).await?).as_deref() == Some(source.value()), "it holds another");
            Ok(source.versions.last().map_or(Duration::ZERO, |version| version.at.elapsed()))
        })
        .await
    }

    /// What each target holds.
    pub async fn targets(&self) -> Result<BTreeMap<String, String>> {
        let found = self.target_objects().await?;
        Ok(found.iter().filter_map(|secret| Some((secret.metadata.name.clone()?, value_of(secret)?))).collect())
    }

    /// The targets.
    pub async fn target_objects(&self) -> Result<Vec<Secret>> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        Ok(secrets.list(&ListParams::default()).await?.items)
    }

    /// The Deployments.
    pub async fn deployments(&self) -> Result<Vec<Deployment>> {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), &self.namespace);
        Ok(deployments.list(&ListParams::default()).await?.items)
    }

    /// The ExternalSecret of a secret.
    pub async fn object(&self, index: usize) -> Result<ExternalSecret> {
        let objects: Api<ExternalSecret> = Api::namespaced(self.client.clone(), &self.namespace);
        Ok(objects.get(&self.sources[index].name).await?)
    }

    /// Everything that Kubernetes' Events say in the fleet's namespace.
    pub async fn events(&self) -> Result<String> {
        use k8s_openapi::api::events::v1::Event;
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        Ok(serde_json::to_string(&events.list(&ListParams::default()).await?.items)?)
    }

    /// Deletes what is in Kubernetes, and waits until the ExternalSecrets are gone: nobody is to sweep them any more.
    pub async fn remove(self) -> Result<()> {
        removal::remove(&self.client, &self.namespace).await
    }
}

async fn create_secret(client: &SecretsManager, namespace: &str, name: &str, word: &str) -> Result<Source> {
    let (id, value) = (format!("{namespace}/{name}"), new_value(word));
    let made = client.create_secret().name(&id).secret_string(&value).send().await;
    let made = made.with_context(|| format!("create the secret {id}"))?;
    let (arn, version) = made.arn.zip(made.version_id).context("CreateSecret names no ARN and version")?;
    let first = Version { id: version, value, at: Instant::now(), time: Timestamp::now() };
    Ok(Source { name: name.to_owned(), id, arn, versions: vec![first] })
}

fn new_value(word: &str) -> String {
    format!("{word}{}", crate::random_word(16))
}

pub(super) fn value_of(secret: &Secret) -> Option<String> {
    let value = secret.data.as_ref()?.get(KEY)?;
    String::from_utf8(value.0.clone()).ok()
}
