//! Data that changes all the time.

use super::*;
use crate::rollout::options::Strategy;

/// Ten changes a second for half a minute, of the Secret of so many workloads, each written at once. How many restarts
/// that made, and the workloads at the end.
fn flap(options: &Options, workloads: usize) -> (usize, Vec<Fake>) {
    let room = Room { fresh: 1_000, retrying: 0 };
    let mut book = Book::new(KEY, options.clone());
    let fake = |index: usize| Fake::new(10, at(0), &["s"], &[(AUTO, "true")]).named(&format!("app-{index}"));
    let mut fakes: Vec<Fake> = (0..workloads).map(fake).collect();
    see(&mut book, "s", 1, 1, 0);
    for fake in &fakes {
        book.workload_seen(fake.workload(), at(0));
    }
    book.complete();

    let (mut restarts, mut version) = (0, 10);
    let mut carry_out = |book: &mut Book, millis: u64| {
        for write in book.take(room, at(millis)) {
            restarts += usize::from(write.restart.is_some());
            let index: usize = write.workload.object.name.trim_start_matches("app-").parse().unwrap();
            version += 1;
            assert!(fakes[index].apply(&write, version), "conflict");
            book.written(&write, Outcome::Applied(Box::new(fakes[index].workload())), 0.0, at(millis));
        }
    };
    carry_out(&mut book, 10_000);
    for change in 0..300_u32 {
        let millis = 20_000 + 100 * u64::from(change);
        see(&mut book, "s", 1_000 + u64::from(change), 2 + change, millis);
        carry_out(&mut book, millis);
    }
    // Then it is quiet.
    while let Some(wake) = book.next_wake() {
        let millis = u64::try_from(wake.duration_since(at(0)).as_millis()).unwrap();
        assert!(millis < 600_000, "it never comes to rest");
        carry_out(&mut book, millis);
    }
    (restarts, fakes)
}

#[test]
fn leads_to_no_more_restarts_than_the_pace_and_ends_on_the_last_value() {
    for strategy in [Strategy::Annotations, Strategy::Variables] {
        let (restarts, fakes) = flap(&Options { strategy, ..Options::default() }, 1);
        // At 20 s, 30 s and 40 s, and at 50 s with the last value, which came a moment before.
        assert_eq!(restarts, 4, "{strategy:?}");
        assert_eq!(fakes[0].state().unwrap().hashes[&ResourceName::secret("s")], mac(301).into());
    }
}

#[test]
fn of_many_workloads_it_keeps_the_pace_of_all_together() {
    let limits = Limits { rate: 2.0, burst: 20.0, ..Limits::default() };
    let (restarts, fakes) = flap(&Options { limits, ..Options::default() }, 50);
    let last = |fake: &Fake| fake.state().unwrap().hashes[&ResourceName::secret("s")] == mac(301).into();
    assert!(fakes.iter().all(last));
    // The burst, two a second while it flaps, and one more for each workload in the end.
    assert!(restarts <= 20 + 2 * 30 + 50, "{restarts}");
}

#[test]
fn it_holds_up_no_other_workload_however_many_flap() {
    const FLAPPING: usize = 150;
    let mut book = book();
    let flapping = |index: usize| {
        Fake::new(10, at(0), &[], &[(AUTO, "true")]).with_config_map("c").named(&format!("app-{index:03}"))
    };
    let mut fakes: Vec<Fake> = (0..FLAPPING).map(flapping).collect();
    fakes.push(app(10).named("shop"));
    let config_map = ResourceKey::config_map(key("c"));
    book.resource_seen(&config_map, &plain("1", 1), at(0));
    see(&mut book, "s", 2, 1, 0);
    for fake in &fakes {
        book.workload_seen(fake.workload(), at(0));
    }
    book.complete();

    let mut restarts = vec![0; fakes.len()];
    let mut version = 10;
    let mut carry_out = |book: &mut Book, millis: u64| {
        for write in book.take(Room { fresh: 1_000, retrying: 0 }, at(millis)) {
            let name = &write.workload.object.name;
            let index = name.strip_prefix("app-").map_or(FLAPPING, |number| number.parse().unwrap());
            version += 1;
            assert!(fakes[index].apply(&write, version), "conflict");
            book.written(&write, Outcome::Applied(Box::new(fakes[index].workload())), 0.0, at(millis));
            restarts[index] += usize::from(write.restart.is_some());
        }
        restarts.clone()
    };
    carry_out(&mut book, 10_000);
    // Fifteen restarts a second are asked for, and ten are there.
    for tenth in 0..700_u64 {
        let millis = 20_000 + 100 * tenth;
        if tenth % 10 == 0 {
            book.resource_seen(
                &config_map,
                &plain(&(1_000 + tenth).to_string(), 2 + u32::try_from(tenth).unwrap()),
                at(millis),
            );
        }
        if tenth == 400 {
            see(&mut book, "s", 9_000, 2, millis);
        }
        let restarts = carry_out(&mut book, millis);
        assert!(tenth < 402 || restarts[FLAPPING] == 1, "{tenth}");
    }
    let restarts = carry_out(&mut book, 100_000);
    let (least, most) = (restarts[..FLAPPING].iter().min().unwrap(), restarts[..FLAPPING].iter().max().unwrap());
    assert!(*least > 3 && most - least <= 2, "everybody's turn comes: {least} to {most}");
}
