//! The world of the simulation.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::{Choice, Setting, Step};
use crate::object::ObjectKey;
use crate::rollout::book::{Book, Outcome, Room, Unrecorded, Write};
use crate::rollout::content::Content;
use crate::rollout::marker::Marker;
use crate::rollout::options::{Creation, Options, Strategy};
use crate::rollout::pause::Pause;
use crate::rollout::resource::ResourceName;
use crate::rollout::stakater;
use crate::rollout::testing::{AUTO, Fake, KEY, at, content as data, mac, plain, sha};
use crate::rollout::workload::Workload;

const ROOM: Room = Room { fresh: 1, retrying: 1 };
const PERIOD: &str = "deployment.reloader.stakater.com/pause-period";
/// A state tells the time to the second.
const PACE: u64 = 9_000;

/// What a resource holds; nothing if it is not there.
type Held = Option<u32>;

pub(super) struct World {
    setting: Setting,
    choice: Choice,
    now: u64,
    version: u64,
    /// With the version that wrote it.
    resources: [(u64, Held); 2],
    fake: Fake,
    /// What the pods were started with.
    pods: [Held; 2],
    /// The template has changed since.
    waits_for_pods: bool,
    changes: usize,
    restarts: usize,
    revisions: Vec<Fake>,
    resource_feed: VecDeque<(usize, u64, Held)>,
    workload_feed: VecDeque<Workload>,
    sent: VecDeque<Write>,
    book: Book,
}

/// A ConfigMap and a Secret.
fn names() -> [ResourceName; 2] {
    [ResourceName::config_map("a"), ResourceName::secret("b")]
}

impl World {
    pub fn new(setting: Setting, choice: Choice) -> Self {
        let mut annotations = vec![(AUTO, "true")];
        annotations.extend(choice.pauses.then_some((PERIOD, "20s")));
        let fake = Fake::new(3, at(500), &["b"], &annotations).with_config_map("a");
        let mut world = Self {
            setting,
            choice,
            now: 500,
            version: 3,
            resources: [(1, Some(1)), (2, Some(1))],
            fake,
            pods: [Some(1), Some(1)],
            waits_for_pods: false,
            changes: 0,
            restarts: 0,
            revisions: Vec::new(),
            resource_feed: VecDeque::new(),
            workload_feed: VecDeque::new(),
            sent: VecDeque::new(),
            book: Book::new(KEY, Options::default()),
        };
        if setting == Setting::Watched {
            world.book = Book::new(KEY, world.options());
            (0..2).for_each(|index| world.see(index, world.resources[index].0, world.resources[index].1));
            world.book.complete();
            world.workload_feed.push_back(world.fake.workload());
        } else {
            world.start();
        }
        if matches!(setting, Setting::Settled | Setting::RolledBack) {
            world.settle();
        }
        world
    }

    fn options(&self) -> Options {
        Options {
            strategy: if self.choice.variables { Strategy::Variables } else { Strategy::Annotations },
            creation: if self.choice.appearance { Creation::RestartsLate } else { Creation::Ignored },
            on_delete: self.choice.appearance,
            ..Options::default()
        }
    }

    fn at(&self) -> Timestamp {
        at(self.now)
    }

    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn see(&mut self, index: usize, version: u64, held: Held) {
        let key = names()[index].within("ns");
        match held {
            Some(content) => self.book.resource_seen(&key, &plain(&version.to_string(), content), self.at()),
            None => self.book.resource_gone(&key),
        }
    }

    /// A new process: it lists everything.
    fn start(&mut self) {
        self.book = Book::new(KEY, self.options());
        self.resource_feed.clear();
        self.workload_feed.clear();
        for (index, (version, held)) in self.resources.into_iter().enumerate() {
            self.see(index, version, held);
        }
        self.book.workload_seen(self.fake.workload(), self.at());
        self.book.complete();
    }

    fn write_resource(&mut self, index: usize, content: u32) {
        // A process that starts after a content came back cannot know that it was ever left.
        let content =
            if self.setting == Setting::Watched { content } else { u32::try_from(self.version).unwrap() + 100 };
        self.hold(index, Some(content));
    }

    fn hold(&mut self, index: usize, held: Held) {
        if self.resources[index].1 != held {
            self.changes += 1;
            let version = self.next_version();
            self.resources[index] = (version, held);
            self.resource_feed.push_back((index, version, held));
        }
    }

    pub fn step(&mut self, step: Step) {
        match step {
            Step::Change { resource, content } => self.write_resource(resource, content),
            // What goes and never had a variable is not missed.
            Step::Delete { resource } if self.choice.appearance && !self.choice.variables => self.hold(resource, None),
            Step::Delete { .. } => {}
            Step::Sync { content, crash } => self.sync(content, crash),
            Step::DeliverResource => {
                if let Some((index, version, held)) = self.resource_feed.pop_front() {
                    self.see(index, version, held);
                }
            }
            Step::DeliverWorkload => {
                if let Some(workload) = self.workload_feed.pop_front() {
                    self.book.workload_seen(workload, self.at());
                }
            }
            Step::Take => {
                let writes = self.book.take(ROOM, self.at());
                self.sent.extend(writes);
            }
            Step::Land { refused, lost } => self.land(refused, lost),
            Step::Touch => self.written_by_others(Fake::touch),
            // Pods take longer to start than a watch takes to deliver.
            Step::Finish if self.waits_for_pods || !self.resource_feed.is_empty() => {}
            Step::Finish => self.written_by_others(Fake::finish),
            Step::Wait { millis } => self.now += millis,
            Step::Crash { land } => {
                while let Some(write) = self.sent.pop_front() {
                    if land {
                        self.apply(&write);
                    }
                }
                self.start();
            }
            Step::RollBack => {
                // Kubernetes rolls nothing back that is paused.
                if let Some(older) = self.revisions.pop().filter(|_| !self.fake.paused()) {
                    self.written_by_others(|fake, version| fake.roll_back(version, &older));
                    self.start_pods();
                }
            }
        }
    }

