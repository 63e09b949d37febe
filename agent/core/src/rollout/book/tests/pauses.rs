//! Deployments that ask for a pause between a change and its rollout.

use super::*;
use crate::rollout::mistake::Mistake;
use crate::rollout::pause::Pause;

const PERIOD: &str = "deployment.reloader.stakater.com/pause-period";
const PAUSED_AT: &str = "deployment.reloader.stakater.com/paused-at";
const MINUTE: [(&str, &str); 2] = [(AUTO, "true"), (PERIOD, "1m")];

/// A Deployment that pauses for a minute and was paused for content 2 of `s` at 20 s.
fn paused() -> (Book, Fake) {
    let (mut book, mut fake) = settled_with(Options::default(), &MINUTE);
    see(&mut book, "s", 12, 2, 20_000);
    let begun = write(&mut book, &mut fake, 13, 20_000);
    assert_eq!(begun.pause, Some(Pause::Begin(at(20_000))));
    assert!(begun.restart.is_some() && begun.state.is_some(), "all in one patch");
    assert!(fake.paused());
    (book, fake)
}

#[test]
fn a_change_pauses_and_the_pause_ends_in_time() {
    let (mut book, mut fake) = paused();
    assert!(book.take(ROOM, at(79_999)).is_empty());
    assert_eq!(book.next_wake(), Some(at(80_000)));
    let ended = write(&mut book, &mut fake, 14, 80_000);
    assert_eq!((ended.pause, ended.restart, ended.changed.len()), (Some(Pause::End), None, 0));
    assert!(!fake.paused());
    assert!(book.take(ROOM, at(600_000)).is_empty() && book.next_wake().is_none());
}

#[test]
fn later_changes_join_the_same_rollout() {
    let (mut book, mut fake) = paused();
    see(&mut book, "t", 14, 2, 40_000);
    let joined = write(&mut book, &mut fake, 15, 40_000);
    assert!(joined.restart.is_some() && joined.pause.is_none());
    // One that waits for the pace when the pause ends goes with the end: its pods shall have it.
    see(&mut book, "t", 16, 3, 75_000);
    write(&mut book, &mut fake, 17, 75_000);
    see(&mut book, "s", 18, 3, 76_000);
    assert!(book.take(ROOM, at(76_000)).is_empty());
    let last = write(&mut book, &mut fake, 19, 80_000);
    assert!(last.restart.is_some() && last.pause == Some(Pause::End) && !fake.paused());
    assert!(book.take(ROOM, at(600_000)).is_empty());
    // The next change has a pause of its own.
    see(&mut book, "s", 20, 4, 700_000);
    assert_eq!(write(&mut book, &mut fake, 21, 700_000).pause, Some(Pause::Begin(at(700_000))));
}

#[test]
fn the_end_waits_for_a_sync_that_is_under_way() {
    let (mut book, mut fake) = paused();
    book.sync_queued(&key("s"));
    see(&mut book, "s", 14, 3, 79_000);
    assert!(book.take(ROOM, at(80_000)).is_empty());
    book.sync_finished(&key("s"));
    let last = write(&mut book, &mut fake, 15, 81_000);
    assert!(last.restart.is_some() && last.pause == Some(Pause::End));
}

#[test]
fn the_next_process_ends_the_pause() {
    for (starts, ends) in [(50_000, 80_000), (500_000, 500_000)] {
        let (_, mut fake) = paused();
        let mut next = restarted(Options::default(), &fake, &[("s", 2), ("t", 1)], starts);
        if starts < ends {
            assert!(next.take(ROOM, at(starts)).is_empty());
            assert_eq!(next.next_wake(), Some(at(ends)));
        }
        assert_eq!(write(&mut next, &mut fake, 14, ends).pause, Some(Pause::End));
    }
}

#[test]
fn an_end_that_is_refused_is_tried_again() {
    let (mut book, mut fake) = paused();
    let refused = book.take(ROOM, at(80_000)).remove(0);
    let retry_at = book.written(&refused, Outcome::Failed, 0.0, at(80_000)).retry_at.unwrap();
    assert!(book.take(ROOM, at(80_500)).is_empty());
    let again = book.take(ROOM, retry_at).remove(0);
    assert!(again.retrying && again.pause == Some(Pause::End) && fake.apply(&again, 14));
}

#[test]
fn a_pause_of_somebody_else_is_never_ended() {
    let (mut book, mut fake) = settled_with(Options::default(), &MINUTE);
    fake.pause(12, true);
    book.workload_seen(fake.workload(), at(20_000));
    see(&mut book, "s", 13, 2, 20_000);
    let patched = write(&mut book, &mut fake, 14, 20_000);
    assert!(patched.restart.is_some() && patched.pause.is_none());
    assert!(book.take(ROOM, at(600_000)).is_empty() && fake.paused());
}

#[test]
fn whoever_takes_the_mark_away_or_ends_the_pause_takes_it_out_of_our_hands() {
    let (mut book, mut fake) = paused();
    fake.annotate(14, PAUSED_AT, None);
    book.workload_seen(fake.workload(), at(30_000));
    assert!(book.take(ROOM, at(600_000)).is_empty() && fake.paused());

    let (mut book, mut fake) = paused();
    fake.pause(14, false);
    book.workload_seen(fake.workload(), at(30_000));
    // Only the mark goes, lest a later pause of somebody else look like ours.
    let cleaned = write(&mut book, &mut fake, 15, 30_000);
    assert!(cleaned.pause == Some(Pause::End) && cleaned.restart.is_none());
    fake.pause(16, true);
    book.workload_seen(fake.workload(), at(40_000));
    assert!(book.take(ROOM, at(600_000)).is_empty() && fake.paused());
}

#[test]
fn without_a_period_that_is_one_it_restarts_at_once() {
    for (period, mistakes) in [("0s", 0), ("-5m", 0), ("", 0), ("soon", 1)] {
        let mut book = book();
        let mut fake = Fake::new(10, at(0), &["s"], &[(AUTO, "true"), (PERIOD, period)]);
        see(&mut book, "s", 1, 1, 0);
        book.workload_seen(fake.workload(), at(0));
        book.complete();
        let told: Vec<Mistake> = book.mistakes().into_iter().flat_map(|misread| misread.mistakes).collect();
        assert_eq!(told.len(), mistakes, "{period}");
        assert!(told.iter().all(|mistake| matches!(mistake, Mistake::Period { .. })));
        write(&mut book, &mut fake, 11, 20_000);
        see(&mut book, "s", 12, 2, 20_001);
        let restarted = write(&mut book, &mut fake, 13, 20_002);
        assert!(restarted.restart.is_some() && restarted.pause.is_none() && !fake.paused(), "{period}");
    }
}

#[test]
fn nobody_stays_paused_who_asks_for_nothing_any_more() {
    let (mut book, mut fake) = paused();
    fake.annotate(14, AUTO, None);
    fake.annotate(15, PERIOD, None);
    book.workload_seen(fake.workload(), at(30_000));
    let ended = write(&mut book, &mut fake, 16, 30_000);
    assert!(ended.pause == Some(Pause::End) && ended.state.is_none() && !fake.paused());
    assert!(book.take(ROOM, at(600_000)).is_empty());
}
