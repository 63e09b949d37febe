//! One Secret `s` of the ExternalSecret `ns/es`, a suspended CronJob `hook`, and a Deployment `app` that uses the Secret.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use serde_json::{Value, json};

use super::*;
use crate::rollout::book::{Outcome, ResourceSeen, Room};
use crate::rollout::hash::{HashKey, KEY_LENGTH};
use crate::rollout::hook::{ATTEMPTS, EntryMacs};
use crate::rollout::options::{Creation, Options};
use crate::rollout::state;
use crate::rollout::testing::{AUTO, Fake, KEY, at, plain};

const ROOM: Room = Room { fresh: 10, retrying: 10 };

mod held;
mod jobs;
mod world;

use world::{World, job, job_key, object, owner};

#[test]
fn before_the_restart_the_job_has_ended() {
    let mut world = World::new(Order::Before);
    world.change("password", 2);
    world.run();
    assert_eq!((world.runs(), world.restarts()), (1, 0));
    assert_eq!(world.told[0], Run { secret: "s".to_owned(), changed_keys: vec!["password".to_owned()] });
    world.wait(60);
    assert_eq!((world.runs(), world.restarts()), (1, 0), "it waits");
    world.end();
    assert_eq!((world.runs(), world.restarts()), (1, 1));
    world.wait(3600);
    assert_eq!((world.runs(), world.restarts()), (1, 1));
}

#[test]
fn after_the_restart_the_pods_serve() {
    let mut world = World::new(Order::After);
    world.change("user", 2);
    world.run();
    assert_eq!((world.runs(), world.restarts()), (0, 1));
    world.wait(60);
    assert_eq!(world.runs(), 0, "it waits");
    world.start();
    assert_eq!(world.book.take(ROOM, at(world.now)), [], "so does another process");
    world.run();
    assert_eq!((world.runs(), world.restarts()), (0, 1));
    world.roll_out();
    assert_eq!((world.runs(), world.restarts()), (1, 1));
    assert_eq!(world.told[0].changed_keys, ["user"]);
    world.end();
    assert_eq!((world.runs(), world.restarts()), (1, 1));
}

#[test]
fn what_is_stuck_or_paused_by_a_person_is_not_waited_for() {
    let mut world = World::new(Order::After);
    world.change("user", 2);
    world.run();
    let version = world.next_version();
    world.app.stick(version);
    world.book.workload_seen(world.app.workload(), at(world.now));
    world.run();
    assert_eq!(world.runs(), 0, "it may recover at once");
    world.wait(60);
    assert_eq!((world.runs(), world.restarts()), (1, 1));

    let mut world = World::new(Order::After);
    let version = world.next_version();
    world.app.pause(version, true);
    world.book.workload_seen(world.app.workload(), at(world.now));
    world.change("user", 2);
    world.run();
    assert_eq!(world.runs(), 1);
}

#[test]
fn a_job_that_is_deleted_holds_up_nobody() {
    let mut world = World::new(Order::Before);
    world.change("password", 2);
    world.run();
    let name = world.jobs.keys().next().unwrap().clone();
    world.book.workload_gone(&job_key("elsewhere", &name));
    world.run();
    assert_eq!(world.restarts(), 0);
    world.book.workload_gone(&job_key("ns", &name));
    world.run();
    assert_eq!((world.runs(), world.restarts()), (1, 1));
}

#[test]
fn wherever_the_agent_ends_a_token_is_run_once() {
    for order in [Order::Before, Order::After] {
        // How far the Job is when the next agent starts: it runs, or it has ended.
        for ended in [false, true] {
            for steps in 0..6 {
                let mut world = World::new(order);
                world.change("password", 2);
                world.run_until(steps);
                if ended && world.jobs.values().any(|ended| !ended) {
                    world.jobs.values_mut().for_each(|ended| *ended = true);
                }
                world.start();
                world.run();
                world.roll_out();
                if world.jobs.values().any(|ended| !ended) {
                    world.end();
                }
                world.wait(3600);
                let told = world.told[0].changed_keys.clone();
                let what = format!("{order:?}, {steps} steps, ended: {ended}");
                assert_eq!((world.runs(), world.restarts(), told), (1, 1, vec!["password".to_owned()]), "{what}");
            }
        }
    }
}

#[test]
fn what_changed_while_no_agent_ran_is_run_at_start() {
    let mut world = World::new(Order::Before);
    world.secret = (world.next_version(), vec![("added", 7), ("password", 1)]);
    world.start();
    world.run();
    assert_eq!(world.told[0].changed_keys, ["added", "user"]);
}

#[test]
fn a_content_that_comes_back_is_another_token() {
    let mut world = World::new(Order::Before);
    for value in [2, 1, 2] {
        world.change("password", value);
        world.run();
        world.end();
        world.wait(60);
    }
    assert_eq!((world.runs(), world.restarts()), (3, 3));
}

#[test]
fn equal_data_in_a_newer_secret_runs_nothing() {
    let mut world = World::new(Order::Before);
    world.change("password", 1);
    world.wait(60);
    assert_eq!((world.runs(), world.restarts()), (0, 0));
}

#[test]
fn jobs_of_one_cron_job_run_one_after_the_other() {
    let mut world = World::new(Order::Before);
    world.change("password", 2);
    world.run();
    world.change("password", 3);
    world.wait(60);
    assert_eq!((world.runs(), world.restarts()), (1, 0), "the first one still sets the password before");
    world.end();
    assert_eq!((world.runs(), world.restarts()), (2, 0));
    world.end();
    assert_eq!((world.runs(), world.restarts()), (2, 1));
}

