//! A user in the shared server, its database, and its secret in memory.

use rekey_postgres::connection::Network;
use rekey_postgres::engine::Postgres as Engine;
use rekey_rotation::diagnostic::StepError;
use rekey_rotation::machine::Machine;
use rekey_rotation::password::PasswordPolicy;
use rekey_rotation::plan::Tags;
use rekey_rotation::step::Step;
use rekey_rotation::testing::{World, invoke};
use rekey_rotation::vault::CURRENT;
use rekey_tests::postgres::{ADMIN, Postgres};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::stack;

const MASTER: &str = "arn:master";

/// A secret whose rotations run here.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The value in force.
    pub value: Value,
    /// The master's secret.
    pub master: Option<Value>,
    /// The tag that chooses a strategy.
    pub tag: Option<&'static str>,
}

/// The stack's server.
pub async fn server() -> &'static Postgres {
    &stack().await.postgres
}

/// A name that no other test uses.
pub fn name(what: &str) -> String {
    format!("{what}_{}", rekey_tests::random_word(8))
}

pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The superuser's session, whose statements no log has.
pub async fn admin(database: &str) -> Client {
    let postgres = server().await;
    let admin = postgres.connect(ADMIN, postgres.admin_password(), database).await.unwrap();
    admin.batch_execute("SET log_statement = none").await.unwrap();
    admin
}

/// The value of a secret for that user in that database.
pub async fn value(user: &str, password: &str, database: &str) -> Value {
    let postgres = server().await;
    json!({
        "engine": "postgres", "host": postgres.host(), "port": postgres.port(), "sslrootcert": postgres.ca_pem(),
        "username": user, "password": password, "dbname": database,
    })
}

impl Secret {
    /// A user with a database of its own that changes its own password.
    pub async fn single(user: &str) -> Self {
        let password = rekey_tests::random_word(24);
        server().await.create_role_and_database(user, &password, user).await.unwrap();
        Self { value: value(user, &password, user).await, master: None, tag: None }
    }

    /// The same with a master that may create roles and is no superuser, and so with two users.
    pub async fn alternating(user: &str) -> Self {
        let mut secret = Self::single(user).await;
        let (keeper, password) = (name("keeper"), rekey_tests::random_word(24));
        let role = format!("CREATE ROLE {keeper} LOGIN CREATEROLE PASSWORD '{password}'");
        let admin = admin(user).await;
        admin.batch_execute(&role).await.unwrap();
        // From PostgreSQL 16 on a role is administered by whom that was granted to: its maker, usually.
        let version: i32 =
            admin.query_one("SELECT current_setting('server_version_num')::int", &[]).await.unwrap().get(0);
        if version >= 160_000 {
            let grant = format!("GRANT {} TO {keeper} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE", quoted(user));
            admin.batch_execute(&grant).await.unwrap();
        }
        secret.master = Some(value(&keeper, &password, "postgres").await);
        secret.value["masterarn"] = MASTER.into();
        secret
    }

    /// A session of the user in force.
    pub async fn connect(&self) -> Client {
        let text = |field: &str| self.value[field].as_str().unwrap();
        let postgres = server().await;
        postgres.connect(text("username"), text("password"), text("dbname")).await.unwrap()
    }

    /// Whether the credential in force opens a session.
    pub async fn logs_in(&self) -> bool {
        let text = |field: &str| self.value[field].as_str().unwrap();
        server().await.accepts(text("username"), text("password"), text("dbname")).await.unwrap()
    }

    pub fn machine(&self) -> Machine<World<()>, Engine<Network>, World<()>> {
        self.machine_with(&self.value.to_string())
    }

    /// The same with another text in force.
    pub fn machine_with(&self, current: &str) -> Machine<World<()>, Engine<Network>, World<()>> {
        let world = World::new((), current, "{}");
        {
            let mut state = world.state();
            state.tags = self.tag.map(|tag| ("rekey:strategy".to_owned(), tag.to_owned())).into_iter().collect();
            if let Some(master) = &self.master {
                state.others.insert(MASTER.to_owned(), (master.to_string(), Tags::new()));
            }
        }
        let passwords = PasswordPolicy::from_variables(|_| None).unwrap();
        Machine { vault: world.clone(), engine: Engine::new(Network), bus: world, passwords }
    }

    /// All four steps; what is in force then is in force here.
    pub async fn rotate(&mut self) -> Result<(), StepError> {
        let machine = self.machine();
        for step in Step::ALL {
            invoke(&machine, step.as_str()).await.unwrap().result?;
        }
        self.value = serde_json::from_str(&machine.vault.text(CURRENT).unwrap()).unwrap();
        Ok(())
    }

    /// What Secrets Manager runs for `RotateImmediately=false`.
    pub async fn test(&self) -> Result<(), StepError> {
        let machine = self.machine();
        machine.vault.state().values.insert("v2".to_owned(), self.value.to_string());
        invoke(&machine, "testSecret").await.unwrap().result.map(drop)
    }

    pub fn user(&self) -> &str {
        self.value["username"].as_str().unwrap()
    }

    pub fn password(&self) -> &str {
        self.value["password"].as_str().unwrap()
    }
}
