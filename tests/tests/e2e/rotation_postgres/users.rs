//! Users that keep their name.

use rekey_rotation::step::Step;
use rekey_rotation::testing::invoke;
use rekey_rotation::vault::CURRENT;

use super::bench::{Secret, admin, name};

#[tokio::test]
async fn a_user_changes_its_own_password() {
    let mut secret = Secret::single(&name("single")).await;
    let before = secret.clone();
    secret.rotate().await.unwrap();
    assert!(secret.logs_in().await && !before.logs_in().await);
    secret.rotate().await.unwrap();
    assert!(secret.logs_in().await);
}

#[tokio::test]
async fn a_user_whose_sessions_act_as_another_role_changes_its_own_password() {
    let user = name("acting");
    let mut secret = Secret::single(&user).await;
    let act =
        format!("CREATE ROLE owner_{user}; GRANT owner_{user} TO {user}; ALTER ROLE {user} SET role = owner_{user}");
    admin("postgres").await.batch_execute(&act).await.unwrap();
    secret.rotate().await.unwrap();
    assert!(secret.logs_in().await);
}

#[tokio::test]
async fn i64_a_master_changes_the_password_of_a_user_that_only_reads() {
    let user = name("reader");
    let mut secret = Secret { tag: Some("master"), ..Secret::alternating(&user).await };
    let read_only = format!("ALTER ROLE {user} SET default_transaction_read_only = on");
    admin("postgres").await.batch_execute(&read_only).await.unwrap();
    let before = secret.clone();
    secret.test().await.unwrap();
    secret.rotate().await.unwrap();
    assert_eq!(secret.user(), user);
    assert!(secret.logs_in().await && !before.logs_in().await);
}

#[tokio::test]
async fn names_of_any_characters_are_names() {
    for odd in ["o'brien\"; DROP ROLE admin; -- %I", "\u{fc}n\u{ef} \u{1f980} \\ $x$ UPPER.case"] {
        let mut secret = Secret::single(&name(odd)).await;
        secret.rotate().await.unwrap();
        assert!(secret.logs_in().await, "{odd}");

        let mut secret = Secret { tag: Some("master"), ..Secret::alternating(&name(odd)).await };
        secret.rotate().await.unwrap();
        assert!(secret.logs_in().await, "{odd}");

        let mut secret = Secret::alternating(&name(odd)).await;
        secret.rotate().await.unwrap();
        let make = "CREATE SCHEMA s; CREATE TABLE s.\"t; 'x\" (a int)";
        secret.connect().await.batch_execute(make).await.unwrap();
        secret.rotate().await.unwrap();
        secret.connect().await.batch_execute("INSERT INTO s.\"t; 'x\" VALUES (1)").await.unwrap();
    }
    assert!(
        !admin("postgres").await.query("SELECT FROM pg_roles WHERE rolname = 'admin'", &[]).await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn the_previous_password_is_the_last_resort() {
    let user = name("previous");
    let mut secret = Secret::single(&user).await;
    let machine = secret.machine_with(&{
        let mut lost = secret.value.clone();
        lost["password"] = "never-told-the-server".into();
        lost.to_string()
    });
    machine.vault.state().values.insert("v0".to_owned(), secret.value.to_string());
    for step in Step::ALL {
        invoke(&machine, step.as_str()).await.unwrap().result.unwrap();
    }
    secret.value = serde_json::from_str(&machine.vault.text(CURRENT).unwrap()).unwrap();
    assert!(secret.logs_in().await);
}
