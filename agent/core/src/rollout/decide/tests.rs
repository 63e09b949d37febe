use std::time::Duration;

use super::*;
use crate::rollout::pace::Limits;
use crate::rollout::testing::{AUTO, Fake, KEY, at, content as data, sha};

/// A decision in short.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Wait(Timestamp),
    Throttled,
    /// The serial, and the content of `s`.
    Record(u64, Content),
    Restart(u64, Content),
}

fn said(decision: Decision, now: Timestamp) -> Said {
    match decision {
        Decision::Nothing => Said::Nothing,
        Decision::Wait(until) => Said::Wait(until),
        Decision::Throttled => Said::Throttled,
        Decision::Write(Step { state, changed, .. }) => {
            assert!(changed.is_empty() || state.restarted == Some(now));
            let said = if changed.is_empty() { Said::Record } else { Said::Restart };
            said(state.serial, state.hashes[&ResourceName::secret("s")])
        }
    }
}

/// A workload that uses `s`, created at 0 with version 10, whose state holds this content.
fn workload(content: Option<u32>) -> Workload {
    let state = content.map(|content| state(1, content).render(KEY, "uid-10"));
    let mut annotations = vec![(AUTO, "true")];
    annotations.extend(state.as_deref().map(|state| ("rekey.dev/applied", state)));
    Fake::new(10, at(0), &["s"], &annotations).workload()
}

fn state(serial: u64, content: u32) -> State {
    State { serial, hashes: [(ResourceName::secret("s"), data(content))].into(), ..State::default() }
}

fn secret(content: u32, changed: Option<Change>) -> Currents<'static> {
    [(
        ResourceName::secret("s"),
        Current { content: data(content), sha: Some(sha(content)), changed, container: "main", stands: true },
    )]
    .into()
}

/// It is gone, and counts as what it held.
fn gone(content: u32) -> Currents<'static> {
    [(
        ResourceName::secret("s"),
        Current { content: data(content), sha: None, changed: None, container: "main", stands: true },
    )]
    .into()
}

fn change(at: Timestamp, version: u64, from: u32) -> Change {
    Change { at, version: Some(version), from: data(from), number: version, asked: true }
}

fn run(workload: &Workload, memory: &mut Memory, current: &Currents<'_>, now: Timestamp) -> Said {
    memory.examine(workload, current, Creation::Ignored);
    said(decide(workload, memory, current, Held::default(), &Options::default(), now), now)
}

fn restart(serial: u64, content: u32) -> Said {
    Said::Restart(serial, data(content))
}

fn record(serial: u64, content: u32) -> Said {
    Said::Record(serial, data(content))
}

/// Carries out a restart with this content that was decided after so many changes.
fn written(workload: &Workload, memory: &mut Memory, serial: u64, content: u32, decided: u64) {
    let state = State { restarted: Some(at(100)), ..state(serial, content) };
    memory.written(workload, &state, Some(decided), &Limits::default(), at(100));
}

#[test]
fn one_look_at_a_workload() {
    let later = at(60_000);
    for (why, state, current, expected) in [
        ("first sight", None, secret(1, None), record(1, 1)),
        ("as it should be", Some(1), secret(1, None), Said::Nothing),
        ("changed while nobody looked", Some(1), secret(2, None), restart(2, 2)),
        ("gone, and nobody minds", Some(1), gone(1), Said::Nothing),
        ("never such a Secret", None, Currents::new(), Said::Nothing),
        (
            "changed before the workload",
            None,
            secret(2, Some(change(at(0) - Duration::from_millis(1), 9, 1))),
            record(1, 2),
        ),
        ("in its first second, before it", None, secret(2, Some(change(at(500), 9, 1))), record(1, 2)),
        ("in its first second, after it", None, secret(2, Some(change(at(500), 11, 1))), restart(1, 2)),
        ("after it", None, secret(2, Some(change(at(1_000), 11, 1))), restart(1, 2)),
        ("before it, by a clock that is fast", None, secret(2, Some(change(at(5_000), 9, 1))), record(1, 2)),
        (
            "after it, by a clock that is slow",
            None,
            secret(2, Some(change(at(0) - Duration::from_secs(5), 11, 1))),
            restart(1, 2),
        ),
        ("after it, there and back", Some(1), secret(1, Some(change(at(5_000), 12, 2))), Said::Nothing),
    ] {
        let workload = workload(state);
        assert_eq!(run(&workload, &mut Memory::new(&workload), &current, later), expected, "{why}");
    }
}

#[test]
fn a_later_opt_in_is_a_first_sight_whatever_changed_before() {
    let mut fake = Fake::new(10, at(0), &["s"], &[]);
    let mut memory = Memory::new(&fake.workload());
    assert_eq!(run(&fake.workload(), &mut memory, &Currents::new(), at(1_000)), Said::Nothing);

    fake.annotate(20, AUTO, Some("true"));
    memory.asks_anew(Some(&fake.workload()), at(60_000));
    let current = secret(2, Some(change(at(59_900), 15, 1)));
    assert_eq!(run(&fake.workload(), &mut memory, &current, at(60_000)), record(1, 2));
}

