//! The engine against a model of IAM and STS.

mod model;
mod others;

use rekey_rotation::diagnostic::StepError;
use rekey_rotation::testing::{Fault, TOKEN, every_prefix, invoke, rotate};
use rekey_rotation::vault::{CURRENT, PENDING, PREVIOUS};

use self::model::{Key, Service, World, document, machine, world};
use super::*;

async fn run(world: &World, step: &str) -> Result<(), StepError> {
    invoke(&machine(world), step).await.expect("no crash is planned").result.map(drop)
}

fn log(world: &World) -> Vec<String> {
    std::mem::take(&mut world.state().service.log)
}

#[tokio::test(start_paused = true)]
async fn a_rotation_ends_the_key_before_last_and_leaves_the_last_one_valid() {
    let world = world();
    assert!(rotate(&machine(&world), 1).await);
    assert_eq!(log(&world), ["deactivate K0", "delete K0", "create K2"]);
    let state = world.state();
    let keys: Vec<_> = state.service.keys.iter().map(|key| (&*key.id, key.active)).collect();
    assert_eq!(keys, [(&*model::id(1), true), (&*model::id(2), true)]);
    assert_eq!(state.values[TOKEN], document(2), "nothing but the key differs");
    assert_eq!(state.sent[0].strategy, "dual");
    assert_eq!(state.service.refused, 0);
}

