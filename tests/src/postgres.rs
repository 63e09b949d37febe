//! A PostgreSQL of its own on 127.0.0.1 that takes TLS connections and SCRAM passwords only.
//!
//! Its data is thrown away, so it does not fsync. It logs every statement, so that a test can look whether a
//! password was ever sent in clear.

mod server;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::cache::RunDir;
use crate::eventually::eventually;
use crate::process::{Process, Signal, while_alive};
use crate::tls::trusting;
use crate::tools::Tools;

/// The name of the superuser.
pub const ADMIN: &str = "admin";

/// A running server. Dropping it kills it.
pub struct Postgres {
    process: Process,
    admin_password: String,
    address: Address,
}

/// Where a server is and whom to trust, for whoever outlives the borrow of it.
#[derive(Debug, Clone)]
pub struct Address {
    port: u16,
    ca: String,
}

impl Postgres {
    /// Creates a database cluster, starts it and waits until it takes connections.
    pub async fn start(tools: &Tools, run: &RunDir) -> Result<Self> {
        let server::Started { process, port, admin_password, ca } = server::start(tools, run).await?;
        let postgres = Self { process, admin_password, address: Address { port, ca } };
        let ready = eventually("PostgreSQL to take connections", Duration::from_mins(1), async || {
            postgres.admin().await.map(drop)
        });
        while_alive(&[&postgres.process], ready).await?;
        Ok(postgres)
    }

    /// Always `127.0.0.1`; the certificate is valid for `localhost` too.
    #[must_use]
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The certificate of the CA that signed the server's, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.address.ca
    }

    /// The password of [`ADMIN`].
    #[must_use]
    pub fn admin_password(&self) -> &str {
        &self.admin_password
    }

    /// The server's log, with every statement.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// The child, for [`crate::stack`].
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// [`Address::connect`].
    pub async fn connect(&self, user: &str, password: &str, database: &str) -> Result<Client> {
        self.address.connect(user, password, database).await
    }

    /// Connects as the superuser.
    pub async fn admin(&self) -> Result<Client> {
        self.connect(ADMIN, &self.admin_password, "postgres").await
    }

    /// [`Address::accepts`].
    pub async fn accepts(&self, user: &str, password: &str, database: &str) -> Result<bool> {
        self.address.accepts(user, password, database).await
    }

    /// Creates a role that may log in, and a database that belongs to it.
    pub async fn create_role_and_database(&self, role: &str, password: &str, database: &str) -> Result<()> {
        let [role, database] = [role, database].map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
        let admin = self.admin().await?;
        // The log must show no clear-text password but those a rotation sent, if it ever does.
        admin.batch_execute("SET log_statement = none").await?;
        let quoted = password.replace('\'', "''");
        admin
            .batch_execute(&format!("CREATE ROLE {role} LOGIN PASSWORD '{quoted}'"))
            .await
            .context("create the role")?;
        // CREATE DATABASE runs in no transaction, so it needs a call of its own.
        admin.batch_execute(&format!("CREATE DATABASE {database} OWNER {role}")).await.context("create the database")
    }
}

impl Address {
    /// Connects over TLS, with the server's certificate verified. The connection ends with the client, or with the
    /// runtime.
    ///
    /// # Errors
    /// Among others when the password is wrong: `error.downcast_ref::<tokio_postgres::Error>()` has its SQLSTATE.
    pub async fn connect(&self, user: &str, password: &str, database: &str) -> Result<Client> {
        let tls = MakeRustlsConnect::new(trusting(&self.ca)?);
        let (client, connection) = tokio_postgres::Config::new()
            .host("127.0.0.1")
            .port(self.port)
            .user(user)
            .password(password)
            .dbname(database)
            .ssl_mode(tokio_postgres::config::SslMode::Require)
            .connect_timeout(Duration::from_secs(10))
            .connect(tls)
            .await?;
        // Its errors reach the client's next call; there is nobody else to tell.
        tokio::spawn(connection);
        Ok(client)
    }

    /// Whether this password opens a session. An error that is not about the password is an error.
    pub async fn accepts(&self, user: &str, password: &str, database: &str) -> Result<bool> {
        match self.connect(user, password, database).await {
            Ok(_) => Ok(true),
            Err(error) => match error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code) {
                Some(&tokio_postgres::error::SqlState::INVALID_PASSWORD) => Ok(false),
                _ => Err(error),
            },
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // An immediate shutdown. Killed, it would leave a System V memory segment behind, of which a machine has few.
        self.process.stop(Signal::QUIT, Duration::from_secs(5));
    }
}
