//! The engine at its trait: which commands it gives, and what a crash between any two of them leaves behind.

mod model;

use rekey_rotation::machine::Outcome;
use rekey_rotation::step::Step;
use rekey_rotation::testing::{Fault, every_prefix, invoke, rotate};

use self::model::{In, Model, machine, with_master};
use super::*;

/// A change to a world that used to be in order.
type Spoil = fn(&mut Model);

async fn run(machine: &In, step: Step) -> Result<Outcome, (&'static str, String)> {
    let report = invoke(machine, step.as_str()).await.expect("no crash is planned");
    report.result.map_err(|error| (error.kind().as_str(), error.to_string()))
}

/// The kind that setSecret ends with, after createSecret.
async fn refused(machine: &In) -> &'static str {
    run(machine, Step::Create).await.unwrap();
    run(machine, Step::Set).await.unwrap_err().0
}

fn pending(machine: &In) -> String {
    let text = machine.vault.state().values["v2"].clone();
    SecretDocument::parse(text.into()).unwrap().required("password").unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn the_new_password_is_added_and_the_one_before_the_current_removed() {
    let machine = machine();
    assert!(rotate(&machine, 1).await);
    let new = hash(&pending(&machine));
    let state = machine.vault.state();
    let edit = format!("ACL SETUSER app #{new} !{}", hash("zero"));
    assert_eq!(
        state.service.commands,
        ["AUTH app", "ACL GETUSER app", &edit, "ACL SAVE", "AUTH app"],
        "setSecret once, testSecret once"
    );
    assert_eq!(state.service.users["app"], BTreeSet::from([hash("one"), new]));
}

#[tokio::test(start_paused = true)]
async fn an_admin_changes_it_after_the_user_has_logged_in() {
    let machine = with_master();
    assert!(rotate(&machine, 1).await);
    let edit = format!("ACL SETUSER app #{} !{}", hash(&pending(&machine)), hash("zero"));
    assert_eq!(
        machine.vault.state().service.commands,
        ["AUTH app", "AUTH admin", "ACL GETUSER app", &edit, "ACL SAVE", "AUTH app"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_set_is_not_set_again() {
    let machine = machine();
    for step in [Step::Create, Step::Set, Step::Set, Step::Set] {
        run(&machine, step).await.unwrap();
    }
    let state = machine.vault.state();
    let count = |start: &str| state.service.commands.iter().filter(|command| command.starts_with(start)).count();
    assert_eq!(
        (count("ACL SETUSER"), count("ACL SAVE")),
        (1, 3),
        "but saved, for the first try may not have got there"
    );
}

#[tokio::test(start_paused = true)]
async fn b9_a_normal_rotation_and_its_replays_cause_no_failed_login() {
    for make in [machine, with_master] {
        every_prefix(make, |service: &Model| match service.refused {
            0 => Ok(()),
            refused => Err(format!("{refused} logins were refused")),
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_any_prefix_two_passwords_are_accepted_and_will_be_after_a_restart() {
    for make in [machine, with_master] {
        every_prefix(make, |service: &Model| {
            let hashes = &service.users["app"];
            if hashes.len() != 2 || !hashes.contains(&hash("one")) || hashes.contains(&hash("zero")) {
                return Err(format!("{} hashes are not those of the two versions", hashes.len()));
            }
            if service.saved == service.users { Ok(()) } else { Err("a restart would lose something".to_owned()) }
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_rotation_of_a_user_and_one_after_a_manual_change_end_well() {
    // A user with one password; one with a third that nobody knows; one that AWSCURRENT was moved away from by hand.
    for hashes in [&["one"][..], &["one", "zero", "third"], &["zero"]] {
        let machine = machine();
        machine.vault.state().service.users.insert("app".to_owned(), hashes.iter().map(|p| hash(p)).collect());
        assert!(rotate(&machine, 1).await);
        let accepted = BTreeSet::from([hash("one"), hash(&pending(&machine))]);
        assert_eq!(machine.vault.state().service.users["app"], accepted);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_rotation_would_break_is_left_alone() {
    let cases: [(Spoil, &str); 5] = [
        (|model| model.nopass = true, "refused"),
        (|model| model.role = Role::ClusterNode, "refused"),
        (|model| model.role = Role::Replica, "unreachable"),
        (|model| model.editors.clear(), "privilege"),
        (|model| model.off.extend(["app".to_owned()]), "auth"),
    ];
    for (spoil, kind) in cases {
        for make in [machine, with_master] {
            let machine = make();
            spoil(&mut machine.vault.state().service);
            let before = machine.vault.state().service.users.clone();
            assert_eq!(refused(&machine).await, kind);
            assert_eq!(machine.vault.state().service.users, before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_keeps_no_file_is_no_reason_to_fail_but_a_broken_disk_is() {
    let machine = machine();
    machine.vault.state().service.disk = Some(Ok(Saved::No("fake".to_owned())));
    assert!(rotate(&machine, 1).await);

    let machine = model::machine();
    machine.vault.state().service.disk = Some(Err(EngineError::Unreachable("fake".to_owned())));
    assert_eq!(refused(&machine).await, "unreachable");
    machine.vault.state().service.disk = None;
    assert!(rotate(&machine, 1).await, "the replay saves what the first try has set");
    let service = &machine.vault.state().service;
    assert_eq!(service.saved, service.users);
}

#[tokio::test(start_paused = true)]
async fn the_preflight_changes_nothing_and_proves_that_the_change_is_allowed() {
    for make in [machine, with_master] {
        let machine = make();
        let text = machine.vault.text("AWSCURRENT").unwrap();
        machine.vault.state().values.insert("v2".to_owned(), text);
        let before = machine.vault.state().service.users.clone();
        assert_eq!(run(&machine, Step::Test).await, Ok(Outcome::Done));
        assert_eq!(machine.vault.state().service.users, before);
        machine.vault.state().service.editors.clear();
        assert_eq!(run(&machine, Step::Test).await.unwrap_err().0, "privilege");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_change_fails_the_step_and_the_replay_finds_it_done() {
    let machine = machine();
    machine.vault.state().faults.insert(1, Fault::LostReply);
    run(&machine, Step::Create).await.unwrap();
    assert_eq!(run(&machine, Step::Set).await.unwrap_err().0, "unreachable");
    assert_eq!(run(&machine, Step::Set).await, Ok(Outcome::Done));
    assert_eq!(machine.vault.state().service.refused, 0);
}

#[tokio::test(start_paused = true)]
async fn b13_a_pending_value_that_cannot_be_read_does_not_stop_rotation_for_ever() {
    for pending in ["hunter2", r#"{"password":"#, ""] {
        let machine = machine();
        machine.vault.state().values.insert("v2".to_owned(), pending.to_owned());
        let (kind, text) = run(&machine, Step::Create).await.unwrap_err();
        assert!(kind == "bad-secret" && text.contains("start a new rotation"), "{text}");
        assert!(!machine.vault.state().labels.contains_key("AWSPENDING"));
    }
}

#[tokio::test(start_paused = true)]
async fn b14_the_password_before_last_ends_with_the_next_rotation() {
    for make in [machine, with_master] {
        let machine = make();
        assert!(rotate(&machine, 1).await);
        assert!(!machine.vault.state().service.users["app"].contains(&hash("zero")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_master_at_another_port_is_another_servers() {
    let machine = with_master();
    for text in machine.vault.state().values.values_mut() {
        *text = text.replace(r#""host""#, r#""port":6380,"host""#);
    }
    run(&machine, Step::Create).await.unwrap();
    let (kind, text) = run(&machine, Step::Set).await.unwrap_err();
    assert!(kind == "bad-secret" && text.starts_with("master: ") && text.contains("another \"port\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_user_of_whoever_names_none_is_rotated_only_where_the_tag_says_so() {
    for username in [r#""username":"default","#, ""] {
        let machine = machine();
        {
            let mut state = machine.vault.state();
            for text in state.values.values_mut() {
                *text = text.replace(r#""username":"app","#, username);
            }
            let hashes = state.service.users["app"].clone();
            state.service.users.insert("default".to_owned(), hashes);
            state.service.editors.insert("default".to_owned());
        }
        for step in [Step::Create, Step::Set, Step::Test] {
            let (kind, text) = run(&machine, step).await.unwrap_err();
            assert!(kind == "refused" && text.contains("the tag rekey:adopt=true"), "{text}");
        }
        assert_eq!(machine.vault.state().service.commands, Vec::<String>::new());
        machine.vault.state().tags.insert("rekey:adopt".to_owned(), "true".to_owned());
        assert!(rotate(&machine, 1).await);
    }
}

#[tokio::test(start_paused = true)]
async fn only_dual_is_offered() {
    let machine = machine();
    machine.vault.state().tags.insert("rekey:strategy".to_owned(), "single".to_owned());
    let (kind, text) = run(&machine, Step::Create).await.unwrap_err();
    assert_eq!(kind, "setup");
    assert!(text.ends_with("this function offers dual"), "{text}");
}
