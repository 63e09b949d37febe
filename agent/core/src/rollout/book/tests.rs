use super::*;
use crate::rollout::decision::Flags;
use crate::rollout::marker::Marker;
use crate::rollout::options::Options;
use crate::rollout::pace::Limits;
use crate::rollout::resource::ResourceName;
use crate::rollout::testing::{AUTO, Fake, KEY, at, mac, plain, sha};

const ROOM: Room = Room { fresh: 10, retrying: 10 };
const NAMED: &str = "secret.reloader.stakater.com/reload";

mod appearance;
mod crowds;
mod flapping;
mod handover;
mod pauses;
mod places;
mod scope;
mod standing;
mod variables;

fn book() -> Book {
    Book::new(KEY, Options::default())
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("ns", name)
}

fn see(book: &mut Book, name: &str, version: u64, content: u32, millis: u64) {
    book.resource_seen(&ResourceKey::secret(key(name)), &plain(&version.to_string(), content), at(millis));
}

fn app(version: u64) -> Fake {
    Fake::new(version, at(0), &["s", "t"], &[(AUTO, "true")])
}

/// Takes the one write that is due and applies it.
fn write(book: &mut Book, fake: &mut Fake, version: u64, millis: u64) -> Write {
    let mut writes = book.take(ROOM, at(millis));
    assert_eq!(writes.len(), 1, "{writes:?}");
    let write = writes.remove(0);
    assert!(fake.apply(&write, version), "conflict");
    book.written(&write, Outcome::Applied(Box::new(fake.workload())), 0.0, at(millis));
    write
}

/// A book and a Deployment with its baseline recorded: contents 1 of `s` and `t`.
fn settled() -> (Book, Fake) {
    settled_with(Options::default(), &[(AUTO, "true")])
}

fn settled_with(options: Options, annotations: &[(&str, &str)]) -> (Book, Fake) {
    let (mut book, mut fake) = (Book::new(KEY, options), Fake::new(10, at(0), &["s", "t"], annotations));
    see(&mut book, "s", 1, 1, 0);
    see(&mut book, "t", 2, 1, 0);
    book.workload_seen(fake.workload(), at(0));
    book.complete();
    assert!(write(&mut book, &mut fake, 11, 20_000).restart.is_none());
    (book, fake)
}

/// A new process, at a time, that finds the Deployment and these contents of `s` and `t`.
fn restarted(options: Options, fake: &Fake, contents: &[(&str, u32)], millis: u64) -> Book {
    let mut book = Book::new(KEY, options);
    for (name, content) in contents {
        see(&mut book, name, 1, *content, millis);
    }
    book.workload_seen(fake.workload(), at(millis));
    book.complete();
    book
}

#[test]
fn nothing_is_decided_before_everything_was_seen() {
    let mut book = book();
    see(&mut book, "s", 1, 1, 0);
    book.workload_seen(app(10).workload(), at(0));
    assert!(book.take(ROOM, at(1)).is_empty());
    book.complete();
    assert_eq!(book.take(ROOM, at(2)).len(), 1);
}

#[test]
fn a_change_is_one_patch_with_state_and_marker() {
    let (mut book, mut fake) = settled();
    see(&mut book, "s", 12, 2, 20_001);
    let written = write(&mut book, &mut fake, 13, 20_002);
    assert_eq!(written.changed, [ResourceName::secret("s")]);
    assert!(written.state.unwrap().contains(&mac(2).to_string()));
    let marker = Marker::parse(&fake.marker_text().unwrap()).unwrap();
    assert_eq!((marker.hash, marker.container_refs), (mac(2).to_string(), vec!["main".to_owned()]));
    assert!(book.take(ROOM, at(60_000)).is_empty(), "and only one");
}

#[test]
fn two_secrets_that_change_together_are_one_restart() {
    let (mut book, mut fake) = settled();
    book.sync_queued(&key("s"));
    book.sync_queued(&key("t"));
    see(&mut book, "s", 12, 2, 20_001);
    book.sync_finished(&key("s"));
    assert!(book.take(ROOM, at(20_002)).is_empty(), "the other sync is still running");
    see(&mut book, "t", 13, 2, 20_003);
    book.sync_finished(&key("t"));
    assert_eq!(write(&mut book, &mut fake, 14, 20_004).changed.len(), 2);
    assert!(book.take(ROOM, at(60_000)).is_empty());
}

#[test]
fn syncs_of_other_secrets_hold_up_nothing() {
    let (mut book, mut fake) = settled();
    book.sync_queued(&key("stranger"));
    book.sync_queued(&ObjectKey::new("elsewhere", "s"));
    see(&mut book, "s", 12, 2, 20_001);
    write(&mut book, &mut fake, 13, 20_002);
}

