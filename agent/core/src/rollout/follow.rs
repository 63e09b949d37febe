//! Follows a restart of ours to its end, from what the workload's own controller reports: the new data is live, or the
//! rollout is stuck, or something else came in between.
//!
//! It is a function of the workload as it is: the record of the restart stands on the workload ([`Started`]), so a process
//! that begins in the middle takes up what another one began. What such a process tells again of the last hour is
//! recognised by whoever publishes it, since the record names the restart.

mod health;
mod started;
#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodTemplateSpec;

use super::workload::{Progress, Standing, Workload, WorkloadKey, WorkloadKind};
use crate::backoff::after;

pub use health::Health;
pub use started::{ANNOTATION, Started};

/// A rollout whose controller sets it no deadline is stuck after so long without another new pod. It is the deadline that
/// Deployments have by default.
const PATIENCE: Duration = Duration::from_mins(10);

/// A failure has to last this long to be told: controllers try again at once, and quotas are freed by pods that end.
const LASTING: Duration = Duration::from_secs(10);

/// What is older was told by the process before this one, or nobody will miss it. Kubernetes keeps Events as long.
const REMEMBERED: Duration = Duration::from_hours(1);

/// Tells one pod template from another, within one process. A template may hold values and the function is known to
/// everybody, so it is shown to nobody.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Fingerprint(u64);

/// What became of a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was carried out.
    Restarted,
    /// Every pod is new and serves; a Job has finished.
    Live {
        /// The time since the change, if this process saw it end.
        took: Option<Duration>,
    },
    /// It does not get on, for this reason. If it recovers, it is told to be live.
    Stuck(String),
    /// A Job has failed, for this reason.
    Failed(String),
    /// The template was changed again before it had ended, by us or by somebody else.
    Superseded,
}

/// Something to tell people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The workload.
    pub workload: WorkloadKey,
    /// Its uid.
    pub uid: String,
    /// Which restart.
    pub started: Started,
    /// What became of it.
    pub told: Told,
}

/// The last restart of one workload, as far as this process knows.
#[derive(Debug, Default)]
pub struct Follow {
    last: Option<Followed>,
    /// What became of those before it, until it is told.
    pending: Vec<News>,
}

/// What a look at a workload gave.
#[derive(Debug, Default)]
pub struct Look {
    /// What there is to tell.
    pub news: Vec<News>,
    /// When to look again, if the workload does not change before.
    pub again: Option<Timestamp>,
}

#[derive(Debug)]
struct Followed {
    started: Started,
    /// The template that it made.
    template: Fingerprint,
    /// Whether it was seen under way, so that its duration is known.
    witnessed: bool,
    /// Whether its controller has seen it, and how many new pods there were at most.
    furthest: (bool, i32),
    /// When it last got further.
    moved: Timestamp,
    failing_since: Option<Timestamp>,
    stage: Stage,
}

/// What was told so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    UnderWay,
    Stuck,
    Ended,
}

enum Verdict {
    /// It gets on, or may; look again at this time.
    Going(Option<Timestamp>),
    Told(Told),
}

impl Fingerprint {
    /// Of this template; all workloads without one are alike.
    #[must_use]
    pub fn of(template: Option<&PodTemplateSpec>) -> Self {
        let mut hasher = Sink(DefaultHasher::new());
        // A sink takes everything, and templates always serialise.
        let _ = serde_json::to_writer(&mut hasher, &template);
        Self(hasher.0.finish())
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint")
    }
}

struct Sink(DefaultHasher);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Follow {
    /// The last restart, for the record on the workload.
    #[must_use]
    pub fn started(&self) -> Option<&Started> {
        self.last.as_ref().map(|last| &last.started)
    }

    /// Whether the last restart may still get on: it is neither at its end nor stuck, nor has it stood still for so long that
    /// nobody should wait for it, whatever deadline it has.
    #[must_use]
    pub fn is_under_way(&self, workload: &Workload, now: Timestamp) -> bool {
        match (&self.last, &workload.started) {
            (Some(last), _) => last.stage == Stage::UnderWay && now < after(last.moved, REMEMBERED),
            // Of another process, and not looked at yet; or never, if the workload was changed in between.
            (None, Some(started)) => {
                let is_looked_at = started.generation == workload.progress.generation;
                !workload.progress.is_done(started.generation) && (is_looked_at || now < after(started.since, PATIENCE))
            }
            (None, None) => false,
        }
    }

    /// A restart was carried out; the workload as the API server answered, of which the watch may show a later version
    /// already.
    pub fn began(&mut self, started: &Started, workload: &Workload, now: Timestamp) {
        self.take_up(Started { generation: workload.progress.generation, ..started.clone() }, workload, now);
    }

