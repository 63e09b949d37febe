//! Whatever the order of changes, deliveries, answers and crashes: the pods end on the newest data, with no restart
//! that no change explains.
//!
//! The world below is an API server with two Secrets and a Deployment that uses both, two watches that deliver late,
//! and an agent that is a [`Book`]. Only the last phase is orderly.

use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::rollout::marker::Marker;
use crate::rollout::options::Options;
use crate::rollout::resource::ResourceName;
use crate::rollout::testing::{AUTO, Fake, KEY, at, content as data, mac, plain};

const NAMES: [&str; 2] = ["a", "b"];
const ROOM: Room = Room { fresh: 1, retrying: 1 };

/// What is guaranteed from the start, and so what may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    /// The baselines are on the workload: everything may happen.
    Settled,
    /// The workload is created while the agent runs: everything but a crash.
    Watched,
    /// Nothing is recorded, but only the agent writes the Secrets: everything else, crashes included.
    Synced,
    /// The baselines are on the workload, and older revisions come back.
    RolledBack,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Somebody writes a Secret.
    Change {
        secret: usize,
        content: u32,
    },
    /// The agent writes a Secret, baselines first.
    Sync {
        secret: usize,
        content: u32,
        crash: bool,
    },
    DeliverSecret,
    DeliverWorkload,
    /// The agent asks its book for writes and sends them.
    Take,
    /// The first write under way reaches the API server, or is refused there; its answer arrives or is lost.
    Land {
        refused: bool,
        lost: bool,
    },
    /// Somebody updates the Deployment's status.
    Touch,
    Wait {
        millis: u64,
    },
    /// The agent ends and starts again; its writes under way may still land.
    Crash {
        land: bool,
    },
    RollBack,
}

fn step(setting: Setting) -> impl Strategy<Value = Step> {
    let contents = 1..4_u32;
    prop_oneof![
        4 => (0..2_usize, contents.clone()).prop_map(|(secret, content)| Step::Change { secret, content }),
        2 => (0..2_usize, contents, prop::bool::weighted(0.3))
            .prop_map(|(secret, content, crash)| Step::Sync { secret, content, crash }),
        6 => Just(Step::DeliverSecret),
        6 => Just(Step::DeliverWorkload),
        8 => Just(Step::Take),
        8 => (prop::bool::weighted(0.2), prop::bool::weighted(0.2)).prop_map(|(refused, lost)| Step::Land { refused, lost }),
        2 => Just(Step::Touch),
        4 => prop_oneof![1..900_u64, 5_000..15_000_u64].prop_map(|millis| Step::Wait { millis }),
        2 => any::<bool>().prop_map(|land| Step::Crash { land }),
        1 => Just(Step::RollBack),
    ]
    .prop_filter("not in this setting", move |step| match step {
        Step::Change { .. } => setting != Setting::Synced,
        Step::Crash { .. } => setting != Setting::Watched,
        Step::RollBack => setting == Setting::RolledBack,
        _ => true,
    })
}

struct World {
    setting: Setting,
    now: u64,
    version: u64,
    secrets: [(u64, u32); 2],
    fake: Fake,
    /// What the pods were started with.
    pods: [u32; 2],
    changes: usize,
    restarts: usize,
    revisions: Vec<Fake>,
    secret_feed: VecDeque<(usize, u64, u32)>,
    workload_feed: VecDeque<Workload>,
    sent: VecDeque<Write>,
    book: Book,
}

