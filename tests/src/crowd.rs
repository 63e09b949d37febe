//! Many ExternalSecrets and workloads over many namespaces, and the instant at which each of their targets and templates
//! changed. For figures: nothing here judges. A [`crate::fault::fleet`] is what faults are tried on.

mod arrivals;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use kube::Client;
use rekey_core::object::ObjectKey;
use serde_json::json;

pub use arrivals::Arrivals;

use crate::aws::Caller;
use crate::fault::fleet::manifests;
use crate::stack::Stack;

/// Requests at a time, while a crowd is made and while many of its secrets change at once.
const AT_ONCE: usize = 16;

/// What a crowd consists of. Secrets and workloads are spread evenly, so each number has to divide the one before it.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the names of its namespaces and secrets begin with.
    pub name: String,
    /// How many secrets, each with an ExternalSecret.
    pub secrets: usize,
    /// How many Deployments share their targets. They have no pods: what counts is their template.
    pub workloads: usize,
    /// Over how many namespaces.
    pub namespaces: usize,
    /// `spec.refreshInterval`.
    pub refresh_interval: String,
}

/// A secret.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name in AWS.
    pub source: String,
    /// Its ExternalSecret, and the Secret that comes of it.
    pub target: ObjectKey,
    /// The Deployment that uses it.
    pub workload: ObjectKey,
}

/// When a value was put, by this process's clock.
#[derive(Debug, Clone)]
pub struct Put {
    /// The value, which no other secret ever has.
    pub value: String,
    /// When AWS was asked.
    pub asked: Instant,
    /// When it had answered.
    pub answered: Instant,
}

/// A crowd whose ExternalSecrets and workloads exist.
pub struct Crowd {
    /// Its secrets: neighbours share a workload.
    pub members: Vec<Member>,
    /// What was seen of targets and workloads.
    pub arrivals: Arrivals,
    options: Options,
    aws: Caller,
    client: Client,
}

impl Crowd {
    /// Makes the secrets in AWS, and the namespaces with a store each.
    pub async fn create(stack: &Stack, options: Options) -> Result<Self> {
        let Options { secrets, workloads, namespaces, .. } = options;
        ensure!(
            secrets % workloads == 0 && workloads % namespaces == 0,
            "{secrets} secrets, {workloads} workloads and {namespaces} namespaces are no even crowd"
        );
        let client = stack.kubernetes.client().await?;
        let aws = stack.aws.caller();
        let name = options.name.clone();
        let members: Vec<Member> = (0..secrets)
            .map(|index| {
                let workload = index / (secrets / workloads);
                let namespace = format!("{name}-{:03}", workload / (workloads / namespaces));
                Member {
                    source: format!("{name}/{index:05}"),
                    target: ObjectKey::new(&namespace, format!("s{index:05}")),
                    workload: ObjectKey::new(&namespace, format!("w{workload:05}")),
                }
            })
            .collect();
        let arrivals = Arrivals::start(&client);
        let crowd = Self { members, arrivals, options, aws, client };
        let names = (0..namespaces).map(|index| format!("{name}-{index:03}"));
        at_once(names, async |name| manifests::namespace(&crowd.client, &name).await).await?;
        at_once(crowd.members.iter(), async |member| {
            let value = json!({"Name": member.source, "SecretString": member.source});
            call(&crowd.aws, "secretsmanager.CreateSecret", &value).await
        })
        .await?;
        Ok(crowd)
    }

    /// Applies the ExternalSecrets, and waits until each has its target. Returns how long after the last of them was applied
    /// the last target was there.
    pub async fn synced(&self, timeout: Duration) -> Result<Duration> {
        let refresh = self.options.refresh_interval.as_str();
        at_once(self.members.iter(), async |member| {
            let ObjectKey { namespace, name } = &member.target;
            manifests::external_secret(&self.client, namespace, name, &member.source, refresh).await
        })
        .await?;
        let applied = Instant::now();
        let mut last = applied;
        for member in &self.members {
            last = last.max(self.arrivals.value(&member.source, timeout).await?);
        }
        Ok(last - applied)
    }

    /// Makes the Deployments, and waits until it is on record what each began with.
    pub async fn employed(&self, timeout: Duration) -> Result<()> {
        let share = self.options.secrets / self.options.workloads;
        at_once(self.members.chunks(share), async |members| {
            let ObjectKey { namespace, name } = &members[0].workload;
            let targets: Vec<String> = members.iter().map(|member| member.target.name.clone()).collect();
            manifests::deployment(&self.client, namespace, name, &targets).await
        })
        .await?;
        for members in self.members.chunks(share) {
            self.arrivals.baseline(&members[0].workload, timeout).await?;
        }
        Ok(())
    }

    /// `put-secret-value` with a new value.
    pub async fn put(&self, member: &Member) -> Result<Put> {
        let value = crate::random_word(24);
        let token = format!("{}-{}", crate::random_word(16), crate::random_word(16));
        let asked = Instant::now();
        let parameters = json!({"SecretId": member.source, "SecretString": value, "ClientRequestToken": token});
        call(&self.aws, "secretsmanager.PutSecretValue", &parameters).await?;
        Ok(Put { value, asked, answered: Instant::now() })
    }

    /// A new value for each of these, as fast as AWS takes them.
    pub async fn put_all<'a>(&self, members: impl Iterator<Item = &'a Member>) -> Result<Vec<Put>> {
        futures::stream::iter(members).map(|member| self.put(member)).buffer_unordered(AT_ONCE).try_collect().await
    }
}

async fn call(aws: &Caller, operation: &str, parameters: &serde_json::Value) -> Result<()> {
    aws.call(operation, parameters).await.map(drop).with_context(|| format!("call {operation}"))
}

async fn at_once<T>(items: impl IntoIterator<Item = T>, work: impl AsyncFn(T) -> Result<()>) -> Result<()> {
    futures::stream::iter(items).map(|item| work(item)).buffer_unordered(AT_ONCE).try_collect().await
}
