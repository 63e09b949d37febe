//! The engine against a model of the server, at the commands of [`Session`]. No MongoDB was there to try them on.

mod model;
mod others;

use rekey_rotation::diagnostic::StepError;
use rekey_rotation::testing::{Fault, every_prefix, invoke, rotate};
use rekey_rotation::vault::CURRENT;

use self::model::{World, alternating, machine, roles, single, through_master};
use super::*;

async fn run(world: &World, step: &str) -> Result<(), StepError> {
    invoke(&machine(world), step).await.expect("no crash is planned").result.map(drop)
}

/// The password in force, according to the secret.
fn password(world: &World) -> String {
    let text = world.text(CURRENT).unwrap();
    SecretDocument::parse(text.into()).unwrap().required("password").unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_user_changes_its_own_password_with_one_command() {
    let world = single();
    assert!(rotate(&machine(&world), 1).await);
    let state = world.state();
    assert_eq!(state.service.log, ["open shop/app", "set_password shop/app", "open shop/app"]);
    assert_eq!(state.service.refused, 0, "a normal rotation causes no failed login");
    assert_eq!(state.service.users[&("shop".to_owned(), "app".to_owned())].grants.roles, roles(&["readWrite"]));
}

#[tokio::test(start_paused = true)]
async fn a_master_changes_the_password_after_the_users_own_was_accepted() {
    let world = through_master();
    assert!(rotate(&machine(&world), 1).await);
    assert_eq!(
        world.state().service.log,
        ["open shop/app", "open admin/root", "set_password shop/app", "open shop/app"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_clone_is_created_with_all_that_the_original_may() {
    let world = alternating();
    assert!(rotate(&machine(&world), 1).await);
    let state = world.state();
    assert_eq!(
        state.service.log,
        [
            "open shop/app",
            "open admin/root",
            "grants shop/app_clone",
            "grants shop/app",
            "create shop/app_clone",
            "open shop/app_clone"
        ]
    );
    let user = |name: &str| state.service.users[&("shop".to_owned(), name.to_owned())].clone();
    assert_eq!(user("app_clone").grants, user("app").grants);
    assert_eq!(user("app").password, "one", "the first user was left alone");
    assert_eq!(state.service.refused, 0);
}

#[tokio::test(start_paused = true)]
async fn b3_a_clone_that_exists_gets_its_roles_again_at_each_rotation() {
    let world = alternating();
    {
        let service = &mut world.state().service;
        service.add("shop", "app_clone", "old", &["read"]);
        service.user("shop", "app").grants.roles = roles(&["readWrite", "dbAdmin"]);
    }
    world.state().values.insert("v0".to_owned(), model::document("app_clone", "old", model::MASTER));
    assert!(rotate(&machine(&world), 1).await);
    assert!(world.state().service.log.contains(&"set_all shop/app_clone".to_owned()));
    assert_eq!(world.state().service.user("shop", "app_clone").grants.roles, roles(&["readWrite", "dbAdmin"]));
}

#[tokio::test(start_paused = true)]
async fn b3_a_crash_after_the_clone_was_created_leaves_no_user_without_roles() {
    for fault in [Fault::Crash, Fault::LostReply] {
        let world = alternating();
        // The second effect is createUser.
        world.state().faults.insert(1, fault);
        assert!(rotate(&machine(&world), 2).await);
        let state = world.state();
        let clone = &state.service.users[&("shop".to_owned(), "app_clone".to_owned())];
        assert_eq!(clone.grants.roles, roles(&["readWrite"]), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_original_keeps_the_roles_that_it_has() {
    let world = model::at_the_clone();
    world.state().service.user("shop", "app").grants.roles = roles(&["readWrite", "backup"]);
    assert!(rotate(&machine(&world), 1).await);
    assert!(world.state().service.log.contains(&"set_password shop/app".to_owned()));
    assert_eq!(world.state().service.user("shop", "app").grants.roles, roles(&["readWrite", "backup"]));
    let new = password(&world);
    assert_eq!(world.state().service.user("shop", "app").password, new);

    // Whoever dropped it gets it back as the clone is.
    let world = model::at_the_clone();
    world.state().service.users.remove(&("shop".to_owned(), "app".to_owned()));
    assert!(rotate(&machine(&world), 1).await);
    assert_eq!(world.state().service.user("shop", "app").grants.roles, roles(&["read"]));
}

#[tokio::test(start_paused = true)]
async fn after_any_prefix_of_side_effects_a_replay_ends_well() {
    let same_roles = |service: &model::Service| {
        let users = service.users.iter().filter(|((_, name), _)| name.starts_with("app"));
        let different = users.clone().find(|(_, user)| user.grants.roles != roles(&["readWrite"]));
        if different.is_none() && users.count() <= 2 { Ok(()) } else { Err(format!("{different:?}")) }
    };
    for make in [single, through_master, alternating] {
        every_prefix(|| machine(&make()), same_roles).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_refuses_ends_the_step_and_leaves_the_password() {
    type Harm = fn(&mut model::Service);
    let cases: [(Harm, &str); 4] = [
        (|service| service.user("shop", "app").password = "other".to_owned(), "auth"),
        (|service| service.powerless = true, "privilege"),
        (|service| service.read_only = true, "unreachable"),
        (|service| service.unreachable = true, "unreachable"),
    ];
    for (number, (harm, kind)) in cases.into_iter().enumerate() {
        for make in [single, alternating] {
            let world = make();
            run(&world, "createSecret").await.unwrap();
            harm(&mut world.state().service);
            let before = world.state().service.users.clone();
            let error = run(&world, "setSecret").await.unwrap_err();
            assert_eq!(error.kind().as_str(), kind, "case {number}: {error}");
            assert_eq!(world.state().service.users, before, "case {number}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_preflight_logs_in_as_both_and_changes_nothing() {
    let world = alternating();
    let current = world.text(CURRENT).unwrap();
    world.state().values.insert(rekey_rotation::testing::TOKEN.to_owned(), current);
    run(&world, "testSecret").await.unwrap();
    assert_eq!(
        world.state().service.log,
        ["open shop/app", "open admin/root", "grants shop/app", "grants shop/app_clone"]
    );
    assert_eq!(world.state().effects, 0);
}
