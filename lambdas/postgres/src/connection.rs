//! One connection for one step: opened, used, closed before the step ends.

use std::time::Duration;

use rekey_rotation::engine::EngineError;
use rekey_rotation::tls;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::credential::{Credential, Tls};
use crate::error::classify;

/// For each address of the host, and again for the whole log-in, so that a server that accepts connections and then
/// says nothing is named as such.
const CONNECT: Duration = Duration::from_secs(5);
const LOG_IN: Duration = Duration::from_secs(15);
/// For the server to take note of the goodbye.
const CLOSE: Duration = Duration::from_secs(1);

/// A session in which the credential was accepted.
pub struct Connection {
    client: Client,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects and logs in.
    pub async fn open(credential: &Credential) -> Result<Self, EngineError> {
        let mut config = Config::new();
        config.host(&credential.host).port(credential.port).dbname(&credential.database).user(&credential.user);
        config.password(credential.password.as_bytes()).application_name("rekey-rotation").connect_timeout(CONNECT);
        let log_in = async {
            match &credential.tls {
                Tls::Verified { additional_roots } => {
                    let tls = tls::client_config(additional_roots.as_deref());
                    let tls = MakeRustlsConnect::new(tls.map_err(|e| EngineError::Tls(e.to_string()))?);
                    let (client, driver) =
                        config.ssl_mode(SslMode::Require).connect(tls).await.map_err(|e| classify(&e))?;
                    Ok(Self { client, driver: tokio::spawn(async move { drop(driver.await) }) })
                }
                Tls::Off => {
                    let (client, driver) =
                        config.ssl_mode(SslMode::Disable).connect(NoTls).await.map_err(|e| classify(&e))?;
                    Ok(Self { client, driver: tokio::spawn(async move { drop(driver.await) }) })
                }
            }
        };
        let silent = || EngineError::Unreachable("the server did not finish the log-in in time".to_owned());
        timeout(LOG_IN, log_in).await.unwrap_or_else(|_| Err(silent()))
    }

    /// Runs statements in one transaction, without parameters and without an answer.
    pub async fn run(&self, statements: &str) -> Result<(), EngineError> {
        self.client.batch_execute(statements).await.map_err(|e| classify(&e))
    }

    /// Says goodbye, so that neither the server's log nor the frozen function holds a half-open session.
    pub async fn close(self) {
        drop(self.client);
        drop(timeout(CLOSE, self.driver).await);
    }
}
