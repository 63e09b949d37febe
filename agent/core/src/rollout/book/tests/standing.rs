//! Workloads that do not replace their pods when their template changes.

use super::*;
use crate::rollout::options::{Batch, Creation};
use crate::rollout::workload::Standing;

fn standing(fake: &Fake, standing: Standing) -> Workload {
    Workload { standing, ..fake.workload() }
}

#[test]
fn what_holds_its_pods_is_patched_and_told_once_for_each_change() {
    for holds in [Standing::OnDelete, Standing::Paused] {
        let (mut book, mut fake) = settled();
        for round in 0..3 {
            fake.touch(20 + 10 * round);
            book.workload_seen(standing(&fake, holds), at(0));
            let now = 40_000 * (round + 1);
            see(&mut book, "s", 21 + 10 * round, 2 + u32::try_from(round).unwrap(), now);
            let writes = book.take(ROOM, at(now + 1));
            assert_eq!(writes.len(), 1);
            assert!(writes[0].standing == holds && writes[0].restart.is_some() && writes[0].state.is_some());
            assert_eq!(writes[0].pause, None);
            assert!(fake.apply(&writes[0], 22 + 10 * round));
            let answer = standing(&fake, holds);
            book.written(&writes[0], Outcome::Applied(Box::new(answer)), 0.0, at(now + 2));
            assert!(book.take(ROOM, at(now + 30_000)).is_empty());
        }
    }
}

#[test]
fn a_suspended_cron_job_is_recorded_and_run_only_on_request() {
    for (suspended_cron_jobs, expected) in [(false, false), (true, true)] {
        let batch = Batch { suspended_cron_jobs, ..Batch::default() };
        let (mut book, mut fake) = settled_with(Options { batch, ..Options::default() }, &[(AUTO, "true")]);
        fake.touch(20);
        book.workload_seen(standing(&fake, Standing::Suspended), at(0));
        see(&mut book, "s", 21, 2, 40_000);
        let recorded = write(&mut book, &mut fake, 22, 40_001);
        assert_eq!((recorded.restart.is_some(), recorded.changed.len()), (expected, usize::from(expected)));
        assert_eq!(fake.state().unwrap().hashes[&ResourceName::secret("s")], mac(2).into());
        // Now it runs again, and its pods have the data.
        book.workload_seen(fake.workload(), at(50_000));
        assert!(book.take(ROOM, at(60_000)).is_empty());
    }
}

#[test]
fn a_finished_job_is_left_alone_unless_it_is_to_run_again() {
    for (finished_jobs, expected) in [(false, 0), (true, 1)] {
        let batch = Batch { finished_jobs, ..Batch::default() };
        let (mut book, mut fake) = settled_with(Options { batch, ..Options::default() }, &[(AUTO, "true")]);
        fake.touch(20);
        book.workload_seen(standing(&fake, Standing::Finished), at(0));
        see(&mut book, "s", 21, 2, 40_000);
        let writes = book.take(ROOM, at(40_001));
        assert_eq!(writes.len(), expected);
        assert!(writes.iter().all(|write| write.restart.is_some()));
        assert_eq!(book.unrecorded(&key("s"), at(40_002)), Unrecorded::default());
    }
}

#[test]
fn what_is_being_deleted_is_left_alone() {
    // Whatever it would be otherwise.
    let batch = Batch { finished_jobs: true, suspended_cron_jobs: true };
    let (mut book, mut fake) = settled_with(Options { batch, ..Options::default() }, &[(AUTO, "true")]);
    fake.delete(20);
    book.workload_seen(fake.workload(), at(0));
    see(&mut book, "s", 21, 2, 40_000);
    assert!(book.take(ROOM, at(40_001)).is_empty());
    assert_eq!(book.unrecorded(&key("s"), at(40_002)), Unrecorded::default());
}

#[test]
fn a_cron_job_that_goes_on_runs_nothing_for_what_came_while_it_rested() {
    for creation in [Creation::Ignored, Creation::Restarts, Creation::RestartsLate] {
        let options = Options { creation, ..Options::default() };
        let mut book = Book::new(KEY, options);
        let mut fake = app(10);
        see(&mut book, "t", 2, 1, 0);
        book.workload_seen(standing(&fake, Standing::Suspended), at(0));
        book.complete();
        let carry_out = |book: &mut Book, fake: &mut Fake, version: u64, millis: u64| {
            for written in book.take(ROOM, at(millis)) {
                assert!(written.restart.is_none(), "{creation:?}");
                assert!(fake.apply(&written, version));
                let answer = standing(fake, Standing::Suspended);
                book.written(&written, Outcome::Applied(Box::new(answer)), 0.0, at(millis));
            }
        };
        carry_out(&mut book, &mut fake, 11, 10_000);
        see(&mut book, "s", 20, 1, 20_000);
        carry_out(&mut book, &mut fake, 21, 20_001);
        see(&mut book, "s", 22, 2, 30_000);
        carry_out(&mut book, &mut fake, 23, 30_001);
        fake.touch(24);
        book.workload_seen(fake.workload(), at(50_000));
        assert!(book.take(ROOM, at(90_000)).is_empty(), "{creation:?}");
    }
}
