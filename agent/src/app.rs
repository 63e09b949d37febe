//! Puts the parts together and keeps them running. The only file that knows every part.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use rekey_core::identity::Region;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::admin::Admin;
use crate::args::{Args, EventRefresh};
use crate::cluster::event::Events;
use crate::cluster::hash_key;
use crate::cluster::status::Statuses;
use crate::cluster::target::Targets;
use crate::intake::{Acknowledger, Holding, Intake};
use crate::metrics::Metrics;
use crate::pipe;
use crate::provider::{Provider, aws_config};
use crate::queue::Queue;
use crate::rollout::{RolloutOptions, Rollouts};
use crate::state::{State, StateOptions};
use crate::stores::Validator;
use crate::sweep::Sweep;
use crate::sync::{Reads, Syncer};
use crate::watch::Watches;
use crate::worker::{Work, Worker};

/// What is under way when the agent is told to stop gets this long.
const GRACE: Duration = Duration::from_secs(20);

/// Runs the agent until a signal tells it to stop, or a part of it ends that should not.
pub async fn run(args: Args) -> anyhow::Result<()> {
    info!(version = env!("CARGO_PKG_VERSION"), queue = args.queue_url.as_str(), "rekey-agent starts");
    let shutdown = CancellationToken::new();
    stop_on_signal(shutdown.clone())?;

    let kubernetes =
        kube::Config::infer().await.context("no Kubernetes configuration; set KUBECONFIG or run in a pod")?;
    let namespace = args.namespace.clone().unwrap_or_else(|| kubernetes.default_namespace.clone());
    let client = kube::Client::try_from(kubernetes).context("the Kubernetes configuration is not usable")?;
    let aws = aws_config(args.queue_url.region().cloned()).await;
    let region = aws.region().context("no region: the queue URL's host names none; set AWS_REGION")?;
    Region::parse(region.as_ref()).map_err(|error| anyhow::anyhow!("AWS_REGION {error}"))?;

    let metrics = Metrics::default();
    let complete = Arc::new(AtomicBool::new(false));
    let state = State::new(StateOptions {
        controller_class: args.controller_class.clone(),
        all_follow_events: args.event_refresh == EventRefresh::All,
        heartbeat_period: args.heartbeat_period,
    });
    let admin = Admin { metrics: metrics.clone(), state: state.clone(), complete: Arc::clone(&complete) };
    let mut parts: JoinSet<&'static str> = JoinSet::new();
    parts.spawn({
        let (address, shutdown) = (args.admin_addr, shutdown.clone());
        async move {
            if let Err(error) = admin.serve(address, shutdown).await {
                error!(%error, %address, "admin port not available; choose another with --admin-addr");
            }
            "admin"
        }
    });

    let Some(key) = until_told(&shutdown, hash_key(&client, &namespace)).await else { return Ok(()) };
    let targets = Targets::new(client.clone());
    let statuses = Statuses::new(client.clone());
    let events = Events::new(client.clone(), args.pod_name.clone());
    let options = RolloutOptions { min_interval: args.min_restart_interval, events: Some(events.clone()) };
    let rollouts = Rollouts::new(client.clone(), key, options);
    let provider = Provider::new(aws.clone(), targets.clone(), metrics.clone());
    let reads = Reads::new(provider.clone(), state.clone());
    let work = Work::new(state.clone(), rollouts.clone());
    let (validator, stores) =
        Validator::new(state.clone(), provider.clone(), statuses.clone(), args.controller_class.clone());
    let watches = Watches {
        client,
        state: state.clone(),
        work: work.clone(),
        rollouts: rollouts.clone(),
        provider: provider.clone(),
        stores,
        statuses: statuses.clone(),
        complete: Arc::clone(&complete),
        unreadable: Arc::default(),
    };
    watches.start(&shutdown).await;
    if shutdown.is_cancelled() {
        return Ok(());
    }
    complete.store(true, Ordering::Release);
    rollouts.complete();

    let syncer = Syncer { state: state.clone(), reads, targets, statuses, events, rollouts: rollouts.clone() };
    let worker = Worker {
        work: work.clone(),
        syncer,
        metrics: metrics.clone(),
        concurrency: usize::from(args.concurrent),
        max_retry_interval: args.max_retry_interval,
    };
    let flipped = Arc::new(Notify::new());
    let sweep = Sweep {
        state: state.clone(),
        provider,
        work: work.clone(),
        metrics: metrics.clone(),
        interval: args.sweep_interval,
        flipped: Arc::clone(&flipped),
    };
    let queue = Queue::new(aws_sdk_sqs::Client::new(&aws), &args.queue_url);
    let (finished, outcomes) = unbounded_channel();
    let holding = Holding::default();
    let acknowledger = Acknowledger {
        queue: queue.clone(),
        finished: outcomes,
        holding: holding.clone(),
        metrics: metrics.clone(),
        shutdown: shutdown.clone(),
    };
    let intake = Intake { queue, state: state.clone(), work, finished, holding, metrics: metrics.clone() };

    let acknowledging = tokio::spawn(acknowledger.run());
    macro_rules! part {
        ($name:literal, $future:expr) => {
            let future = $future;
            parts.spawn(async move {
                future.await;
                $name
            });
        };
    }
    part!("worker", worker.run(shutdown.clone()));
    part!("rollout", rollouts.run_until(shutdown.clone()));
    part!("stores", validator.run(shutdown.clone()));
    part!("pipe", pipe::run(state, metrics, flipped, shutdown.clone()));
    part!("sweep", sweep.run(shutdown.clone()));
    part!("intake", intake.run(shutdown.clone()));

    let failed = wait(&mut parts, &shutdown).await;
    finish(parts, acknowledging).await;
    match failed {
        None => Ok(()),
        Some(part) => Err(anyhow::anyhow!("{part} ended by itself; see the log above")),
    }
}

/// The key of the rollout hashes, however long Kubernetes takes to hand it out.
async fn hash_key(client: &kube::Client, namespace: &str) -> rekey_core::rollout::hash::HashKey {
    let mut pause = Duration::from_secs(1);
    loop {
        match hash_key::get_or_create(client, namespace).await {
            Ok(key) => return key,
            Err(error) => warn!(%error, ?pause, "the key of the rollout hashes is not available; trying again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

async fn until_told<T>(shutdown: &CancellationToken, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        () = shutdown.cancelled() => None,
        done = future => Some(done),
    }
}

/// Waits for the signal, or for a part that ends by itself: without it the agent would only look alive.
async fn wait(parts: &mut JoinSet<&'static str>, shutdown: &CancellationToken) -> Option<&'static str> {
    let ended = tokio::select! {
        () = shutdown.cancelled() => return None,
        ended = parts.join_next() => ended,
    };
    if shutdown.is_cancelled() {
        return None;
    }
    shutdown.cancel();
    Some(match ended {
        Some(Ok(part)) => part,
        Some(Err(_)) | None => "a part of the agent",
    })
}

/// Lets what is under way end, and tells the queue about it.
async fn finish(mut parts: JoinSet<&'static str>, acknowledging: tokio::task::JoinHandle<()>) {
    let ended = tokio::time::timeout(GRACE, async {
        while parts.join_next().await.is_some() {}
        // The last sender of finished messages went with the parts.
        let _ = acknowledging.await;
    });
    if ended.await.is_ok() {
        info!("rekey-agent stopped");
    } else {
        warn!("rekey-agent stopped before everything was finished; messages will be redelivered");
    }
}

fn stop_on_signal(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("told to stop; finishing what is under way");
        shutdown.cancel();
    });
    Ok(())
}