#[test]
fn news_that_come_late_do_not_bring_a_job_to_life() {
    let mut world = World::new(Order::Before);
    world.change("password", 2);
    let write = world.book.take(ROOM, at(world.now)).remove(0);
    let Some(Restart::Run { job: name, .. }) = &write.restart else { panic!("{write:?}") };
    // Its whole life is over before the agent hears of its creation.
    world.book.workload_seen(job(name, false), at(world.now));
    world.book.workload_seen(job(name, true), at(world.now));
    world.book.workload_gone(&job_key("ns", name));
    world.patch(&write);
    world.run();
    assert_eq!(world.restarts(), 1);
}

#[test]
fn nothing_waits_for_a_hook_that_cannot_be_run() {
    let annotation = "rekey.dev/before-restart";
    let cron_job_name = "hook".to_owned();

    let mut world = World::new(Order::Before);
    assert!(world.book.hook_problems().is_empty());
    world.book.workload_gone(&cron_job(ObjectKey::new("ns", "hook")));
    let missing = HookProblem::Missing { annotation, cron_job: cron_job_name.clone() };
    assert_eq!(world.book.hook_problems(), [(owner(), missing)].into());
    world.change("password", 2);
    world.run();
    assert_eq!((world.runs(), world.restarts()), (0, 1));

    let mut world = World::new(Order::Before);
    world.suspended = false;
    world.see_cron_job();
    let running = HookProblem::NotSuspended { annotation, cron_job: cron_job_name };
    assert_eq!(world.book.hook_problems(), [(owner(), running)].into());
    world.change("password", 2);
    world.run();
    assert_eq!((world.runs(), world.restarts()), (0, 1));
    // Once it is suspended, what it missed is run.
    world.suspended = true;
    world.cron_job["metadata"]["resourceVersion"] = json!(world.next_version().to_string());
    world.see_cron_job();
    world.run();
    assert_eq!((world.runs(), world.restarts()), (1, 1));
}

#[test]
fn one_that_is_refused_five_times_is_waited_for_no_longer() {
    let mut world = World::new(Order::Before);
    world.change("password", 2);
    for attempt in 1..=ATTEMPTS {
        assert_eq!(world.restarts(), 0, "{attempt}");
        let writes = world.book.take(ROOM, at(world.now));
        let write = writes.iter().find(|write| write.hook.is_some()).unwrap();
        assert_eq!(writes.len(), 1);
        world.book.written(write, Outcome::Failed, 0.0, at(world.now));
        world.now += 600_000;
    }
    let writes = world.book.take(ROOM, at(world.now));
    assert!(writes.iter().any(|write| write.workload.kind == WorkloadKind::Deployment), "{writes:?}");
    assert!(writes.iter().any(|write| write.hook.is_some()), "it is tried all the same");
}

#[test]
fn a_hook_ends_with_its_annotation_or_its_external_secret() {
    for gone in [false, true] {
        let mut world = World::new(Order::Before);
        if gone {
            world.book.hooks_gone(&owner().object, at(60_000));
        } else {
            world.book.hooks_seen(&owner(), Vec::new(), at(60_000));
        }
        world.change("password", 2);
        world.run();
        assert_eq!((world.runs(), world.restarts()), (0, 1));
        // One that comes later is a first sight.
        world.see_hooks();
        world.wait(60);
        world.change("password", 3);
        world.run();
        assert_eq!((world.runs(), world.restarts()), (1, 1));
    }
}

#[test]
fn two_hooks_before_one_restart_do_not_wait_for_each_other() {
    let mut world = World::new(Order::Before);
    let mut other = world.cron_job.clone();
    other["metadata"]["name"] = json!("other");
    other["metadata"]["uid"] = json!("uid-other");
    let object: CronJob = serde_json::from_value(other).unwrap();
    world.book.workload_seen(Workload::read(&object, &Options::default(), KEY).unwrap(), at(world.now));
    let hooks =
        ["hook", "other"].map(|name| Hook { cron_job: name.to_owned(), secret: "s".to_owned(), order: Order::Before });
    world.book.hooks_seen(&owner(), hooks.to_vec(), at(60_000));
    world.change("password", 2);
    let writes = world.book.take(ROOM, at(world.now));
    let both = writes.iter().filter(|write| write.hook.is_some()).count();
    assert_eq!((both, writes.len()), (2, 2), "{writes:?}");
}

#[test]
fn what_appears_or_goes_runs_no_hook_whatever_else_it_does() {
    let options = Options { creation: Creation::RestartsLate, on_delete: true, ..Options::default() };
    let mut world = World::with(Order::Before, options);
    let secret = ResourceName::secret("s").within("ns");
    world.book.resource_gone(&secret);
    world.run();
    assert_eq!((world.runs(), world.restarts()), (0, 1));
    world.version += 1;
    world.secret.0 = world.version;
    world.see_secret();
    world.wait(60);
    assert_eq!((world.runs(), world.restarts()), (0, 2), "it holds what it held");
    world.book.resource_gone(&secret);
    world.wait(60);
    world.change("password", 2);
    world.run();
    assert_eq!(world.runs(), 1, "other data is a change, however it came");
}

#[test]
fn where_jobs_are_left_alone_no_hook_is_run_and_none_waited_for() {
    let options = Options { ignored: [WorkloadKind::Job].into(), ..Options::default() };
    let mut world = World::with(Order::Before, options);
    let problems: Vec<String> = world.book.hook_problems().iter().map(|(_, problem)| problem.to_string()).collect();
    assert!(problems[0].contains("set createJobs to true"), "{problems:?}");
    world.change("password", 2);
    world.run();
    assert_eq!((world.runs(), world.restarts()), (0, 1));
}
