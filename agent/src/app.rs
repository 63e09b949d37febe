//! Puts the parts together and keeps them running. The only file that knows every part.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use rekey_core::identity::Region;
use rekey_core::ledger::Decision;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::admin::Admin;
use crate::args::{Args, EventRefresh};
use crate::cluster::event::Events;
use crate::cluster::lease::Leases;
use crate::cluster::own::OwnDeployment;
use crate::cluster::status::Statuses;
use crate::cluster::target::Targets;
use crate::cluster::{Gate, Writer, hash_key};
use crate::intake::{Acknowledger, Holding, Intake, Receiving, hand_back};
use crate::leader::{Election, Leadership};
use crate::metrics::Metrics;
use crate::pipe::Flips;
use crate::provider::{Provider, aws_config};
use crate::queue::Queue;
use crate::rollout::{RolloutOptions, Rollouts};
use crate::state::{State, StateOptions};
use crate::stores::Validator;
use crate::sweep::Sweep;
use crate::sync::{Reads, Syncer};
use crate::watch::{KINDS, Lists, Watches, look_at_secrets};
use crate::worker::{Urgency, Work, Worker};

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
    let state = State::new(StateOptions {
        controller_class: args.controller_class.clone(),
        all_follow_events: args.event_refresh == EventRefresh::All,
        heartbeat_period: args.heartbeat_period,
    });
    let (leadership, lists, queued) = (Leadership::default(), Lists::of(&KINDS), Arc::new(OnceLock::new()));
    let admin = Admin {
        metrics: metrics.clone(),
        state: state.clone(),
        lists: lists.clone(),
        leadership: leadership.clone(),
        work: Arc::clone(&queued),
        eso_metrics: args.eso_metrics,
    };
    let mut parts: JoinSet<&'static str> = JoinSet::new();
    parts.spawn(serve(admin, args.admin_addr, shutdown.clone()));

    let Some(key) = until_told(&shutdown, hash_key(&client, &namespace)).await else { return Ok(()) };
    let gate = if args.leader_elect { Gate::closed() } else { Gate::open() };
    let writer = Writer::new(client.clone(), gate.clone());
    let targets = Targets::new(writer.clone());
    let statuses = Statuses::new(writer.clone());
    let events = Events::new(writer.clone(), args.pod_name.clone());
    let options = RolloutOptions {
        min_interval: args.min_restart_interval,
        events: Some(events.clone()),
        metrics: metrics.clone(),
    };
    let rollouts = Rollouts::new(writer, key, options);
    let provider = Provider::new(aws.clone(), targets.clone(), args.rates(), metrics.clone());
    let work = Work::new(state.clone(), rollouts.clone());
    // Nobody else sets it.
    let _ = queued.set(work.clone());
    let (mut validator, stores) =
        Validator::new(state.clone(), provider.clone(), statuses.clone(), args.controller_class.clone());
    let watches = Watches {
        client: client.clone(),
        state: state.clone(),
        work: work.clone(),
        rollouts: rollouts.clone(),
        provider: provider.clone(),
        stores,
        statuses: statuses.clone(),
        lists,
        unreadable: Arc::default(),
        leadership: leadership.clone(),
    };
    watches.start(&shutdown).await;
    if shutdown.is_cancelled() {
        return Ok(());
    }
    let own = OwnDeployment::new(client.clone(), namespace.clone(), args.pod_name.clone());
    let elected = args.leader_elect;
    let mut election = if elected {
        let leases = Leases::new(client.clone(), &namespace, &args.lease_name);
        Election::start(leases, identity(args.pod_name.as_deref()), gate, leadership.clone())
    } else {
        Election::unopposed(&leadership)
    };
    // Until it leads, an instance watches and answers on the admin port, and does nothing else.
    tokio::select! {
        () = leadership.leading() => {}
        lost = election.lost() => return Err(lost.into()),
        failed = wait(&mut parts, &shutdown) => {
            election.release().await;
            return outcome(failed);
        }
        () = validator.stand_by() => return outcome(Some("watch")),
    }
    let leader =
        Leader { args, aws, metrics, state, provider, targets, statuses, events, own, rollouts, work, validator };
    let work = async {
        if elected && until_told(&shutdown, look_at_secrets(&client, &leader.rollouts)).await.is_none() {
            return (None, None);
        }
        let Led { acknowledging, queue, receiving } = lead(leader, &mut parts, &shutdown);
        let failed = wait(&mut parts, &shutdown).await;
        finish(parts, acknowledging).await;
        (failed, receiving.await.ok().map(|receiving| (queue, receiving)))
    };
    let (failed, receiving) = tokio::select! {
        ended = work => ended,
        // What is under way would be refused: there is nothing to finish.
        lost = election.lost() => return Err(lost.into()),
    };
    election.release().await;
    if let Some((queue, receiving)) = receiving.filter(|_| elected) {
        hand_back(&queue, receiving).await;
    }
    outcome(failed)
}

