//! What to do about one workload now: the comparison of what its pods have got with what the resources hold.

mod memory;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::content::Content;
use super::options::{Creation, Options};
use super::pause::Pause;
use super::resource::ResourceName;
use super::stakater::Sha;
use super::state::{Hashes, State};
use super::workload::{Standing, Workload};
use crate::backoff::after;

pub use memory::Memory;

/// Who waits for a hook looks again after so long. What ends the wait is seen as a rule, and its limit ends it in any case.
const HOOK_LOOK: Duration = Duration::from_secs(30);

/// A change of data that this process saw happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When it was seen.
    pub at: Timestamp,
    /// The version of the resource with the new data, as a number.
    pub version: Option<u64>,
    /// What it held before.
    pub from: Content,
    /// Its number among all changes that this process saw.
    pub number: u64,
    /// Whether the annotations of the resource have said since then what they say now.
    pub asked: bool,
}

/// A resource that restarts the workload when its data changes.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// What it holds. If it is gone and nobody minds, what it held.
    pub content: Content,
    /// The hash of its data for a variable; nothing if it is gone.
    pub sha: Option<Sha>,
    /// The last change that this process saw.
    pub changed: Option<Change>,
    /// The container of the workload that uses it.
    pub container: &'a str,
    /// Its name stands in the workload. Otherwise only a regular expression finds it, and pods do not use it by name.
    pub stands: bool,
}

/// All such resources of one workload.
pub type Currents<'a> = BTreeMap<ResourceName, Current<'a>>;

/// What holds up a restart from outside the workload.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    /// One of its resources is about to be written, and the restart should carry that too.
    pub sync_pending: bool,
    /// A change waits for a hook, and is not shown.
    pub by_hook: bool,
    /// Too many workloads were restarted lately, or others come first.
    pub throttled: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Everything is as it should be.
    Nothing,
    /// Look again at this time; something is outstanding.
    Wait(Timestamp),
    /// Look again when it may be restarted as far as all the others go.
    Throttled,
    /// Write this.
    Write(Step),
}

/// One write of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What the workload's state is then.
    pub state: State,
    /// What of its hashes the annotation has room for, if that is not all.
    pub stored: Option<Hashes>,
    /// The resources whose data the pods do not have, for which they are replaced; the marker is for the first. If there
    /// are none, nothing is restarted.
    pub changed: Vec<ResourceName>,
    /// What becomes of the pause.
    pub pause: Option<Pause>,
}

impl Current<'_> {
    /// Whether there is such a resource.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.sha.is_some()
    }
}

/// Decides about a workload that was examined with the same resources.
pub fn decide(
    workload: &Workload,
    memory: &mut Memory,
    current: &Currents<'_>,
    held: Held,
    options: &Options,
    now: Timestamp,
) -> Decision {
    if workload.has_ended(options.batch) {
        return Decision::Nothing;
    }
    let paused = workload.standing == Standing::Paused;
    let resume_at = workload.pausing.ends(paused);
    let mut resumes = resume_at.is_some_and(|at| at <= now);
    let mut waits: Vec<Timestamp> = resume_at.filter(|_| !resumes).into_iter().collect();
    if held.by_hook {
        // The pods that the end of a pause makes would have that change before its hook has run.
        resumes = false;
        waits.push(after(now, HOOK_LOOK));
    }

    let changed = memory.outdated(current);
    let mut state = memory.next();
    let mut throttled = false;
    if changed.is_empty() {
        memory.waiting_since = None;
    } else {
        let until = wait_of_restart(workload, memory, held, resumes, options, now);
        let by_hook = changed.iter().any(|name| workload.hooks.contains_key(name));
        if workload.is_at_rest(options.batch) && !by_hook {
            // The pods of some later day get what the resources hold by then.
            give(&mut state.hashes, current, options);
            memory.rests(current);
        } else if let Some(until) = until {
            waits.push(until);
            // The pods that the end of a pause makes shall have this too.
            resumes = false;
        } else if held.throttled {
            throttled = true;
        } else {
            give(&mut state.hashes, current, options);
            state.restarted = Some(now);
            let (stored, pause) = (state.shortened(|| workload.resources()), workload.pausing.of_restart(paused, now));
            return Decision::Write(Step { state, stored, changed, pause });
        }
    }

    if resumes && held.throttled {
        (resumes, throttled) = (false, true);
    }
    let stored = state.shortened(|| workload.resources());
    let mut records = stored.as_ref().unwrap_or(&state.hashes) != workload.recorded();
    if records && let Some(until) = memory.record_waits_until(workload, current, options, now) {
        waits.push(until);
        records = false;
    }
    if records || resumes {
        return Decision::Write(Step { state, stored, changed: Vec::new(), pause: resumes.then_some(Pause::End) });
    }
    if throttled {
        return Decision::Throttled;
    }
    waits.into_iter().min().map_or(Decision::Nothing, Decision::Wait)
}

/// Pods that start now get what the resources hold. Of those that are gone they get nothing: one that comes back with the
/// data that it had is news to them, where creations count; and what only regular expressions find is forgotten, since
/// there is no end of names that existed once.
fn give(hashes: &mut Hashes, current: &Currents<'_>, options: &Options) {
    for (name, resource) in current {
        if resource.is_there() {
            hashes.insert(name.clone(), resource.content);
        } else if !resource.stands {
            hashes.remove(name);
        } else {
            let minds = options.creation != Creation::Ignored;
            hashes.insert(name.clone(), if minds { Content::Gone } else { resource.content });
        }
    }
}

/// Until when an outstanding restart has to wait, if it has to.
fn wait_of_restart(
    workload: &Workload,
    memory: &mut Memory,
    held: Held,
    resumes: bool,
    options: &Options,
    now: Timestamp,
) -> Option<Timestamp> {
    // The workload remembers for a process that does not. A time in the future is a clock that was set back. The end of a
    // pause makes pods in any case.
    let last =
        [memory.restarted(), workload.restarted].into_iter().flatten().filter(|last| *last <= now && !resumes).max();
    let paced = last.map(|last| after(last, options.limits.min_interval)).filter(|until| *until > now);
    if !held.sync_pending {
        return paced;
    }
    let since = *memory.waiting_since.get_or_insert(now);
    let synced = Some(after(since, options.limits.sync_wait)).filter(|until| *until > now);
    paced.max(synced)
}
