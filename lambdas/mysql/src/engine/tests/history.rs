//! Passwords of before: second ones that are left over, and those that an account may not have again.

use super::*;
use crate::error::REUSED;
use crate::verifier::{Plugin, Verifier};

/// `app` with a second password from the time when the strategy was another one.
fn with_leftover() -> World<Model> {
    let world = world(Model::new(MYSQL), "master");
    let zero = Verifier::new(Plugin::Native, "zero").unwrap();
    world.state().service.user("app@10.%").description.second = Some(zero);
    world
}

#[tokio::test(start_paused = true)]
async fn whatever_prefix_was_done_a_replay_leaves_one_password() {
    let one = |model: &Model| {
        let left = ["zero", "one"].into_iter().find(|password| model.accepts("app@10.%", password));
        left.map_or(Ok(()), |left| Err(format!("{left:?} is still accepted")))
    };
    for hidden in [false, true] {
        let leftover = || {
            let world = with_leftover();
            world.state().service.user("app@10.%").hidden = hidden;
            world
        };
        every_prefix(|| machine(&leftover()), one).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_password_that_is_in_force_does_not_end_before_the_new_one_is_set() {
    let secondary = || {
        let world = with_leftover();
        let texts = [("v1", document("app", "zero")), ("v0", document("app", "one"))];
        world.state().values.extend(texts.map(|(version, text)| (version.to_owned(), text)));
        world
    };
    every_prefix(|| machine(&secondary()), |_| Ok(())).await;
}

/// The same world, where no account may have a password again.
fn remembering(world: World<Model>) -> World<Model> {
    world.state().service.remembers = true;
    world
}

#[tokio::test(start_paused = true)]
async fn whatever_prefix_was_done_a_replay_sets_no_password_twice() {
    let make: [fn() -> World<Model>; 7] = [
        || world(Model::new(MARIADB), "single"),
        || world(Model::new(MYSQL), "single"),
        || world(Model::new(MYSQL), "master"),
        || world(Model::new(MYSQL), "dual"),
        || without_master(world(Model::new(MYSQL), "dual")),
        || privileged(MYSQL),
        with_leftover,
    ];
    for make in make {
        every_prefix(|| machine(&remembering(make())), |_| Ok(())).await;
    }
    // The second turn of a user, too.
    let world = privileged(MYSQL);
    assert!(rotate(&machine(&world), 1).await);
    every_prefix(
        || {
            let back = World::new(Model::new(MYSQL), &world.text(CURRENT).unwrap(), &document("app", "one"));
            back.state().service.users.clone_from(&world.state().service.users);
            back.state().others.clone_from(&world.state().others);
            machine(&remembering(back))
        },
        |_| Ok(()),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_label_moved_back_by_hand_to_a_password_that_may_not_be_set_again_says_what_to_do() {
    for master in [true, false] {
        let world = remembering(world(Model::new(MYSQL), "dual"));
        let world = if master { world } else { without_master(world) };
        {
            let mut state = world.state();
            let user = &mut state.service.user("app@10.%").description;
            let two = Verifier::new(Plugin::Native, "two").unwrap();
            user.second = user.verifier.replace(two);
        }
        ends_well(&world, Step::Create).await;
        for _ in 0..2 {
            let (kind, why) = fails(&world, Step::Set).await;
            assert!(kind == "refused" && why.contains(REUSED), "{why}");
            let state = world.state();
            assert!(state.service.accepts("app@10.%", "one") && state.service.accepts("app@10.%", "two"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_moves_to_the_plugin_of_the_original_at_its_turn() {
    let world = world(Model::new(MYSQL).with("app_clone@10.%", "two"), "alternating");
    {
        let mut state = world.state();
        let sha2 = Verifier::new(Plugin::CachingSha2, "one").unwrap();
        state.service.user("app@10.%").description.verifier = Some(sha2);
        state.values.insert("v0".to_owned(), document("app_clone", "two"));
    }
    assert!(rotate(&machine(&world), 1).await);
    let verifier = world.state().service.user("app_clone@10.%").description.verifier.clone().unwrap();
    assert_eq!(verifier.plugin, Plugin::CachingSha2);
}