#[test]
fn an_older_version_of_a_secret_or_workload_is_ignored() {
    let (mut book, mut fake) = settled();
    let stale = app(10);
    see(&mut book, "s", 12, 2, 20_001);
    see(&mut book, "s", 1, 1, 20_001);
    book.workload_seen(stale.workload(), at(0));
    assert_eq!(write(&mut book, &mut fake, 13, 20_002).changed.len(), 1);
}

#[test]
fn patterns_find_secrets_that_stand_nowhere() {
    let mut book = book();
    let mut fake = Fake::new(10, at(0), &[], &[(NAMED, "db-.*")]);
    see(&mut book, "db-1", 1, 1, 0);
    see(&mut book, "other", 2, 1, 0);
    book.workload_seen(fake.workload(), at(0));
    book.complete();
    write(&mut book, &mut fake, 11, 20_000);
    see(&mut book, "other", 12, 2, 20_001);
    assert!(book.take(ROOM, at(20_002)).is_empty());
    see(&mut book, "db-1", 13, 2, 20_003);
    assert_eq!(write(&mut book, &mut fake, 14, 20_004).changed, [ResourceName::secret("db-1")]);
    // One that appears later is a first sight.
    see(&mut book, "db-2", 15, 7, 40_000);
    assert!(write(&mut book, &mut fake, 16, 40_001).restart.is_none());
}

#[test]
fn delete_and_recreate_restarts_only_with_other_data() {
    let (mut book, mut fake) = settled();
    book.resource_gone(&ResourceKey::secret(key("s")));
    assert!(book.take(ROOM, at(20_001)).is_empty());
    see(&mut book, "s", 13, 1, 20_002);
    assert!(book.take(ROOM, at(20_003)).is_empty(), "the same data");
    book.resource_gone(&ResourceKey::secret(key("s")));
    see(&mut book, "s", 15, 2, 20_004);
    assert_eq!(write(&mut book, &mut fake, 16, 20_005).changed.len(), 1);
}

#[test]
fn a_recreated_workload_starts_anew() {
    let (mut book, _) = settled();
    see(&mut book, "s", 12, 2, 20_001);
    book.workload_gone(&app(10).workload().key);
    let mut recreated = Fake::new(20, at(30_000), &["s", "t"], &[(AUTO, "true")]);
    book.workload_seen(recreated.workload(), at(0));
    assert!(write(&mut book, &mut recreated, 21, 30_001).restart.is_none());
}

#[test]
fn a_conflict_waits_for_the_newer_version_and_then_restarts_once() {
    let (mut book, mut fake) = settled();
    see(&mut book, "s", 12, 2, 20_001);
    let stale = book.take(ROOM, at(20_002)).remove(0);
    fake.touch(13);
    assert!(!fake.apply(&stale, 14));
    assert!(book.written(&stale, Outcome::Conflict, 0.0, at(20_003)).retry_at.is_some());
    assert!(book.take(ROOM, at(20_004)).is_empty());
    book.workload_seen(fake.workload(), at(0));
    assert!(write(&mut book, &mut fake, 14, 20_005).restart.is_some());
}

#[test]
fn a_conflict_whose_newer_version_is_already_here_does_not_wait() {
    let (mut book, mut fake) = settled();
    see(&mut book, "s", 12, 2, 20_001);
    let stale = book.take(ROOM, at(20_002)).remove(0);
    fake.touch(13);
    book.workload_seen(fake.workload(), at(0));
    book.written(&stale, Outcome::Conflict, 0.0, at(20_003));
    write(&mut book, &mut fake, 14, 20_004);
}

#[test]
fn a_failure_backs_off_alone_and_in_its_own_lane() {
    let (mut book, mut fake) = settled();
    let mut other = app(10).named("other");
    book.workload_seen(other.workload(), at(0));
    write(&mut book, &mut other, 12, 20_000);

    see(&mut book, "s", 13, 2, 20_001);
    let writes = book.take(ROOM, at(20_002));
    assert_eq!(writes.len(), 2);
    for write in &writes {
        let outcome = if write.workload.object.name == "app" {
            Outcome::Failed
        } else {
            assert!(other.apply(write, 14));
            Outcome::Applied(Box::new(other.workload()))
        };
        book.written(write, outcome, 0.0, at(20_002));
    }
    assert!(book.take(ROOM, at(20_500)).is_empty());
    assert_eq!(book.next_wake(), Some(at(21_002)));
    // The status of a workload moves all the time; that must not defeat the back-off.
    fake.touch(15);
    book.workload_seen(fake.workload(), at(0));
    assert!(book.take(ROOM, at(20_501)).is_empty());
    assert!(book.take(Room { fresh: 10, retrying: 0 }, at(21_002)).is_empty());
    let retry = book.take(Room { fresh: 0, retrying: 1 }, at(21_003));
    assert!(retry.len() == 1 && retry[0].retrying);
    assert_eq!(book.written(&retry[0], Outcome::Failed, 0.0, at(21_003)).retry_at, Some(at(23_003)));
}

