//! Resources that appear and disappear, under every choice about that.

use super::*;
use crate::rollout::content::Content;
use crate::rollout::options::Creation;
use crate::rollout::stakater;

fn options(creation: Creation, on_delete: bool) -> Options {
    Options { creation, on_delete, ..Options::default() }
}

fn s() -> ResourceKey {
    ResourceKey::secret(key("s"))
}

fn recorded(fake: &Fake) -> Option<Content> {
    fake.state()?.hashes.get(&ResourceName::secret("s")).copied()
}

/// Whether what is due restarts the workload; every write that is due is carried out.
fn restarts(book: &mut Book, fake: &mut Fake, millis: u64) -> bool {
    let mut restarts = false;
    for round in 0..3 {
        for write in book.take(ROOM, at(millis + round)) {
            restarts |= write.restart.is_some();
            let version = fake.version().parse::<u64>().unwrap() + 1;
            assert!(fake.apply(&write, version), "conflict");
            book.written(&write, Outcome::Applied(Box::new(fake.workload())), 0.0, at(millis + round));
        }
    }
    assert!(book.take(ROOM, at(millis + 60_000)).is_empty(), "it never comes to rest");
    restarts
}

#[test]
fn deletion_restarts_where_that_is_asked_for() {
    for (on_delete, expected) in [(false, false), (true, true)] {
        let (mut book, mut fake) = settled_with(options(Creation::Ignored, on_delete), &[(AUTO, "true")]);
        book.resource_gone(&s());
        assert_eq!(restarts(&mut book, &mut fake, 20_001), expected);
        assert_eq!(recorded(&fake), Some(if on_delete { Content::Gone } else { mac(1).into() }));
        if on_delete {
            assert_eq!(Marker::parse(&fake.marker_text().unwrap()).unwrap().hash, stakater::DELETED);
        }
        // The next process finds nothing to do.
        let mut next = restarted(options(Creation::Ignored, on_delete), &fake, &[("t", 1)], 90_000);
        assert!(!restarts(&mut next, &mut fake, 90_001));
    }
}

#[test]
fn deletion_while_no_agent_ran_restarts_at_its_start() {
    for (on_delete, expected) in [(false, false), (true, true)] {
        let (_, mut fake) = settled();
        let mut next = restarted(options(Creation::Ignored, on_delete), &fake, &[("t", 1)], 90_000);
        assert_eq!(restarts(&mut next, &mut fake, 90_001), expected);
    }
}

#[test]
fn a_resource_that_comes_back_in_time_with_its_data_was_never_away() {
    let (mut book, mut fake) = settled_with(options(Creation::Restarts, true), &[(AUTO, "true")]);
    book.resource_gone(&s());
    see(&mut book, "s", 20, 1, 20_001);
    assert!(!restarts(&mut book, &mut fake, 20_002));
    book.resource_gone(&s());
    see(&mut book, "s", 21, 2, 20_003);
    assert!(restarts(&mut book, &mut fake, 20_004));
}

#[test]
fn what_comes_back_after_its_deletion_was_applied_is_a_creation() {
    for (creation, expected) in [(Creation::Ignored, false), (Creation::Restarts, true), (Creation::RestartsLate, true)]
    {
        let (mut book, mut fake) = settled_with(options(creation, true), &[(AUTO, "true")]);
        book.resource_gone(&s());
        assert!(restarts(&mut book, &mut fake, 20_001));
        see(&mut book, "s", 20, 2, 90_000);
        assert_eq!(restarts(&mut book, &mut fake, 90_001), expected, "{creation:?}");
        assert_eq!(recorded(&fake), Some(mac(2).into()));
        see(&mut book, "s", 21, 3, 190_000);
        assert!(restarts(&mut book, &mut fake, 190_001), "{creation:?}: a change is a change");
    }
}

#[test]
fn a_resource_that_appears_under_the_workload() {
    for (creation, expected) in [(Creation::Ignored, false), (Creation::Restarts, true), (Creation::RestartsLate, true)]
    {
        for annotations in [[(AUTO, "true")], [(NAMED, "s,t")], [(NAMED, "[s-t]")]] {
            let mut book = Book::new(KEY, options(creation, false));
            let mut fake = Fake::new(10, at(0), &["s", "t"], &annotations);
            see(&mut book, "t", 1, 1, 0);
            book.workload_seen(fake.workload(), at(0));
            book.complete();
            assert!(!restarts(&mut book, &mut fake, 20_000), "{creation:?}: on the first sight");
            see(&mut book, "s", 12, 1, 90_000);
            // However late it is looked at.
            assert_eq!(restarts(&mut book, &mut fake, 99_000), expected, "{creation:?} {annotations:?}");
            assert_eq!(recorded(&fake), Some(mac(1).into()));
        }
    }
}

