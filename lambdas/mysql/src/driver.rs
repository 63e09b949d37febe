//! Sessions with a real server, over `mysql_async`: opened, used and closed within one step.
//!
//! A server is asked for TLS before anything about the user is sent, never for the password in clear text
//! (`mysql_clear_password`), and may not send the driver to a socket of this machine or ask it for a file.

use std::time::Duration;

use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Conn, Opts, OptsBuilder, Row, SslOpts, from_row_opt};
use rekey_rotation::engine::EngineError;
use rekey_rotation::place::{Tls, Trust};
use rekey_rotation::tls;
use tokio::time::timeout;

use crate::account::{Account, literal};
use crate::command::Command;
use crate::credential::Credential;
use crate::description::Description;
use crate::error::{NONSENSE, of_statement, while_logging_in};
use crate::grants::Grants;
use crate::lock;
use crate::server::{Facts, Server};
use crate::session::{Connect, Namesake, Session};
use crate::verifier::{Plugin, Verifier};

/// For connecting and logging in, so that a server that accepts connections and then says nothing is named as such.
const LOG_IN: Duration = Duration::from_secs(10);
/// For the goodbye.
const CLOSE: Duration = Duration::from_secs(1);
/// The longest packet; statements about accounts are short, and asking the server for its own limit takes a query.
const PACKET: usize = 16 << 20;

/// What literals and the server's own statements rely on: no escapes switched off, no quotes that mean something else,
/// names always quoted, and a character set in which no byte of a character can be taken for a quote.
const PINNED: [&str; 2] = ["SET NAMES utf8mb4", "SET SESSION sql_mode = '', SESSION sql_quote_show_create = 1"];
/// Needs no privilege. An Aurora reader says so by the second variable.
const FACTS: &str = "SELECT VERSION(), CURRENT_USER(), @@GLOBAL.read_only OR @@GLOBAL.innodb_read_only";

/// The second password's verifier ("User_attributes", MySQL's manual, Grant Tables).
const SECOND: &str = "User_attributes->>'$.additional_password'";

/// Connects to real servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Driver;

/// A session with a real server.
pub struct Connection {
    inner: Conn,
    facts: Facts,
}

impl Connect for Driver {
    type Session = Connection;

    async fn open(&self, credential: &Credential) -> Result<Connection, EngineError> {
        let options = options(credential)?;
        let log_in = async {
            let mut inner = Conn::new(options).await.map_err(|e| while_logging_in(&e))?;
            for statement in PINNED {
                inner.query_drop(statement).await.map_err(|e| of_statement(&e))?;
            }
            let row: Vec<(String, String, bool)> = rows(&mut inner, FACTS).await?;
            let facts = row.into_iter().next().and_then(|(version, account, read_only)| {
                Some(Facts { server: Server::parse(&version), account: Account::parse(&account)?, read_only })
            });
            let facts =
                facts.ok_or_else(|| EngineError::Unreachable("the server does not say who it is".to_owned()))?;
            Ok(Connection { inner, facts })
        };
        let silent = || EngineError::Unreachable("the server did not finish the log-in in time".to_owned());
        timeout(LOG_IN, log_in).await.unwrap_or_else(|_| Err(silent()))
    }
}

fn options(credential: &Credential) -> Result<Opts, EngineError> {
    let place = &credential.place;
    let ssl = match &place.tls {
        Tls::Verified(trust) => Some(verified(trust)?),
        Tls::Off => None,
    };
    Ok(OptsBuilder::default()
        .ip_or_hostname(place.host.as_str())
        .tcp_port(place.port)
        .ssl_opts(ssl)
        .user(Some(credential.user.as_str()))
        .pass(Some(credential.password.as_str()))
        .db_name(credential.database.as_deref())
        .prefer_socket(false)
        .max_allowed_packet(Some(PACKET))
        .wait_timeout(Some(0))
        .stmt_cache_size(0)
        .into())
}

