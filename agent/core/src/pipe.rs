//! Is the pipe that carries changes known to work?
//!
//! A pipe is EventBridge → SQS → agent for one account, region and service. It is proven while heartbeats arrive and
//! the queue can be read; otherwise unproven, and polling takes over. Nothing here reads a clock: `now` is passed in.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::identity::{Account, Region, Service};

/// Heartbeats may be late by this much, in periods, before their pipe counts as unproven (one lost, one late).
const PERIODS: f64 = 2.5;
/// The queue may fail for this long without one success in between; whoever looks once a second then knows within 30 s
/// that every pipe is unproven.
const RECEIVE_GRACE: Duration = Duration::from_secs(29);

/// A pipe whose newest heartbeat is older, and was late for as long as it may be, is not there any more: its account or
/// region was taken out of service.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// Which pipe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PipeId {
    /// The account whose events it carries.
    pub account: Account,
    /// The region they come from.
    pub region: Region,
    /// The service that emits them.
    pub service: Service,
}

/// Whether changes can be relied on to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeState {
    /// A heartbeat came through within 2.5 periods and the queue answers.
    Proven,
    /// Polling has to do.
    Unproven(Reason),
}

/// Why a pipe is unproven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No heartbeat has come through since the agent started, or for a day.
    NoHeartbeatYet,
    /// The newest heartbeat is older than 2.5 periods.
    HeartbeatLate,
    /// The queue could not be read for 30 s.
    QueueUnreachable,
}

impl Reason {
    /// Each there is.
    pub const ALL: [Self; 3] = [Self::NoHeartbeatYet, Self::HeartbeatLate, Self::QueueUnreachable];

    /// One word, for labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::NoHeartbeatYet => "no_heartbeat_yet",
            Reason::HeartbeatLate => "heartbeat_late",
            Reason::QueueUnreachable => "queue_unreachable",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::NoHeartbeatYet => "no heartbeat has arrived yet",
            Reason::HeartbeatLate => "the last heartbeat is too old",
            Reason::QueueUnreachable => "the queue cannot be read",
        })
    }
}

/// What is known about every pipe.
#[derive(Debug)]
pub struct Pipes {
    patience: Duration,
    memory: Duration,
    heartbeats: BTreeMap<PipeId, Timestamp>,
    /// When the queue stopped answering; `None` while it answers, and before the first answer since the start.
    failing_since: Option<Timestamp>,
}

impl Pipes {
    /// Nothing is proven at the start. `period` is the heartbeat function's.
    #[must_use]
    pub fn new(period: Duration) -> Self {
        let patience = period.mul_f64(PERIODS);
        Self {
            patience,
            memory: FORGOTTEN_AFTER.max(patience.saturating_mul(2)),
            heartbeats: BTreeMap::new(),
            failing_since: None,
        }
    }

    /// A heartbeat arrived that was sent at `sent`. Late and repeated ones never move a pipe back, and one from the
    /// future counts as sent `now`: it proves nothing about the time until then.
    pub fn heartbeat(&mut self, pipe: PipeId, sent: Timestamp, now: Timestamp) {
        let sent = sent.min(now);
        let newest = self.heartbeats.entry(pipe).or_insert(sent);
        *newest = sent.max(*newest);
        let memory = self.memory;
        self.heartbeats.retain(|_, sent| !older(*sent, memory, now));
    }

    /// The queue answered, with or without messages.
    pub fn receive_succeeded(&mut self) {
        self.failing_since = None;
    }

    /// The queue could not be read.
    pub fn receive_failed(&mut self, now: Timestamp) {
        self.failing_since.get_or_insert(now);
    }

    /// The state of one pipe.
    #[must_use]
    pub fn state(&self, pipe: &PipeId, now: Timestamp) -> PipeState {
        match self.heartbeats.get(pipe).filter(|sent| !older(**sent, self.memory, now)) {
            _ if self.is_queue_unreachable(now) => PipeState::Unproven(Reason::QueueUnreachable),
            None => PipeState::Unproven(Reason::NoHeartbeatYet),
            Some(&sent) if older(sent, self.patience, now) => PipeState::Unproven(Reason::HeartbeatLate),
            Some(_) => PipeState::Proven,
        }
    }

