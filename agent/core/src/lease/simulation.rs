//! However calls are delayed or lost, processes crash or freeze and clocks run: there are never two that may write, and
//! once it is calm there is one.
//!
//! The world is an API server with one Lease and processes that talk to it by messages, which take time both ways.
//! Each process has a clock of its own, with another zero and another speed.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A step of the world, in milliseconds.
const TICK: u64 = 50;

#[derive(Clone, Copy, Debug)]
enum Fault {
    Crash,
    /// SIGSTOP for so many milliseconds.
    Freeze(u64),
    /// Its calls do not reach the API server for so long.
    CutOff(u64),
    /// Its calls reach the API server, its answers do not come back for so long.
    Deaf(u64),
    Release,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Crash),
        (100..30_000_u64).prop_map(Fault::Freeze),
        (100..30_000_u64).prop_map(Fault::CutOff),
        (100..30_000_u64).prop_map(Fault::Deaf),
        Just(Fault::Release),
    ]
}

#[derive(Clone, Debug)]
enum Call {
    Read,
    /// On condition of this version; `None` is a create.
    Write(Option<String>, Record),
}

#[derive(Debug)]
enum Answer {
    Read(Option<Record>),
    Written(Record),
    Conflict,
}

/// A call under way: it reaches the server at `lands`, and its answer the process at `returns`.
struct Flight {
    call: Call,
    began: Duration,
    lands: Option<u64>,
    returns: Option<u64>,
    /// The process's own limit for a call.
    limit: Duration,
    answer: Option<Answer>,
}

struct Process {
    candidate: Candidate,
    zero: u64,
    /// In thousandths of the true speed.
    speed: u64,
    flight: Option<Flight>,
    /// The next look, by its own clock.
    wake: Duration,
    frozen_until: u64,
    cut_off_until: u64,
    deaf_until: u64,
    delay: u64,
}

impl Process {
    fn new(name: usize, zero: u64, speed: u64) -> Self {
        let candidate = Candidate::new(format!("process-{name}"));
        Self {
            candidate,
            zero,
            speed,
            flight: None,
            wake: Duration::ZERO,
            frozen_until: 0,
            cut_off_until: 0,
            deaf_until: 0,
            delay: 1,
        }
    }

    fn clock(&self, now: u64) -> Duration {
        Duration::from_millis(self.zero + now * self.speed / 1000)
    }

    fn may_write(&self, now: u64) -> bool {
        self.candidate.deadline().is_some_and(|deadline| self.clock(now) < deadline)
    }

    fn call(&mut self, call: Call, now: u64) {
        let lands = (now >= self.cut_off_until).then_some(now + self.delay);
        let returns = lands.map(|lands| (lands + self.delay).max(self.deaf_until));
        let began = self.clock(now);
        self.flight = Some(Flight { call, began, lands, returns, limit: began + RETRY, answer: None });
    }

    /// As the agent's loop: a standby reads before it decides.
    fn act(&mut self, now: u64, server: &mut Server) {
        let clock = self.clock(now);
        if let Some(flight) = &mut self.flight {
            if flight.returns.is_some_and(|at| at <= now)
                && let Some(answer) = flight.answer.take()
            {
                let began = flight.began;
                self.flight = None;
                match answer {
                    Answer::Read(record) => {
                        self.candidate.seen(record, clock);
                        self.decide(now, server);
                    }
                    Answer::Written(record) => {
                        self.candidate.written(record, began);
                        self.decide(now, server);
                    }
                    Answer::Conflict => self.call(Call::Read, now),
                }
            } else if clock >= flight.limit {
                if matches!(flight.call, Call::Write(..)) {
                    self.candidate.failed(flight.began);
                }
                self.flight = None;
                self.decide(now, server);
            }
        } else if clock >= self.wake {
            if self.candidate.is_leading() { self.decide(now, server) } else { self.call(Call::Read, now) }
        }
    }

    fn decide(&mut self, now: u64, server: &mut Server) {
        let clock = self.clock(now);
        match self.candidate.decide(clock) {
            Step::Acquire | Step::Renew => {
                let version = self.candidate.record().map(|record| record.version.clone());
                let record = Record {
                    holder: Some(self.candidate.identity().to_owned()),
                    duration: LEASE,
                    // Its own clock, which is nobody else's.
                    renewed: Timestamp::from_millisecond(i64::try_from(clock.as_millis()).unwrap()).ok(),
                    transitions: self.candidate.transitions(),
                    version: String::new(),
                };
                self.call(Call::Write(version, record), now);
            }
            Step::Wait(wait) => self.wake = clock + wait,
            // The process ends and is started again, under its name.
            Step::Lost(_) => self.restart(server),
        }
    }

