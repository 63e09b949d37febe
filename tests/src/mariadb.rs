//! A MariaDB of its own on 127.0.0.1 that offers TLS and logs every statement.
//!
//! Its data is thrown away, so it does not sync.

mod server;

use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use anyhow::{Context, Result};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};
use tokio::sync::OnceCell;

use crate::cache::RunDir;
use crate::eventually::eventually;
use crate::process::{Process, while_alive};

/// The name of the user that may do everything.
pub const ADMIN: &str = "admin";

/// How a server differs from the usual one.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether its certificate has expired.
    pub expired: bool,
    /// Whether it offers no TLS.
    pub plain: bool,
    /// More of its options, such as `--max-connections=3`.
    pub options: Vec<&'static str>,
}

/// A running server. Dropping it kills it.
pub struct MariaDb {
    process: Process,
    admin_password: String,
    address: Address,
    statements: PathBuf,
    // Last, so that the process is gone before its files.
    _run: RunDir,
}

/// Where a server is and whom to trust, for whoever outlives the borrow of it.
#[derive(Clone, Debug)]
pub struct Address {
    port: u16,
    /// Nothing where the server has no certificate.
    ca: Option<String>,
}

impl MariaDb {
    /// The server that the tests of this process share, started when the first one asks for it.
    pub async fn shared() -> Result<&'static Self> {
        static MARIADB: OnceCell<MariaDb> = OnceCell::const_new();
        MARIADB.get_or_try_init(async || Self::start(&Options::default()).await).await
    }

    /// Installs MariaDB if it is missing, starts a server and waits until it can be logged in to.
    pub async fn start(options: &Options) -> Result<Self> {
        let server::Started { process, port, admin_password, ca, statements, run } = server::start(options).await?;
        let address = Address { port, ca: (!options.plain).then_some(ca) };
        let mariadb = Self { process, admin_password, address, statements, _run: run };
        let ready = eventually("MariaDB to take connections", Duration::from_mins(1), async || {
            if options.expired {
                tokio::net::TcpStream::connect((mariadb.host(), port)).await?;
                return Ok(());
            }
            mariadb.admin().await.map(drop)
        });
        while_alive(&[&mariadb.process], ready).await?;
        Ok(mariadb)
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

    /// The certificate of the CA that signed the server's, PEM; empty where it has none.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.address.ca.as_deref().unwrap_or_default()
    }

    /// The password of [`ADMIN`].
    #[must_use]
    pub fn admin_password(&self) -> &str {
        &self.admin_password
    }

    /// The general log: every log-in and every statement as the server got it.
    pub fn statements(&self) -> Result<String> {
        // A password may hold any bytes.
        Ok(String::from_utf8_lossy(&std::fs::read(&self.statements)?).into_owned())
    }

    /// Connects as [`ADMIN`].
    pub async fn admin(&self) -> Result<Conn> {
        self.address.connect(ADMIN, &self.admin_password).await
    }

    /// Runs statements as [`ADMIN`], which appear in no log.
    pub async fn run(&self, statements: &[impl AsRef<str>]) -> Result<()> {
        let mut admin = self.admin().await?;
        admin.query_drop("SET SESSION sql_mode = '', SESSION sql_log_off = 1").await?;
        for statement in statements {
            admin.query_drop(statement.as_ref()).await.with_context(|| statement.as_ref().to_owned())?;
        }
        Ok(admin.disconnect().await?)
    }

    /// The first column of what a query answers.
    pub async fn ask(&self, query: &str) -> Result<Vec<String>> {
        let mut admin = self.admin().await?;
        let rows = admin.query(query).await?;
        admin.disconnect().await?;
        Ok(rows)
    }

    /// [`Address::accepts`].
    pub async fn accepts(&self, user: &str, password: &str) -> Result<bool> {
        self.address.accepts(user, password).await
    }
}

impl Address {
    /// Connects, over TLS with the server's certificate verified where it has one.
    ///
    /// # Errors
    /// Among others when the password is wrong: `error.downcast_ref::<mysql_async::Error>()` has the code.
    pub async fn connect(&self, user: &str, password: &str) -> Result<Conn> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let ssl = self.ca.as_ref().map(|ca| {
            let ca = ca.clone().into_bytes();
            SslOpts::default().with_disable_built_in_roots(true).with_root_certs(vec![ca.into()])
        });
        let options: Opts = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.port)
            .ssl_opts(ssl)
            .user(Some(user))
            .pass(Some(password))
            .prefer_socket(false)
            .into();
        Ok(tokio::time::timeout(Duration::from_secs(10), Conn::new(options)).await??)
    }

    /// Whether this password opens a session. An error that is not about the password is an error.
    pub async fn accepts(&self, user: &str, password: &str) -> Result<bool> {
        match self.connect(user, password).await {
            Ok(session) => Ok(session.disconnect().await.map(|()| true)?),
            Err(error) => match error.downcast_ref::<mysql_async::Error>() {
                // ER_ACCESS_DENIED_ERROR
                Some(mysql_async::Error::Server(refused)) if refused.code == 1045 => Ok(false),
                _ => Err(error),
            },
        }
    }
}
