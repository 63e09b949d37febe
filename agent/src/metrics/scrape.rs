//! One scrape of `/metrics`: the counters, and what the state knows of objects, pipes and stores at that moment.
//!
//! Nothing of the second kind is kept from scrape to scrape, so that the series of an object end with it.

use jiff::Timestamp;
use rekey_core::object::ObjectKey;
use rekey_core::pipe::{PipeState, Reason};
use rekey_core::report;

use super::exposition::{Exposition, Format, Kind};
use super::{Metrics, eso};
use crate::pipe;
use crate::state::{State, Tally};

/// What a scrape shows beside the counters.
pub struct Scrape<'a> {
    /// Objects, stores and pipes.
    pub state: &'a State,
    /// How many objects are in the worker's queue.
    pub waiting: usize,
    /// Is this instance the one that writes? A standby hears no heartbeats and syncs nothing; what it could say of
    /// objects and pipes would be wrong, and the leader says it.
    pub leads: bool,
    /// Are ESO's names wanted?
    pub eso_names: bool,
    /// Are Stakater Reloader's names wanted?
    pub reloader_names: Option<ReloaderNames>,
}

/// Which of Stakater Reloader's series are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloaderNames {
    /// Those whose number does not grow with the cluster.
    Few,
    /// And one for each namespace.
    ByNamespace,
}

/// An object as the series tell of it.
pub(super) struct Row {
    pub key: ObjectKey,
    /// What its Ready condition says, where it has one.
    pub ready: Option<bool>,
    pub proven: bool,
    /// Does somebody else keep writing it or its target?
    pub contested: bool,
    pub tally: Tally,
}

impl Metrics {
    /// The counters alone, in the classic format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = Exposition::new(Format::Classic);
        text.registry(&self.0.registry);
        text.finish()
    }

    /// The text of `/metrics`.
    #[must_use]
    pub fn scrape(&self, scrape: &Scrape<'_>, format: Format, now: Timestamp) -> String {
        let mut text = Exposition::new(format);
        text.registry(&self.0.registry);
        text.family("rekey_build_info", Kind::Gauge, "The version of the agent");
        text.sample("rekey_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        text.family("rekey_leader", Kind::Gauge, "1 while this instance is the one that writes");
        text.sample("rekey_leader", &[], u8::from(scrape.leads));
        if let Some(names) = scrape.reloader_names {
            self.0.reloader.show(&mut text, names == ReloaderNames::ByNamespace);
        }
        if scrape.leads {
            self.leader(&mut text, scrape, now);
        }
        text.finish()
    }

    fn leader(&self, text: &mut Exposition, scrape: &Scrape<'_>, now: Timestamp) {
        const QUEUE: &str = "rekey_worker_queue_length";
        text.family(QUEUE, Kind::Gauge, "ExternalSecrets that wait for their turn or their retry");
        text.sample(QUEUE, &[], scrape.waiting);
        let rows = rows(scrape.state, now);
        objects(text, &rows);
        pipes(text, &pipe::overview(scrape.state, now), now);
        if scrape.eso_names {
            eso::objects(text, &rows);
            eso::calls(text, self);
            eso::stores(text, &scrape.state.validated_stores());
            eso::repeated(text, &scrape.state.all_repeated());
        }
    }
}

/// A copy, so that the state is locked for a moment only. Other controllers' objects are theirs to tell of.
fn rows(state: &State, now: Timestamp) -> Vec<Row> {
    let mut rows = Vec::with_capacity(state.objects());
    state.visit(now, |key, object, pipe| {
        if object.is_foreign() {
            return;
        }
        let ready = report::ready_condition(object.resource.status.as_ref());
        rows.push(Row {
            key: key.clone(),
            ready: ready.and_then(|ready| ready_of(&ready.status)),
            proven: pipe == PipeState::Proven,
            contested: object.others.contest(now),
            tally: object.tally,
        });
    });
    rows.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    rows
}

fn ready_of(status: &str) -> Option<bool> {
    match status {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

fn objects(text: &mut Exposition, rows: &[Row]) {
    const NAME: &str = "rekey_objects";
    const CONTESTED: &str = "rekey_contested_targets";
    text.family(NAME, Kind::Gauge, "ExternalSecrets by their condition and by the least proven pipe they depend on");
    for (ready, label) in [(Some(true), "true"), (Some(false), "false"), (None, "unknown")] {
        for (proven, pipe) in [(true, "proven"), (false, "unproven")] {
            let count = rows.iter().filter(|row| row.ready == ready && row.proven == proven).count();
            text.sample(NAME, &[("ready", label), ("pipe", pipe)], count);
        }
    }
    text.family(CONTESTED, Kind::Gauge, "ExternalSecrets that somebody else keeps writing, or whose targets");
    text.sample(CONTESTED, &[], rows.iter().filter(|row| row.contested).count());
}

fn pipes(text: &mut Exposition, pipes: &[pipe::Overview], now: Timestamp) {
    let families: [(&str, &str); 3] = [
        ("rekey_pipe_proven", "1 while heartbeats prove the pipe; no account: none was heard from yet"),
        ("rekey_pipe_unproven", "1 for the reason why the pipe is not proven"),
        ("rekey_pipe_heartbeat_age_seconds", "Time since the last heartbeat of the pipe was sent"),
    ];
    for (number, (name, help)) in families.into_iter().enumerate() {
        text.family(name, Kind::Gauge, help);
        for pipe in pipes {
            let service = pipe.service.to_string();
            let account = pipe.account.as_ref().map_or("", |account| account.as_str());
            let labels = [("account", account), ("region", pipe.region.as_str()), ("service", &service)];
            match number {
                0 => text.sample(name, &labels, u8::from(pipe.state == PipeState::Proven)),
                1 => {
                    for reason in Reason::ALL {
                        let [account, region, service] = labels;
                        let labels = [account, region, service, ("reason", reason.as_str())];
                        text.sample(name, &labels, u8::from(pipe.state == PipeState::Unproven(reason)));
                    }
                }
                _ => {
                    if let Some(sent) = pipe.heartbeat {
                        text.sample(name, &labels, super::between(sent, now).as_secs_f64());
                    }
                }
            }
        }
    }
}
