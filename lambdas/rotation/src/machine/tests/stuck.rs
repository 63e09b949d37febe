//! Rotations that could never end, and what those leave behind that ended too early.

use super::*;
use crate::testing::every_prefix;

async fn run_as(world: &World, version: &str, step: Step) -> Result<Outcome, StepError> {
    let event = RotationEvent {
        requested: step.as_str().to_owned(),
        secret_id: "s".to_owned(),
        version_id: version.to_owned(),
        rotation_token: None,
    };
    machine(world).run(&event, Deadline::after(Duration::from_mins(1))).await.result
}

/// What Secrets Manager does when nothing stands in the way any more: it tries the rotation again that did not end, or
/// begins a new one. Whether that ended well.
pub async fn next_rotation(world: &World) -> bool {
    let again = {
        let state = &mut *world.state();
        state.faults.clear();
        state.acts.clear();
        state.labels.get(PENDING).is_some_and(|version| *version != state.labels[CURRENT])
    };
    if again {
        return rotate(&machine(world), 1).await;
    }
    world.state().labels.insert(PENDING.to_owned(), "v4".to_owned());
    for step in Step::ALL {
        if run_as(world, "v4", step).await.is_err() {
            return false;
        }
    }
    true
}

/// A new rotation, which Secrets Manager begins only if no other version is pending.
async fn rotates_anew(world: &World, version: &str) {
    assert!(!world.state().labels.contains_key(PENDING), "RotateSecret would try the last rotation again");
    world.state().labels.insert(PENDING.to_owned(), version.to_owned());
    for step in Step::ALL {
        run_as(world, version, step).await.unwrap();
    }
    assert_eq!(world.state().labels[CURRENT], version);
    assert_eq!(fake::password_in_force(world).unwrap(), password(world, CURRENT));
}

fn edit_current(world: &World, from: &str, to: &str) {
    let mut state = world.state();
    let current = state.values["v1"].replace(from, to);
    state.values.insert("v1".to_owned(), current);
}

