//! Puts the parts together and keeps them running. The only file that knows every part.

mod found;
mod lead;
mod served;
mod stop;
mod told;
mod within;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use rekey_core::extent::Extent;
use rekey_core::identity::Region;
use rekey_core::rollout::hash::HashKey;
use rekey_core::store::Rules;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::admin::Admin;
use crate::args::{Args, EventRefresh, Mode};
use crate::cluster::Writer;
use crate::cluster::cluster_external_secret::ClusterExternalSecrets;
use crate::cluster::event::Events;
use crate::cluster::external_secret::ExternalSecrets;
use crate::cluster::lease::Leases;
use crate::cluster::own::OwnDeployment;
use crate::cluster::status::Statuses;
use crate::cluster::target::Targets;
use crate::cluster::template_source::TemplateSources;
use crate::cluster::token::{Tokens, own_audiences};
use crate::cluster_external_secret::{Known, Repeater};
use crate::gate::Gate;
use crate::intake::hand_back;
use crate::leader::{Election, Leadership};
use crate::metrics::Metrics;
use crate::provider::{Cluster, Provider, aws_config};
use crate::rollout::{Audience, RolloutOptions, Rollouts};
use crate::state::{State, StateOptions};
use crate::stores::{Stores, Validator};
use crate::watch::{Lists, Unreadable, Watches};
use crate::worker::Work;
use found::Found;
use lead::{Leader, Led, lead};
use stop::{Stages, finish, stop_on_signal, wait};
use told::{Told, variable};

/// Runs the agent until a signal tells it to stop, or a part of it ends that should not.
pub async fn run(args: Args) -> anyhow::Result<()> {
    info!(version = env!("CARGO_PKG_VERSION"), queue = args.queue_url.as_str(), "rekey-agent starts");
    let extent = args.extent()?;
    if !extent.has_cluster_stores() {
        info!("ClusterSecretStores are left alone, and with them the ExternalSecrets that use one");
    }
    let shutdown = CancellationToken::new();
    stop_on_signal(shutdown.clone())?;

    let kubernetes =
        kube::Config::infer().await.context("no Kubernetes configuration; set KUBECONFIG or run in a pod")?;
    let namespace = args.namespace.clone().unwrap_or_else(|| kubernetes.default_namespace.clone());
    let aws = aws_config(args.queue_url.region().cloned()).await;
    let region = aws.region().context("no region: the queue URL's host names none; set AWS_REGION")?;
    Region::parse(region.as_ref()).map_err(|error| anyhow::anyhow!("AWS_REGION {error}"))?;

    let metrics = Metrics::default();
    let told = Told::of(&args.telling, metrics.clone())?;
    let state = State::new(options(&args, extent.clone(), own_audiences(&kubernetes)));
    let (leadership, lists, queued) = (Leadership::default(), Lists::all(), Arc::new(OnceLock::new()));
    let admin = Admin {
        metrics: metrics.clone(),
        state: state.clone(),
        lists: lists.clone(),
        leadership: leadership.clone(),
        work: Arc::clone(&queued),
        eso_metrics: args.eso_metrics && args.mode == Mode::Standalone,
        reloader_metrics: args.telling.reloader_names(variable),
    };
    let mut parts: JoinSet<&'static str> = JoinSet::new();
    parts.spawn(serve(admin, args.admin_addr, shutdown.clone()));

    let Found { key, served, client, extent, .. } = tokio::select! {
        found = Found::wait(kubernetes, &namespace, extent, &lists) => {
            let found = found?;
            found.guard(&mut parts, &shutdown);
            found
        }
        failed = wait(&mut parts, &shutdown) => return outcome(failed),
    };
    let standalone = args.mode == Mode::Standalone;
    let repeats = standalone && args.within.repeats(&extent) && served.cluster_external_secrets;
    let repeated = repeats.then(Known::default);
    let gate = if args.elects() { Gate::closed() } else { Gate::open() };
    let elected = args.elects().then(|| Leases::new(client.clone(), &namespace, &args.lease_name));
    let identity = identity(args.pod_name.as_deref());
    let own = OwnDeployment::new(client.clone(), namespace, args.pod_name.clone());
    let writer = Writer::new(client.clone(), gate.clone()).speaking(served.version);
    let (mut leader, stores) = leader(args, aws, state.clone(), told, own, key, writer.clone());
    leader.repeater = repeated.clone().map(|known| Repeater::new(known, state.clone(), &writer));
    // Nobody else sets it.
    let _ = queued.set(leader.work.clone());
    let watches = Watches {
        client: client.clone(),
        state: state.clone(),
        work: leader.work.clone(),
        rollouts: leader.rollouts.clone(),
        provider: leader.provider.clone(),
        stores,
        repeated,
        lists: lists.clone(),
        unreadable: Unreadable::new(standalone.then(|| leader.teller(&extent, &leadership))),
        extent: extent.clone(),
        leadership: leadership.clone(),
    };
    let stages = Stages::default();
    watches.start(&mut parts, &stages.synced);
    tokio::select! {
        () = lists.all_shown() => info!(externalsecrets = state.objects(), "index complete"),
        failed = wait(&mut parts, &shutdown) => return outcome(failed),
    }
    let takes_over = elected.is_some();
    let mut election = match elected {
        Some(leases) => Election::start(leases, identity, gate, leadership.clone()),
        None => Election::unopposed(&leadership),
    };
    // Until it leads, an instance watches and answers on the admin port, and does nothing else.
    tokio::select! {
        () = leadership.leading() => {}
        lost = election.lost() => return Err(lost.into()),
        failed = wait(&mut parts, &shutdown) => {
            election.release().await;
            return outcome(failed);
        }
        () = leader.validator.stand_by() => return outcome(Some("watch")),
    }
    let work = async {
        let (waiting, before) = (leader.work.clone(), takes_over.then_some((client, extent)));
        let Led { acknowledging, queue, receiving } = lead(leader, before, &mut parts, &shutdown, &stages);
        let failed = wait(&mut parts, &shutdown).await;
        finish(parts, &waiting, acknowledging).await;
        (failed, receiving.await.ok().map(|receiving| (queue, receiving)))
    };
    let (failed, receiving) = tokio::select! {
        ended = work => ended,
        // What is under way would be refused: there is nothing to finish.
        lost = election.lost() => return Err(lost.into()),
    };
    election.release().await;
    if let Some((queue, receiving)) = receiving.filter(|_| takes_over) {
        hand_back(&queue, receiving).await;
    }
    outcome(failed)
}

