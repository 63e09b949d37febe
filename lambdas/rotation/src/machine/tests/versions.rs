//! What versions hold, when they can be read, and who else moves labels.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_pending_value_that_is_not_visible_yet_is_neither_overwritten_nor_missed() {
    let world = single();
    run(&world, Step::Create).await.unwrap();
    let value = world.state().values[TOKEN].clone();
    // Invisible to the first look, so the machine generates another one; the store refuses it and the first one counts.
    world.state().lag = 3;
    assert_eq!(run(&world, Step::Create).await.unwrap(), Outcome::Skipped);
    world.state().lag = 4;
    assert_eq!(run(&world, Step::Set).await.unwrap(), Outcome::Done);
    world.state().lag = 4;
    assert_eq!(run(&world, Step::Test).await.unwrap(), Outcome::Done);
    assert_eq!(world.state().values[TOKEN], value);
    world.state().lag = u32::MAX;
    assert!(matches!(run(&world, Step::Test).await, Err(StepError::NoPending)));
}

#[tokio::test(start_paused = true)]
async fn a_pending_version_for_another_place_never_reaches_the_service() {
    let world = single();
    world.state().values.insert(TOKEN.to_owned(), document("two").replace(r#""h""#, r#""evil""#));
    for step in [Step::Set, Step::Test] {
        match run(&world, step).await {
            Err(StepError::Unusable(Unusable::Foreign(fields))) => assert_eq!(fields, ["host"]),
            other => panic!("{step}: {other:?}"),
        }
    }
    assert_eq!(world.state().service.password, "one");
}

#[tokio::test(start_paused = true)]
async fn text_that_is_no_document_is_named_by_version_and_not_repeated() {
    let world = single();
    world.state().values.insert(TOKEN.to_owned(), "hunter2".to_owned());
    let error = run(&world, Step::Set).await.unwrap_err();
    assert_eq!(error.kind().as_str(), "bad-secret");
    assert!(
        error.to_string().starts_with("pending version cannot be read (") && !error.to_string().contains("hunter2")
    );
    world.state().values.insert("v1".to_owned(), "hunter2".to_owned());
    let error = run(&world, Step::Set).await.unwrap_err();
    assert!(error.to_string().starts_with("AWSCURRENT version: "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_secrets_manager_would_not_take_is_named_before_it_is_sent() {
    let world = single();
    let room = 65_536 - document("one").len();
    world
        .state()
        .values
        .insert("v1".to_owned(), document("one").replace("[1,2]", &format!("\"{}\"", "n".repeat(room))));
    let error = run(&world, Step::Create).await.unwrap_err();
    assert!(error.to_string().starts_with("new version would have 65562 bytes"), "{error}");
    assert_eq!((error.kind().as_str(), world.state().stored), ("bad-secret", 0));
}

#[tokio::test(start_paused = true)]
async fn a_label_moved_by_hand_in_between_is_not_overwritten() {
    let world = single();
    for step in [Step::Create, Step::Set, Step::Test] {
        run(&world, step).await.unwrap();
    }
    let next = world.state().effects;
    world.state().acts.insert(next, fake::label_back);
    assert!(matches!(run(&world, Step::Finish).await, Err(StepError::Overtaken)));
    assert_eq!(world.state().labels[CURRENT], "v0");
    assert!(world.state().sent.is_empty());
    // The next try starts from what is now in force and ends well.
    assert!(rotate(&machine(&world), 1).await);
    assert_eq!(password(&world, CURRENT), world.state().service.password);
}

#[tokio::test(start_paused = true)]
async fn a_move_that_the_sdk_repeats_is_a_success() {
    let world = single();
    for step in [Step::Create, Step::Set, Step::Test] {
        run(&world, step).await.unwrap();
    }
    let next = world.state().effects;
    world.state().faults.insert(next, Fault::Repeated);
    assert_eq!(run(&world, Step::Finish).await.unwrap(), Outcome::Done);
    assert_eq!(world.state().sent[0].previous_version_id.as_deref(), Some("v1"));
}

#[tokio::test(start_paused = true)]
async fn a_version_in_force_that_cannot_be_read_is_told_from_one_that_is_in_force_no_longer() {
    let world = single();
    world.state().values.remove("v1");
    let error = run(&world, Step::Create).await.unwrap_err();
    assert!(matches!(error, StepError::NoCurrent), "{error}");

    let world = single();
    world.state().behind = u32::MAX;
    let machine = machine(&world);
    let report = testing::invoke(&machine, "createSecret");
    let overtake = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        fake::label_back(&mut world.state());
    };
    let (report, ()) = tokio::join!(report, overtake);
    assert!(matches!(report.unwrap().result, Err(StepError::Overtaken)));
    assert_eq!(world.state().stored, 0);
}