/// The driver makes its own configuration of rustls, with the process's provider, from certificates and a name.
fn verified(trust: &Trust) -> Result<SslOpts, EngineError> {
    // Only the first call has an effect; that of another session is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = tls::root_certificates(trust).map_err(|e| EngineError::Tls(e.to_string()))?;
    Ok(SslOpts::default()
        .with_disable_built_in_roots(true)
        .with_root_certs(roots.into_iter().map(|root| root.to_vec().into()).collect())
        .with_danger_tls_hostname_override(trust.server_name.clone()))
}

/// What a server answers. Where that is not what it was asked for, the driver would panic and show it.
async fn rows<T: FromRow>(inner: &mut Conn, query: &str) -> Result<Vec<T>, EngineError> {
    let rows: Vec<Row> = inner.query(query).await.map_err(|e| of_statement(&e))?;
    rows.into_iter().map(|row| from_row_opt(row).map_err(|_| EngineError::Unreachable(NONSENSE.to_owned()))).collect()
}

impl Session for Connection {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn lock(&mut self, user: &str) -> Result<(), EngineError> {
        let idle = format!("SET SESSION wait_timeout = {}", lock::IDLE_SECONDS);
        self.inner.query_drop(idle).await.map_err(|e| of_statement(&e))?;
        let take = format!("SELECT GET_LOCK('{}', {})", lock::name(user), lock::WAIT_SECONDS);
        // 1 is yes, 0 is no, NULL is an error of the server's.
        let taken: Vec<Option<u64>> = rows(&mut self.inner, &take).await?;
        if taken == [Some(1)] { Ok(()) } else { Err(EngineError::Busy(lock::TAKEN.to_owned())) }
    }

    async fn describe(&mut self, account: &Account) -> Result<Option<Description>, EngineError> {
        let (user, host) = (literal(&account.user), literal(&account.host));
        let second = if self.facts.server.has_dual_passwords() { SECOND } else { "NULL" };
        let found = format!("SELECT {second} FROM mysql.user WHERE User = {} AND Host = {}", *user, *host);
        let found: Vec<Option<String>> = rows(&mut self.inner, &found).await?;
        let Some(second) = found.into_iter().next() else { return Ok(None) };
        let created: Vec<String> = rows(&mut self.inner, &format!("SHOW CREATE USER {account}")).await?;
        let granted: Vec<String> = rows(&mut self.inner, &format!("SHOW GRANTS FOR {account}")).await?;
        let description = Grants::parse(granted.iter().map(String::as_str), account)
            .and_then(|grants| Description::parse(account, created.first()?, grants));
        // Better no rotation than a copy that lacks something.
        description.map(|description| Some(description.with_second(second))).ok_or(EngineError::Unfit(
            "the server describes the user in a way that this function does not understand, so that no copy of it can be \
             made; choose another rekey:strategy and report the server's version",
        ))
    }

    async fn namesakes(&mut self, user: &str) -> Result<Vec<Namesake>, EngineError> {
        // Nobody logs in as a role; MariaDB keeps them in the same table.
        let but_roles = if matches!(self.facts.server, Server::MariaDb(_)) { " AND is_role = 'N'" } else { "" };
        let user_is = literal(user);
        let query =
            format!("SELECT Host, plugin, authentication_string FROM mysql.user WHERE User = {}{but_roles}", *user_is);
        let found: Vec<(String, Option<String>, Option<String>)> = rows(&mut self.inner, &query).await?;
        let verifier = |plugin: Option<String>, text: Option<String>| {
            Some(Verifier { plugin: Plugin::parse(&plugin?)?, text: text? })
        };
        let account = |host| Account { user: user.to_owned(), host };
        Ok(found.into_iter().map(|(host, plugin, text)| (account(host), verifier(plugin, text))).collect())
    }

    async fn run(&mut self, command: &Command<'_>) -> Result<(), EngineError> {
        let statement = command.statement(self.facts.server);
        self.inner.query_drop(statement.as_str()).await.map_err(|e| of_statement(&e))
    }

    async fn close(self) {
        drop(timeout(CLOSE, self.inner.disconnect()).await);
    }
}

#[cfg(test)]
mod tests;