#[test]
fn an_opt_in_that_was_overtaken_by_a_change_restarts() {
    let mut fake = Fake::new(10, at(0), &["s"], &[]);
    let mut memory = Memory::new(&fake.workload());
    run(&fake.workload(), &mut memory, &Currents::new(), at(1_000));
    fake.annotate(20, AUTO, Some("true"));
    memory.asks_anew(Some(&fake.workload()), at(60_000));
    let current = secret(2, Some(change(at(50_000), 21, 1)));
    assert_eq!(run(&fake.workload(), &mut memory, &current, at(90_000)), restart(1, 2), "however late it is looked at");
}

#[test]
fn the_first_restart_fires_at_once_and_the_next_waits_for_the_interval() {
    let workload = workload(Some(1));
    let mut memory = Memory::new(&workload);
    assert_eq!(run(&workload, &mut memory, &secret(2, None), at(100)), restart(2, 2));
    written(&workload, &mut memory, 2, 2, 1);

    let mut fake = Fake::new(10, at(0), &["s"], &[(AUTO, "true")]);
    fake.annotate(11, "rekey.dev/applied", Some(&state(2, 2).render(KEY, "uid-10")));
    let workload = fake.workload();
    memory.seen(&workload);
    assert_eq!(run(&workload, &mut memory, &secret(3, None), at(200)), Said::Wait(at(10_100)));
    assert_eq!(run(&workload, &mut memory, &secret(4, None), at(10_099)), Said::Wait(at(10_100)));
    assert_eq!(run(&workload, &mut memory, &secret(4, None), at(10_100)), restart(3, 4));
    assert_eq!(run(&workload, &mut memory, &secret(2, None), at(10_100)), Said::Nothing);
    // A clock that was set back by hours holds nothing up for hours.
    assert_eq!(run(&workload, &mut memory, &secret(4, None), at(0)), restart(3, 4));
}

#[test]
fn the_workload_keeps_the_pace_across_processes() {
    let at_three = State { restarted: Some(at(3_000)), ..state(1, 1) };
    for workload in [
        Workload { restarted: Some(at(3_000)), ..workload(Some(1)) },
        Workload { state: Some(at_three), ..workload(Some(1)) },
    ] {
        let mut memory = Memory::new(&workload);
        assert_eq!(run(&workload, &mut memory, &secret(2, None), at(5_000)), Said::Wait(at(13_000)));
        assert_eq!(run(&workload, &mut memory, &secret(2, None), at(13_000)), restart(2, 2));
    }
}

#[test]
fn a_restart_waits_for_syncs_but_not_for_ever() {
    let workload = workload(Some(1));
    let mut memory = Memory::new(&workload);
    let current = secret(2, None);
    memory.examine(&workload, &current, Creation::Ignored);
    let mut decide_at = |sync_pending, millis| {
        let held = Held { sync_pending, ..Held::default() };
        said(decide(&workload, &mut memory, &current, held, &Options::default(), at(millis)), at(millis))
    };
    assert_eq!(decide_at(true, 1_000), Said::Wait(at(16_000)));
    assert_eq!(decide_at(true, 2_000), Said::Wait(at(16_000)));
    assert_eq!(decide_at(false, 2_001), restart(2, 2));
    assert_eq!(decide_at(true, 16_000), restart(2, 2));
}

#[test]
fn what_waits_is_written_down_first() {
    // The change was seen, the restart waits for a sync: the data before is recorded, so that a crash loses nothing.
    let workload = workload(None);
    let mut memory = Memory::new(&workload);
    let current = secret(2, Some(change(at(5_000), 12, 1)));
    memory.examine(&workload, &current, Creation::Ignored);
    for (sync_pending, throttled) in [(true, false), (false, true)] {
        let held = Held { sync_pending, throttled, ..Held::default() };
        let decision = decide(&workload, &mut memory, &current, held, &Options::default(), at(5_000));
        assert_eq!(said(decision, at(5_000)), record(1, 1));
    }
}

