//! Credentials to rotate: one for each strategy that a server here allows, ready for the deployed functions.

use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::load::{Credential, Login};
use crate::mariadb::MariaDb;
use crate::redis::Redis;
use crate::rotated::Rotated;
use crate::sam::Deployed;
use crate::stack::Stack;

/// A credential with its secret.
pub struct Subject {
    /// What it is, in a word.
    pub name: &'static str,
    /// How one logs in with it.
    pub login: Login,
    /// Whether a log-in is refused for a while when it is rotated, because the old password ends before pods have the
    /// new one.
    pub has_gap: bool,
    /// Its secret.
    pub secret: Rotated,
}

/// What makes one up.
struct Recipe {
    name: &'static str,
    /// The output of the template that names the function.
    function: &'static str,
    value: Value,
    tags: &'static [(&'static str, &'static str)],
    login: Login,
    has_gap: bool,
}

/// Makes all of them; their secrets are `PREFIX/NAME`.
pub async fn create(stack: &Stack, deployed: &Deployed, prefix: &str) -> Result<Vec<Subject>> {
    let mut made = Vec::new();
    for recipe in recipes(stack, prefix).await? {
        let Recipe { name, function, value, tags, login, has_gap } = recipe;
        let (secret, value) = (format!("{prefix}/{name}"), value.to_string());
        let secret = Rotated::create(&stack.aws, &secret, &value, tags, deployed.output(function)?).await?;
        made.push(Subject { name, login, has_gap, secret });
    }
    Ok(made)
}

async fn recipes(stack: &Stack, prefix: &str) -> Result<Vec<Recipe>> {
    let master = postgres_master(stack, prefix).await?;
    let redis = Redis::shared().await?;
    let redis_master = redis.secret(crate::redis::ADMIN, redis.admin_password()).to_string();
    let redis_master = stack.aws.create_secret(&format!("master/{prefix}-redis"), &redis_master).await?;
    let mariadb = MariaDb::shared().await?;
    let mariadb_master = mariadb_master(stack, mariadb, prefix).await?;
    Ok(vec![
        Recipe {
            name: "postgres-single",
            function: "RotationPostgresFunctionArn",
            value: postgres_user(stack, &format!("{prefix}_single"), None).await?,
            tags: &[],
            login: postgres_login(stack),
            has_gap: true,
        },
        Recipe {
            name: "postgres-alternating",
            function: "RotationPostgresFunctionArn",
            value: postgres_user(stack, &format!("{prefix}_alternating"), Some(&master)).await?,
            tags: &[],
            login: postgres_login(stack),
            has_gap: false,
        },
        Recipe {
            name: "redis-dual",
            function: "RotationRedisFunctionArn",
            value: redis_user(redis, &format!("{prefix}_itself"), None).await?,
            tags: &[],
            login: redis_login(redis),
            has_gap: false,
        },
        Recipe {
            name: "redis-dual-master",
            function: "RotationRedisFunctionArn",
            value: redis_user(redis, &format!("{prefix}_by_admin"), Some(&redis_master)).await?,
            tags: &[],
            login: redis_login(redis),
            has_gap: false,
        },
        Recipe {
            name: "mariadb-single",
            function: "RotationMysqlFunctionArn",
            value: mariadb_user(mariadb, &format!("{prefix}_single"), None).await?,
            tags: &[],
            login: mariadb_login(mariadb),
            has_gap: true,
        },
        Recipe {
            name: "mariadb-alternating",
            function: "RotationMysqlFunctionArn",
            value: mariadb_user(mariadb, &format!("{prefix}_alternating"), Some(&mariadb_master)).await?,
            tags: &[],
            login: mariadb_login(mariadb),
            has_gap: false,
        },
    ])
}

fn mariadb_value(server: &MariaDb, user: &str, password: &str) -> Value {
    json!({
        "engine": "mariadb", "host": server.host(), "port": server.port(), "sslrootcert": server.ca_pem(),
        "username": user, "password": password,
    })
}

async fn mariadb_master(stack: &Stack, server: &MariaDb, prefix: &str) -> Result<String> {
    let value = mariadb_value(server, crate::mariadb::ADMIN, server.admin_password());
    stack.aws.create_secret(&format!("master/{prefix}-mariadb"), &value.to_string()).await
}

async fn mariadb_user(server: &MariaDb, user: &str, master: Option<&str>) -> Result<Value> {
    let password = crate::random_word(24);
    let account = format!("{user}@'127.0.0.%'");
    server.run(&[format!("CREATE USER {account} IDENTIFIED BY '{password}'")]).await?;
    server.run(&[format!("GRANT SELECT ON app.* TO {account}")]).await?;
    let mut value = mariadb_value(server, user, &password);
    value["dbname"] = "app".into();
    if let Some(arn) = master {
        value["masterarn"] = arn.into();
    }
    Ok(value)
}

fn mariadb_login(server: &MariaDb) -> Login {
    let server = server.address().clone();
    Arc::new(move |credential| {
        let server = server.clone();
        Box::pin(async move {
            let [user, password] = fields(credential, ["username", "password"])?;
            server.accepts(&user, &password).await
        })
    })
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

async fn redis_user(redis: &Redis, name: &str, master: Option<&str>) -> Result<Value> {
    let password = crate::random_word(24);
    let rules: &[&str] = if master.is_some() { &[] } else { crate::redis::CHANGES_ITSELF };
    redis.set_user(name, &password, rules).await?;
    let mut value = redis.secret(name, &password);
    if let Some(arn) = master {
        value["masterarn"] = arn.into();
    }
    Ok(value)
}

fn redis_login(redis: &'static Redis) -> Login {
    Arc::new(move |credential| {
        Box::pin(async move {
            let [user, password] = fields(credential, ["username", "password"])?;
            redis.accepts(&user, &password).await
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