#[test]
fn a_resource_that_appears_before_the_workload_or_the_opt_in_is_no_change_for_it() {
    for creation in [Creation::Restarts, Creation::RestartsLate] {
        let mut book = Book::new(KEY, options(creation, false));
        book.complete();
        see(&mut book, "s", 1, 1, 10_000);
        let mut later = Fake::new(10, at(11_000), &["s"], &[(AUTO, "true")]);
        book.workload_seen(later.workload(), at(11_500));
        assert!(!restarts(&mut book, &mut later, 20_000), "{creation:?}");

        let mut fake = Fake::new(20, at(0), &["s"], &[]).named("opts-in");
        book.workload_seen(fake.workload(), at(12_000));
        fake.annotate(21, AUTO, Some("true"));
        book.workload_seen(fake.workload(), at(30_000));
        assert!(!restarts(&mut book, &mut fake, 40_000), "{creation:?}");
    }
}

#[test]
fn a_resource_that_appeared_while_no_agent_ran() {
    for (creation, expected) in
        [(Creation::Ignored, false), (Creation::Restarts, false), (Creation::RestartsLate, true)]
    {
        for secrets in [&["t"][..], &[]] {
            let mut fake = Fake::new(10, at(0), &["s", "t"], &[(AUTO, "true")]);
            let contents: Vec<(&str, u32)> = secrets.iter().map(|name| (*name, 1)).collect();
            let mut first = restarted(options(creation, false), &fake, &contents, 0);
            assert!(!restarts(&mut first, &mut fake, 20_000), "{creation:?}: an installation restarts nothing");
            let mut next = restarted(options(creation, false), &fake, &[("s", 1), ("t", 1)], 90_000);
            let restarted = restarts(&mut next, &mut fake, 90_001);
            assert_eq!(restarted, expected, "{creation:?}, there were {secrets:?}");
        }
        let mut strange = Fake::new(10, at(0), &["s"], &[(AUTO, "true")]);
        let mut first = restarted(options(creation, false), &strange, &[("s", 1)], 90_000);
        assert!(!restarts(&mut first, &mut strange, 90_001), "{creation:?}: nor does the first start");
    }
}

#[test]
fn a_resource_that_began_to_say_ignore_is_forgotten_and_may_go() {
    let (mut book, mut fake) = settled_with(options(Creation::Restarts, true), &[(AUTO, "true")]);
    let ignored = Flags { ignore: true, matched: false };
    book.resource_seen(&s(), &ResourceSeen { flags: ignored, ..plain("12", 2) }, at(20_001));
    assert!(!restarts(&mut book, &mut fake, 20_002));
    assert_eq!(recorded(&fake), None);
    // What changed meanwhile counts as little when it stops saying so.
    book.resource_seen(&s(), &plain("13", 2), at(20_003));
    assert!(!restarts(&mut book, &mut fake, 20_004));
    book.resource_seen(&s(), &ResourceSeen { flags: ignored, ..plain("14", 2) }, at(20_005));
    assert!(!restarts(&mut book, &mut fake, 20_006));
    book.resource_gone(&s());
    assert!(!restarts(&mut book, &mut fake, 20_007));
}

#[test]
fn an_opt_in_while_no_agent_ran_is_a_first_sight_of_what_was_there() {
    for creation in [Creation::Ignored, Creation::Restarts, Creation::RestartsLate] {
        let mut fake = Fake::new(10, at(0), &["s", "t"], &[(NAMED, "t")]);
        let mut first = restarted(options(creation, false), &fake, &[("s", 1), ("t", 1)], 0);
        assert!(!restarts(&mut first, &mut fake, 20_000));
        fake.annotate(50, AUTO, Some("true"));
        let mut next = restarted(options(creation, false), &fake, &[("s", 1), ("t", 1)], 90_000);
        assert!(!restarts(&mut next, &mut fake, 90_001), "{creation:?}");
    }
}
