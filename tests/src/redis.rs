//! A Redis of its own on 127.0.0.1 that takes TLS connections only, keeps nothing on disk but its access list, and notes
//! every command in its slow log.

mod monitor;
mod server;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, RedisConnectionInfo, cmd};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use self::monitor::Monitor;
use crate::cache::RunDir;
use crate::eventually::eventually;
use crate::process::{Process, while_alive};
use crate::tls::trusting;

/// The name of the user that may do everything.
pub const ADMIN: &str = "admin";
/// What a user needs to change its own passwords, and nothing else.
pub const CHANGES_ITSELF: &[&str] = &["+acl|getuser", "+acl|setuser", "+acl|save"];

/// How a server differs from the usual one.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where its access list is kept.
    pub list: List,
    /// What it shows for a certificate.
    pub certificate: Certificate,
    /// Whether it wants one of its clients, too, as Redis does unless told otherwise.
    pub asks_for_client_certificate: bool,
    /// The port of the server that it follows.
    pub replica_of: Option<u16>,
}

/// Where an access list is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum List {
    /// In a file of its own: ACL SAVE writes it.
    #[default]
    AclFile,
    /// In the configuration file: CONFIG REWRITE writes it.
    Configuration,
    /// On the command line, so that nothing can write it.
    Nowhere,
}

/// A certificate that a server shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// Valid for `localhost` and 127.0.0.1.
    #[default]
    Good,
    /// The same, until yesterday.
    Expired,
}

/// A running server. Dropping it kills it.
pub struct Redis {
    process: Process,
    port: u16,
    admin_password: String,
    ca: String,
    // Last, so that the process is gone before its files.
    run: RunDir,
}

impl Redis {
    /// The server that the tests of this process share, started when the first one asks for it.
    pub async fn shared() -> Result<&'static Self> {
        static REDIS: OnceCell<Redis> = OnceCell::const_new();
        REDIS.get_or_try_init(async || Self::start(&Options::default()).await).await
    }

    /// Installs Redis if it is missing, starts a server and waits until it can be logged in to.
    pub async fn start(options: &Options) -> Result<Self> {
        let server::Started { process, port, admin_password, ca, run } = server::start(options).await?;
        let redis = Self { process, port, admin_password, ca, run };
        let usual = options.certificate == Certificate::Good && !options.asks_for_client_certificate;
        let ready = eventually("Redis to take connections", Duration::from_secs(30), async || {
            if usual {
                return redis.admin().await.map(drop);
            }
            TcpStream::connect(redis.address()).await?;
            Ok(())
        });
        while_alive(&[&redis.process], ready).await?;
        Ok(redis)
    }

    /// Always `127.0.0.1`; the certificate is valid for `localhost` too.
    #[must_use]
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of [`ADMIN`].
    #[must_use]
    pub fn admin_password(&self) -> &str {
        &self.admin_password
    }

    /// The value of a secret for that user.
    #[must_use]
    pub fn secret(&self, user: &str, password: &str) -> Value {
        json!({
            "engine": "redis", "host": self.host(), "port": self.port(), "sslrootcert": self.ca,
            "username": user, "password": password,
        })
    }

    /// All that the server has written: its log, its configuration and its access list, as they are now.
    pub fn files(&self) -> Result<String> {
        let home = self.run.join("redis")?;
        let texts = std::fs::read_dir(home)?.map(|entry| Ok(std::fs::read_to_string(entry?.path())?));
        texts.collect::<Result<Vec<_>>>().map(|texts| texts.concat())
    }

    /// Connects over TLS, with the server's certificate verified, and logs in.
    ///
    /// # Errors
    /// Among others when the password is wrong: `error.downcast_ref::<redis::RedisError>()` has the code.
    pub async fn connect(&self, user: &str, password: &str) -> Result<MultiplexedConnection> {
        let stream = self.stream().await?;
        let info = RedisConnectionInfo::default().set_username(user).set_password(password);
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(10)));
        let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await?;
        // Its errors reach the next command; there is nobody else to tell.
        tokio::spawn(driver);
        Ok(connection)
    }

    async fn stream(&self) -> Result<TlsStream<TcpStream>> {
        let tls = TlsConnector::from(Arc::new(trusting(&self.ca)?));
        let stream = TcpStream::connect(self.address()).await?;
        Ok(tls.connect(ServerName::try_from(self.host())?, stream).await?)
    }

    /// Watches every command that the server runs from now on.
    pub async fn monitor(&self) -> Result<Monitor> {
        Monitor::start(self).await
    }

    /// Connects as [`ADMIN`].
    pub async fn admin(&self) -> Result<MultiplexedConnection> {
        self.connect(ADMIN, &self.admin_password).await
    }

    /// Runs a command as [`ADMIN`].
    pub async fn command<T: FromRedisValue>(&self, words: &[&str]) -> Result<T> {
        let (name, arguments) = words.split_first().context("a command has a name")?;
        Ok(cmd(name).arg(arguments).query_async(&mut self.admin().await?).await?)
    }

    /// Whether this password opens a session. An error that is not about the password is an error.
    pub async fn accepts(&self, user: &str, password: &str) -> Result<bool> {
        match self.connect(user, password).await {
            Ok(_) => Ok(true),
            Err(error) => match error.downcast_ref::<redis::RedisError>() {
                Some(refused) if refused.kind() == redis::ErrorKind::AuthenticationFailed => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Creates a user with that password and these rules, or gives it more of both.
    pub async fn set_user(&self, name: &str, password: &str, rules: &[&str]) -> Result<()> {
        let hash = format!("#{}", server::sha256(password));
        let words = [&["ACL", "SETUSER", name, "on", &hash], rules].concat();
        self.command(&words).await
    }

    fn address(&self) -> (&'static str, u16) {
        (self.host(), self.port)
    }
}
