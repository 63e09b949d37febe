//! Jobs of hooks that come, go and hang in odd ways.

use super::*;

/// The write that runs the hook, which is carried out but for its patch; the watch shows nothing of the Job.
fn unseen(world: &mut World) -> (Write, String) {
    world.change("password", 2);
    let write = world.book.take(ROOM, at(world.now)).remove(0);
    let Some(Restart::Run { job: name, .. }) = &write.restart else { panic!("{write:?}") };
    let name = name.clone();
    (write, name)
}

#[test]
fn of_several_that_have_ended_none_comes_to_life_again() {
    // Whatever the order in which they are listed.
    for other in ["hook-00", "hook-zz"] {
        let mut world = World::new(Order::Before);
        world.jobs.insert(other.to_owned(), true);
        world.change("password", 2);
        world.run_until(1);
        world.jobs.values_mut().for_each(|ended| *ended = true);
        world.start();
        world.run();
        assert_eq!((world.runs(), world.restarts()), (1, 1), "{other}");
    }
}

#[test]
fn one_that_came_and_went_while_the_watch_was_broken_holds_nobody_for_ever() {
    let mut world = World::new(Order::Before);
    let (write, _) = unseen(&mut world);
    world.patch(&write);
    world.wait(600);
    assert_eq!(world.restarts(), 0, "it may run as long");
    world.wait(120);
    assert_eq!(world.restarts(), 1);
}

#[test]
fn one_that_somebody_suspends_holds_nobody_for_ever() {
    let mut world = World::new(Order::Before);
    world.change("password", 2);
    world.run();
    let wake = world.book.next_wake().expect("an end of the wait");
    assert!(wake <= at(world.now + 60_000));
    world.wait(720);
    assert_eq!((world.runs(), world.restarts()), (1, 1));
    // Nor the next token.
    world.change("password", 3);
    world.run();
    assert_eq!(world.runs(), 2);
}

#[test]
fn it_is_nobodys_workload() {
    let options = Options { auto_all: true, ..Options::default() };
    let mut world = World::with(Order::After, options.clone());
    let mut running = object("hook-1", false);
    running["metadata"]["annotations"] = json!({ AUTO: "true" });
    running["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "s"}}]);
    let running = Workload::read::<Job>(&serde_json::from_value(running).unwrap(), &options, KEY).unwrap();
    world.book.workload_seen(running, at(world.now));
    world.change("password", 2);
    let writes = world.book.take(ROOM, at(world.now));
    assert!(writes.iter().all(|write| write.workload.kind != WorkloadKind::Job), "{writes:?}");
}

#[test]
fn of_a_cron_job_that_is_gone_nothing_is_kept() {
    let mut world = World::new(Order::Before);
    world.change("password", 2);
    world.run();
    let name = world.jobs.keys().next().unwrap().clone();
    world.book.workload_gone(&cron_job(ObjectKey::new("ns", "hook")));
    assert!(!world.book.hooks.runs.is_empty(), "it runs");
    world.book.workload_gone(&job_key("ns", &name));
    assert!(world.book.hooks.runs.is_empty());
}

#[test]
fn one_whose_record_failed_is_made_up_for_if_the_data_goes_back() {
    for outcome in [Outcome::Conflict, Outcome::Failed] {
        let mut world = World::new(Order::Before);
        let (write, name) = unseen(&mut world);
        world.jobs.insert(name, true);
        world.book.written(&write, outcome, 0.0, at(world.now));
        world.change("password", 1);
        world.wait(60);
        assert_eq!((world.runs(), world.restarts()), (1, 0), "the program has another password than the Secret");
        world.end();
        // And the other token is another one.
        world.change("password", 2);
        world.wait(60);
        assert_eq!(world.runs(), 2);
    }
}
