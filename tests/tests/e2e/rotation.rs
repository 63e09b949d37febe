//! Rotations by the deployed Lambda function: one reaches the Secret and restarts what uses it, and nothing else; and each
//! strategy keeps what it promises in the database.

use std::time::Duration;

use rekey_tests::app::{App, DatabaseUser};

use crate::fixture::{self, Pipe};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_rotation_reaches_the_pods_and_the_old_password_dies() {
    let (stack, rekey, values) = fixture::rekey().await;
    let _pipe = Pipe::shared().await;
    let app = App::create(stack, "rotation").await.unwrap();
    let lambda = rekey.deployed.output("RotationPostgresFunctionArn").unwrap();
    let user = DatabaseUser::create(&stack.aws, &stack.postgres, "rotated", lambda).await.unwrap();
    values.add(&user.first_password);
    app.external_secret("db", "aws", &user.secret, Some("password")).await.unwrap();
    app.holds("db", "value", &user.first_password, SOON).await.unwrap();
    app.deployment("uses-it", "{reloader.stakater.com/auto: 'true'}", "db").await.unwrap();
    app.deployment("names-it", "{secret.reloader.stakater.com/reload: db}", "elsewhere").await.unwrap();
    app.deployment("ignores-it", "{reloader.stakater.com/auto: 'true'}", "elsewhere").await.unwrap();
    app.deployment("unmarked", "{}", "db").await.unwrap();
    for name in ["uses-it", "names-it"] {
        app.has_baseline(name, SOON).await.unwrap();
    }
    let mut before = vec![];
    for name in ["uses-it", "names-it", "ignores-it", "unmarked"] {
        before.push(app.settled(name, SOON).await.unwrap());
    }

    let version = user.rotate(&stack.aws).await.unwrap();
    user.rotated(&stack.aws, &version, SOON).await.unwrap();
    let password = user.password(&stack.aws).await.unwrap();
    values.add(&password);
    app.holds("db", "value", &password, SOON).await.unwrap();
    for name in ["uses-it", "names-it"] {
        fixture::restarted(&app, name, before[usize::from(name == "names-it")]).await;
    }
    for (name, generation) in [("ignores-it", before[2]), ("unmarked", before[3])] {
        assert_eq!(app.settled(name, SOON).await.unwrap(), generation, "{name} has nothing to do with it");
    }

    assert!(stack.postgres.accepts(&user.role, &password, &user.role).await.unwrap());
    assert!(!stack.postgres.accepts(&user.role, &user.first_password, &user.role).await.unwrap());
    let status = app.object("db").await.unwrap().status.unwrap();
    let tokens = status.source_versions.unwrap().tokens;
    assert!(tokens.values().any(|token| token.ends_with(&version)), "{tokens:?}");
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn of_two_users_each_goes_on_in_its_turn_with_what_both_have_made() {
    let (stack, rekey, values) = fixture::rekey().await;
    let (aws, postgres) = (&stack.aws, &stack.postgres);
    let lambda = rekey.deployed.output("RotationPostgresFunctionArn").unwrap();
    let user = DatabaseUser::with_master(aws, postgres, "turns", lambda, None).await.unwrap();
    let first = postgres.connect("turns", &user.first_password, "turns").await.unwrap();
    first.batch_execute("CREATE SCHEMA s; CREATE TABLE s.first (a int)").await.unwrap();

    let mut passwords = vec![user.first_password.clone()];
    for (turn, column) in [("turns_clone", "b"), ("turns", "c"), ("turns_clone", "d")] {
        let version = user.rotate(aws).await.unwrap();
        user.rotated(aws, &version, SOON).await.unwrap();
        let value = user.value(aws).await.unwrap();
        assert_eq!(value["username"], turn);
        passwords.push(value["password"].as_str().unwrap().to_owned());
        let session = postgres.connect(turn, passwords.last().unwrap(), "turns").await.unwrap();
        let alter = format!("ALTER TABLE s.first ADD {column} int; CREATE TABLE s.made_with_{column} (a int)");
        session.batch_execute(&alter).await.unwrap();
        first.batch_execute(&format!("INSERT INTO s.made_with_{column} VALUES (1)")).await.unwrap();
    }
    let [.., old, before, now] = passwords.as_slice() else { unreachable!() };
    assert!(postgres.accepts("turns_clone", now, "turns").await.unwrap());
    assert!(postgres.accepts("turns", before, "turns").await.unwrap(), "until its next turn");
    assert!(!postgres.accepts("turns_clone", old, "turns").await.unwrap());
    for password in &passwords {
        values.add(password);
    }
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn a_master_changes_the_password_of_a_user_that_may_not() {
    let (stack, rekey, values) = fixture::rekey().await;
    let (aws, postgres) = (&stack.aws, &stack.postgres);
    let lambda = rekey.deployed.output("RotationPostgresFunctionArn").unwrap();
    let user = DatabaseUser::with_master(aws, postgres, "kept", lambda, Some("master")).await.unwrap();
    let read_only = "ALTER ROLE kept SET default_transaction_read_only = on";
    postgres.admin().await.unwrap().batch_execute(read_only).await.unwrap();
    let version = user.rotate(aws).await.unwrap();
    user.rotated(aws, &version, SOON).await.unwrap();
    let value = user.value(aws).await.unwrap();
    let password = value["password"].as_str().unwrap();
    assert_eq!(value["username"], "kept");
    assert!(postgres.accepts("kept", password, "kept").await.unwrap());
    assert!(!postgres.accepts("kept", &user.first_password, "kept").await.unwrap());
    values.add(password);
    values.are_in_no_log(stack, rekey);
}
