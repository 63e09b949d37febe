//! The engine on a model of a server: the commands of each strategy, and that a replay after any crash ends well.

mod model;

use std::collections::BTreeSet;

use rekey_rotation::testing::{every_prefix, invoke, rotate};
use rekey_rotation::vault::{CURRENT, PREVIOUS};
use zeroize::Zeroizing;

use self::model::{Cluster, Rotation, User, document, rotation};
use super::*;

const TWO: &str = r#","masterarn":"arn:master""#;

fn single() -> Rotation {
    rotation(&document("app", "one", ""), None)
}

fn through_master() -> Rotation {
    rotation(&document("app", "one", TWO), Some("master"))
}

fn alternating() -> Rotation {
    rotation(&document("app", "one", TWO), None)
}

/// Two users as AWS's template leaves them, with a table of the second one's; the second one is in force.
fn alternating_back() -> Rotation {
    let machine = rotation(&document("app_clone", "two", TWO), None);
    let second = User {
        password: "two".to_owned(),
        member_of: ["app".to_owned()].into(),
        owns: ["a table"].into(),
        holds: ["a privilege".to_owned()].into(),
        ..User::default()
    };
    machine.vault.state().service.users.insert("app_clone".to_owned(), second);
    machine
}

/// What was committed, in short.
fn done(machine: &Rotation) -> Vec<String> {
    let short = |command: &Command| match command {
        Command::SetPassword { role, .. } => format!("SetPassword {role}"),
        Command::Set { role, parameter, value } => format!("Set {role} {} {value}", parameter.name),
        Command::HandOver(holding) => format!("HandOver {}", holding.give),
        Command::ActAsOneself => "ActAsOneself".to_owned(),
        command => command.sql(150_000),
    };
    machine.vault.state().service.done.iter().map(short).collect()
}

