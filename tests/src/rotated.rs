//! Credentials to rotate: one for each strategy that a server here allows, ready for the deployed functions.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{RotationRulesType, Tag};
use serde_json::{Value, json};

use crate::eventually::eventually;
use crate::load::{Credential, Login};
use crate::sam::Deployed;
use crate::stack::Stack;

/// A credential, its secret and the function that rotates it.
pub struct Rotated {
    /// What it is, in a word.
    pub name: &'static str,
    /// How one logs in with it.
    pub login: Login,
    /// Whether a log-in is refused for a while when it is rotated, because the old password ends before pods have the
    /// new one.
    pub has_gap: bool,
    /// ARN of the secret.
    pub arn: String,
    lambda: String,
    client: Client,
}

/// What makes one up.
struct Subject {
    name: &'static str,
    /// The output of the template that names the function.
    function: &'static str,
    value: Value,
    tags: &'static [(&'static str, &'static str)],
    login: Login,
    has_gap: bool,
}

/// Makes all of them; their secrets are `PREFIX/NAME`.
pub async fn create(stack: &Stack, deployed: &Deployed, prefix: &str) -> Result<Vec<Rotated>> {
    let client = Client::new(&stack.aws.sdk_config().await);
    let mut made = Vec::new();
    for subject in subjects(stack, prefix).await? {
        let Subject { name, function, value, tags, login, has_gap } = subject;
        let mut create = client.create_secret().name(format!("{prefix}/{name}")).secret_string(value.to_string());
        for (key, value) in tags {
            create = create.tags(Tag::builder().key(*key).value(*value).build());
        }
        let arn = create.send().await?.arn.context("create-secret names no ARN")?;
        let (lambda, client) = (deployed.output(function)?.to_owned(), client.clone());
        made.push(Rotated { name, login, has_gap, arn, lambda, client });
    }
    Ok(made)
}

impl Rotated {
    /// Rotates it and waits until AWSCURRENT is on the new version. Returns the secret's new value.
    pub async fn rotate(&self) -> Result<Value> {
        let rules = RotationRulesType::builder().automatically_after_days(30).build();
        let rotate = self.client.rotate_secret().secret_id(&self.arn).rotation_lambda_arn(&self.lambda);
        let version = rotate.rotation_rules(rules).send().await.context("rotate-secret")?.version_id;
        eventually(&format!("AWSCURRENT of {} to move", self.name), Duration::from_mins(1), async || {
            let current = self.client.get_secret_value().secret_id(&self.arn).send().await?;
            anyhow::ensure!(current.version_id == version, "it is on another version");
            Ok(serde_json::from_str(current.secret_string.as_deref().unwrap_or_default())?)
        })
        .await
    }
}

async fn subjects(stack: &Stack, prefix: &str) -> Result<Vec<Subject>> {
    let master = postgres_master(stack, prefix).await?;
    Ok(vec![
        Subject {
            name: "postgres-single",
            function: "RotationPostgresFunctionArn",
            value: postgres_user(stack, &format!("{prefix}_single"), None).await?,
            tags: &[],
            login: postgres_login(stack),
            has_gap: true,
        },
        Subject {
            name: "postgres-alternating",
            function: "RotationPostgresFunctionArn",
            value: postgres_user(stack, &format!("{prefix}_alternating"), Some(&master)).await?,
            tags: &[],
            login: postgres_login(stack),
            has_gap: false,
        },
    ])
}

async fn postgres_master(stack: &Stack, prefix: &str) -> Result<String> {
    let server = &stack.postgres;
    let value = json!({
        "engine": "postgres", "host": server.host(), "port": server.port(), "sslrootcert": server.ca_pem(),
        "username": crate::postgres::ADMIN, "password": server.admin_password(),
    });
    stack.aws.create_secret(&format!("master/{prefix}-postgres"), &value.to_string()).await
}

async fn postgres_user(stack: &Stack, role: &str, master: Option<&str>) -> Result<Value> {
    let server = &stack.postgres;
    let password = crate::random_word(24);
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

fn postgres_login(stack: &Stack) -> Login {
    let server = stack.postgres.address().clone();
    Arc::new(move |credential| {
        let server = server.clone();
        Box::pin(async move {
            let [user, password, database] = fields(credential, ["username", "password", "dbname"])?;
            server.accepts(&user, &password, &database).await
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