    /// The state for a source whose account may not be known yet: then the pipes of its region and service speak for
    /// it, and only if they are all proven.
    #[must_use]
    pub fn state_for(&self, account: Option<&Account>, region: &Region, service: Service, now: Timestamp) -> PipeState {
        let mut candidates = self
            .all(now)
            .filter(|(id, ..)| {
                &id.region == region && id.service == service && account.is_none_or(|a| a == &id.account)
            })
            .map(|(_, state, _)| state)
            .peekable();
        if candidates.peek().is_none() {
            let unreachable = self.is_queue_unreachable(now);
            return PipeState::Unproven(if unreachable { Reason::QueueUnreachable } else { Reason::NoHeartbeatYet });
        }
        candidates.find(|state| *state != PipeState::Proven).unwrap_or(PipeState::Proven)
    }

    fn is_queue_unreachable(&self, now: Timestamp) -> bool {
        self.failing_since.is_some_and(|since| older(since, RECEIVE_GRACE, now))
    }

    /// Every pipe that carried a heartbeat within a day, with its state and the time of the newest one.
    pub fn all(&self, now: Timestamp) -> impl Iterator<Item = (&PipeId, PipeState, Timestamp)> {
        let heard = self.heartbeats.iter().filter(move |(_, sent)| !older(**sent, self.memory, now));
        heard.map(move |(id, sent)| (id, self.state(id, now), *sent))
    }
}

/// No object is compared more often, whatever its refresh interval: one that says `1ms` would leave no calls to others.
const FASTEST: Duration = Duration::from_secs(1);

/// When an object's sources have to be compared with AWS again.
///
/// Unproven: at the object's own refresh interval, as ESO would read it. Proven: at the sweep interval, or the
/// object's own if that is longer, because the delivery of events is best effort. `None`: never, as with ESO's
/// `refreshInterval: 0`.
#[must_use]
pub fn check_interval(state: PipeState, refresh: Option<Duration>, sweep: Duration) -> Option<Duration> {
    let refresh = refresh.filter(|interval| !interval.is_zero())?.max(FASTEST);
    Some(match state {
        PipeState::Proven => sweep.max(refresh),
        PipeState::Unproven(_) => refresh,
    })
}

