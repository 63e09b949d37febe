//! What is known about one wanted thing.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::pace::Pace;
use super::{Absence, Applied, Known, Look, Need, Suspect};
use crate::change::Change;
use crate::listing::LAG;
use crate::wanted::{Token, Wanted};

/// Events of the last so many changes are remembered per source, so that a repeated one costs nothing.
const REMEMBERED_EVENTS: usize = 16;
/// As many versions are waited for at a time.
const AWAITED: usize = 8;
/// As many sources are asked for beside a listing.
const SUSPECTS: usize = 32;
/// A source that is not there is looked for once more, so much later, before it counts as gone.
const CONFIRM_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// What was heard of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// An event named this version.
    Version(Awaited),
    /// Something changed, and only AWS can tell what.
    Vague,
}

/// A version that an event named and that AWS has not shown yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Awaited {
    pub version_id: String,
    /// When the event says that it happened.
    pub at: Timestamp,
    /// What the source may be called, which tells it from the others that a search finds.
    pub names: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    /// AWS's newest answer.
    pub known: Option<Known>,
    /// Was that, or one that it agrees with, the answer to a read?
    was_read: bool,
    /// Versions that were announced and that AWS has not shown.
    awaited: Vec<Awaited>,
    /// Has AWS to be asked although nobody named a version?
    vague: bool,
    /// Moves with all news: a read that started before the newest does not settle it.
    pub generation: u64,
    /// When anybody last spoke of it, by our clock, whether or not that was news.
    pub heard: Option<Timestamp>,
    /// Looks that began.
    looks: u64,
    /// The newest look that was answered: older ones come too late to say what is known.
    answered: u64,
    /// Since when reads do not find it.
    missing_since: Option<Timestamp>,
    /// The generation at the start of the loop that runs.
    loop_generation: u64,
    pace: Pace,
    seen_events: VecDeque<String>,
    /// Sources that a search may find and that an event spoke of, with the time of that by our clock.
    suspects: VecDeque<(Timestamp, Suspect)>,
}

impl Entry {
    /// Takes note of an event. Returns whether it was news.
    pub fn announce(&mut self, news: News, change: &Change) -> bool {
        if self.is_old(&news, change) {
            return false;
        }
        if self.seen_events.len() == REMEMBERED_EVENTS {
            self.seen_events.pop_front();
        }
        self.seen_events.push_back(change.event_id.clone());
        self.hear(news);
        true
    }

    /// Takes note of a source that a search may find.
    pub fn suspect(&mut self, suspect: Suspect, now: Timestamp) {
        self.suspects.retain(|(_, known)| *known != suspect);
        if self.suspects.len() == SUSPECTS {
            self.suspects.pop_front();
        }
        self.suspects.push_back((now, suspect));
    }

    /// The sources that a listing may be late with.
    pub fn suspects(&self, now: Timestamp) -> Vec<Suspect> {
        let late = self.suspects.iter().filter(|(heard, _)| now.duration_since(*heard) <= LAG);
        late.map(|(_, suspect)| suspect.clone()).collect()
    }

    /// Takes note of what has to be looked for.
    pub fn hear(&mut self, news: News) {
        if !self.has_news() {
            self.pace.restart();
            // Counted from here: a loop belongs to the first news that it looks for.
            self.loop_generation = self.generation + 1;
        }
        match news {
            News::Version(version) if self.awaited.len() < AWAITED => self.awaited.push(version),
            // So many at once come from somebody who invents them; a look is what they get.
            News::Version(_) | News::Vague => self.vague = true,
        }
        self.generation += 1;
    }

    /// The last event that was news.
    pub fn last_event(&self) -> Option<&str> {
        self.seen_events.back().map(String::as_str)
    }

    /// Is a named version waited for?
    pub fn awaits_version(&self) -> bool {
        !self.awaited.is_empty()
    }

    fn awaits(&self, version: &Awaited) -> bool {
        self.awaited.iter().any(|waiting| waiting.version_id == version.version_id)
    }

    fn has_news(&self) -> bool {
        self.vague || self.awaits_version()
    }

    /// What an object whose target holds `applied` needs of it.
    pub fn need(&self, wanted: &Wanted, applied: &Applied) -> Need {
        if self.is_going() {
            // What is known is from before that.
            return Need::Look;
        }
        if self.known.as_ref().is_some_and(|known| known.differs(applied, &wanted.to_string())) {
            return Need::Value;
        }
        let token = match applied {
            Applied::Tokens(tokens) => tokens.get(&wanted.to_string()),
            Applied::Nothing | Applied::AsOf(_) => None,
        };
        // What is held came with another look, or before this process began.
        let holds = |version: &Awaited| token.is_some_and(|token| token.names_version(&version.version_id));
        if self.vague || !self.awaited.iter().all(holds) {
            return Need::Look;
        }
        let unread = matches!(applied, Applied::Tokens(_)) && self.known.is_none() && token.is_none();
        if unread { Need::Value } else { Need::Nothing }
    }

