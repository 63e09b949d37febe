//! The machine in the world of tests: one test a rule, and the crash-replay property over all of them (`replays`).

mod fake;
mod log;
mod masters;
mod replays;
mod stuck;
mod versions;

use std::collections::BTreeMap;
use std::time::Duration;

use zeroize::Zeroizing;

use self::fake::{Service, alternating, document, machine, single};
use super::*;
use crate::engine::EngineError;
use crate::protocol::Unusable;
use crate::secret::SecretDocument;
use crate::testing::{self, Fault, TOKEN, rotate};
use crate::vault::{CURRENT, PENDING, PREVIOUS};

type World = testing::World<Service>;
type Act = testing::Act<Service>;

async fn invoke(world: &World, step: &str) -> Option<Result<Outcome, StepError>> {
    testing::invoke(&machine(world), step).await.map(|report| report.result)
}

async fn run(world: &World, step: Step) -> Result<Outcome, StepError> {
    invoke(world, step.as_str()).await.expect("no crash is planned")
}

/// The password in the version that has the label.
fn password(world: &World, label: &str) -> String {
    let text = world.text(label).unwrap();
    SecretDocument::parse(Zeroizing::new(text)).unwrap().required("password").unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_normal_rotation_works_at_each_step_and_causes_no_failed_login() {
    let world = single();
    for step in Step::ALL {
        assert_eq!(run(&world, step).await.unwrap(), Outcome::Done, "{step}");
    }
    assert_eq!(password(&world, CURRENT), world.state().service.password);
    let state = world.state();
    assert_eq!(state.service.refused, 0);
    assert_eq!(state.labels, ended());
    assert_eq!(state.values[TOKEN], document(&state.service.password), "nothing but the password differs");
    assert_eq!(state.sent.len(), 1);
    assert_eq!(state.sent[0].previous_version_id.as_deref(), Some("v1"));
}

/// The labels after a rotation. AWSPENDING stays on the version in force, as AWS's guide asks for.
fn ended() -> BTreeMap<String, String> {
    let labels = [(CURRENT, TOKEN), (PREVIOUS, "v1"), (PENDING, TOKEN)];
    labels.map(|(label, version)| (label.to_owned(), version.to_owned())).into()
}

#[tokio::test(start_paused = true)]
async fn a_replay_of_a_finished_rotation_only_concludes_again() {
    let world = single();
    assert!(rotate(&machine(&world), 1).await);
    let password = world.state().service.password.clone();
    for step in Step::ALL {
        assert_eq!(run(&world, step).await.unwrap(), Outcome::Skipped, "{step}");
    }
    let state = world.state();
    assert_eq!((state.sent.len(), state.stored, &state.service.password), (2, 1, &password));
    assert_eq!((&*state.sent[1].version_id, state.sent[1].previous_version_id.as_deref()), (TOKEN, Some("v1")));
}

#[tokio::test(start_paused = true)]
async fn b2_what_follows_the_labels_move_is_done_by_the_replay() {
    let world = single();
    for step in [Step::Create, Step::Set, Step::Test] {
        run(&world, step).await.unwrap();
    }
    // A crash right after the move, before anybody was told.
    let next = world.state().effects;
    world.state().faults.insert(next, Fault::Crash);
    world.state().labels.insert("rekey:issuing:2026-01-01T00:00:00Z".to_owned(), "v1".to_owned());
    assert!(invoke(&world, Step::Finish.as_str()).await.is_none());
    assert!(world.state().sent.is_empty());
    assert_eq!(world.state().labels[CURRENT], TOKEN);
    assert_eq!(run(&world, Step::Finish).await.unwrap(), Outcome::Skipped);
    let state = world.state();
    assert_eq!((state.sent.len(), &state.labels), (1, &ended()), "AWSPENDING is not touched");
}

#[tokio::test(start_paused = true)]
async fn a_pending_copy_of_the_current_value_passes_the_preflight() {
    let world = single();
    world.state().values.insert(TOKEN.to_owned(), document("one"));
    assert!(matches!(run(&world, Step::Set).await, Err(StepError::Unusable(Unusable::NothingNew))));
    assert_eq!(run(&world, Step::Test).await.unwrap(), Outcome::Done);
    let state = world.state();
    assert_eq!((state.effects, state.service.refused), (0, 0), "the preflight changes nothing");
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_answer_the_pending_credential_is_found_to_be_set() {
    let world = single();
    world.state().faults.insert(1, Fault::LostReply);
    run(&world, Step::Create).await.unwrap();
    assert!(matches!(run(&world, Step::Set).await, Err(StepError::Engine(EngineError::Unreachable(_)))));
    assert_eq!(run(&world, Step::Set).await.unwrap(), Outcome::Skipped);
    assert_eq!(world.state().service.refused, 1, "one refused login, on the replay");
}

#[tokio::test(start_paused = true)]
async fn the_previous_password_is_the_last_resort() {
    let world = single();
    world.state().service.password = "zero".to_owned();
    assert!(rotate(&machine(&world), 1).await);
    assert_eq!(password(&world, CURRENT), world.state().service.password);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_knows_none_of_the_passwords_is_left_alone() {
    let world = single();
    world.state().service.password = "other".to_owned();
    run(&world, Step::Create).await.unwrap();
    let error = run(&world, Step::Set).await.unwrap_err();
    assert!(matches!(error, StepError::NoneLogsIn { .. }) && error.kind().as_str() == "auth");
    assert_eq!(world.state().service.password, "other");
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_service_is_not_asked_with_other_credentials() {
    let world = single();
    run(&world, Step::Create).await.unwrap();
    world.state().service.unreachable = true;
    assert_eq!(run(&world, Step::Set).await.unwrap_err().kind().as_str(), "unreachable");
    assert_eq!(world.state().service.refused, 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_sent_is_tried_three_times_and_fails_nothing() {
    let world = single();
    world.state().bus_broken = true;
    assert!(rotate(&machine(&world), 1).await);
    let state = world.state();
    assert_eq!((state.bus_calls, state.sent.len()), (3, 0));
    assert_eq!(state.labels, ended());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_step_and_one_without_time_end_with_their_kind() {
    let world = single();
    let unknown = invoke(&world, "dropSecret").await.unwrap().unwrap_err();
    assert_eq!((unknown.kind().as_str(), world.state().effects), ("setup", 0));
    world.state().lag = u32::MAX;
    let event = RotationEvent {
        requested: "testSecret".to_owned(),
        secret_id: "s".to_owned(),
        version_id: TOKEN.to_owned(),
        rotation_token: None,
    };
    let error = machine(&world).run(&event, Deadline::after(Duration::from_secs(2))).await.result.unwrap_err();
    assert_eq!(error.kind().as_str(), "timeout");
}
