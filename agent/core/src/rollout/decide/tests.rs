use super::*;
use crate::rollout::testing::{AUTO, Fake, KEY, at, content as data, sha};

fn limits() -> Limits {
    Limits::default()
}

/// A workload that uses `s`, created at 0 with version 10, whose state holds this content.
fn workload(content: Option<u32>) -> Workload {
    let state = content.map(|content| State { serial: 1, hashes: hashes(content) }.render(KEY, "uid-10"));
    let mut annotations = vec![(AUTO, "true")];
    annotations.extend(state.as_deref().map(|state| ("rekey.dev/applied", state)));
    Fake::new(10, at(0), &["s"], &annotations).workload()
}

fn hashes(content: u32) -> Hashes {
    [(ResourceName::secret("s"), data(content))].into()
}

fn secret(content: u32, changed: Option<Change>) -> Currents<'static> {
    [(ResourceName::secret("s"), Current { content: data(content), sha: Some(sha()), changed, container: "main" })]
        .into()
}

fn change(at: Timestamp, version: u64, from: u32) -> Change {
    Change { at, version: Some(version), from: data(from), number: version }
}

fn run(workload: &Workload, memory: &mut Memory, current: &Currents<'_>, now: Timestamp) -> Decision {
    memory.examine(workload, current, now);
    decide(workload, memory, current, Held::default(), &limits(), now)
}

fn restart(serial: u64, content: u32) -> Decision {
    let state = State { serial, hashes: hashes(content) };
    Decision::Restart { state, changed: vec![ResourceName::secret("s")] }
}

fn record(serial: u64, content: u32) -> Decision {
    Decision::Record(State { serial, hashes: hashes(content) })
}

#[test]
fn one_look_at_a_workload() {
    let later = at(60_000);
    for (why, state, current, expected) in [
        ("first sight", None, secret(1, None), record(1, 1)),
        ("as it should be", Some(1), secret(1, None), Decision::Nothing),
        ("changed while nobody looked", Some(1), secret(2, None), restart(2, 2)),
        ("no such Secret", Some(1), Currents::new(), Decision::Nothing),
        ("never such a Secret", None, Currents::new(), Decision::Nothing),
        (
            "changed before the workload",
            None,
            secret(2, Some(change(at(0) - Duration::from_millis(1), 9, 1))),
            record(1, 2),
        ),
        ("in its first second, before it", None, secret(2, Some(change(at(500), 9, 1))), record(1, 2)),
        ("in its first second, after it", None, secret(2, Some(change(at(500), 11, 1))), restart(1, 2)),
        ("after it", None, secret(2, Some(change(at(1_000), 9, 1))), restart(1, 2)),
        ("after it, there and back", Some(1), secret(1, Some(change(at(5_000), 12, 2))), Decision::Nothing),
    ] {
        let workload = workload(state);
        assert_eq!(run(&workload, &mut Memory::new(&workload), &current, later), expected, "{why}");
    }
}

#[test]
fn a_later_opt_in_is_a_first_sight_whatever_changed_before() {
    let mut fake = Fake::new(10, at(0), &["s"], &[]);
    let mut memory = Memory::new(&fake.workload());
    assert_eq!(run(&fake.workload(), &mut memory, &Currents::new(), at(1_000)), Decision::Nothing);

    fake.annotate(20, AUTO, Some("true"));
    let current = secret(2, Some(change(at(30_000), 15, 1)));
    assert_eq!(run(&fake.workload(), &mut memory, &current, at(60_000)), record(1, 2));
}

#[test]
fn an_opt_in_that_was_overtaken_by_a_change_restarts() {
    let mut fake = Fake::new(10, at(0), &["s"], &[]);
    let mut memory = Memory::new(&fake.workload());
    run(&fake.workload(), &mut memory, &Currents::new(), at(1_000));
    fake.annotate(20, AUTO, Some("true"));
    let current = secret(2, Some(change(at(59_900), 21, 1)));
    assert_eq!(run(&fake.workload(), &mut memory, &current, at(60_000)), restart(1, 2));
}

#[test]
fn the_first_restart_fires_at_once_and_the_next_waits_for_the_interval() {
    let workload = workload(Some(1));
    let mut memory = Memory::new(&workload);
    assert_eq!(run(&workload, &mut memory, &secret(2, None), at(100)), restart(2, 2));
    memory.written(&workload, &State { serial: 2, hashes: hashes(2) }, true, &limits(), at(100));

    let mut fake = Fake::new(10, at(0), &["s"], &[(AUTO, "true")]);
    fake.annotate(11, "rekey.dev/applied", Some(&State { serial: 2, hashes: hashes(2) }.render(KEY, "uid-10")));
    let workload = fake.workload();
    memory.seen(&workload);
    assert_eq!(run(&workload, &mut memory, &secret(3, None), at(200)), Decision::Wait(at(10_100)));
    assert_eq!(run(&workload, &mut memory, &secret(4, None), at(10_099)), Decision::Wait(at(10_100)));
    assert_eq!(run(&workload, &mut memory, &secret(4, None), at(10_100)), restart(3, 4));
    assert_eq!(run(&workload, &mut memory, &secret(2, None), at(10_100)), Decision::Nothing);
    // A clock that was set back by hours holds nothing up for hours.
    assert_eq!(run(&workload, &mut memory, &secret(4, None), at(0)), restart(3, 4));
}

