//! Masters, and two users that take turns.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_preflight_that_fails_on_the_master_says_so() {
    let preflight = |from: &'static str, to: &'static str| async move {
        let world = alternating();
        {
            let mut state = world.state();
            let current = state.values["v1"].clone();
            state.values.insert(TOKEN.to_owned(), current);
            for (text, _) in state.others.values_mut() {
                *text = text.replace(from, to);
            }
            if from.is_empty() {
                "other".clone_into(&mut state.service.password);
            }
        }
        run(&world, Step::Test).await
    };
    assert_eq!(preflight("x", "x").await.unwrap(), Outcome::Done);
    let master = preflight(r#""m"}"#, r#""wrong"}"#).await.unwrap_err();
    assert!(master.to_string().starts_with("master: ") && master.kind().as_str() == "auth", "{master}");
    let own = preflight("", "").await.unwrap_err();
    assert!(matches!(own, StepError::Engine(EngineError::Auth(_))), "{own}");
}

#[tokio::test(start_paused = true)]
async fn two_users_take_turns_and_the_one_in_force_stays_valid() {
    let world = alternating();
    assert!(rotate(&machine(&world), 1).await);
    assert_eq!(fake::password_in_force(&world).unwrap(), password(&world, CURRENT));
    let state = world.state();
    assert_eq!(state.service.password, "one", "the first user was left alone");
    assert!(state.values[TOKEN].contains(r#""username":"u_clone""#));
    assert_eq!(state.service.refused, 0);
    assert_eq!(state.sent[0].strategy, "alternating");
}

#[tokio::test(start_paused = true)]
async fn a_master_acts_for_nobody_whose_password_the_secret_does_not_know() {
    for tag in [None, Some("master")] {
        let world = alternating();
        world.state().tags =
            tag.map(|tag| (crate::plan::STRATEGY_TAG.to_owned(), tag.to_owned())).into_iter().collect();
        run(&world, Step::Create).await.unwrap();
        world.state().service.password = "other".to_owned();
        let error = run(&world, Step::Set).await.unwrap_err();
        assert!(matches!(error, StepError::NoneLogsIn { .. }), "{error}");
        let service = &world.state().service;
        assert_eq!((service.others.len(), &*service.password), (1, "other"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_master_that_is_refused_or_at_another_host_is_named_as_the_cause() {
    for (from, to, kind) in [(r#""m"}"#, r#""wrong"}"#, "auth"), (r#""H""#, r#""evil""#, "bad-secret")] {
        let world = alternating();
        run(&world, Step::Create).await.unwrap();
        for (text, _) in world.state().others.values_mut() {
            *text = text.replace(from, to);
        }
        let error = run(&world, Step::Set).await.unwrap_err();
        assert!(matches!(error, StepError::Master(_)) && error.kind().as_str() == kind, "{error}");
    }
    let world = alternating();
    run(&world, Step::Create).await.unwrap();
    world.state().service.powerless = true;
    let error = run(&world, Step::Set).await.unwrap_err();
    assert_eq!(error.kind().as_str(), "privilege");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_lags_behind_does_not_turn_the_rotation_on_the_user_in_force() {
    let world = alternating();
    {
        let mut state = world.state();
        let before = state.values["v0"].replace(r#""username":"u""#, r#""username":"u_clone""#);
        state.values.insert("v0".to_owned(), before);
        state.service.others.insert("u_clone".to_owned(), "zero".to_owned());
    }
    for step in Step::ALL {
        world.state().behind = 2;
        run(&world, step).await.unwrap();
    }
    assert_eq!(world.state().service.password, "one", "the user in force was left alone");
    assert_eq!(fake::password_in_force(&world).unwrap(), password(&world, CURRENT));
}

/// A value was stored by hand since the other user's last turn, so AWSPREVIOUS is no version of it.
fn with_earlier_versions(texts: &[(&str, &str)]) -> World {
    let world = alternating();
    {
        let mut state = world.state();
        state.service.others.insert("u_clone".to_owned(), "turn".to_owned());
        let of_clone = state.values["v0"].replace(r#""username":"u""#, r#""username":"u_clone""#);
        for (number, (user, password)) in texts.iter().enumerate() {
            let text = of_clone.replace("u_clone", user).replace("zero", password);
            state.values.insert(format!("v0-{}", 9 - number), text);
        }
    }
    world
}

#[tokio::test(start_paused = true)]
async fn the_other_user_is_proven_by_the_latest_version_without_labels_that_logs_in() {
    // The latest first: one of the user in force, one of a rotation that was cancelled before its change.
    let world = with_earlier_versions(&[("u", "turn"), ("u_clone", "never set"), ("u_clone", "turn")]);
    assert!(rotate(&machine(&world), 1).await);
    assert_eq!(fake::password_in_force(&world).unwrap(), password(&world, CURRENT));
    assert_eq!(world.state().service.password, "one", "the user in force was left alone");

    let world = with_earlier_versions(&[("u_clone", "turn")]);
    let current = world.state().values["v1"].clone();
    world.state().values.insert(TOKEN.to_owned(), current);
    assert_eq!(run(&world, Step::Test).await.unwrap(), Outcome::Done, "the preflight");
}

#[tokio::test(start_paused = true)]
async fn the_other_user_is_proven_by_the_version_of_a_rotation_that_was_cancelled_after_its_change() {
    let world = alternating();
    run(&world, Step::Create).await.unwrap();
    run(&world, Step::Set).await.unwrap();
    fake::cancel(&mut world.state());
    assert!(stuck::next_rotation(&world).await);
    assert_eq!(fake::password_in_force(&world).unwrap(), password(&world, CURRENT));
}

#[tokio::test(start_paused = true)]
async fn a_user_that_no_version_proves_is_a_stranger() {
    for texts in [&[("u_clone", "guess 1"), ("u_clone", "guess 2"), ("u", "turn")][..], &[]] {
        let world = with_earlier_versions(texts);
        run(&world, Step::Create).await.unwrap();
        let error = run(&world, Step::Set).await.unwrap_err();
        assert!(matches!(error, StepError::Master(EngineError::Stranger)), "{error}");
        assert_eq!(world.state().service.others["u_clone"], "turn");
    }
}