#[tokio::test(start_paused = true)]
async fn b13_a_pending_value_that_cannot_be_read_gives_way_to_a_new_rotation() {
    for make in [single, alternating] {
        let world = make();
        world.state().values.insert(TOKEN.to_owned(), "hunter2".to_owned());
        let error = run(&world, Step::Create).await.unwrap_err();
        assert!(matches!(error, StepError::GivenUp { why: Unusable::Unreadable(_), .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("start a new rotation") && text.contains("--version-id v2") && !text.contains("hunter2"));
        assert_eq!(world.state().values[TOKEN], "hunter2", "what it holds stays readable by its id");
        rotates_anew(&world, "v3").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pending_version_that_a_corrected_secret_left_behind_gives_way_to_a_new_rotation() {
    for make in [single, alternating] {
        let world = make();
        run(&world, Step::Create).await.unwrap();
        world.state().service.unreachable = true;
        run(&world, Step::Set).await.unwrap_err();
        edit_current(&world, r#""note""#, r#""sslrootcert":"pem","note""#);
        // As long as nobody knows which password the service accepts, all stays as it is.
        assert_eq!(run(&world, Step::Create).await.unwrap_err().kind().as_str(), "unreachable");
        assert_eq!(world.state().labels[PENDING], TOKEN);
        world.state().service.unreachable = false;
        match run(&world, Step::Create).await {
            Err(StepError::GivenUp { why: Unusable::Foreign(fields), .. }) => assert_eq!(fields, ["sslrootcert"]),
            other => panic!("{other:?}"),
        }
        rotates_anew(&world, "v3").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pending_copy_of_the_current_value_gives_way_to_a_new_rotation() {
    let world = single();
    world.state().values.insert(TOKEN.to_owned(), document("one"));
    let error = run(&world, Step::Create).await.unwrap_err();
    assert!(matches!(error, StepError::GivenUp { why: Unusable::NothingNew, .. }), "{error}");
    rotates_anew(&world, "v3").await;
}

#[tokio::test(start_paused = true)]
async fn a_pending_password_that_the_service_may_hold_stays_in_sight() {
    let world = single();
    run(&world, Step::Create).await.unwrap();
    run(&world, Step::Set).await.unwrap();
    edit_current(&world, "[1,2]", "[3]");
    let error = run(&world, Step::Create).await.unwrap_err();
    assert!(matches!(error, StepError::Kept { .. }) && error.kind().as_str() == "auth", "{error}");
    assert!(error.to_string().contains("get-secret-value --version-id v2"), "{error}");
    assert_eq!(world.state().labels[PENDING], TOKEN);
}

#[tokio::test(start_paused = true)]
async fn the_password_of_a_rotation_that_was_cancelled_after_its_change_is_found_by_the_next_one() {
    for tag in [None, Some("master")] {
        let world = if tag.is_some() { alternating() } else { single() };
        world.state().tags =
            tag.map(|tag| (crate::plan::STRATEGY_TAG.to_owned(), tag.to_owned())).into_iter().collect();
        run(&world, Step::Create).await.unwrap();
        run(&world, Step::Set).await.unwrap();
        fake::cancel(&mut world.state());
        // A version without labels is not part of what DescribeSecret tells; one with another label is.
        world.state().labels.insert("mine".to_owned(), TOKEN.to_owned());
        let error = run(&world, Step::Test).await.unwrap_err();
        assert!(matches!(error, StepError::NotPending(_)), "{error}");
        assert!(error.to_string().contains("get-secret-value --version-id v2"), "{error}");
        world.state().labels.remove("mine");
        rotates_anew(&world, "v3").await;
        assert_eq!(world.state().service.refused, 3, "AWSCURRENT, AWSPENDING and AWSPREVIOUS");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_rotation_that_was_cancelled_any_prefix_of_side_effects_ends_well() {
    let make = || {
        let world = single();
        {
            let mut state = world.state();
            state.values.insert("v1-cancelled".to_owned(), document("forgotten"));
            "forgotten".clone_into(&mut state.service.password);
        }
        machine(&world)
    };
    every_prefix(make, |_| Ok(())).await;
}

#[tokio::test(start_paused = true)]
async fn the_error_names_what_was_tried_and_no_more_than_six_log_ins_are() {
    let everything = "tried AWSCURRENT, AWSPENDING, AWSPREVIOUS, versions without labels)";
    for (make, refused, tried) in [(single as fn() -> World, 6, everything), (alternating, 1, "tried AWSCURRENT)")] {
        let world = make();
        for number in 1..=9 {
            let version = format!("v1-{number}");
            world.state().values.insert(version, document(&format!("old {number}")));
        }
        run(&world, Step::Create).await.unwrap();
        "other".clone_into(&mut world.state().service.password);
        let error = run(&world, Step::Set).await.unwrap_err();
        assert!(error.to_string().contains(tried), "{error}");
        assert_eq!(world.state().service.refused, refused);
    }
}

#[tokio::test(start_paused = true)]
async fn versions_that_are_of_no_use_do_not_stand_before_the_one_that_is() {
    let world = single();
    {
        let mut state = world.state();
        // The latest first: none can be read, is of this user and host, or holds a password that was not tried already.
        let elsewhere = document("x").replace(r#""h""#, r#""h2""#);
        let other = document("x").replace(r#""u""#, r#""v""#);
        let texts = ["?".to_owned(), "hunter2".to_owned(), elsewhere, other, document("zero"), document("one")];
        let texts = texts.into_iter().chain([document("old"), document("old"), document("forgotten")]);
        for (number, text) in texts.enumerate() {
            state.values.insert(format!("v1-{}", 9 - number), text);
        }
        state.unreadable.insert("v1-9".to_owned());
        "forgotten".clone_into(&mut state.service.password);
    }
    assert!(rotate(&machine(&world), 1).await);
    assert_eq!(password(&world, CURRENT), world.state().service.password);
    assert_eq!(world.state().service.refused, 4, "AWSCURRENT, AWSPENDING, AWSPREVIOUS and one other");
}

#[tokio::test(start_paused = true)]
async fn versions_that_cannot_be_read_do_not_hide_why_the_one_in_force_was_refused() {
    let world = single();
    {
        let mut state = world.state();
        state.values.insert("v1-1".to_owned(), document("old"));
        state.unreadable.insert("v1-1".to_owned());
    }
    run(&world, Step::Create).await.unwrap();
    "other".clone_into(&mut world.state().service.password);
    let error = run(&world, Step::Set).await.unwrap_err();
    assert!(matches!(error, StepError::NoneLogsIn { .. }), "{error}");
}