fn older(then: Timestamp, limit: Duration, now: Timestamp) -> bool {
    now.duration_since(then) > jiff::SignedDuration::try_from(limit).unwrap_or(jiff::SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    fn pipe() -> PipeId {
        PipeId {
            account: Account::parse("123456789012").expect("an account"),
            region: Region::parse("eu-west-1").expect("a region"),
            service: Service::SecretsManager,
        }
    }

    #[test]
    fn proven_from_the_first_heartbeat_for_two_and_a_half_periods() {
        let mut pipes = Pipes::new(Duration::from_mins(10));
        assert_eq!(pipes.state(&pipe(), at(0)), PipeState::Unproven(Reason::NoHeartbeatYet));
        pipes.heartbeat(pipe(), at(0), at(0));
        assert_eq!(pipes.state(&pipe(), at(1500)), PipeState::Proven);
        assert_eq!(pipes.state(&pipe(), at(1501)), PipeState::Unproven(Reason::HeartbeatLate));
    }

    #[test]
    fn an_old_heartbeat_delivered_late_neither_proves_nor_ages() {
        let mut pipes = Pipes::new(Duration::from_mins(10));
        pipes.heartbeat(pipe(), at(1000), at(1000));
        pipes.heartbeat(pipe(), at(0), at(1500));
        assert_eq!(pipes.state(&pipe(), at(1600)), PipeState::Proven);
        let mut pipes = Pipes::new(Duration::from_mins(10));
        pipes.heartbeat(pipe(), at(0), at(4000));
        assert_eq!(pipes.state(&pipe(), at(4000)), PipeState::Unproven(Reason::HeartbeatLate));
    }

    #[test]
    fn a_queue_that_fails_for_thirty_seconds_unproves_everything_until_it_answers() {
        let mut pipes = Pipes::new(Duration::from_mins(10));
        pipes.heartbeat(pipe(), at(0), at(0));
        pipes.receive_failed(at(10));
        pipes.receive_failed(at(35));
        assert_eq!(pipes.state(&pipe(), at(39)), PipeState::Proven);
        let unreachable = PipeState::Unproven(Reason::QueueUnreachable);
        assert_eq!(pipes.state(&pipe(), at(40)), unreachable);
        let unheard = |pipes: &Pipes| pipes.state_for(None, &pipe().region, Service::ParameterStore, at(41));
        assert_eq!(unheard(&pipes), unreachable, "also those that no heartbeat came through");
        pipes.receive_succeeded();
        assert_eq!(pipes.state(&pipe(), at(41)), PipeState::Proven);
        assert_eq!(unheard(&pipes), PipeState::Unproven(Reason::NoHeartbeatYet));
    }

    #[test]
    fn an_unknown_account_is_proven_only_if_each_candidate_is() {
        let mut pipes = Pipes::new(Duration::from_mins(10));
        let region = Region::parse("eu-west-1").expect("a region");
        pipes.heartbeat(pipe(), at(0), at(0));
        assert_eq!(pipes.state_for(None, &region, Service::SecretsManager, at(1)), PipeState::Proven);
        let other = PipeId { account: Account::parse("999999999999").expect("an account"), ..pipe() };
        pipes.heartbeat(other.clone(), at(0), at(0));
        pipes.heartbeat(pipe(), at(2000), at(2000));
        let late = PipeState::Unproven(Reason::HeartbeatLate);
        assert_eq!(pipes.state_for(None, &region, Service::SecretsManager, at(2001)), late);
        assert_eq!(pipes.state_for(Some(&other.account), &region, Service::SecretsManager, at(2001)), late);
        assert_eq!(
            pipes.state_for(Some(&pipe().account), &region, Service::SecretsManager, at(2001)),
            PipeState::Proven
        );
        assert_eq!(
            pipes.state_for(None, &region, Service::ParameterStore, at(2001)),
            PipeState::Unproven(Reason::NoHeartbeatYet)
        );
    }

    #[test]
    fn a_heartbeat_from_the_future_proves_no_longer_than_one_of_its_arrival() {
        let mut pipes = Pipes::new(Duration::from_mins(10));
        pipes.heartbeat(pipe(), at(1_000_000), at(0));
        assert_eq!(pipes.state(&pipe(), at(1500)), PipeState::Proven);
        assert_eq!(pipes.state(&pipe(), at(1501)), PipeState::Unproven(Reason::HeartbeatLate));
    }

    #[test]
    fn a_pipe_that_was_silent_for_a_day_is_forgotten() {
        const DAY: i64 = 86_400;
        let mut pipes = Pipes::new(Duration::from_mins(10));
        let other = PipeId { account: Account::parse("999999999999").expect("an account"), ..pipe() };
        pipes.heartbeat(other.clone(), at(0), at(0));
        pipes.heartbeat(pipe(), at(DAY), at(DAY));
        let state = |pipes: &Pipes, now| pipes.state_for(None, &pipe().region, Service::SecretsManager, at(now));
        let names = |pipes: &Pipes, now| pipes.all(at(now)).map(|(id, ..)| id.clone()).collect::<Vec<_>>();
        assert_eq!(names(&pipes, DAY), [pipe(), other.clone()]);
        assert_eq!(state(&pipes, DAY), PipeState::Unproven(Reason::HeartbeatLate));
        assert_eq!(names(&pipes, DAY + 1), [pipe()]);
        assert_eq!(state(&pipes, DAY + 1), PipeState::Proven, "it speaks for nobody any more");
        assert_eq!(pipes.state(&other, at(DAY + 1)), PipeState::Unproven(Reason::NoHeartbeatYet));
        pipes.heartbeat(pipe(), at(DAY + 1), at(DAY + 1));
        assert_eq!(pipes.heartbeats.len(), 1, "and takes no room");
        pipes.heartbeat(other, at(0), at(DAY + 1));
        assert_eq!(pipes.heartbeats.len(), 1, "a heartbeat of that age makes none");
    }

    #[test]
    fn intervals_follow_the_state() {
        let (hour, sweep) = (Duration::from_hours(1), Duration::from_mins(15));
        let minute = Duration::from_mins(1);
        let unproven = PipeState::Unproven(Reason::HeartbeatLate);
        assert_eq!(check_interval(unproven, Some(minute), sweep), Some(minute));
        assert_eq!(check_interval(PipeState::Proven, Some(minute), sweep), Some(sweep));
        assert_eq!(check_interval(PipeState::Proven, Some(hour), sweep), Some(hour));
        assert_eq!(check_interval(unproven, Some(Duration::from_nanos(1)), sweep), Some(FASTEST));
        assert_eq!(check_interval(unproven, Some(Duration::ZERO), sweep), None);
        assert_eq!(check_interval(unproven, None, sweep), None);
    }
}
