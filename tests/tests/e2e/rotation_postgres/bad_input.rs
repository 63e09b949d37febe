//! What a rotation cannot work with ends it with its kind and a sentence that says what to do, and the credential in force
//! goes on working.

use serde_json::{Value, json};

use super::bench::{Secret, admin, name};

/// Rotates with a secret that holds that text instead, and looks at the error.
async fn refused(good: &Secret, text: &str, kind: &str, part: &str) {
    let machine = good.machine_with(text);
    let mut result = Ok(());
    for step in ["createSecret", "setSecret"] {
        result = result.and(rekey_rotation::testing::invoke(&machine, step).await.unwrap().result.map(drop));
    }
    let error = result.unwrap_err();
    assert_eq!(error.kind().as_str(), kind, "{error}");
    let sentence = error.to_string();
    assert!(sentence.contains(part), "{sentence:?} lacks {part:?}");
    assert!(!sentence.contains(good.password()) && !sentence.contains(good.user()), "{sentence}");
    assert!(good.logs_in().await, "{part}");
}

#[tokio::test]
async fn values_that_are_no_credential_of_this_server() {
    let good = Secret::single(&name("values")).await;
    let with = |field: &str, value: Value| {
        let mut secret = good.value.clone();
        secret[field] = value;
        secret.to_string()
    };
    let without = |field: &str| {
        let mut secret = good.value.clone();
        secret.as_object_mut().unwrap().remove(field);
        secret.to_string()
    };
    refused(&good, "hunter2", "bad-secret", "not one JSON object").await;
    for field in ["host", "username", "password"] {
        refused(&good, &without(field), "bad-secret", "add it").await;
    }
    refused(&good, &with("engine", json!("mysql")), "bad-secret", "another engine").await;
    refused(&good, &with("username", json!("a\0b")), "bad-secret", "\"username\"").await;
    refused(&good, &with("username", json!("u".repeat(64))), "bad-secret", "63 bytes").await;
    refused(&good, &with("password", json!("a\0b")), "bad-secret", "\"password\"").await;
    refused(&good, &with("password", json!("\u{1f980}'; --\\")), "auth", "store a version with the password").await;
    refused(&good, &with("password", json!("p".repeat(65_000))), "auth", "store a version with the password").await;
    refused(&good, &with("username", json!("nobody\"; --")), "auth", "no credential of this secret logs in").await;
    refused(&good, &with("dbname", json!("no such one")), "bad-secret", "\"dbname\"").await;
    refused(&good, &with("host", json!("/run/postgresql")), "bad-secret", "\"host\"").await;
    refused(&good, &with("host", json!("nowhere.invalid")), "unreachable", "check host and port").await;
    refused(&good, &with("port", json!(1)), "unreachable", "check host and port").await;
    refused(&good, &with("ssl", json!("flase")), "bad-secret", "true or false").await;
    refused(&good, &with("sslrootcert", json!("no PEM")), "tls", "sslrootcert").await;
    refused(&good, &without("sslrootcert"), "tls", "issuer is not trusted").await;
    refused(&good, &with("sslservername", json!("db.example")), "tls", "another host name").await;
}

#[tokio::test]
async fn a_name_that_the_certificate_has_may_stand_in_for_an_alias() {
    let mut secret = Secret::single(&name("alias")).await;
    secret.value["sslservername"] = "localhost".into();
    secret.rotate().await.unwrap();
    assert!(secret.logs_in().await);
}

#[tokio::test]
async fn users_that_are_locked_or_out_of_date_stay_so() {
    let admin = admin("postgres").await;
    for (lock, open) in [("NOLOGIN", "LOGIN"), ("VALID UNTIL '2001-01-01'", "VALID UNTIL 'infinity'")] {
        for two in [false, true] {
            let user = name("locked");
            let mut secret = if two { Secret::alternating(&user).await } else { Secret::single(&user).await };
            admin.batch_execute(&format!("ALTER ROLE {user} {lock}")).await.unwrap();
            for error in [secret.test().await.unwrap_err(), secret.rotate().await.unwrap_err()] {
                assert_eq!(error.kind().as_str(), "auth", "{error}");
                // A password past its date is refused as a wrong one is, by the server's choice.
                assert_eq!(error.to_string().contains("NOLOGIN"), lock == "NOLOGIN", "{error}");
            }
            admin.batch_execute(&format!("ALTER ROLE {user} {open}")).await.unwrap();
            assert!(secret.logs_in().await);
        }
    }
}

#[tokio::test]
async fn a_second_user_that_is_locked_stays_locked() {
    let user = name("half");
    let mut secret = Secret::alternating(&user).await;
    secret.rotate().await.unwrap();
    secret.rotate().await.unwrap();
    admin("postgres").await.batch_execute(&format!("ALTER ROLE {user}_clone NOLOGIN")).await.unwrap();
    assert_eq!(secret.rotate().await.unwrap_err().kind().as_str(), "auth");
    assert!(secret.logs_in().await, "the user in force");
}

#[tokio::test]
async fn sessions_that_only_read_and_servers_that_want_md5_are_refused() {
    let rows = [
        ("default_transaction_read_only = on", "unreachable", "tag rekey:strategy=master"),
        ("password_encryption = md5", "refused", "password_encryption is not scram-sha-256"),
    ];
    for (setting, kind, part) in rows {
        let user = name("set");
        let secret = Secret::single(&user).await;
        admin("postgres").await.batch_execute(&format!("ALTER ROLE {user} SET {setting}")).await.unwrap();
        refused(&secret, &secret.value.to_string(), kind, part).await;
        assert_eq!(secret.test().await.unwrap_err().kind().as_str(), kind, "the preflight finds it, too");
    }
}

#[tokio::test]
async fn a_role_that_only_has_the_second_users_name_is_left_alone() {
    let user = name("stranger");
    let secret = Secret::alternating(&user).await;
    let stranger = Secret::single(&format!("{user}_clone")).await;
    refused(&secret, &secret.value.to_string(), "refused", "grant it membership").await;
    assert!(stranger.logs_in().await, "with its own password");
    // Nor is the first user taken over by whoever has a role with that name.
    let mut back = Secret { master: secret.master.clone(), ..stranger };
    back.value["masterarn"] = secret.value["masterarn"].clone();
    assert_eq!(back.rotate().await.unwrap_err().kind().as_str(), "refused");
    assert!(secret.logs_in().await && back.logs_in().await);
}

#[tokio::test]
async fn masters_that_are_refused_or_elsewhere_are_named() {
    let secret = Secret::alternating(&name("master")).await;
    let with = |field: &str, value: &str| {
        let mut other = secret.clone();
        other.master.as_mut().unwrap()[field] = value.into();
        other
    };
    let text = secret.value.to_string();
    refused(&with("password", "wrong"), &text, "auth", "master: ").await;
    refused(&with("engine", "mysql"), &text, "bad-secret", "master: ").await;
    refused(&with("sslrootcert", ""), &text, "tls", "master: ").await;
    refused(&Secret { master: Some(json!("text")), ..secret.clone() }, &text, "bad-secret", "not one JSON object")
        .await;
    let long = Secret::alternating(&name(&"n".repeat(50))).await;
    refused(&long, &long.value.to_string(), "bad-secret", "shorter user name").await;
}