/// What objects and stores are judged by. `api_audiences` are those of the API server's own tokens.
fn options(args: &Args, extent: Extent, api_audiences: Vec<String>) -> StateOptions {
    StateOptions {
        stores: Rules {
            class: args.controller_class.clone(),
            default_identity: args.default_identity.into(),
            api_audiences,
            extent,
        },
        companion: args.mode == Mode::Companion,
        // ESO refreshes none with interval 0; that they are not is said when their sources change.
        all_follow_events: args.event_refresh == EventRefresh::All || args.mode == Mode::Companion,
        heartbeat_period: args.heartbeat_period,
    }
}

/// Everything that acts, but does not begin to.
fn leader(
    args: Args,
    aws: aws_config::SdkConfig,
    state: State,
    told: Told,
    own: OwnDeployment,
    key: HashKey,
    writer: Writer,
) -> (Leader, Stores) {
    let gate = writer.gate();
    let annotations = writer.clone();
    let targets = Targets::new(writer.clone());
    let template_sources = TemplateSources::new(&writer);
    let statuses = Statuses::new(writer.clone());
    let objects = ExternalSecrets::new(writer.clone());
    let events = Events::new(writer.clone(), args.pod_name.clone());
    let options = RolloutOptions {
        choices: args.rollouts(),
        namespace: own.namespace().to_owned(),
        audience: Audience { events: Some(events.clone()), alerts: told.alerts, metrics: told.metrics.clone() },
        state: Some(state.clone()),
        webhook: told.webhook,
    };
    let metrics = told.metrics;
    let rollouts = Rollouts::new(writer.clone(), key, options);
    let cluster = Cluster { secrets: targets.clone(), tokens: Tokens::new(writer) };
    let provider = Provider::new(aws.clone(), cluster, args.rates(), metrics.clone());
    let work = Work::new(state.clone(), rollouts.clone());
    let (validator, stores) =
        Validator::new(state.clone(), provider.clone(), statuses.clone(), events.clone(), work.clone());
    let leader = Leader {
        args,
        aws,
        metrics,
        state,
        provider,
        targets,
        template_sources,
        statuses,
        objects,
        cluster_external_secrets: ClusterExternalSecrets::new(annotations),
        events,
        own,
        rollouts,
        work,
        validator,
        repeater: None,
        gate,
    };
    (leader, stores)
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

async fn serve(admin: Admin, address: SocketAddr, shutdown: CancellationToken) -> &'static str {
    if let Err(error) = admin.serve(address, shutdown).await {
        error!(%error, %address, "admin port not available; choose another with --admin-addr");
    }
    "admin"
}
