//! Lambda runs a step twice at once: what a master sees must still be so when it acts.

use super::*;
use crate::lock;

#[tokio::test(start_paused = true)]
async fn of_two_invocations_at_once_the_second_finds_what_the_first_has_done() {
    for tag in ["dual", "master"] {
        let world = world(Model::new(MYSQL), tag);
        ends_well(&world, Step::Create).await;
        let (first, second) = (machine(&world), machine(&world));
        let (one, other) = tokio::join!(invoke(&first, "setSecret"), invoke(&second, "setSecret"));
        assert_eq!(one.unwrap().result.unwrap(), Outcome::Done);
        match other.unwrap().result {
            Ok(_) => assert_eq!(tag, "dual", "the password that was proven is still valid"),
            Err(error) => assert!(error.to_string().contains("another rotation of the same user"), "{error}"),
        }
        ends_well(&world, Step::Set).await;
        let pending = field(&world, "AWSPENDING", "password");
        let state = world.state();
        assert!(state.service.accepts("app@10.%", &pending));
        assert_eq!(state.service.accepts("app@10.%", "one"), tag == "dual", "{tag}");
        assert_eq!(state.service.done, ["master: Set"]);
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_alternations_at_once_each_statement_is_run_by_one() {
    let world = privileged(MARIADB);
    ends_well(&world, Step::Create).await;
    let (first, second) = (machine(&world), machine(&world));
    let (one, other) = tokio::join!(invoke(&first, "setSecret"), invoke(&second, "setSecret"));
    assert_eq!((one.unwrap().result.unwrap(), other.unwrap().result.unwrap()), (Outcome::Done, Outcome::Done));
    let state = world.state();
    for statement in ["master: Create", "master: Terms", "master: DefaultRole"] {
        assert_eq!(state.service.done.iter().filter(|done| *done == statement).count(), 1, "{statement}");
    }
    assert!(state.service.locks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn while_another_session_has_the_lock_nothing_is_done_and_the_step_says_why() {
    for tag in ["master", "alternating", "dual"] {
        let world = world(Model::new(MYSQL), tag);
        ends_well(&world, Step::Create).await;
        world.state().service.locks.insert(lock::name("app"));
        let (kind, why) = fails(&world, Step::Set).await;
        assert!(kind == "unreachable" && why.contains("another rotation of the same user is at work"), "{why}");
        assert!(why.contains("safe to retry") && world.state().service.done.is_empty(), "{why}");
        world.state().service.locks.clear();
        assert!(rotate(&machine(&world), 1).await);
        assert!(world.state().service.locks.is_empty(), "the lock ends with the session");
    }
}
