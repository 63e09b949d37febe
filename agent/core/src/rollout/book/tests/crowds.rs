//! Workloads that more resources concern than anybody meant.

use super::*;
use crate::rollout::mistake::Mistake;
use crate::rollout::options::Creation;
use crate::rollout::state::Hashes;

const ALL: [(&str, &str); 2] = [(AUTO, "true"), (NAMED, "app-.*")];

/// Carries out what is due until there is nothing more; how many writes that took.
fn settle(book: &mut Book, fake: &mut Fake, millis: u64) -> usize {
    for round in 0..20 {
        let writes = book.take(ROOM, at(millis + round));
        for write in &writes {
            let version = fake.version().parse::<u64>().unwrap() + 1;
            assert!(fake.apply(write, version), "conflict");
            book.written(write, Outcome::Applied(Box::new(fake.workload())), 0.0, at(millis + round));
        }
        if writes.is_empty() {
            return usize::try_from(round).unwrap();
        }
    }
    panic!("it never comes to rest");
}

fn hashes(fake: &Fake) -> Hashes {
    fake.state().unwrap().hashes
}

#[test]
fn of_names_that_only_existed_once_few_are_remembered_and_new_pods_have_none() {
    let (mut book, mut fake) = settled_with(Options::default(), &ALL);
    for index in 0..150 {
        let (name, millis) = (format!("app-{index:03}"), 40_000 + 20_000 * index);
        see(&mut book, &name, 100 + index, 1, millis);
        settle(&mut book, &mut fake, millis);
        book.resource_gone(&ResourceKey::secret(key(&name)));
        settle(&mut book, &mut fake, millis + 10_000);
    }
    assert!(hashes(&fake).len() <= 103, "{}", hashes(&fake).len());
    see(&mut book, "s", 1_000, 2, 20_000_000);
    settle(&mut book, &mut fake, 20_000_000);
    assert_eq!(hashes(&fake).len(), 2);
}

#[test]
fn new_names_are_recorded_at_the_pace_of_restarts() {
    let (mut book, mut fake) = settled_with(Options::default(), &ALL);
    let mut writes = 0;
    for index in 0..300 {
        let millis = 40_000 + 100 * index;
        see(&mut book, &format!("app-{index}"), 100 + index, 1, millis);
        writes += settle(&mut book, &mut fake, millis);
    }
    assert!(writes <= 3, "{writes}");
    // Whoever is about to write one of them waits for nothing.
    assert_eq!(book.unrecorded(&key("app-299"), at(70_000)).waiting.len(), 1);
    settle(&mut book, &mut fake, 70_000);
    assert_eq!(book.unrecorded(&key("app-299"), at(70_000)), Unrecorded::default());
    // Nor is one of them that changes.
    see(&mut book, "app-7", 1_000, 2, 70_001);
    let changed = write(&mut book, &mut fake, 2_000, 70_002);
    assert!(changed.restart.is_some());
}

#[test]
fn a_state_that_has_no_room_left_still_lets_the_workload_restart() {
    let mut book = book();
    let mut fake = Fake::new(10, at(0), &["s", "zzz"], &[(AUTO, "true"), (NAMED, ".*")]);
    for index in 0..1_700 {
        see(&mut book, &format!("app-{index}"), 1 + index, 1, 0);
    }
    for name in ["s", "zzz"] {
        see(&mut book, name, 5_000, 1, 0);
    }
    book.workload_seen(fake.workload(), at(0));
    book.complete();
    let mut told = 0;
    for (content, version) in [(1, 6_000), (2, 6_010), (3, 6_020)] {
        let millis = 20_000 * u64::from(content);
        see(&mut book, "zzz", version, content, millis);
        let writes = book.take(ROOM, at(millis));
        assert_eq!((writes.len(), writes[0].restart.is_some()), (1, content > 1));
        assert!(writes[0].state.as_ref().unwrap().len() < 200 << 10);
        assert!(fake.apply(&writes[0], version + 1));
        book.written(&writes[0], Outcome::Applied(Box::new(fake.workload())), 0.0, at(millis));
        told += book.mistakes().iter().filter(|misread| misread.mistakes == [Mistake::Crowd]).count();
        assert_eq!(settle(&mut book, &mut fake, millis + 1), 0, "it is as it should be");
        assert_eq!(hashes(&fake)[&ResourceName::secret("zzz")], mac(content).into(), "what stands in it comes first");
    }
    assert_eq!(told, 1);
    // This process remembers the others.
    let left_out = (0..1_700).map(|index| format!("app-{index}"));
    let left_out = left_out.into_iter().find(|name| !hashes(&fake).contains_key(&ResourceName::secret(name))).unwrap();
    assert_eq!(book.unrecorded(&key(&left_out), at(90_000)), Unrecorded::default());
    see(&mut book, &left_out, 7_000, 2, 90_000);
    assert!(write(&mut book, &mut fake, 7_001, 90_001).restart.is_some());
    assert_eq!(settle(&mut book, &mut fake, 110_000), 0);
    // The next one takes what it finds for what was there.
    let mut contents: Vec<(String, u32)> = (0..1_700).map(|index| (format!("app-{index}"), 1)).collect();
    contents.retain(|(name, _)| *name != left_out);
    contents.extend([(left_out, 5), ("s".to_owned(), 1), ("zzz".to_owned(), 3)]);
    let contents: Vec<(&str, u32)> = contents.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    let mut next = restarted(Options::default(), &fake, &contents, 200_000);
    assert!(next.take(ROOM, at(200_001)).iter().all(|write| write.restart.is_none()));
}

#[test]
fn pods_that_were_made_without_a_resource_get_it_when_it_comes_back() {
    for (creation, expected) in [(Creation::Ignored, 0), (Creation::Restarts, 1), (Creation::RestartsLate, 1)] {
        let (mut book, mut fake) = settled_with(Options { creation, ..Options::default() }, &[(AUTO, "true")]);
        book.resource_gone(&ResourceKey::secret(key("s")));
        see(&mut book, "t", 20, 2, 40_000);
        assert!(write(&mut book, &mut fake, 21, 40_001).restart.is_some());
        see(&mut book, "s", 22, 1, 60_000);
        assert_eq!(book.take(ROOM, at(60_001)).len(), expected, "{creation:?}: it has the data that it had");
    }
}