    /// When a read for that need may begin, if not at `now`.
    pub fn not_before(&self, need: Need, now: Timestamp) -> Option<Timestamp> {
        let confirmation = self.missing_since.filter(|_| !self.has_news() && self.is_going() && need == Need::Look);
        let confirmation = confirmation.and_then(|since| since.checked_add(CONFIRM_AFTER).ok());
        self.pace.not_before(need == Need::Look && self.awaits_version(), now).max(confirmation.filter(|at| *at > now))
    }

    /// A read begins.
    pub fn begin(&mut self, now: Timestamp) {
        self.pace.begin(now);
    }

    /// A look at AWS begins; its answer is no older than what was announced and answered before.
    pub fn look(&mut self) -> Look {
        self.looks += 1;
        Look { generation: self.generation, number: self.looks }
    }

    /// AWS answered a look that read no value. Such an answer raises questions; where a read has spoken, only another one
    /// settles them, because AWS's parts do not agree at each moment.
    pub fn settle_check(&mut self, look: Look, mut answer: Known) {
        if look.number < self.answered {
            return;
        }
        match &self.known {
            Some(known) if known.token == answer.token => answer.created = answer.created.or(known.created),
            Some(_) if self.was_read => {
                if !self.vague {
                    self.hear(News::Vague);
                }
                return;
            }
            Some(_) | None => {}
        }
        self.answered = look.number;
        self.missing_since = None;
        self.was_read &= self.known.as_ref().is_some_and(|known| known.token == answer.token);
        self.known = Some(answer);
    }

    /// AWS answered a read. Returns whether the answer stands; if not, it is older than what AWS has shown before.
    pub fn settle(&mut self, look: Look, mut answer: Known) -> bool {
        if look.number < self.answered {
            // It comes too late to say anything new, but not to confirm.
            let Some(known) = self.known.as_mut().filter(|known| known.token == answer.token) else { return false };
            known.created = known.created.or(answer.created);
            self.was_read = true;
            self.hush(look, Some(&answer));
            return true;
        }
        self.answered = look.number;
        self.missing_since = None;
        if let Some(newer) = self.known.as_ref().and_then(|known| known.outdates(&answer)) {
            // A label that was moved back was announced after the version that it left was made.
            let announced = self.awaited.iter().any(|back| answer.is_at(back) && back.at > newer.at);
            // Or AWS says so again and again.
            let waited = self.awaits(&newer);
            let insists = waited && self.ends_loop(look);
            if !announced && !insists {
                if !waited {
                    // Beside those that events named, however many they are.
                    self.hear(News::Vague);
                    self.awaited.push(newer);
                }
                self.hush(look, None);
                return false;
            }
        }
        self.hush(look, Some(&answer));
        if let Some(known) = self.known.as_ref().filter(|known| known.token == answer.token) {
            answer.changed = answer.changed.or(known.changed);
        }
        self.known = Some(answer);
        self.was_read = true;
        true
    }

    /// A read did not find it.
    pub fn settle_absent(&mut self, look: Look, now: Timestamp) -> Absence {
        let since = *self.missing_since.get_or_insert(now);
        self.answered = self.answered.max(look.number);
        self.hush(look, None);
        let until = since.checked_add(CONFIRM_AFTER).unwrap_or(Timestamp::MAX);
        if now < until {
            return Absence::Unconfirmed(until);
        }
        self.known = Some(Known::of_source(Token::absent(), None, None));
        self.was_read = false;
        Absence::Confirmed
    }

    /// Drops the news that an answer has dealt with.
    fn hush(&mut self, look: Look, answer: Option<&Known>) {
        let newest = self.generation == look.generation;
        if newest {
            self.vague = false;
        }
        if let Some(answer) = answer {
            self.awaited.retain(|version| !answer.shows(version));
        }
        if self.ends_loop(look) {
            self.awaited.clear();
        } else if self.pace.is_exhausted() && self.awaits_version() {
            // What was announced amid the loop has one of its own.
            self.pace.restart();
            self.loop_generation = self.generation;
        }
    }

    /// Was AWS asked often enough since the newest announcement? Then its answer stands.
    fn ends_loop(&self, look: Look) -> bool {
        self.pace.is_exhausted() && self.generation == look.generation && self.loop_generation == look.generation
    }

    /// Was it looked for in vain, and not yet often enough?
    fn is_going(&self) -> bool {
        self.missing_since.is_some() && self.known.as_ref().is_none_or(|known| !known.token.is_absent())
    }

    fn is_old(&self, news: &News, change: &Change) -> bool {
        // A message that comes again after a crash finds an empty memory, so nothing is skipped that was not done.
        if self.seen_events.contains(&change.event_id) {
            return true;
        }
        let names: Vec<String> = change.announced.names().into_iter().map(ToOwned::to_owned).collect();
        if self.known.as_ref().is_some_and(|known| known.is_newer_than(&names, change.at)) {
            return true;
        }
        let News::Version(version) = news else { return false };
        // It is waited for, or it is there and nothing was announced over it.
        self.awaits(version) || (!self.has_news() && self.known.as_ref().is_some_and(|known| known.is_at(version)))
    }
}
