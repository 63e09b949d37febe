//! Keys that are somebody else's, and those that a try has left behind.

use super::model::Making;
use super::*;

/// A try that began so many minutes ago and was never heard of again.
fn tried(world: &World, minutes_ago: i64) {
    let label = format!("rekey:issuing:{}", model::ago(minutes_ago));
    world.state().labels.insert(label, "v1".to_owned());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_somebody_else_made_is_never_touched() {
    let made = |minutes_ago| Key { created: model::ago(minutes_ago), ..Key::new(9) };
    let inactive = |minutes_ago| Key { active: false, ..made(minutes_ago) };
    for (key, tried_at) in [
        (made(60).used("s3", 1), None),
        (made(60).used("sts", 1), None),
        (made(60), None),
        // Somebody has just made it and not given it to their program yet.
        (made(0), None),
        (inactive(60), None),
        (inactive(60).used("s3", 1), None),
        // Made before or long after a try that a crash ended.
        (made(31), Some(30)),
        (made(20), Some(30)),
        (made(0), Some(30)),
        // Made by a try, and used by somebody who took it from the pending version.
        (made(29).used("s3", 28), Some(30)),
        (made(29).used("sts", 1), Some(30)),
    ] {
        let case = format!("{key:?} {tried_at:?}");
        let world = world();
        world.state().service.keys[0] = key;
        tried_at.inspect(|&minutes_ago| tried(&world, minutes_ago));
        let error = run(&world, "createSecret").await.unwrap_err();
        assert_eq!(error.kind().as_str(), "refused", "{case}");
        assert!(error.to_string().contains("delete it if nobody needs it, or give the secret a user"), "{error}");
        assert_eq!(log(&world), Vec::<String>::new(), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_a_try_left_behind_makes_room_and_the_tries_are_forgotten_in_the_end() {
    let made = |minutes_ago| Key { created: model::ago(minutes_ago), ..Key::new(9) };
    for key in [made(30), made(29), Key { active: false, ..made(30) }, made(30).used("sts", 29)] {
        let world = world();
        world.state().service.keys[0] = key;
        tried(&world, 30);
        assert!(rotate(&machine(&world), 1).await);
        assert_eq!(log(&world), ["deactivate K9", "delete K9", "create K2"]);
        assert!(world.state().labels.keys().all(|label| !label.starts_with("rekey:")));
    }
}

/// The labels that tell of tries.
fn tries(world: &World) -> usize {
    world.state().labels.keys().filter(|label| label.starts_with("rekey:")).count()
}

/// A key that somebody has made just now and not given to their program yet.
fn strangers() -> Key {
    Key { created: model::ago(0), ..Key::new(9) }
}

#[tokio::test(start_paused = true)]
async fn whoever_makes_a_key_after_a_try_that_was_refused_keeps_it() {
    type Refusal = fn(&World);
    let refusals: [Refusal; 3] = [
        // The user has a second key already.
        |world| world.state().service.keys[0] = Key::new(8),
        // IAM lets nobody make one.
        |world| world.state().service.making = Making::Denied,
        // IAM believes for longer than anybody waits that there are two.
        |world| world.state().service.full_for = 100,
    ];
    for (number, refuse) in refusals.into_iter().enumerate() {
        let world = world();
        refuse(&world);
        for _ in 0..6 {
            run(&world, "createSecret").await.unwrap_err();
            assert_eq!(tries(&world), 0, "refusal {number}");
        }
        {
            let service = &mut world.state().service;
            (service.making, service.full_for) = (Making::Works, 0);
            service.keys.retain(|key| key.id == model::id(1));
            service.keys.insert(0, strangers());
            service.log.clear();
        }
        for _ in 0..2 {
            let error = run(&world, "createSecret").await.unwrap_err();
            assert_eq!(error.kind().as_str(), "refused", "refusal {number}: {error}");
            assert_eq!(log(&world), Vec::<String>::new(), "refusal {number}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_makes_a_key_in_the_very_moment_of_a_try_keeps_it() {
    let world = world();
    world.state().service.keys.remove(0);
    // The first effect writes the try down, the second is CreateAccessKey.
    world.state().acts.insert(1, |state| state.service.keys.push(strangers()));
    let error = run(&world, "createSecret").await.unwrap_err();
    assert_eq!(error.kind().as_str(), "refused", "{error}");
    assert_eq!((log(&world), tries(&world)), (Vec::new(), 0));
}

#[tokio::test(start_paused = true)]
async fn tries_without_an_answer_never_displace_the_one_whose_key_is_there() {
    let world = world();
    // Five tries, of which the first has left a key behind.
    world.state().service.keys[0] = Key { created: model::ago(30), ..Key::new(9) };
    (26..=30).for_each(|minutes_ago| tried(&world, minutes_ago));
    world.state().service.making = Making::Unanswered;
    for _ in 0..7 {
        let error = run(&world, "createSecret").await.unwrap_err();
        assert!(error.to_string().contains("may have happened"), "{error}");
        let count = tries(&world);
        assert!((1..=5).contains(&count), "a secret has room for 20 labels: {count}");
    }
    world.state().service.making = Making::Works;
    assert!(rotate(&machine(&world), 1).await);
    let ids: Vec<_> = world.state().service.keys.iter().map(|key| key.id.clone()).collect();
    assert_eq!(ids, [model::id(1), model::id(9)]);
    assert_eq!(tries(&world), 0);
}

#[tokio::test(start_paused = true)]
async fn clocks_that_differ_by_a_moment_do_not_turn_an_orphan_into_a_stranger() {
    for (seconds, orphan) in [(3, false), (2, true), (0, true)] {
        let world = world();
        let created = model::ago(30) - SignedDuration::from_secs(seconds);
        world.state().service.keys[0] = Key { created, ..Key::new(9) };
        tried(&world, 30);
        assert_eq!(run(&world, "createSecret").await.is_ok(), orphan, "{seconds} s before");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_taken_back_leaves_no_try_behind() {
    let world = world();
    let long = document(1).replace("[1,", &format!("[\"{}\",", "n".repeat(65_536)));
    world.state().values.insert("v1".to_owned(), long);
    assert_eq!(run(&world, "createSecret").await.unwrap_err().kind().as_str(), "bad-secret");
    assert_eq!(log(&world), ["deactivate K0", "delete K0", "create K2", "delete K2"]);
    assert_eq!(tries(&world), 0);
}
