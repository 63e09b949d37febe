//! The engine at its trait: which commands it gives, and what a crash after any of them leaves behind.

mod first;
mod model;

use rekey_rotation::machine::Outcome;
use rekey_rotation::step::Step;
use rekey_rotation::testing::{Fault, every_prefix, invoke, rotate};

use self::model::{ARN, In, Model, document, machine};
use super::*;

/// A change to a world that used to be in order.
type Spoil = fn(&mut Model);

async fn run(machine: &In, step: Step) -> Result<Outcome, (&'static str, String)> {
    let report = invoke(machine, step.as_str()).await.expect("no crash is planned");
    report.result.map_err(|error| (error.kind().as_str(), error.to_string()))
}

/// The kind that the first failing step ends with.
async fn failure(machine: &In) -> &'static str {
    for step in Step::ALL {
        if let Err((kind, _)) = run(machine, step).await {
            return kind;
        }
    }
    panic!("the rotation ended well");
}

fn pending(machine: &In) -> String {
    let text = machine.vault.state().values["v2"].clone();
    SecretDocument::parse(text.into()).unwrap().required("password").unwrap().to_string()
}

fn commands(machine: &In) -> Vec<String> {
    let mut commands = machine.vault.state().service.commands.clone();
    commands.dedup();
    commands
}

#[tokio::test(start_paused = true)]
async fn the_pending_and_the_current_password_are_set_and_the_user_waited_for_and_logged_in_as() {
    let machine = machine(true);
    machine.vault.state().service.busy = 5;
    assert!(rotate(&machine, 1).await);
    let new = pending(&machine);
    let (set, login) = (format!("ModifyUser {new} one"), format!("AUTH {new}"));
    assert_eq!(
        commands(&machine),
        ["DescribeUsers", "AUTH one", "AUTH zero", &set, "DescribeUsers", &login],
        "the current password as the guard, the previous one as the sign that nothing was set yet"
    );
    assert_eq!(machine.vault.state().service.passwords, [new, "one".to_owned()]);
}