    fn restart(&mut self, server: &mut Server) {
        // What it sent may still arrive.
        server.orphans.extend(self.flight.take());
        self.candidate = Candidate::new(self.candidate.identity().to_owned());
        self.wake = Duration::ZERO;
    }
}

#[derive(Default)]
struct Server {
    lease: Option<Record>,
    version: u64,
    orphans: Vec<Flight>,
}

impl Server {
    fn serve(&mut self, flight: &mut Flight, now: u64) {
        if flight.answer.is_some() || flight.lands.is_none_or(|at| at > now) {
            return;
        }
        flight.lands = None;
        flight.answer = Some(match &flight.call {
            Call::Read => Answer::Read(self.lease.clone()),
            Call::Write(version, record) => {
                if self.lease.as_ref().map(|lease| &lease.version) == version.as_ref() {
                    self.version += 1;
                    self.lease = Some(Record { version: self.version.to_string(), ..record.clone() });
                    Answer::Written(self.lease.clone().unwrap())
                } else {
                    Answer::Conflict
                }
            }
        });
    }
}

struct World {
    now: u64,
    server: Server,
    processes: Vec<Process>,
}

impl World {
    fn writers(&self) -> Vec<&str> {
        let writers = self.processes.iter().filter(|process| process.may_write(self.now));
        writers.map(|process| process.candidate.identity()).collect()
    }

    fn tick(&mut self) -> Result<(), TestCaseError> {
        self.now += TICK;
        let mut orphans = std::mem::take(&mut self.server.orphans);
        for flight in &mut orphans {
            self.server.serve(flight, self.now);
        }
        orphans.retain(|flight| flight.answer.is_none() && flight.lands.is_some());
        self.server.orphans.extend(orphans);
        for process in &mut self.processes {
            if let Some(flight) = &mut process.flight {
                self.server.serve(flight, self.now);
            }
            if process.frozen_until <= self.now {
                process.act(self.now, &mut self.server);
            }
        }
        let writers = self.writers();
        prop_assert!(writers.len() <= 1, "{writers:?} at {} ms", self.now);
        Ok(())
    }

    fn strike(&mut self, index: usize, fault: Fault) {
        let now = self.now;
        let process = &mut self.processes[index];
        match fault {
            Fault::Crash => process.restart(&mut self.server),
            Fault::Freeze(millis) => process.frozen_until = now + millis,
            Fault::CutOff(millis) => process.cut_off_until = now + millis,
            Fault::Deaf(millis) => process.deaf_until = now + millis,
            // A clean end: the Lease is given back, if it is still as this process wrote it, and the process starts again.
            Fault::Release => {
                if process.frozen_until <= now && process.may_write(now) && process.flight.is_none() {
                    let mut record = process.candidate.record().cloned().unwrap();
                    let version = std::mem::take(&mut record.version);
                    let record = Record { holder: None, ..record };
                    process.call(Call::Write(Some(version), record), now);
                    process.restart(&mut self.server);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn never_two_may_write_and_when_it_is_calm_one_does(
        clocks in vec((0..100_000_u64, 900..1100_u64), 2..4),
        faults in vec((0..15_000_u64, 0..3_usize, fault(), 1..3_000_u64), 0..25),
    ) {
        let processes =
            clocks.iter().enumerate().map(|(name, (zero, speed))| Process::new(name, *zero, *speed)).collect();
        let mut world = World { now: 0, server: Server::default(), processes };
        for (pause, victim, fault, delay) in faults {
            let victim = victim % world.processes.len();
            world.processes[victim].delay = delay;
            world.strike(victim, fault);
            let until = world.now + pause;
            while world.now < until {
                world.tick()?;
            }
        }
        for process in &mut world.processes {
            process.delay = 1;
        }
        let calm = world.processes.iter().map(|one| one.frozen_until.max(one.cut_off_until).max(one.deaf_until)).max();
        let until = calm.unwrap_or_default().max(world.now) + 20_000;
        while world.now < until {
            world.tick()?;
        }
        let leader = world.writers().first().map(|&name| name.to_owned());
        prop_assert!(leader.is_some(), "nobody leads");
        for _ in 0..400 {
            world.tick()?;
            let now = world.writers().first().map(|&name| name.to_owned());
            prop_assert_eq!(&leader, &now, "a leader that nothing troubles keeps its Lease");
        }
    }
}
