//! One connection for one step: opened, used, closed before the step ends.

use std::time::Duration;

use rekey_rotation::engine::EngineError;
use rekey_rotation::place::Tls;
use rekey_rotation::tls;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, Row, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::command::Command;
use crate::credential::Credential;
use crate::error::classify;
use crate::pair::{Known, Pair};
use crate::server::{About, Beginning, Server, Session};
use crate::survey;

/// For each address of the host, and again for the whole log-in, so that a server that accepts connections and then
/// says nothing is named as such.
const CONNECT: Duration = Duration::from_secs(5);
const LOG_IN: Duration = Duration::from_secs(15);
/// For the server to take note of the goodbye.
const CLOSE: Duration = Duration::from_secs(1);

/// The database that the change is made in may belong to the very user that a master changes: no name is looked up where
/// that one could have put something of its own. Taking over a table needs it alone for a moment, for which everybody
/// else that wants it waits: rather than hold them up behind somebody's long query, the rotation is tried again later.
const BEGIN: &str = "BEGIN; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL lock_timeout = '5s'";

const ABOUT: &str = "SELECT current_setting('server_version_num')::int4, current_setting('password_encryption'),
       pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";

/// The role that the session acts as, and whether one is set for its user, which the catalogue shows to everybody.
const BEGINNING: &str = "SELECT current_setting('role') <> 'none', EXISTS (
    SELECT FROM pg_db_role_setting JOIN pg_roles r ON r.oid = setrole, unnest(setconfig) entry
     WHERE rolname = session_user AND entry LIKE 'role=%' AND entry <> 'role=none'
       AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))";

/// The servers that credentials name.
#[derive(Clone, Copy, Debug)]
pub struct Network;

/// A session in which the credential was accepted.
#[derive(Debug)]
pub struct Connection {
    client: Client,
    driver: JoinHandle<()>,
    /// `server_version_num`, once a transaction has begun.
    version: u32,
}

impl Server for Network {
    type Session = Connection;

    async fn open(&self, credential: &Credential) -> Result<Connection, EngineError> {
        let mut config = Config::new();
        config.host(&credential.place.host).port(credential.place.port);
        config.dbname(&credential.database).user(&credential.user).password(credential.password.expose());
        config.application_name("rekey-rotation").connect_timeout(CONNECT);
        let log_in = async {
            match &credential.place.tls {
                Tls::Verified(trust) => {
                    let tls = tls::client_config(trust);
                    let tls = MakeRustlsConnect::new(tls.map_err(|e| EngineError::Tls(e.to_string()))?);
                    connect(config.ssl_mode(SslMode::Require), tls).await
                }
                Tls::Off => connect(config.ssl_mode(SslMode::Disable), NoTls).await,
            }
        };
        let silent = || EngineError::Unreachable("the server did not finish the log-in in time".to_owned());
        timeout(LOG_IN, log_in).await.unwrap_or_else(|_| Err(silent()))
    }
}

async fn connect<T>(config: &Config, tls: T) -> Result<Connection, EngineError>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, driver) = config.connect(tls).await.map_err(|e| classify(&e))?;
    Ok(Connection { client, driver: tokio::spawn(async move { drop(driver.await) }), version: 0 })
}

impl Session for Connection {
    async fn beginning(&mut self) -> Result<Beginning, EngineError> {
        let row = self.client.query_typed_one(BEGINNING, &[]).await.map_err(|e| classify(&e))?;
        let read = || Ok(Beginning { acts: row.try_get(0)?, is_to_act: row.try_get(1)? });
        read().map_err(|e| classify(&e))
    }

    async fn begin(&mut self) -> Result<About, EngineError> {
        self.execute(BEGIN).await?;
        let row = self.client.query_typed_one(ABOUT, &[]).await.map_err(|e| classify(&e))?;
        let (version, about) = read_about(&row).map_err(|e| classify(&e))?;
        self.version = version;
        Ok(about)
    }

    async fn look_at(&mut self, pair: &Pair) -> Result<Known, EngineError> {
        survey::look_at(&self.client, self.version, pair).await.map_err(|e| classify(&e))
    }

    async fn run(&mut self, command: &Command) -> Result<(), EngineError> {
        self.execute(&command.sql(self.version)).await
    }

    async fn commit(&mut self) -> Result<(), EngineError> {
        self.execute("COMMIT").await
    }

    /// So that neither the server's log nor the frozen function holds a half-open session.
    async fn close(self) {
        drop(self.client);
        drop(timeout(CLOSE, self.driver).await);
    }
}

fn read_about(row: &Row) -> Result<(u32, About), tokio_postgres::Error> {
    let version = u32::try_from(row.try_get::<_, i32>(0)?).unwrap_or_default();
    Ok((version, About { encryption: row.try_get(1)?, replica: row.try_get(2)?, read_only: row.try_get(3)? }))
}

impl Connection {
    async fn execute(&self, statements: &str) -> Result<(), EngineError> {
        self.client.batch_execute(statements).await.map_err(|e| classify(&e))
    }
}

#[cfg(test)]
mod tests {
    use rekey_rotation::secret::SecretDocument;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use zeroize::Zeroizing;

    use super::*;

    fn credential(port: u16) -> Credential {
        let text = format!(r#"{{"host":"127.0.0.1","port":{port},"username":"app","password":"hunter2"}}"#);
        Credential::read(&SecretDocument::parse(Zeroizing::new(text)).unwrap()).unwrap()
    }

    /// What a server that answers the request for TLS with these bytes gets to see, and what the client makes of it.
    async fn meet(answer: &'static [u8]) -> (EngineError, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 8];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut after = Vec::new();
            stream.read_to_end(&mut after).await.unwrap();
            after
        });
        let refused = Network.open(&credential(port)).await.expect_err("no such server can be logged in to");
        (refused, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_server_without_tls_gets_no_authentication_packet() {
        let (error, seen) = meet(b"N").await;
        assert_eq!(error, EngineError::Tls("the server does not offer TLS".to_owned()));
        assert_eq!(seen, b"", "neither user nor password followed");
    }

    #[tokio::test]
    async fn a_server_that_breaks_the_handshake_gets_no_authentication_packet() {
        let (error, seen) = meet(b"Snonsense instead of a certificate").await;
        assert_eq!(error.kind().as_str(), "tls");
        assert!(!String::from_utf8_lossy(&seen).contains("app"), "only the hello, and perhaps an alert");
    }

    #[tokio::test]
    async fn a_closed_port_is_unreachable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = Network.open(&credential(port)).await.err().unwrap();
        assert_eq!(error, EngineError::Unreachable("no connection".to_owned()));
        assert!(!error.to_string().contains("127.0.0.1"));
    }
}
