//! Rotations as Secrets Manager runs them, and the one property that every engine must have: after a crash at any point
//! a replay ends well.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use super::world::{Fault, TOKEN, World};
use crate::deadline::Deadline;
use crate::engine::Engine;
use crate::event::RotationEvent;
use crate::machine::{Machine, Report};
use crate::step::Step;
use crate::vault::{CURRENT, PENDING, PREVIOUS};

/// A machine in the world.
type In<S, E> = Machine<World<S>, E, World<S>>;

/// One invocation; nothing if the function crashed.
pub async fn invoke<S: Send, E: Engine>(machine: &In<S, E>, step: &str) -> Option<Report> {
    let event = RotationEvent {
        requested: step.to_owned(),
        secret_id: "s".to_owned(),
        version_id: TOKEN.to_owned(),
        rotation_token: None,
    };
    tokio::select! {
        biased;
        () = machine.vault.crashed() => None,
        report = machine.run(&event, Deadline::after(Duration::from_mins(1))) => Some(report),
    }
}

/// What Secrets Manager does: all steps, and from the first again after a failure, a number of times. Whether it ended
/// well.
pub async fn rotate<S: Send, E: Engine>(machine: &In<S, E>, tries: usize) -> bool {
    for _ in 0..tries {
        let mut failed = false;
        for step in Step::ALL {
            if invoke(machine, step.as_str()).await.is_none_or(|report| report.result.is_err()) {
                failed = true;
                break;
            }
        }
        if !failed {
            return true;
        }
    }
    false
}

/// For each side effect of a rotation, and each pair of them: crashes right after it, or loses its answer, replays with
/// the same token, and looks at the end. The labels are legal, one pending value was stored, the current version logs
/// in, and `check` holds.
///
/// `make` builds the world and the machine anew for each of the rotations. Some effects of a replay come after those of
/// a rotation without faults; half as many again are tried. Time has to be paused: the waits of a rotation are real.
///
/// # Panics
/// Where one of that does not hold, naming the faults.
#[expect(clippy::panic, reason = "it is an assertion")]
pub async fn every_prefix<S: Send + Debug, E: Engine>(
    make: impl Fn() -> In<S, E>,
    check: impl Fn(&S) -> Result<(), String>,
) {
    let machine = make();
    assert!(rotate(&machine, 1).await, "a rotation without faults ends well");
    let effects = machine.vault.state().effects;
    let kinds = [Fault::Crash, Fault::LostReply, Fault::Repeated];
    let single = (0..effects).flat_map(|at| kinds.map(|kind| BTreeMap::from([(at, kind)])));
    let pairs = single.clone().flat_map(|first| {
        let (at, _) = first.first_key_value().map_or((0, Fault::Crash), |(&at, &kind)| (at, kind));
        (at + 1..=effects + effects / 2).flat_map(move |second| {
            let first = first.clone();
            kinds.map(move |kind| {
                let mut both = first.clone();
                both.insert(second, kind);
                both
            })
        })
    });
    for faults in std::iter::once(BTreeMap::new()).chain(single.clone()).chain(pairs) {
        let machine = make();
        machine.vault.state().faults.clone_from(&faults);
        let ended = rotate(&machine, faults.len() + 1).await;
        let verdict = if ended { verdict(&machine).await } else { Err("no try ended well".to_owned()) };
        let verdict = verdict.and_then(|()| check(&machine.vault.state().service));
        if let Err(why) = verdict {
            panic!("{why}, after {faults:?} of {effects} effects; the end: {:?}", machine.vault.state());
        }
    }
}

async fn verdict<S: Send, E: Engine>(machine: &In<S, E>) -> Result<(), String> {
    {
        let state = machine.vault.state();
        let holder = |label: &str| state.labels.get(label).map(String::as_str);
        if (holder(CURRENT), holder(PREVIOUS)) != (Some(TOKEN), Some("v1"))
            || holder(PENDING).is_some_and(|v| v != TOKEN)
        {
            return Err("the labels are not legal".to_owned());
        }
        if state.stored != 1 {
            return Err(format!("{} pending values were stored", state.stored));
        }
    }
    let text = machine.vault.text(CURRENT).ok_or("no version is in force")?;
    let current = machine.engine.parse(text.into()).map_err(|error| error.to_string())?;
    machine.engine.login(&current).await.map_err(|error| format!("the version in force does not log in: {error}"))
}
