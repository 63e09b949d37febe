//! The parts of the agent that only the one that leads has: they receive, compare, read and write.

use std::sync::Arc;

use jiff::Timestamp;
use rekey_core::extent::Extent;
use rekey_core::ledger::Decision;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::stop::{Stages, start, until_told};
use crate::args::{Args, Mode};
use crate::cluster::cluster_external_secret::ClusterExternalSecrets;
use crate::cluster::event::Events;
use crate::cluster::external_secret::ExternalSecrets;
use crate::cluster::own::OwnDeployment;
use crate::cluster::status::Statuses;
use crate::cluster::target::Targets;
use crate::cluster::template_source::TemplateSources;
use crate::cluster_external_secret::Repeater;
use crate::companion::{Companion, Memory};
use crate::gate::Gate;
use crate::intake::{Acknowledger, Holding, Intake, Receiving};
use crate::leader::Leadership;
use crate::metrics::Metrics;
use crate::pipe::Flips;
use crate::provider::Provider;
use crate::queue::Queue;
use crate::rollout::Rollouts;
use crate::state::State;
use crate::stores::Validator;
use crate::sweep::Sweep;
use crate::sync::{Reads, Rendering, Syncer};
use crate::watch::{Teller, look_at_resources};
use crate::worker::{Controller, Urgency, Work, Worker};

/// What they are made of.
pub(super) struct Leader {
    pub args: Args,
    pub aws: aws_config::SdkConfig,
    pub metrics: Metrics,
    pub state: State,
    pub provider: Provider,
    pub targets: Targets,
    pub template_sources: TemplateSources,
    pub statuses: Statuses,
    pub objects: ExternalSecrets,
    pub cluster_external_secrets: ClusterExternalSecrets,
    pub events: Events,
    pub own: OwnDeployment,
    pub rollouts: Rollouts,
    pub work: Work,
    pub validator: Validator,
    pub repeater: Option<Repeater>,
    pub gate: Gate,
}

impl Leader {
    /// Who speaks of objects that cannot be parsed.
    pub(super) fn teller(&self, extent: &Extent, leadership: &Leadership) -> Teller {
        Teller {
            statuses: self.statuses.clone(),
            cluster_external_secrets: self.cluster_external_secrets.clone(),
            objects: self.objects.clone(),
            events: self.events.clone(),
            class: self.args.controller_class.clone(),
            cluster_stores: extent.owns_cluster_stores(),
            leadership: leadership.clone(),
        }
    }
}

/// What outlives them.
pub(super) struct Led {
    /// Ends when the queue was told about every message.
    pub acknowledging: JoinHandle<()>,
    pub queue: Queue,
    pub receiving: oneshot::Receiver<Receiving>,
}

/// Starts them. `takes_over`: another instance may have led until this moment.
pub(super) fn lead(
    leader: Leader,
    takes_over: Option<(kube::Client, Extent)>,
    parts: &mut JoinSet<&'static str>,
    shutdown: &CancellationToken,
    stages: &Stages,
) -> Led {
    let standalone = leader.args.mode == Mode::Standalone;
    if standalone {
        // Whoever else refreshes an object is a second controller.
        leader.state.lead();
    }
    look_at_all(&leader.state, &leader.work);

    let worker = Worker {
        work: leader.work.clone(),
        controller: controller(&leader),
        metrics: leader.metrics.clone(),
        concurrency: usize::from(leader.args.concurrent),
        max_retry_interval: leader.args.max_retry_interval,
    };
    let flipped = Arc::new(Notify::new());
    let flips = Flips {
        state: leader.state.clone(),
        events: leader.events.clone(),
        own: leader.own,
        sweep: Arc::clone(&flipped),
    };
    let sweep = Sweep {
        state: leader.state.clone(),
        provider: leader.provider,
        work: leader.work.clone(),
        metrics: leader.metrics.clone(),
        events: leader.events,
        interval: leader.args.sweep_interval,
        flipped,
    };
    let queue = Queue::new(&leader.aws, &leader.args.queue_url);
    let (finished, outcomes) = unbounded_channel();
    let holding = Holding::default();
    let acknowledger = Acknowledger {
        queue: queue.clone(),
        finished: outcomes,
        holding: holding.clone(),
        metrics: leader.metrics.clone(),
        shutdown: shutdown.clone(),
        gate: leader.gate,
    };
    let (unfinished, receiving) = oneshot::channel();
    let intake = Intake {
        queue: queue.clone(),
        state: leader.state,
        work: leader.work,
        finished,
        holding,
        metrics: leader.metrics,
        unfinished,
    };

    let acknowledging = tokio::spawn(acknowledger.run());
    start(parts, "worker", Some(&stages.synced), worker.run(stages.received.clone()));
    start(parts, "rollout", None, restart(leader.rollouts, takes_over, stages.synced.clone()));
    if standalone {
        start(parts, "stores", None, leader.validator.run(shutdown.clone()));
    }
    if let Some(repeater) = leader.repeater {
        start(parts, "clusterexternalsecrets", None, repeater.run(shutdown.clone()));
    }
    start(parts, "pipe", None, flips.run(shutdown.clone()));
    start(parts, "sweep", None, sweep.run(shutdown.clone()));
    start(parts, "intake", Some(&stages.received), intake.run(shutdown.clone()));

    Led { acknowledging, queue, receiving }
}

/// Who makes objects what they should be.
fn controller(leader: &Leader) -> Controller {
    let reads = Reads::new(leader.provider.clone(), leader.state.clone());
    match leader.args.mode {
        Mode::Standalone => Controller::Rekey(Arc::new(Syncer {
            state: leader.state.clone(),
            reads,
            rendering: Rendering::default(),
            targets: leader.targets.clone(),
            template_sources: leader.template_sources.clone(),
            statuses: leader.statuses.clone(),
            objects: leader.objects.clone(),
            events: leader.events.clone(),
            rollouts: leader.rollouts.clone(),
            metrics: leader.metrics.clone(),
        })),
        Mode::Companion => Controller::Eso(Arc::new(Companion {
            state: leader.state.clone(),
            reads,
            external_secrets: leader.objects.clone(),
            cluster_external_secrets: leader.cluster_external_secrets.clone(),
            events: leader.events.clone(),
            metrics: leader.metrics.clone(),
            memory: Memory::default(),
        })),
    }
}

/// Restarts workloads, once nothing is known of Secrets that the last leader knew better. Syncs do not wait for that.
async fn restart(rollouts: Rollouts, takes_over: Option<(kube::Client, Extent)>, stop: CancellationToken) {
    if let Some((client, extent)) = takes_over
        && until_told(&stop, look_at_resources(&client, &extent, &rollouts)).await.is_none()
    {
        return;
    }
    rollouts.complete();
    Box::pin(rollouts.run(stop)).await;
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