#[tokio::test(start_paused = true)]
async fn without_a_host_nobody_logs_in() {
    let machine = machine(false);
    assert!(rotate(&machine, 1).await);
    assert_eq!(
        commands(&machine),
        ["DescribeUsers", &format!("ModifyUser {} one", pending(&machine)), "DescribeUsers"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_user_that_nothing_but_the_value_names_is_not_touched() {
    for (host, tag) in [(true, None), (false, None), (true, Some(ARN.replace("u-1", "u-2")))] {
        let machine = machine(host);
        {
            let tags = &mut machine.vault.state().tags;
            tags.clear();
            tags.extend(tag.map(|arn| (USER_TAG.to_owned(), arn)));
        }
        for step in [Step::Create, Step::Set, Step::Test] {
            let (kind, text) = run(&machine, step).await.unwrap_err();
            assert!(kind == "refused" && text.contains("the tag rekey:user-arn"), "{text}");
        }
        assert_eq!(commands(&machine), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn b14_the_password_before_last_ends_with_the_next_rotation() {
    let machine = machine(true);
    assert!(rotate(&machine, 1).await);
    assert!(!machine.vault.state().service.passwords.contains(&"zero".to_owned()));
}

/// The current password is accepted beside the new one.
fn check(service: &Model) -> Result<(), String> {
    if service.passwords.len() != 2 || service.passwords[1] != "one" {
        return Err("the current password is not accepted any more".to_owned());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn after_any_prefix_a_replay_ends_with_two_passwords() {
    every_prefix(|| machine(true), check).await;
    every_prefix(|| machine(false), check).await;
}

#[tokio::test(start_paused = true)]
async fn b9_a_normal_rotation_causes_no_failed_login() {
    for passwords in [vec!["one".to_owned()], vec!["one".to_owned(), "zero".to_owned()]] {
        let machine = machine(true);
        machine.vault.state().service.passwords = passwords;
        assert!(rotate(&machine, 1).await);
        assert_eq!(machine.vault.state().service.refused, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn b10_a_replay_does_not_change_the_user_again() {
    every_prefix(
        || machine(true),
        |service| match service.commands.iter().filter(|command| command.starts_with("ModifyUser")).count() {
            1 => Ok(()),
            times => Err(format!("the user was changed {times} times")),
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn b10_a_pending_version_for_another_user_reaches_nobody() {
    let machine = machine(true);
    let other = document("two", true).replace("u-1", "u-2");
    machine.vault.state().values.insert("v2".to_owned(), other);
    for step in [Step::Set, Step::Test] {
        let (kind, text) = run(&machine, step).await.unwrap_err();
        assert_eq!(kind, "bad-secret");
        assert!(text.contains("user_arn"), "{text}");
    }
    assert_eq!(commands(&machine), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn b10_a_password_that_no_cache_accepts_fails_the_test() {
    let machine = machine(true);
    run(&machine, Step::Create).await.unwrap();
    run(&machine, Step::Set).await.unwrap();
    machine.vault.state().service.passwords.clear();
    assert_eq!(run(&machine, Step::Test).await.unwrap_err().0, "auth");
}

#[tokio::test(start_paused = true)]
async fn what_a_rotation_would_break_is_left_alone() {
    let cases: [(Spoil, &str); 6] = [
        (|model| model.authentication = Some(Authentication::Other), "refused"),
        (|model| model.authentication = Some(Authentication::None), "refused"),
        (|model| model.name = "somebody-else", "refused"),
        (|model| model.deleting = true, "refused"),
        (|model| model.busy = usize::MAX, "timeout"),
        (|model| model.passwords = vec!["other".to_owned()], "auth"),
    ];
    for (spoil, kind) in cases {
        let machine = machine(true);
        spoil(&mut machine.vault.state().service);
        assert_eq!(failure(&machine).await, kind);
        assert!(!commands(&machine).iter().any(|command| command.starts_with("ModifyUser")), "{kind}");
    }
    let machine = machine(true);
    for text in machine.vault.state().values.values_mut() {
        *text = text.replace("u-1", "u-9");
    }
    machine.vault.state().tags.insert(USER_TAG.to_owned(), ARN.replace("u-1", "u-9"));
    assert_eq!(failure(&machine).await, "bad-secret");
}

#[tokio::test(start_paused = true)]
async fn a_user_that_stays_busy_is_named_when_the_templates_variable_says_so() {
    let mut machine = machine(true);
    machine.engine.settings.patience = std::time::Duration::from_secs(20);
    machine.vault.state().service.busy = usize::MAX;
    run(&machine, Step::Create).await.unwrap();
    let (kind, text) = run(&machine, Step::Set).await.unwrap_err();
    assert!(kind == "unreachable" && text.contains("not active within 20 seconds"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_function_may_be_tied_to_a_secret_and_a_user() {
    let mut machine = machine(true);
    machine.vault.state().tags.clear();
    machine.engine.settings.secret = Some("arn:other".to_owned());
    assert_eq!(failure(&machine).await, "setup");
    machine.engine.settings.secret = Some("s".to_owned());
    machine.engine.settings.user = Some("other".to_owned());
    assert_eq!(failure(&machine).await, "refused");
    machine.engine.settings.user = Some("app".to_owned());
    assert_eq!(failure(&machine).await, "refused", "another user may have that name, and the value says which");
    assert_eq!(commands(&machine), Vec::<String>::new());
    machine.vault.state().tags.insert(USER_TAG.to_owned(), ARN.to_owned());
    assert!(rotate(&machine, 1).await);
}

#[tokio::test(start_paused = true)]
async fn a_user_whose_name_is_its_id_is_tied_by_the_templates_variables() {
    let mut machine = machine(true);
    {
        let mut state = machine.vault.state();
        state.tags.clear();
        for text in state.values.values_mut() {
            *text = text.replace("user:u-1", "user:app");
        }
    }
    machine.engine.settings.secret = Some("s".to_owned());
    machine.engine.settings.user = Some("app".to_owned());
    assert_eq!(run(&machine, Step::Create).await, Ok(Outcome::Done));
}

#[tokio::test(start_paused = true)]
async fn the_preflight_changes_nothing() {
    for (host, expected) in [(true, &["DescribeUsers", "AUTH one"][..]), (false, &["DescribeUsers"])] {
        let machine = machine(host);
        machine.vault.state().values.insert("v2".to_owned(), document("one", host));
        assert_eq!(run(&machine, Step::Test).await, Ok(Outcome::Done));
        assert_eq!(commands(&machine), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_change_is_found_to_have_happened() {
    let machine = machine(true);
    machine.vault.state().faults.insert(1, Fault::LostReply);
    run(&machine, Step::Create).await.unwrap();
    assert_eq!(run(&machine, Step::Set).await.unwrap_err().0, "aws");
    assert_eq!(run(&machine, Step::Set).await, Ok(Outcome::Done));
    assert_eq!(machine.vault.state().service.refused, 1, "the previous password, on the replay alone");
}
