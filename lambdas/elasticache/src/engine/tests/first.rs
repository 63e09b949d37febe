//! A user's first rotation: what is there before it, and whose it is.

use super::model::first;
use super::*;

#[tokio::test(start_paused = true)]
async fn the_first_rotation_of_a_user_and_a_secret_without_a_password_gives_both_one() {
    for host in [true, false] {
        let machine = first(host);
        assert!(rotate(&machine, 1).await);
        let new = pending(&machine);
        assert_eq!(machine.vault.state().service.passwords, [new]);
    }
    every_prefix(|| first(true), one_password).await;
}

fn one_password(service: &Model) -> Result<(), String> {
    if service.passwords.len() == 1 { Ok(()) } else { Err("not one password".to_owned()) }
}

fn adopting(machine: In) -> In {
    machine.vault.state().tags.insert("rekey:adopt".to_owned(), "true".to_owned());
    machine
}

/// Without a host, or before any cache accepts it, nobody can tell whether the one password that the user has is this
/// rotation's or somebody's.
#[tokio::test(start_paused = true)]
async fn a_first_password_that_nobody_can_attribute_is_replaced_where_the_tag_vouches_for_the_user() {
    let unfinished = |host, slow: usize| {
        let machine = first(host);
        let mut state = machine.vault.state();
        state.service.slow = slow;
        state.faults.insert(1, Fault::Crash);
        drop(state);
        machine
    };
    for (host, slow) in [(false, 0), (true, 9)] {
        let machine = unfinished(host, slow);
        assert!(!rotate(&machine, 3).await);
        let (kind, text) = run(&machine, Step::Set).await.unwrap_err();
        assert!(kind == "refused" && text.contains("the tag rekey:adopt=true"), "{text}");
        let first_try = pending(&machine);
        assert_eq!(machine.vault.state().service.passwords, *std::slice::from_ref(&first_try));
        let machine = adopting(machine);
        machine.vault.state().service.slow = 0;
        assert!(rotate(&machine, 1).await);
        assert_eq!(machine.vault.state().service.passwords, [first_try], "the one that createSecret has made");
    }
    every_prefix(|| adopting(first(false)), one_password).await;
    every_prefix(|| adopting(first(true)), one_password).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_rotation_of_a_password_that_was_stored_by_hand_ends_well_after_any_prefix() {
    let stored = |host| {
        let machine = machine(host);
        let mut state = machine.vault.state();
        state.values.remove("v0");
        state.labels.remove("AWSPREVIOUS");
        state.service.passwords = vec!["one".to_owned()];
        drop(state);
        machine
    };
    for host in [true, false] {
        every_prefix(|| stored(host), check).await;
    }
}

#[tokio::test(start_paused = true)]
async fn passwords_that_the_secret_does_not_hold_are_not_ended() {
    for host in [true, false] {
        let machine = first(host);
        {
            let state = &mut machine.vault.state().service;
            state.authentication = None;
            state.passwords = vec!["somebody's".to_owned()];
        }
        run(&machine, Step::Create).await.unwrap();
        let (kind, text) = run(&machine, Step::Set).await.unwrap_err();
        assert!(kind == "refused" && text.contains("store the one in force"), "{text}");
        let current = machine.vault.text("AWSCURRENT").unwrap();
        machine.vault.state().values.insert("v2".to_owned(), current);
        assert_eq!(run(&machine, Step::Test).await.unwrap_err().0, "refused", "the preflight says the same");
        assert_eq!(machine.vault.state().service.passwords, ["somebody's"]);
    }
}