impl World {
    fn new(setting: Setting) -> Self {
        let fake = Fake::new(3, at(500), &NAMES, &[(AUTO, "true")]);
        let mut world = Self {
            setting,
            now: 500,
            version: 3,
            secrets: [(1, 1), (2, 1)],
            fake,
            pods: [1, 1],
            changes: 0,
            restarts: 0,
            revisions: Vec::new(),
            secret_feed: VecDeque::new(),
            workload_feed: VecDeque::new(),
            sent: VecDeque::new(),
            book: Book::new(KEY, Options::default()),
        };
        if setting == Setting::Watched {
            for index in 0..2 {
                world.see(index, world.secrets[index].0, world.secrets[index].1);
            }
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

    fn at(&self) -> Timestamp {
        at(self.now)
    }

    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn see(&mut self, index: usize, version: u64, content: u32) {
        let key = ObjectKey::new("ns", NAMES[index]);
        let version = version.to_string();
        self.book.resource_seen(&ResourceKey::secret(key), &plain(&version, content), self.at());
    }

    /// A new process: it lists everything.
    fn start(&mut self) {
        self.book = Book::new(KEY, Options::default());
        self.secret_feed.clear();
        self.workload_feed.clear();
        for index in 0..2 {
            self.see(index, self.secrets[index].0, self.secrets[index].1);
        }
        self.book.workload_seen(self.fake.workload(), at(self.now));
        self.book.complete();
    }

    fn write_secret(&mut self, index: usize, content: u32) {
        // A process that starts after a content came back cannot know that it was ever left.
        let content =
            if self.setting == Setting::Watched { content } else { u32::try_from(self.version).unwrap() + 100 };
        if self.secrets[index].1 != content {
            self.changes += 1;
            let version = self.next_version();
            self.secrets[index] = (version, content);
            self.secret_feed.push_back((index, version, content));
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Change { secret, content } => self.write_secret(secret, content),
            Step::Sync { secret, content, crash } => self.sync(secret, content, crash),
            Step::DeliverSecret => {
                if let Some((index, version, content)) = self.secret_feed.pop_front() {
                    self.see(index, version, content);
                }
            }
            Step::DeliverWorkload => {
                if let Some(workload) = self.workload_feed.pop_front() {
                    self.book.workload_seen(workload, at(self.now));
                }
            }
            Step::Take => {
                let writes = self.book.take(ROOM, self.at());
                self.sent.extend(writes);
            }
            Step::Land { refused, lost } => self.land(refused, lost),
            Step::Touch => {
                let version = self.next_version();
                self.fake.touch(version);
                self.workload_feed.push_back(self.fake.workload());
            }
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
                if let Some(older) = self.revisions.pop() {
                    let version = self.next_version();
                    self.fake.roll_back(version, &older);
                    self.pods = self.secrets.map(|(_, content)| content);
                    self.workload_feed.push_back(self.fake.workload());
                }
            }
        }
    }

    fn sync(&mut self, index: usize, content: u32, crash: bool) {
        let target = ObjectKey::new("ns", NAMES[index]);
        // The agent cannot record what it has not been told of, nor wait for a workload that refuses to be written.
        // It writes over the newest version, and so has seen all there were.
        if self.secret_feed.iter().any(|(waiting, ..)| *waiting == index) {
            return;
        }
        if !self.workload_feed.is_empty() || self.book.unrecorded(&target, self.at()) != Unrecorded::default() {
            return;
        }
        self.book.sync_queued(&target);
        self.write_secret(index, content);
        if crash && self.setting != Setting::Watched {
            self.sent.clear();
            return self.start();
        }
        let (version, content) = self.secrets[index];
        self.see(index, version, content);
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
            assert_ne!(before.marker_text(), self.fake.marker_text(), "two successive equal markers restart nothing");
            self.restarts += 1;
            self.pods = self.secrets.map(|(_, content)| content);
            self.revisions.push(before);
        }
        true
    }

    /// Everything is delivered, everything succeeds, and time passes until nothing is left to do.
    fn settle(&mut self) {
        for _ in 0..200 {
            while !self.secret_feed.is_empty() {
                self.step(Step::DeliverSecret);
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

    fn check(&self) {
        let newest = self.secrets.map(|(_, content)| content);
        assert_eq!(self.pods, newest, "the pods have the newest data");
        let state = self.fake.state().unwrap();
        for (name, content) in NAMES.into_iter().zip(newest) {
            assert_eq!(state.hashes.get(&ResourceName::secret(name)), Some(&data(content)), "{name}");
        }
        if self.setting == Setting::RolledBack {
            return;
        }
        assert!(self.restarts <= self.changes, "{} restarts for {} changes", self.restarts, self.changes);
        if let Some(marker) = self.fake.marker_text() {
            let marker = Marker::parse(&marker).unwrap();
            let index = NAMES.iter().position(|name| *name == marker.name).unwrap();
            assert_eq!(marker.hash, mac(newest[index]).to_string(), "the marker tells the newest data");
        }
    }
}

fn run(setting: Setting, steps: Vec<Step>) {
    let mut world = World::new(setting);
    for step in steps {
        world.step(step);
    }
    world.settle();
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn once_settled_nothing_is_lost(steps in vec(step(Setting::Settled), 0..80)) {
        run(Setting::Settled, steps);
    }

    #[test]
    fn a_workload_created_under_the_agent_loses_nothing(steps in vec(step(Setting::Watched), 0..80)) {
        run(Setting::Watched, steps);
    }

    #[test]
    fn what_the_agent_writes_is_never_lost(steps in vec(step(Setting::Synced), 0..80)) {
        run(Setting::Synced, steps);
    }

    #[test]
    fn revisions_that_come_back_lose_nothing(steps in vec(step(Setting::RolledBack), 0..80)) {
        run(Setting::RolledBack, steps);
    }
}