#[test]
fn the_workload_keeps_the_pace_across_processes() {
    let mut workload = workload(Some(1));
    workload.restarted = Some(at(3_000));
    let mut memory = Memory::new(&workload);
    assert_eq!(run(&workload, &mut memory, &secret(2, None), at(5_000)), Decision::Wait(at(13_000)));
    assert_eq!(run(&workload, &mut memory, &secret(2, None), at(13_000)), restart(2, 2));
}

#[test]
fn a_restart_waits_for_syncs_but_not_for_ever() {
    let workload = workload(Some(1));
    let mut memory = Memory::new(&workload);
    let current = secret(2, None);
    memory.examine(&workload, &current, at(0));
    let mut decide_at = |sync_pending, millis| {
        let held = Held { sync_pending, throttled: None };
        decide(&workload, &mut memory, &current, held, &limits(), at(millis))
    };
    assert_eq!(decide_at(true, 1_000), Decision::Wait(at(16_000)));
    assert_eq!(decide_at(true, 2_000), Decision::Wait(at(16_000)));
    assert_eq!(decide_at(false, 2_001), restart(2, 2));
    assert_eq!(decide_at(true, 16_000), restart(2, 2));
}

#[test]
fn what_waits_is_written_down_first() {
    // The change was seen, the restart waits for a sync: the data before is recorded, so that a crash loses nothing.
    let workload = workload(None);
    let mut memory = Memory::new(&workload);
    let current = secret(2, Some(change(at(5_000), 12, 1)));
    memory.examine(&workload, &current, at(5_000));
    for held in [Held { sync_pending: true, throttled: None }, Held { sync_pending: false, throttled: Some(at(5_100)) }]
    {
        assert_eq!(decide(&workload, &mut memory, &current, held, &limits(), at(5_000)), record(1, 1));
    }
}

#[test]
fn a_state_that_comes_back_is_written_again_and_restarts_nothing() {
    let old = workload(Some(1));
    let mut memory = Memory::new(&old);
    let current = secret(2, None);
    assert_eq!(run(&old, &mut memory, &current, at(100)), restart(2, 2));
    memory.written(&old, &State { serial: 2, hashes: hashes(2) }, true, &limits(), at(100));

    // `kubectl rollout undo`, once and then again and again by a stubborn controller.
    memory.seen(&old);
    assert_eq!(run(&old, &mut memory, &current, at(200)), record(3, 2));
    memory.written(&old, &State { serial: 3, hashes: hashes(2) }, false, &limits(), at(200));
    memory.seen(&old);
    assert_eq!(run(&old, &mut memory, &current, at(300)), Decision::Wait(at(10_200)));
    assert_eq!(run(&old, &mut memory, &current, at(10_200)), record(4, 2));
    memory.written(&old, &State { serial: 4, hashes: hashes(2) }, false, &limits(), at(10_200));
    assert_eq!(run(&old, &mut memory, &current, at(10_300)), Decision::Wait(at(30_200)));
    // A change is carried all the same.
    assert_eq!(run(&old, &mut memory, &secret(3, None), at(10_300)), restart(5, 3));
}

#[test]
fn a_newer_state_of_another_replica_counts() {
    let mut fake = Fake::new(10, at(0), &["s"], &[(AUTO, "true")]);
    let mut memory = Memory::new(&fake.workload());
    assert_eq!(run(&fake.workload(), &mut memory, &secret(1, None), at(100)), record(1, 1));
    fake.annotate(11, "rekey.dev/applied", Some(&State { serial: 2, hashes: hashes(2) }.render(KEY, "uid-10")));
    memory.seen(&fake.workload());
    assert_eq!(run(&fake.workload(), &mut memory, &secret(2, None), at(200)), Decision::Nothing);
}

#[test]
fn what_can_no_longer_restart_is_forgotten_also_on_the_workload() {
    let mut annotated = Fake::new(10, at(0), &[], &[(AUTO, "true")]);
    annotated.annotate(10, "rekey.dev/applied", Some(&State { serial: 1, hashes: hashes(1) }.render(KEY, "uid-10")));
    let workload = annotated.workload();
    let mut memory = Memory::new(&workload);
    let expected = Decision::Record(State { serial: 2, hashes: Hashes::new() });
    assert_eq!(run(&workload, &mut memory, &Currents::new(), at(100)), expected);
}

#[test]
fn a_change_there_and_back_while_pods_start_restarts_them_again() {
    // Decided with content 2; then 3 and 2 again. A pod that started in between runs on 3 for ever.
    let before = workload(Some(1));
    for (why, decided, done, expected) in [
        ("seen before the decision", 13, None, Decision::Nothing),
        ("seen while pods started", 12, None, restart(3, 2)),
        ("seen while the last pods started", 12, Some(13), restart(3, 2)),
        ("seen when all had started", 11, Some(12), Decision::Nothing),
    ] {
        let mut memory = Memory::new(&before);
        assert_eq!(run(&before, &mut memory, &secret(2, None), at(100)), restart(2, 2));
        memory.restart_decided(decided);
        let state = State { serial: 2, hashes: hashes(2) };
        memory.written(&before, &state, true, &limits(), at(100));
        if let Some(done) = done {
            memory.rollout_done(done);
        }
        let after = Workload { state: Some(state), ..before.clone() };
        memory.seen(&after);
        assert_eq!(run(&after, &mut memory, &secret(2, Some(change(at(300), 13, 3))), at(20_000)), expected, "{why}");
    }
}
