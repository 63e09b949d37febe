//! The sweep: compares which versions AWS has with what was applied, without reading values.
//!
//! It covers what events may miss: at start, at each flip of a pipe, at the sweep interval while a pipe is proven, and
//! at each object's own refreshInterval while it is not. It only moves what is desired; the worker does the rest. What
//! is due, and what is worth a report, `rekey_core::sweep` decides.

mod round;
#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use kube::Resource;
use rand::RngExt;
use rekey_core::ledger::{Decision, Look};
use rekey_core::object::ObjectKey;
use rekey_core::store::AwsStore;
use rekey_core::sweep::{Closed, Comparisons, Find, Unannounced, moved};
use rekey_core::wanted::{Token, Wanted};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::cluster::event::Events;
use crate::metrics::Metrics;
use crate::provider::{Asked, Checked, Provider};
use crate::state::State;
use crate::worker::{Urgency, Work};
use round::{Group, Round, Why};

/// See the module's head.
#[derive(Clone)]
pub struct Sweep {
    /// What is there.
    pub state: State,
    /// Who tells versions.
    pub provider: Provider,
    /// Who syncs what differs.
    pub work: Work,
    /// Counters.
    pub metrics: Metrics,
    /// Where unannounced changes are told of.
    pub events: Events,
    /// How often, in a proven pipe.
    pub interval: Duration,
    /// Wakes the sweep for all objects.
    pub flipped: Arc<Notify>,
}

/// One store's versions have been asked for.
struct Compared {
    objects: Vec<(ObjectKey, Vec<usize>)>,
    answers: Vec<(Wanted, Told)>,
}

/// What AWS told of one wanted thing.
enum Told {
    Version(Token),
    OnlyReadsTell,
    Nothing,
}

/// What the sweep remembers from round to round.
struct Memory {
    comparisons: Comparisons,
    unannounced: Unannounced,
    /// When a pipe last changed its state, or the sweep began.
    flipped: Timestamp,
}