#[tokio::test(start_paused = true)]
async fn after_any_prefix_of_side_effects_a_replay_ends_well() {
    let check = |service: &Service, retired: bool| {
        let keys: Vec<_> = service.keys.iter().map(|key| (key.secret.clone(), key.active)).collect();
        let new = service.made - 1;
        let wanted = [(model::secret(1), !retired), (model::secret(new), true)];
        if keys == wanted && !service.harmed { Ok(()) } else { Err(format!("left over: {keys:?}")) }
    };
    every_prefix(|| machine(&world()), |service| check(service, false)).await;
    every_prefix(|| model::deactivating(&world()), |service| check(service, true)).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_waited_for_until_all_of_aws_knows_it() {
    let world = world();
    world.state().service.unknown_for = 20;
    assert!(rotate(&machine(&world), 1).await);
    assert_eq!(world.state().service.refused, 20);

    let world = model::world();
    world.state().service.unknown_for = u32::MAX;
    run(&world, "createSecret").await.unwrap();
    run(&world, "setSecret").await.unwrap();
    let error = run(&world, "testSecret").await.unwrap_err();
    assert_eq!(error.kind().as_str(), "auth", "the wait ends before the function's time does: {error}");
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_answer_got_lost_makes_room_for_one_that_is_known() {
    let world = world();
    // The effects before CreateAccessKey: a key is deactivated, and deleted, and the try is written down.
    world.state().faults.insert(3, Fault::LostReply);
    assert_eq!(run(&world, "createSecret").await.unwrap_err().kind().as_str(), "aws");
    run(&world, "createSecret").await.unwrap();
    assert_eq!(log(&world), ["deactivate K0", "delete K0", "create K2", "deactivate K2", "delete K2", "create K3"]);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_iam_that_has_not_heard_of_the_room_yet_is_asked_again() {
    let world = world();
    world.state().service.full_for = 3;
    run(&world, "createSecret").await.unwrap();
    assert_eq!(log(&world), ["deactivate K0", "delete K0", "create K2"]);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_stored_meanwhile_costs_the_key_that_nobody_will_use() {
    let world = world();
    let stored = world.state().effects + 4;
    world.state().acts.insert(stored, |state| {
        state.service.keys.push(Key::new(7));
        state.values.insert(TOKEN.to_owned(), document(7));
    });
    run(&world, "createSecret").await.unwrap();
    assert_eq!(log(&world), ["deactivate K0", "delete K0", "create K2", "delete K2"]);
    assert_eq!(world.text(PENDING).unwrap(), document(7));
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_was_cancelled_leaves_a_key_that_the_next_one_ends() {
    let world = world();
    for step in ["createSecret", "setSecret", "testSecret"] {
        run(&world, step).await.unwrap();
    }
    {
        // Without labels and out of the way of the next rotation, which has the same token in this world.
        let mut state = world.state();
        let cancelled = state.values.remove(TOKEN).unwrap();
        state.values.insert("v1-cancelled".to_owned(), cancelled);
    }
    assert!(rotate(&machine(&world), 1).await);
    assert_eq!(log(&world)[3..], ["deactivate K2", "delete K2", "create K3"]);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_invisible_for_long_does_not_cost_its_key() {
    let world = world();
    world.state().faults.insert(4, Fault::LostReply);
    assert_eq!(run(&world, "createSecret").await.unwrap_err().kind().as_str(), "aws");
    // Some ten seconds of looks.
    world.state().lag = 12;
    assert!(rotate(&machine(&world), 1).await);
    assert_eq!(log(&world), ["deactivate K0", "delete K0", "create K2"]);
}

#[tokio::test(start_paused = true)]
async fn a_pending_key_that_is_gone_gives_way_to_a_new_rotation() {
    let world = world();
    run(&world, "createSecret").await.unwrap();
    world.state().service.keys.retain(|key| key.id != model::id(2));
    let error = run(&world, "createSecret").await.unwrap_err();
    assert!(error.to_string().contains("start a new rotation"), "{error}");
    assert!(!world.state().labels.contains_key(PENDING));
}

#[tokio::test(start_paused = true)]
async fn no_key_is_made_for_a_user_that_the_key_in_force_does_not_prove() {
    type Harm = fn(&mut Service, &mut String);
    let cases: [(Harm, &str); 5] = [
        (|service, _| service.keys[1].secret = "other".to_owned(), "auth"),
        (|service, _| service.keys[1].active = false, "auth"),
        (|service, _| service.keys[1].account = "another", "auth"),
        (|_, text| *text = text.replace("\"app\"", "\"admin\""), "bad-secret"),
        (|service, _| service.keys[1].user = "admin", "bad-secret"),
    ];
    for (number, (harm, kind)) in cases.into_iter().enumerate() {
        let world = world();
        {
            let state = &mut *world.state();
            harm(&mut state.service, state.values.get_mut("v1").unwrap());
        }
        let error = run(&world, "createSecret").await.unwrap_err();
        assert_eq!(error.kind().as_str(), kind, "case {number}: {error}");
        assert_eq!(log(&world), Vec::<String>::new(), "case {number}");
        // What Secrets Manager does with RotateImmediately=false says the same, before there is anything to rotate.
        let current = world.text(CURRENT).unwrap();
        world.state().values.insert(TOKEN.to_owned(), current);
        let error = run(&world, "testSecret").await.unwrap_err();
        assert_eq!(error.kind().as_str(), kind, "case {number}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn b1_the_old_key_ends_on_a_replay_if_its_end_failed() {
    let world = world();
    let machine = model::deactivating(&world);
    for step in ["createSecret", "setSecret", "testSecret"] {
        assert!(invoke(&machine, step).await.unwrap().result.is_ok());
    }
    world.state().service.broken = true;
    let error = invoke(&machine, "finishSecret").await.unwrap().result.unwrap_err();
    assert!(matches!(error, StepError::Retire(_)), "{error}");
    assert_eq!(world.state().labels[CURRENT], TOKEN);
    world.state().service.broken = false;
    assert!(rotate(&machine, 1).await);
    assert_eq!(log(&world).last().unwrap(), "deactivate K1");
    assert_eq!(world.state().labels[PREVIOUS], "v1");
}

#[tokio::test(start_paused = true)]
async fn b14_a_key_that_no_version_in_force_holds_does_not_outlive_the_next_rotation() {
    let world = world();
    world.state().faults.insert(3, Fault::Crash);
    assert!(rotate(&machine(&world), 2).await);
    let ids: Vec<_> = world.state().service.keys.iter().map(|key| key.id.clone()).collect();
    assert_eq!(ids, [model::id(1), model::id(3)], "neither the key before nor the crash's");
}

#[test]
fn the_plan_lets_the_pair_of_fields_change_and_nothing_else() {
    let engine = AccessKeys { keys: model::Fake(world()), deactivates: false };
    let current = SecretDocument::parse(document(1).into()).unwrap();
    let plan = engine.plan(&current, &Tags::new()).unwrap();
    assert_eq!(plan.changes, ["AccessKeyId", "SecretAccessKey"]);
    assert_eq!((plan.strategy, plan.master, plan.next_user), (Strategy::Dual, None, None));
    let tags = Tags::from([("rekey:strategy".to_owned(), "alternating".to_owned())]);
    assert_eq!(engine.plan(&current, &tags).unwrap_err().kind().as_str(), "setup");
}

#[test]
fn the_variable_is_a_switch() {
    let engine = |value: Option<&str>| {
        AccessKeys::from_variables(model::Fake(world()), |_| value.map(str::to_owned)).map(|engine| engine.deactivates)
    };
    assert_eq!(
        [None, Some(""), Some("False"), Some("true"), Some("perhaps")].map(engine),
        [Ok(false), Ok(false), Ok(false), Ok(true), Err(VariableError)]
    );
}