#[test]
fn a_state_that_comes_back_is_written_again_and_restarts_nothing() {
    let old = workload(Some(1));
    let mut memory = Memory::new(&old);
    let current = secret(2, None);
    assert_eq!(run(&old, &mut memory, &current, at(100)), restart(2, 2));
    written(&old, &mut memory, 2, 2, 1);

    // `kubectl rollout undo`, once and then again and again by a stubborn controller.
    memory.seen(&old);
    assert_eq!(run(&old, &mut memory, &current, at(200)), record(3, 2));
    let recorded = State { restarted: Some(at(100)), ..state(3, 2) };
    memory.written(&old, &recorded, None, &Limits::default(), at(200));
    memory.seen(&old);
    assert_eq!(run(&old, &mut memory, &current, at(300)), Said::Wait(at(10_200)));
    assert_eq!(run(&old, &mut memory, &current, at(10_200)), record(4, 2));
    let recorded = State { restarted: Some(at(100)), ..state(4, 2) };
    memory.written(&old, &recorded, None, &Limits::default(), at(10_200));
    assert_eq!(run(&old, &mut memory, &current, at(10_300)), Said::Wait(at(30_200)));
    // A change is carried all the same.
    assert_eq!(run(&old, &mut memory, &secret(3, None), at(10_300)), restart(5, 3));
}

#[test]
fn a_newer_state_of_another_replica_counts() {
    let mut fake = Fake::new(10, at(0), &["s"], &[(AUTO, "true")]);
    let mut memory = Memory::new(&fake.workload());
    assert_eq!(run(&fake.workload(), &mut memory, &secret(1, None), at(100)), record(1, 1));
    fake.annotate(11, "rekey.dev/applied", Some(&state(2, 2).render(KEY, "uid-10")));
    memory.seen(&fake.workload());
    assert_eq!(run(&fake.workload(), &mut memory, &secret(2, None), at(200)), Said::Nothing);
}

#[test]
fn what_can_no_longer_restart_is_forgotten_also_on_the_workload() {
    let mut annotated = Fake::new(10, at(0), &[], &[(AUTO, "true")]);
    annotated.annotate(10, "rekey.dev/applied", Some(&state(1, 1).render(KEY, "uid-10")));
    let workload = annotated.workload();
    let mut memory = Memory::new(&workload);
    memory.examine(&workload, &Currents::new(), Creation::Ignored);
    let decision = decide(&workload, &mut memory, &Currents::new(), Held::default(), &Options::default(), at(100));
    let state = State { serial: 2, ..State::default() };
    assert_eq!(decision, Decision::Write(Step { state, stored: None, changed: Vec::new(), pause: None }));
}

#[test]
fn a_change_there_and_back_while_pods_start_restarts_them_again() {
    // Decided with content 2; then 3 and 2 again. A pod that started in between runs on 3 for ever.
    let before = workload(Some(1));
    for (why, decided, done, expected) in [
        ("seen before the decision", 13, None, Said::Nothing),
        ("seen while pods started", 12, None, restart(3, 2)),
        ("seen while the last pods started", 12, Some(13), restart(3, 2)),
        ("seen when all had started", 11, Some(12), Said::Nothing),
    ] {
        let mut memory = Memory::new(&before);
        assert_eq!(run(&before, &mut memory, &secret(2, None), at(100)), restart(2, 2));
        written(&before, &mut memory, 2, 2, decided);
        if let Some(done) = done {
            memory.rollout_done(done);
        }
        let after = Workload { state: Some(state(2, 2)), ..before.clone() };
        memory.seen(&after);
        assert_eq!(run(&after, &mut memory, &secret(2, Some(change(at(300), 13, 3))), at(20_000)), expected, "{why}");
    }
}

#[test]
fn a_restart_whose_answer_was_lost_counts_from_its_own_decision() {
    // It was decided with content 2 after 12 changes; its answer was lost, and it was decided again after 14.
    let before = workload(Some(1));
    let mut memory = Memory::new(&before);
    assert_eq!(run(&before, &mut memory, &secret(2, None), at(100)), restart(2, 2));
    memory.restart_sent(12);
    memory.restart_sent(14);
    let after = Workload { state: Some(state(2, 2)), ..before };
    memory.seen(&after);
    // The content went to 3 and back before the pods had started.
    assert_eq!(run(&after, &mut memory, &secret(2, Some(change(at(300), 13, 3))), at(20_000)), restart(3, 2));
}

#[test]
fn where_versions_do_not_tell_clocks_do() {
    // It had pods when it was first seen, and who knows for how long.
    let mut fake = Fake::new(10, at(0), &["s"], &[(AUTO, "true")]);
    fake.finish(12);
    for (millis, expected) in [(999, record(1, 2)), (1_000, restart(1, 2))] {
        let workload = fake.workload();
        let current = secret(2, Some(change(at(millis), 11, 1)));
        assert_eq!(run(&workload, &mut Memory::new(&workload), &current, at(60_000)), expected, "{millis}");
    }
    // What makes it ask is not the workload itself: a namespace, or a hook's annotation.
    for (millis, expected) in [(58_999, record(1, 2)), (59_000, restart(1, 2))] {
        let mut memory = Memory::late(&fake.workload(), at(60_000));
        let current = secret(2, Some(change(at(millis), 15, 1)));
        assert_eq!(run(&fake.workload(), &mut memory, &current, at(60_000)), expected, "{millis}");
    }
}