    fn written_by_others(&mut self, write: impl FnOnce(&mut Fake, u64)) {
        let version = self.next_version();
        write(&mut self.fake, version);
        self.workload_feed.push_back(self.fake.workload());
    }

    /// Pods with the newest template start, unless they may not.
    fn start_pods(&mut self) {
        self.waits_for_pods = self.fake.paused();
        if !self.waits_for_pods {
            self.pods = self.resources.map(|(_, held)| held);
        }
    }

    fn sync(&mut self, content: u32, crash: bool) {
        const SECRET: usize = 1;
        let target = ObjectKey::new("ns", "b");
        // The agent cannot record what it has not been told of, nor wait for a workload that refuses to be written.
        // It writes over the newest version, and so has seen all there were.
        if self.resource_feed.iter().any(|(waiting, ..)| *waiting == SECRET) {
            return;
        }
        if !self.workload_feed.is_empty() || self.book.unrecorded(&target, self.at()) != Unrecorded::default() {
            return;
        }
        self.book.sync_queued(&target);
        self.write_resource(SECRET, content);
        if crash && self.setting != Setting::Watched {
            self.sent.clear();
            return self.start();
        }
        let (version, held) = self.resources[SECRET];
        self.see(SECRET, version, held);
        self.book.sync_finished(&target);
    }

    fn land(&mut self, refused: bool, lost: bool) {
        let Some(write) = self.sent.pop_front() else { return };
        let outcome = if refused {
            Outcome::Failed
        } else if !self.apply(&write) {
            Outcome::Conflict
        } else {
            Outcome::Applied(Box::new(self.fake.workload()))
        };
        let outcome = if lost { Outcome::Failed } else { outcome };
        self.book.written(&write, outcome, 0.5, self.at());
    }

    /// The API server carries out a write.
    fn apply(&mut self, write: &Write) -> bool {
        let before = self.fake.clone();
        let version = self.next_version();
        if !self.fake.apply(write, version) {
            return false;
        }
        self.workload_feed.push_back(self.fake.workload());
        if write.restart.is_some() {
            assert_ne!(before.template(), self.fake.template(), "two successive equal templates restart nothing");
            self.check_pace(&before, write);
            self.restarts += 1;
            self.waits_for_pods = true;
            self.revisions.push(before);
        }
        if self.waits_for_pods {
            self.start_pods();
        }
        true
    }

    /// The end of a pause takes with it what waits; a state that comes back tells an older time.
    fn check_pace(&self, before: &Fake, write: &Write) {
        let time = |fake: &Fake| fake.state().and_then(|state| state.restarted);
        if let (Some(last), Some(next)) = (time(before), time(&self.fake))
            && self.setting != Setting::RolledBack
            && write.pause.is_none_or(Pause::paused)
        {
            let between = next.duration_since(last).as_millis();
            assert!(between >= i128::from(PACE), "two restarts within {between} ms");
        }
    }

    /// Everything is delivered, everything succeeds, and time passes until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..200 {
            while !self.resource_feed.is_empty() {
                self.step(Step::DeliverResource);
            }
            while !self.workload_feed.is_empty() {
                self.step(Step::DeliverWorkload);
            }
            self.step(Step::Take);
            if !self.sent.is_empty() {
                while !self.sent.is_empty() {
                    self.land(false, false);
                }
                continue;
            }
            let Some(wake) = self.book.next_wake() else { return };
            let wait = wake.duration_since(self.at()).as_millis();
            self.now += u64::try_from(wait).unwrap() + 1;
        }
        panic!("it never comes to rest");
    }

    pub fn check(&self) {
        assert!(!self.fake.paused(), "it is left paused");
        let state = self.fake.state().unwrap();
        for (name, ((_, newest), pods)) in names().iter().zip(self.resources.iter().zip(self.pods)) {
            let recorded = state.hashes.get(name).copied();
            let Some(content) = *newest else {
                // Pods may have what is gone by now, and what went before anybody looked was never recorded.
                assert!(recorded.is_none_or(|content| content == Content::Gone), "{name}: {recorded:?}");
                continue;
            };
            assert_eq!(pods, Some(content), "the pods have the newest data of {name}");
            assert_eq!(recorded, Some(data(content)), "{name}");
        }
        if self.setting != Setting::RolledBack {
            assert!(self.restarts <= self.changes, "{} restarts for {} changes", self.restarts, self.changes);
            self.check_markers();
        }
    }

    /// They tell the newest data.
    fn check_markers(&self) {
        let newest = |name: &str| self.resources[names().iter().position(|other| other.name == name).unwrap()].1;
        let marker = self.fake.marker_text().filter(|_| !self.choice.variables);
        if let Some(marker) = marker.map(|text| Marker::parse(&text).unwrap()) {
            let expected =
                newest(&marker.name).map_or(stakater::DELETED.to_owned(), |content| mac(content).to_string());
            assert_eq!(marker.hash, expected);
        }
        for (name, (_, held)) in names().iter().zip(self.resources) {
            let variables = self.fake.workload().markers.variables;
            let variable = variables.into_iter().find(|variable| variable.name == stakater::variable(name));
            if let Some(variable) = variable {
                assert_eq!(variable.value, held.map(|content| sha(content).to_string()), "{name}");
            }
        }
    }
}
