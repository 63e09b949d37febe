//! The credentials that are put under load: one for each strategy that a server here allows.

use std::sync::Arc;

use anyhow::{Context, Result};
use rekey_tests::installation::Installation;
use rekey_tests::load::{Credential, Login};
use rekey_tests::stack::Stack;
use serde_json::json;

use super::Subject;

/// All of them, ready for their first rotation.
pub async fn all(stack: &'static Stack, rekey: &Installation) -> Result<Vec<Subject>> {
    let output = |name: &str| rekey.deployed.output(name).map(str::to_owned);
    let postgres = output("RotationPostgresFunctionArn")?;
    let master = postgres_master(stack).await?;
    Ok(vec![
        Subject {
            name: "postgres-single",
            lambda: postgres.clone(),
            value: postgres_user(stack, "load_single", None).await?,
            tags: &[],
            login: postgres_login(stack),
            may_refuse: true,
        },
        Subject {
            name: "postgres-alternating",
            lambda: postgres,
            value: postgres_user(stack, "load_alternating", Some(&master)).await?,
            tags: &[],
            login: postgres_login(stack),
            may_refuse: false,
        },
    ])
}

async fn postgres_master(stack: &Stack) -> Result<String> {
    let server = &stack.postgres;
    let value = json!({
        "engine": "postgres", "host": server.host(), "port": server.port(), "sslrootcert": server.ca_pem(),
        "username": rekey_tests::postgres::ADMIN, "password": server.admin_password(),
    });
    stack.aws.create_secret("master/downtime-postgres", &value.to_string()).await
}

async fn postgres_user(stack: &Stack, role: &str, master: Option<&str>) -> Result<serde_json::Value> {
    let server = &stack.postgres;
    let password = rekey_tests::random_word(24);
    server.create_role_and_database(role, &password, role).await?;
    let mut value = json!({
        "engine": "postgres", "host": server.host(), "port": server.port().to_string(), "sslrootcert": server.ca_pem(),
        "username": role, "password": password, "dbname": role,
    });
    if let Some(arn) = master {
        value["masterarn"] = arn.into();
    }
    Ok(value)
}

fn postgres_login(stack: &'static Stack) -> Login {
    Arc::new(|credential| {
        Box::pin(async {
            let [user, password, database] = fields(credential, ["username", "password", "dbname"])?;
            stack.postgres.accepts(&user, &password, &database).await
        })
    })
}

fn fields<const N: usize>(mut credential: Credential, names: [&str; N]) -> Result<[String; N]> {
    let mut values = Vec::with_capacity(N);
    for name in names {
        values.push(credential.remove(name).with_context(|| format!("the Secret has no {name}"))?);
    }
    values.try_into().ok().context("as many values as names")
}