impl Sweep {
    /// Runs until told to stop. The first round covers everything.
    pub async fn run(self, shutdown: CancellationToken) {
        let flipped = Timestamp::now();
        let mut memory = Memory { comparisons: Comparisons::default(), unannounced: Unannounced::default(), flipped };
        let mut running: JoinSet<Compared> = JoinSet::new();
        let mut why = Why::Start;
        loop {
            let round = self.round(&mut memory, why);
            for (store, group) in round.groups {
                let sweep = self.clone();
                // One store that does not answer holds up none of the others.
                running.spawn(async move { sweep.compare_safely(&store, group).await });
            }
            let mut next = Instant::now() + round.nap;
            why = loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = self.flipped.notified() => {
                        memory.flipped = Timestamp::now();
                        break Why::Flip;
                    }
                    Some(done) = running.join_next(), if !running.is_empty() => {
                        let Ok(compared) = done else { continue };
                        if let Some(wait) = self.settle(&mut memory, compared) {
                            next = next.min(Instant::now() + wait);
                        }
                    }
                    () = tokio::time::sleep_until(next) => break Why::Due,
                }
            };
        }
    }

    /// Says what is due, and reports what nobody announced.
    fn round(&self, memory: &mut Memory, why: Why) -> Round {
        let now = Timestamp::now();
        let heard_since = |wanted: &Wanted, since| self.state.heard_since(wanted, since);
        for find in memory.unannounced.due(now, heard_since, |wanted| self.state.known(wanted)) {
            self.report(memory, &find);
        }
        let round = Round::new(&self.state, memory, self.interval, why, now);
        for key in &round.nothing_to_compare {
            self.state.with_object(key, |object| object.checked = Some(now));
            self.push_if_stale(key);
        }
        round
    }

    /// The same as `compare`; a panic must not leave the objects under way for ever: it is no answer.
    async fn compare_safely(&self, store: &AwsStore, Group { asked, objects, .. }: Group) -> Compared {
        let answers = AssertUnwindSafe(self.compare(store, asked)).catch_unwind().await.unwrap_or_else(|_| {
            error!("a comparison ended in a panic; please report the line \"panic\" of the log");
            Vec::new()
        });
        Compared { objects, answers }
    }

    /// Asks AWS for the versions of one store and puts them into the ledger.
    async fn compare(&self, store: &AwsStore, asked: Vec<Asked>) -> Vec<(Wanted, Told)> {
        let looks: Vec<Look> = asked.iter().map(|one| self.state.begin_check(&one.wanted)).collect();
        let mut checked = self.provider.check(store, &asked).await;
        let told = |(Asked { wanted, .. }, look): (Asked, Look)| {
            let told = match checked.remove(&wanted) {
                Some(Checked::Version { known, account }) => {
                    let token = known.token.clone();
                    // What does not stand is looked for by reads.
                    self.state.settle_check(&wanted, look, known, account);
                    Told::Version(token)
                }
                Some(Checked::Unclear(reason)) => {
                    debug!(source = %wanted, reason, "version not told; the value will be read");
                    self.state.mark_unknown(&wanted);
                    Told::OnlyReadsTell
                }
                Some(Checked::Later(reason)) => {
                    debug!(source = %wanted, reason, "version not told this time");
                    Told::Nothing
                }
                None => Told::Nothing,
            };
            (wanted, told)
        };
        asked.into_iter().zip(looks).map(told).collect()
    }

    /// Asks for a sync of the objects whose versions differ. Returns how soon one of them is due again out of turn.
    fn settle(&self, memory: &mut Memory, compared: Compared) -> Option<Duration> {
        let now = Timestamp::now();
        let (mut stale, mut unanswered, mut soonest) = (0, 0, None);
        let objects = compared.objects.len();
        for (key, wants) in compared.objects {
            let answers = || wants.iter().filter_map(|place| compared.answers.get(*place));
            let told = answers().filter(|(_, told)| !matches!(told, Told::Nothing)).count();
            if self.push_if_stale(&key) {
                stale += 1;
                self.note_find(memory, &key, answers(), now);
            }
            let answered = told == wants.len();
            unanswered += usize::from(!answered);
            let proven = memory.comparisons.begun(&key).map(|begun| begun.proven);
            match memory.comparisons.store_done(&key, answered, now, rand::rng().random_range(0.0..=1.0)) {
                Some(Closed::Compared) => {
                    self.state.compared(&key, proven, now);
                    self.push_if_stale(&key);
                }
                Some(Closed::Again) => {
                    self.state.with_object(&key, |object| object.checked = None);
                    soonest = Some(Duration::ZERO);
                }
                Some(Closed::Postponed(wait)) => soonest = Some(soonest.unwrap_or(wait).min(wait)),
                None => {}
            }
        }
        debug!(objects, stale, unanswered, "store compared");
        soonest
    }

    /// Logs which versions moved, and remembers those that an event should have announced.
    fn note_find<'a>(
        &self,
        memory: &mut Memory,
        key: &ObjectKey,
        answers: impl Iterator<Item = &'a (Wanted, Told)>,
        now: Timestamp,
    ) {
        let Some(applied) = self.state.with_object(key, |object| object.applied.clone()) else { return };
        let mut found = Vec::new();
        for (wanted, told) in answers {
            if let Told::Version(token) = told
                && let Some(moved) = moved(&applied, wanted, token)
            {
                info!(externalsecret = %key, source = %wanted, %token, "sweep found another version");
                found.push(moved);
            }
        }
        if let Some(begun) = memory.comparisons.begun(key).filter(|begun| begun.announced) {
            memory.unannounced.found(Find { object: key.clone(), moved: found, since: begun.at }, now);
        }
    }

    /// Asks for a sync of an object that is not as it should be, unless it failed: then its retry is under way.
    fn push_if_stale(&self, key: &ObjectKey) -> bool {
        let decision = self.state.decide(key, Timestamp::now());
        let stale = matches!(decision, Some(Decision::Read | Decision::LookAgain(_) | Decision::Closed(_)));
        if stale {
            debug!(externalsecret = %key, "sweep asks for a sync");
            self.work.push(key.clone(), Urgency::Routine);
        }
        stale
    }

    /// Tells people of a change that no event announced.
    fn report(&self, memory: &mut Memory, find: &Find) {
        self.metrics.unannounced(memory.unannounced.count(find));
        let sources = find.moved.iter().map(|moved| moved.wanted.to_string()).collect::<Vec<_>>().join(", ");
        warn!(
            externalsecret = %find.object, %sources,
            "unannounced change: the sweep found a version that no event told of; do the rules cover its source?"
        );
        let Some(about) = self.state.with_object(&find.object, |object| object.resource.object_ref(&())) else {
            return;
        };
        let events = self.events.clone();
        let note = format!("{sources} changed and no event told of it; do the rules of EventBridge cover it?");
        tokio::spawn(async move { events.warning(&about, "UnannouncedChange", "Sweep", note).await });
    }
}