#[test]
fn an_answer_that_was_lost_is_found_by_the_watch() {
    let (mut book, mut fake) = settled();
    see(&mut book, "s", 12, 2, 20_001);
    let lost = book.take(ROOM, at(20_002)).remove(0);
    assert!(fake.apply(&lost, 13));
    book.written(&lost, Outcome::Failed, 0.0, at(30_002));
    book.workload_seen(fake.workload(), at(0));
    assert!(book.take(ROOM, at(60_000)).is_empty());
    // And it is no failure any more.
    see(&mut book, "s", 14, 3, 60_001);
    assert!(!book.take(ROOM, at(60_002))[0].retrying);
}

#[test]
fn the_bucket_limits_restarts_of_all_workloads_and_not_baselines() {
    let limits = Limits { rate: 10.0, burst: 5.0, ..Limits::default() };
    let mut book = Book::new(KEY, Options { limits, ..Options::default() });
    let room = Room { fresh: 1000, retrying: 0 };
    see(&mut book, "s", 1, 1, 0);
    for index in 0..20 {
        let fake = Fake::new(10, at(0), &["s"], &[(AUTO, "true")]).named(&format!("app-{index}"));
        book.workload_seen(fake.workload(), at(0));
    }
    book.complete();
    let writes = book.take(room, at(20_000));
    assert_eq!(writes.len(), 20);
    for write in &writes {
        let mut fake = Fake::new(10, at(0), &["s"], &[(AUTO, "true")]).named(&write.workload.object.name);
        assert!(fake.apply(write, 11));
        book.written(write, Outcome::Applied(Box::new(fake.workload())), 0.0, at(20_000));
    }
    see(&mut book, "s", 12, 2, 20_001);
    assert_eq!(book.take(room, at(20_002)).len(), 5);
    let wake = book.next_wake().unwrap();
    assert!(wake > at(20_050) && wake < at(20_150), "{wake}");
    assert_eq!(book.take(room, at(21_052)).len(), 5, "one second later, the burst at most");
}

#[test]
fn a_mistake_is_told_once_by_the_leader_until_it_changes() {
    let mut book = book();
    let mut fake = Fake::new(10, at(0), &[], &[(NAMED, "[bad")]);
    let told = |book: &mut Book, fake: &Fake| {
        book.workload_seen(fake.workload(), at(0));
        book.mistakes().iter().map(|misread| misread.mistakes.len()).sum::<usize>()
    };
    assert_eq!(told(&mut book, &fake), 0, "a standby says nothing");
    book.complete();
    assert_eq!(told(&mut book, &fake), 1, "but it has not forgotten it");
    fake.touch(11);
    assert_eq!(told(&mut book, &fake), 0);
    fake.annotate(12, NAMED, Some("[worse"));
    assert_eq!(told(&mut book, &fake), 1);
    fake.annotate(13, NAMED, None);
    assert_eq!(told(&mut book, &fake), 0);
}

#[test]
fn baselines_precede_the_first_write() {
    let (mut book, mut fake) = (book(), app(10));
    see(&mut book, "s", 1, 1, 0);
    book.complete();
    book.workload_seen(fake.workload(), at(0));
    assert_eq!(book.unrecorded(&key("s"), at(20_000)).waiting.len(), 1);
    assert_eq!(book.unrecorded(&key("missing"), at(20_000)), Unrecorded::default());
    write(&mut book, &mut fake, 11, 20_000);
    assert_eq!(book.unrecorded(&key("s"), at(20_001)), Unrecorded::default());

    // A workload that cannot be written is named, not waited for.
    let other = app(10).named("other");
    book.workload_seen(other.workload(), at(0));
    let refused = book.take(ROOM, at(20_002)).remove(0);
    book.written(&refused, Outcome::Failed, 0.0, at(20_002));
    let unrecorded = book.unrecorded(&key("s"), at(20_003));
    assert_eq!((unrecorded.waiting.len(), unrecorded.failing.len()), (0, 1));
}

#[test]
fn undo_after_a_rotation_restarts_nothing_more_than_itself() {
    let (mut book, mut fake) = settled();
    let before = fake.clone();
    see(&mut book, "s", 12, 2, 20_001);
    write(&mut book, &mut fake, 13, 20_002);
    fake.roll_back(14, &before);
    book.workload_seen(fake.workload(), at(0));
    assert!(write(&mut book, &mut fake, 15, 20_003).restart.is_none());
    assert!(book.take(ROOM, at(60_000)).is_empty());
    // Nor does the next process.
    let mut next = self::book();
    see(&mut next, "s", 12, 2, 60_000);
    see(&mut next, "t", 2, 1, 60_000);
    next.workload_seen(fake.workload(), at(0));
    next.complete();
    assert!(next.take(ROOM, at(60_001)).is_empty());
}