/// What the parts are made of that only the one that leads starts.
struct Leader {
    args: Args,
    aws: aws_config::SdkConfig,
    metrics: Metrics,
    state: State,
    provider: Provider,
    targets: Targets,
    statuses: Statuses,
    events: Events,
    own: OwnDeployment,
    rollouts: Rollouts,
    work: Work,
    validator: Validator,
}

/// What outlives those parts.
struct Led {
    /// Ends when the queue was told about every message.
    acknowledging: JoinHandle<()>,
    queue: Queue,
    receiving: oneshot::Receiver<Receiving>,
}

/// Starts those parts.
fn lead(leader: Leader, parts: &mut JoinSet<&'static str>, shutdown: &CancellationToken) -> Led {
    let Leader { args, aws, metrics, state, provider, targets, statuses, events, own, rollouts, work, validator } =
        leader;
    rollouts.complete();
    look_at_all(&state, &work);

    let reads = Reads::new(provider.clone(), state.clone());
    let syncer =
        Syncer { state: state.clone(), reads, targets, statuses, events: events.clone(), rollouts: rollouts.clone() };
    let worker = Worker {
        work: work.clone(),
        syncer,
        metrics: metrics.clone(),
        concurrency: usize::from(args.concurrent),
        max_retry_interval: args.max_retry_interval,
    };
    let flipped = Arc::new(Notify::new());
    let flips = Flips { state: state.clone(), events: events.clone(), own, sweep: Arc::clone(&flipped) };
    let sweep = Sweep {
        state: state.clone(),
        provider,
        work: work.clone(),
        metrics: metrics.clone(),
        events,
        interval: args.sweep_interval,
        flipped,
    };
    let queue = Queue::new(&aws, &args.queue_url);
    let (finished, outcomes) = unbounded_channel();
    let holding = Holding::default();
    let acknowledger = Acknowledger {
        queue: queue.clone(),
        finished: outcomes,
        holding: holding.clone(),
        metrics: metrics.clone(),
        shutdown: shutdown.clone(),
    };
    let (unfinished, receiving) = oneshot::channel();
    let intake = Intake {
        queue: queue.clone(),
        state: state.clone(),
        work,
        finished,
        holding,
        metrics: metrics.clone(),
        unfinished,
    };

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
    part!("pipe", flips.run(shutdown.clone()));
    part!("sweep", sweep.run(shutdown.clone()));
    part!("intake", intake.run(shutdown.clone()));

    Led { acknowledging, queue, receiving }
}

fn outcome(failed: Option<&'static str>) -> anyhow::Result<()> {
    failed.map_or(Ok(()), |part| Err(anyhow::anyhow!("{part} ended by itself; see the log above")))
}

/// The name of this instance in the Lease. A pod's container that was killed comes back under the same name, and need not
/// wait until its own Lease expires.
fn identity(pod_name: Option<&str>) -> String {
    pod_name.map_or_else(
        || {
            let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            format!("{}-{:08x}", host.trim(), rand::random::<u32>())
        },
        str::to_owned,
    )
}

/// What was seen before this instance led, and what failed under the last leader, even where no sweep comes by.
fn look_at_all(state: &State, work: &Work) {
    let now = Timestamp::now();
    let mut objects = Vec::new();
    state.visit(now, |key, _, _| objects.push(key.clone()));
    for key in objects.into_iter().filter(|key| state.decide(key, now) == Some(Decision::Read)) {
        work.push(key, Urgency::Routine);
    }
}

async fn serve(admin: Admin, address: SocketAddr, shutdown: CancellationToken) -> &'static str {
    if let Err(error) = admin.serve(address, shutdown).await {
        error!(%error, %address, "admin port not available; choose another with --admin-addr");
    }
    "admin"
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
async fn finish(mut parts: JoinSet<&'static str>, acknowledging: JoinHandle<()>) {
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
