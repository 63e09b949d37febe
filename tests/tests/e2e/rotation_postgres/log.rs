//! The server logs every statement. Its log holds no password.

use super::bench::{Secret, name, server};
#[tokio::test]
async fn no_statement_log_holds_a_password() {
    let mut passwords = Vec::new();
    let mut users = Vec::new();
    for (tag, two) in [(None, false), (Some("master"), true), (None, true)] {
        let user = name("log");
        let mut secret = if two { Secret::alternating(&user).await } else { Secret::single(&user).await };
        secret.tag = tag;
        for _ in 0..2 {
            passwords.push(secret.password().to_owned());
            secret.test().await.unwrap();
            secret.rotate().await.unwrap();
        }
        passwords.push(secret.password().to_owned());
        passwords.extend(secret.master.iter().map(|master| master["password"].as_str().unwrap().to_owned()));
        users.push(user);
    }
    let log = std::fs::read_to_string(server().await.log()).unwrap();
    for user in users {
        assert!(log.contains(&format!("ALTER ROLE \"{user}\" PASSWORD 'SCRAM-SHA-256$")), "statements are logged");
    }
    for password in passwords {
        assert!(!log.contains(&password), "a password is in the log");
    }
}
