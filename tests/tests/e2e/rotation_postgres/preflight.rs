//! `RotateImmediately=false`: what is missing shows, and nothing is changed.

use super::bench::{Secret, admin, name};

async fn roles_like(user: &str) -> usize {
    admin("postgres").await.query("SELECT FROM pg_roles WHERE starts_with(rolname, $1)", &[&user]).await.unwrap().len()
}

#[tokio::test]
async fn it_rehearses_the_rotation_and_leaves_nothing_behind() {
    let user = name("preflight");
    let secret = Secret::alternating(&user).await;
    for tag in [None, Some("master"), Some("single")] {
        Secret { tag, ..secret.clone() }.test().await.unwrap();
    }
    assert_eq!(roles_like(&user).await, 1, "no second user yet");
    assert!(secret.logs_in().await);
}

#[tokio::test]
async fn a_master_that_may_not_create_roles_is_found_out() {
    let user = name("powerless");
    let secret = Secret::alternating(&user).await;
    let master = secret.master.as_ref().unwrap()["username"].as_str().unwrap().to_owned();
    admin("postgres").await.batch_execute(&format!("ALTER ROLE {master} NOCREATEROLE")).await.unwrap();
    for (tag, purpose) in [(None, "while creating the second user"), (Some("master"), "while setting the password")] {
        let mut secret = Secret { tag, ..secret.clone() };
        let error = secret.test().await.unwrap_err();
        assert_eq!(error.kind().as_str(), "privilege");
        assert!(error.to_string().contains(purpose), "{error}");
        let error = secret.rotate().await.unwrap_err();
        assert!(error.kind().as_str() == "privilege" && error.to_string().starts_with("master: "), "{error}");
        assert!(secret.logs_in().await && roles_like(&user).await == 1);
    }
}