    /// Looks at the workload as it is now.
    pub fn look(&mut self, workload: &Workload, now: Timestamp) -> Look {
        let recorded = workload.started.as_ref().filter(|started| started.generation == workload.progress.generation);
        if let Some(started) = recorded
            && self.take_up(started.clone(), workload, now)
            && workload.key.kind != WorkloadKind::Job
            && after(started.since, REMEMBERED) > now
        {
            // Whoever carried it out may not know: the answer was lost, or the process ended before it could tell. Of a Job
            // that was made anew a save tells, and one that a CronJob runs is told of there.
            let (workload, uid) = (workload.key.clone(), workload.uid.clone());
            self.pending.push(News { workload, uid, started: started.clone(), told: Told::Restarted });
        }
        let mut look = Look { news: std::mem::take(&mut self.pending), again: None };
        let Some(last) = self.last.as_mut().filter(|last| last.stage != Stage::Ended) else { return look };
        match last.verdict(workload, now) {
            Verdict::Going(again) => look.again = again,
            Verdict::Told(told) => look.news.extend(last.tell(told, workload)),
        }
        look
    }

    /// From now on this restart is followed, if it is a later one, and whether it is. A CronJob has no pods: its Job is
    /// followed.
    fn take_up(&mut self, started: Started, workload: &Workload, now: Timestamp) -> bool {
        match &mut self.last {
            // Something of ours that left the template alone has made another generation.
            Some(last) if last.started.is(&started) => {
                last.started.generation = last.started.generation.max(started.generation);
                return false;
            }
            Some(last) if last.started.generation >= started.generation => return false,
            _ if workload.key.kind == WorkloadKind::CronJob => return false,
            _ => {}
        }
        let before = self.last.replace(Followed::new(started, workload, now));
        self.pending.extend(before.and_then(|mut before| before.tell(Told::Superseded, workload)));
        true
    }
}

impl Followed {
    fn new(started: Started, workload: &Workload, now: Timestamp) -> Self {
        let progress = &workload.progress;
        let old = after(started.since, REMEMBERED) <= now;
        let stage = match &workload.health {
            // From now on pods may fail and recover for other reasons.
            _ if old && progress.is_replaced(started.generation) => Stage::Ended,
            Health::Failing(_) if old => workload.key.kind.stage_of_failure(),
            _ => Stage::UnderWay,
        };
        Self {
            template: workload.template,
            witnessed: !progress.is_done(started.generation),
            furthest: (false, 0),
            moved: now,
            failing_since: None,
            stage,
            started,
        }
    }

    fn verdict(&mut self, workload: &Workload, now: Timestamp) -> Verdict {
        let Workload { progress, health, .. } = workload;
        // Without the record on it, nobody looked at its template.
        if workload.started.is_some() && workload.template != self.template {
            return Verdict::Told(Told::Superseded);
        }
        if progress.is_done(self.started.generation) {
            let took = Duration::try_from(now.duration_since(self.started.since)).unwrap_or_default();
            return Verdict::Told(Told::Live { took: self.witnessed.then_some(took) });
        }
        let observed = progress.observed >= self.started.generation;
        let furthest = self.furthest.max((observed, if observed { progress.updated } else { 0 }));
        if furthest != self.furthest || is_held(workload) {
            (self.furthest, self.moved) = (furthest, now);
        }
        if is_held(workload) {
            self.failing_since = None;
            return Verdict::Going(None);
        }
        // Before it has seen the restart, its controller speaks of the rollout before.
        if let (Health::Failing(reason), true) = (health, observed) {
            let lasting = after(*self.failing_since.get_or_insert(now), LASTING);
            if lasting > now {
                return Verdict::Going(Some(lasting));
            }
            return Verdict::Told(workload.key.kind.failure(reason));
        }
        self.failing_since = None;
        let patience = workload.key.kind.needs_patience().then(|| after(self.moved, PATIENCE));
        match patience {
            Some(until) if until <= now => Verdict::Told(Told::Stuck(idle(progress))),
            until => Verdict::Going(until),
        }
    }

    /// What there is to tell, if it was not told yet.
    fn tell(&mut self, told: Told, workload: &Workload) -> Option<News> {
        let stage = if matches!(told, Told::Stuck(_)) { Stage::Stuck } else { Stage::Ended };
        if self.stage >= stage {
            return None;
        }
        self.stage = stage;
        Some(News { workload: workload.key.clone(), uid: workload.uid.clone(), started: self.started.clone(), told })
    }
}

impl WorkloadKind {
    /// A Job that fails has ended; everything else may recover.
    fn failure(self, reason: &str) -> Told {
        if self == Self::Job { Told::Failed(reason.to_owned()) } else { Told::Stuck(reason.to_owned()) }
    }

    fn stage_of_failure(self) -> Stage {
        if self == Self::Job { Stage::Ended } else { Stage::Stuck }
    }

    /// Whether its controller never says by itself that a rollout does not get on.
    fn needs_patience(self) -> bool {
        matches!(self, Self::DaemonSet | Self::StatefulSet)
    }
}

fn is_held(workload: &Workload) -> bool {
    workload.health == Health::Held || matches!(workload.standing, Standing::OnDelete | Standing::Paused)
}

fn idle(progress: &Progress) -> String {
    let Progress { wanted, updated, available, .. } = progress;
    let minutes = PATIENCE.as_secs() / 60;
    format!("{updated} of {wanted} pods are new, {available} serve, and nothing has moved for {minutes} min")
}
