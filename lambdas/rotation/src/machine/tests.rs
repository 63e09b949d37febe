//! The machine in the world of tests: one test a rule, and the crash-replay property over all of them.

mod fake;
mod log;
mod stuck;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use zeroize::Zeroizing;

use self::fake::{Service, alternating, document, machine, single};
use super::*;
use crate::engine::EngineError;
use crate::protocol::Unusable;
use crate::secret::SecretDocument;
use crate::testing::{self, Fault, TOKEN, every_prefix, rotate};
use crate::vault::{CURRENT, PREVIOUS};

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
    assert_eq!(state.labels, labels(&[(CURRENT, TOKEN), (PREVIOUS, "v1")]));
    assert_eq!(state.values[TOKEN], document(&state.service.password), "nothing but the password differs");
    assert_eq!(state.sent.len(), 1);
    assert_eq!(state.sent[0].previous_version_id.as_deref(), Some("v1"));
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(label, version)| (label.to_owned(), version.to_owned())).collect()
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
    assert!(rotate(&machine(&world), 1).await);
    world.state().labels.insert("AWSPENDING".to_owned(), TOKEN.to_owned());
    assert_eq!(run(&world, Step::Finish).await.unwrap(), Outcome::Skipped);
    assert!(!world.state().labels.contains_key("AWSPENDING"));
}

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
async fn a_pending_copy_of_the_current_value_passes_the_preflight() {
    let world = single();
    world.state().values.insert(TOKEN.to_owned(), document("one"));
    assert!(matches!(run(&world, Step::Set).await, Err(StepError::Unusable(Unusable::NothingNew))));
    assert_eq!(run(&world, Step::Test).await.unwrap(), Outcome::Done);
    let state = world.state();
    assert_eq!((state.effects, state.service.refused), (0, 0), "the preflight changes nothing");
}

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
async fn an_event_that_cannot_be_sent_is_tried_three_times_and_fails_nothing() {
    let world = single();
    world.state().bus_broken = true;
    assert!(rotate(&machine(&world), 1).await);
    let state = world.state();
    assert_eq!((state.bus_calls, state.sent.len()), (3, 0));
    assert_eq!(state.labels, labels(&[(CURRENT, TOKEN), (PREVIOUS, "v1")]));
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

#[tokio::test(start_paused = true)]
async fn after_any_prefix_of_side_effects_a_replay_ends_well() {
    for make in [single, alternating] {
        every_prefix(
            || machine(&make()),
            |service| {
                if service.refused <= 2 { Ok(()) } else { Err("only replays see a refusal".to_owned()) }
            },
        )
        .await;
    }
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

fn faults() -> impl proptest::strategy::Strategy<Value = BTreeMap<usize, Fault>> {
    let fault = prop_oneof![Just(Fault::Crash), Just(Fault::LostReply), Just(Fault::Repeated)];
    proptest::collection::btree_map(0_usize..12, fault, 0..5)
}

fn clock() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Crash or lose the answer after any side effects, replay with the same token: the credential in force logs in,
    /// the labels are legal, the password was generated once, and the event was sent after the label moved.
    #[test]
    fn crash_replay_ends_with_a_credential_that_logs_in(faults in faults(), lag in 0_u32..4) {
        clock().block_on(async {
            let world = single();
            {
                let mut state = world.state();
                state.faults = faults.clone();
                state.lag = lag;
            }
            prop_assert!(rotate(&machine(&world), faults.len() + 1).await, "a try without faults ends well");
            prop_assert_eq!(password(&world, CURRENT), world.state().service.password.clone());
            let state = world.state();
            prop_assert_eq!(&state.labels[CURRENT], TOKEN);
            prop_assert_eq!(&state.labels[PREVIOUS], "v1");
            prop_assert!(state.labels.get("AWSPENDING").is_none_or(|version| version == TOKEN));
            prop_assert_eq!(state.stored, 1);
            prop_assert!(!state.sent.is_empty() || state.bus_calls >= 3);
            prop_assert!(state.sent.iter().all(|event| event.version_id == TOKEN));
            prop_assert!(state.service.refused <= faults.len(), "only replays see a refusal");
            Ok(())
        })?;
    }

    /// The same with somebody else at work: what they put in force is never overwritten unseen, and a version still
    /// logs in.
    #[test]
    fn a_manual_change_at_any_point_is_respected(
        faults in faults(), at in 0_usize..6,
        manual in prop_oneof![Just(fake::put as Act), Just(fake::label_back as Act), Just(fake::cancel as Act)],
    ) {
        clock().block_on(async {
            let world = single();
            {
                let mut state = world.state();
                state.faults = faults.clone();
                state.acts.insert(at, manual);
            }
            let ended_well = rotate(&machine(&world), faults.len() + 2).await;
            let acted = world.state().effects > at;
            let current = password(&world, CURRENT);
            let server = world.state().service.password.clone();
            {
                let state = world.state();
                if acted && std::ptr::fn_addr_eq(manual, fake::put as Act) {
                    // A change right before createSecret stores its value is rotated away from like any other credential;
                    // a later one stays. Either way the label was never taken from it unseen.
                    prop_assert!(state.labels[CURRENT] == "v3" || (at == 0 && state.labels[PREVIOUS] == "v3"));
                    prop_assert_eq!(&current, &server);
                }
                if ended_well && state.labels[CURRENT] == TOKEN {
                    prop_assert_eq!(&current, &server);
                }
                // Cancelled or rolled back by hand at the worst moment, the service may hold the password of a version
                // without labels: it is still there to be read by its id.
                let known = state.values.values().any(|text| text.contains(&format!("\"{server}\"")));
                prop_assert!(known, "the password in force is in a version");
                prop_assert!(state.stored <= 1);
            }
            // And whatever happened, the next rotation finds it.
            prop_assert!(stuck::next_rotation(&world).await);
            prop_assert_eq!(password(&world, CURRENT), world.state().service.password.clone());
            Ok(())
        })?;
    }
}