async fn logs_in(machine: &Rotation, label: &str) -> bool {
    let text = machine.vault.text(label).unwrap();
    machine.engine.login(&SecretDocument::parse(Zeroizing::new(text)).unwrap()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_user_changes_its_own_password() {
    let machine = single();
    assert!(rotate(&machine, 1).await);
    assert_eq!(done(&machine), ["ActAsOneself", "SetPassword app"]);
    assert_eq!(machine.vault.state().service.refused, 0);
}

#[tokio::test(start_paused = true)]
async fn a_master_changes_the_password_of_a_user_that_may_not() {
    let machine = through_master();
    assert!(rotate(&machine, 1).await);
    assert_eq!(done(&machine), ["SetPassword app"]);
    assert_eq!(machine.vault.state().service.refused, 0);
}

#[tokio::test(start_paused = true)]
async fn the_second_user_is_made_a_member_that_acts_as_the_first() {
    let machine = alternating();
    assert!(rotate(&machine, 1).await);
    let made = [
        r#"CREATE ROLE "app_clone" LOGIN"#,
        "SetPassword app_clone",
        r#"GRANT "app" TO "app_clone""#,
        "Set app_clone role app",
    ];
    assert_eq!(done(&machine), made);
    assert!(logs_in(&machine, CURRENT).await && logs_in(&machine, PREVIOUS).await, "both users stay valid");
    assert_eq!(machine.vault.state().service.refused, 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_second_user_has_by_itself_passes_to_the_first_with_borrowed_rights() {
    let machine = alternating_back();
    assert!(rotate(&machine, 1).await);
    let made = [
        "SetPassword app",
        "Set app_clone role app",
        r#"GRANT "app_clone" TO CURRENT_USER"#,
        r#"REASSIGN OWNED BY "app_clone" TO "app""#,
        "HandOver a privilege",
        r#"REVOKE "app_clone" FROM CURRENT_USER"#,
    ];
    assert_eq!(done(&machine), made);
}

#[tokio::test(start_paused = true)]
async fn b9_no_rotation_without_a_fault_causes_a_failed_login() {
    for make in [single, through_master, alternating, alternating_back] {
        let machine = make();
        assert!(rotate(&machine, 1).await);
        assert_eq!(machine.vault.state().service.refused, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn b3_after_any_prefix_of_side_effects_a_replay_ends_well_and_has_left_out_nothing() {
    let in_step = |cluster: &Cluster| {
        let second = cluster.users.get("app_clone");
        let whole = second.is_none_or(|second| {
            let acting = second.role.settings.values().map(String::as_str).collect::<BTreeSet<_>>();
            second.owns.is_empty()
                && second.holds.is_empty()
                && acting == ["app"].into()
                && second.member_of.contains("app")
        });
        if !whole || !cluster.users["master"].member_of.is_empty() {
            return Err("the two users are not one".to_owned());
        }
        if cluster.refused <= 2 { Ok(()) } else { Err("only replays see a refusal".to_owned()) }
    };
    for make in [single, through_master, alternating, alternating_back] {
        every_prefix(make, in_step).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_preflight_gives_every_command_and_changes_nothing() {
    for make in [single, through_master, alternating, alternating_back] {
        let test = async |machine: &Rotation| {
            let current = machine.vault.text(CURRENT).unwrap();
            machine.vault.state().values.insert("v2".to_owned(), current);
            invoke(machine, "testSecret").await.unwrap().result
        };
        let machine = make();
        test(&machine).await.unwrap();
        assert_eq!(machine.vault.state().effects, 0);

        machine.vault.state().service.read_only = true;
        assert_eq!(test(&machine).await.unwrap_err().kind().as_str(), "unreachable");

        let machine = make();
        machine.vault.state().service.forbidden = Some("setting the password");
        let error = test(&machine).await.unwrap_err();
        assert_eq!(error.kind().as_str(), "privilege");
        assert!(error.to_string().contains("while setting the password"), "{error}");
        // From PostgreSQL 16 on CREATEROLE says nothing about roles that somebody else has created.
        let by_a_master = error.to_string().starts_with("master: ");
        assert_eq!(error.to_string().contains("WITH ADMIN OPTION"), by_a_master, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_only_warns_ends_the_rotation_and_the_preflight() {
    let machine = alternating_back();
    machine.vault.state().service.ungranted = true;
    let current = machine.vault.text(CURRENT).unwrap();
    machine.vault.state().values.insert("v2".to_owned(), current);
    let tested = invoke(&machine, "testSecret").await.unwrap().result.unwrap_err();
    machine.vault.state().values.remove("v2");
    invoke(&machine, "createSecret").await.unwrap().result.unwrap();
    let set = invoke(&machine, "setSecret").await.unwrap().result.unwrap_err();
    for error in [tested, set] {
        assert!(error.kind().as_str() == "privilege" && error.to_string().contains("GRANT OPTION"), "{error}");
    }
    assert!(done(&machine).is_empty(), "nothing was committed");
}

#[tokio::test(start_paused = true)]
async fn a_server_on_which_the_second_user_does_not_act_as_the_first_is_not_rotated_to_it() {
    let machine = alternating();
    machine.vault.state().service.forgetful = true;
    assert!(!rotate(&machine, 1).await);
    let error = invoke(&machine, "testSecret").await.unwrap().result.unwrap_err();
    assert!(error.kind().as_str() == "refused" && error.to_string().contains("update the server"), "{error}");
    assert!(logs_in(&machine, CURRENT).await, "the first user is in force");
}

#[tokio::test(start_paused = true)]
async fn b14_of_two_users_the_current_and_the_previous_credential_live_on_and_no_other() {
    let mut machine = alternating();
    let mut history = vec![("app".to_owned(), "one".to_owned())];
    for _ in 0..4 {
        assert!(rotate(&machine, 1).await);
        let text = machine.vault.text(CURRENT).unwrap();
        let document = SecretDocument::parse(Zeroizing::new(text.clone())).unwrap();
        let field = |name| document.required(name).unwrap().to_string();
        history.push((field("username"), field("password")));
        let users = machine.vault.state().service.users.clone();
        let accepted = history.iter().map(|(name, password)| users[name].password == *password);
        assert!(accepted.eq((0..history.len()).map(|number| number + 2 >= history.len())), "{history:?}");
        assert_eq!(users.len(), 3, "the two and the master");
        machine = rotation(&text, None);
        machine.vault.state().service.users = users;
    }
}

#[test]
fn b12_a_name_that_leaves_no_room_for_the_other_user_is_refused_before_anything_else() {
    let plan = |length: usize| {
        let text = document(&"u".repeat(length), "p", TWO);
        let current = SecretDocument::parse(Zeroizing::new(text)).unwrap();
        single().engine.plan(&current, &Tags::new())
    };
    assert!(plan(57).is_ok());
    assert_eq!(plan(58).unwrap_err(), EngineError::LongName(63));
}
