//! Those who wait for a hook, and what lets them go on.

use super::*;
use crate::rollout::scope::Scope;

type Change = fn(&mut Book, Hook, Timestamp);

#[test]
fn whoever_waits_for_a_hook_that_is_taken_away_waits_no_longer() {
    let renamed = || Hook { cron_job: "nobody".to_owned(), secret: "s".to_owned(), order: Order::Before };
    let changes: [(&str, Change); 3] = [
        ("the ExternalSecret is deleted", |book, _, now| book.hooks_gone(&owner().object, now)),
        ("its annotation is removed", |book, _, now| book.hooks_seen(&owner(), Vec::new(), now)),
        ("it names a CronJob that is not there", |book, hook, now| book.hooks_seen(&owner(), vec![hook], now)),
    ];
    for (what, change) in changes {
        let mut world = World::new(Order::Before);
        world.change("password", 2);
        world.run();
        assert_eq!((world.runs(), world.restarts()), (1, 0));
        change(&mut world.book, renamed(), at(world.now));
        world.run();
        assert_eq!((world.runs(), world.restarts()), (1, 1), "{what}");
    }
}

#[test]
fn an_external_secret_that_took_the_place_of_another_inherits_no_hooks() {
    let mut world = World::new(Order::Before);
    let other = Owner { uid: "another".to_owned(), ..owner() };
    world.book.hooks_seen(&other, Vec::new(), at(world.now));
    world.change("password", 2);
    world.run();
    assert_eq!((world.runs(), world.restarts()), (0, 1));

    let mut world = World::new(Order::Before);
    world.book.workload_gone(&cron_job(ObjectKey::new("ns", "hook")));
    let hooks = vec![Hook { cron_job: "hook".to_owned(), secret: "s".to_owned(), order: Order::Before }];
    world.book.hooks_seen(&other, hooks, at(world.now));
    let told: Vec<Owner> = world.book.hook_problems().into_iter().map(|(owner, _)| owner).collect();
    assert_eq!(told, [other]);
}

#[test]
fn what_is_out_of_scope_is_no_problem() {
    let scope = Scope { namespaces_to_ignore: ["ns".to_owned()].into(), ..Scope::default() };
    let mut book = Book::new(KEY, Options { scope, ..Options::default() });
    let hooks = vec![Hook { cron_job: "hook".to_owned(), secret: "s".to_owned(), order: Order::Before }];
    book.hooks_seen(&owner(), hooks, at(0));
    assert!(book.hook_problems().is_empty());
}

#[test]
fn the_end_of_a_pause_waits_for_the_hook_too() {
    let mut world = World::new(Order::Before);
    let version = world.next_version();
    world.app.annotate(version, "deployment.reloader.stakater.com/pause-period", Some("1m"));
    world.book.workload_seen(world.app.workload(), at(world.now));
    world.change("password", 2);
    world.run();
    world.end();
    assert!(world.app.paused());
    world.wait(59);
    world.change("password", 3);
    world.run();
    world.wait(2);
    assert!(world.app.paused(), "its pods would start with the new password while the command runs");
    world.end();
    assert!(!world.app.paused());
    assert_eq!(world.runs(), 2);
    world.wait(3600);
    assert!(!world.app.paused(), "one rollout for both");
}

#[test]
fn a_hook_that_is_taken_away_and_comes_back_runs_for_what_was_there_before() {
    let mut world = World::new(Order::Before);
    for value in [2, 1] {
        world.change("password", value);
        world.run();
        world.end();
        world.wait(60);
    }
    world.book.hooks_gone(&owner().object, at(world.now));
    world.wait(60);
    world.start();
    world.wait(60);
    assert_eq!(world.runs(), 2);
    world.change("password", 2);
    world.run();
    assert_eq!(world.runs(), 3, "its Job has another name than the first one");
}

#[test]
fn after_a_hand_over_a_rollout_that_nobody_follows_is_not_waited_for_for_ever() {
    let mut world = World::new(Order::After);
    world.change("password", 2);
    world.run();
    let version = world.next_version();
    world.app.stick(version);
    // Somebody scales it while no agent runs.
    let version = world.next_version();
    world.app.pause(version, false);
    world.start();
    world.run();
    assert_eq!((world.runs(), world.restarts()), (0, 2));
    world.wait(11 * 60);
    assert_eq!(world.runs(), 1);
}

#[test]
fn a_rollout_without_a_deadline_is_not_waited_for_for_ever() {
    let mut world = World::new(Order::After);
    world.change("password", 2);
    world.run();
    world.wait(30 * 60);
    assert_eq!(world.runs(), 0);
    world.wait(31 * 60);
    assert_eq!(world.runs(), 1);
}
