//! The life of one secret, with lags, forgeries, failures and crashes, and an agent that does what the ledger says.

use proptest::prelude::*;

use super::*;

/// A step in the life of one secret and the agent that follows it.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// AWSCURRENT moves to a new version; its event is kept back.
    Rotate,
    /// One of the events so far is delivered (again).
    Deliver(usize),
    /// An event of somebody else's making: a version that never was, at any time; or an old one, under another id.
    Forge(bool, i64),
    /// A read begins, if the decision says so. It returns what AWS had so many versions ago.
    Begin(i64),
    /// The read that began ends, and what it found is written if it differs.
    End,
    /// The write fails after the read.
    Fail,
    /// A sweep looks; it too may see what AWS had before.
    Sweep(i64),
    /// Time passes: so many tenths of a second.
    Pass(i64),
    /// The process is replaced: the ledger is empty, the status is not.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Rotate),
        4 => (0..64_usize).prop_map(Step::Deliver),
        2 => (any::<bool>(), -100..100_i64).prop_map(|(stale, shift)| Step::Forge(stale, shift)),
        4 => (0..2_i64).prop_map(Step::Begin),
        4 => Just(Step::End),
        1 => Just(Step::Fail),
        2 => (0..2_i64).prop_map(Step::Sweep),
        3 => (0..30_i64).prop_map(Step::Pass),
        1 => Just(Step::Crash)
    ];
    prop::collection::vec(step, 0..80)
}

/// A secret in AWS, the agent's ledger, and what the target holds.
struct World {
    tenths: i64,
    /// When each version became current; the last one is.
    versions: Vec<i64>,
    events: Vec<Change>,
    ledger: Ledger,
    held: i64,
    reading: Option<(Look, i64)>,
    reads: Vec<i64>,
    /// Was an older version written over a newer one?
    went_back: bool,
}

impl World {
    fn new() -> Self {
        Self {
            tenths: 0,
            versions: vec![-600],
            events: Vec::new(),
            ledger: Ledger::default(),
            held: 0,
            reading: None,
            reads: Vec::new(),
            went_back: false,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(at(0).as_millisecond() + self.tenths * 100).expect("in range")
    }

    fn newest(&self) -> i64 {
        i64::try_from(self.versions.len()).expect("few") - 1
    }

    fn known(&self, version: i64) -> Known {
        let tenths = self.versions[usize::try_from(version).expect("positive")];
        let created = Timestamp::from_millisecond(at(0).as_millisecond() + tenths * 100).expect("in range");
        Known::of_source(Token::of_secret(ARN, &format!("v{version}")), Some(created), Some(created))
    }

    fn decide(&self) -> Decision {
        decide(&self.ledger, &facts(&[current()], &holding(&format!("v{}", self.held))), self.now())
    }

    /// What AWS answers where it lags by so many versions, which it does for two seconds at most.
    fn returned(&self, lag: i64) -> i64 {
        let lagging = (self.newest() - lag).max(0);
        let next = self.versions.get(usize::try_from(lagging).expect("positive") + 1);
        if next.is_some_and(|at| self.tenths - at < 20) { lagging } else { self.newest() }
    }

    fn begin(&mut self, lag: i64) {
        if self.decide() == Decision::Read && self.reading.is_none() {
            let now = self.now();
            let Ok(look) = self.ledger.begin_read(&current(), now) else { return };
            self.reads.push(self.tenths);
            let returned = self.returned(lag);
            self.reading = Some((look, returned));
        }
    }

    fn end(&mut self, written: bool) {
        if let Some((look, version)) = self.reading.take() {
            let known = self.known(version);
            if self.ledger.settle(&current(), look, known) && written {
                self.went_back |= version < self.held;
                self.held = version;
            }
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Rotate => {
                self.versions.push(self.tenths);
                let mut event = moved(&format!("e{}", self.newest()), CURRENT, &format!("v{}", self.newest()), 0);
                // Events give whole seconds, cut off.
                event.at = Timestamp::from_second(self.now().as_second()).expect("in range");
                self.events.push(event);
            }
            Step::Deliver(n) => {
                if let Some(event) = self.events.get(n % self.events.len().max(1)) {
                    self.ledger.announce(&current(), event, self.now());
                }
            }
            Step::Forge(stale, shift) => {
                let id = format!("f{}-{shift}", self.tenths);
                let event = match self.events.first().filter(|_| stale) {
                    Some(old) => Change { event_id: id, ..old.clone() },
                    None => moved(&id, CURRENT, &id, self.tenths / 10 + shift),
                };
                self.ledger.announce(&current(), &event, self.now());
            }
            Step::Begin(lag) => self.begin(lag),
            Step::End => self.end(true),
            Step::Fail => self.end(false),
            Step::Sweep(lag) => {
                let look = self.ledger.begin_check(&current());
                let known = Known { created: None, ..self.known(self.returned(lag)) };
                self.ledger.settle_check(&current(), look, known);
            }
            Step::Pass(tenths) => self.tenths += tenths,
            Step::Crash => {
                self.ledger = Ledger::default();
                self.reading = None;
            }
        }
    }

    /// Everything that was sent has arrived, and the worker does what it is told until nothing is left.
    fn come_to_rest(&mut self) {
        self.end(true);
        for event in self.events.clone() {
            self.ledger.announce(&current(), &event, self.now());
        }
        for _ in 0..100 {
            match self.decide() {
                Decision::Skip => return,
                Decision::Read => {
                    self.begin(0);
                    if self.reading.is_none() {
                        self.tenths += 1;
                    }
                    self.end(true);
                }
                Decision::LookAgain(until)
                | Decision::Wait(until)
                | Decision::Closed(until)
                | Decision::Contested(until) => {
                    self.tenths = (until.as_millisecond() - at(0).as_millisecond() + 99) / 100;
                }
            }
        }
        panic!("it never comes to rest");
    }
}

proptest! {
    /// Whatever happens in whatever order, once every event has arrived and the worker has done what it was told, the
    /// target holds the newest version; and meanwhile AWS was never asked more often than it may be, nor an older version
    /// written over a newer one by a process that knew of it.
    #[test]
    fn the_newest_version_arrives(steps in steps()) {
        let mut world = World::new();
        let remembers = !steps.iter().any(|step| matches!(step, Step::Crash));
        for step in steps {
            let crashed = matches!(step, Step::Crash);
            world.step(step);
            if crashed {
                world.reads.clear();
            }
        }
        world.come_to_rest();
        prop_assert_eq!(world.held, world.newest());
        prop_assert!(world.reads.windows(7).all(|reads| reads[6] - reads[0] >= 50), "{:?}", world.reads);
        prop_assert!(!(world.went_back && remembers), "an older version was written over a newer one");
    }
}
