//! One connection for one step: opened, used, closed before the step ends.

use std::time::Duration;

use rekey_rotation::engine::EngineError;
use rekey_rotation::place::Tls;
use rekey_rotation::tls;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::credential::Credential;
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
        config
            .host(&credential.place.host)
            .port(credential.place.port)
            .dbname(&credential.database)
            .user(&credential.user);
        config.password(credential.password.as_bytes()).application_name("rekey-rotation").connect_timeout(CONNECT);
        let log_in = async {
            match &credential.place.tls {
                Tls::Verified(trust) => {
                    let tls = tls::client_config(trust);
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
        let refused = Connection::open(&credential(port)).await.err().expect("no such server can be logged in to");
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
        let error = Connection::open(&credential(port)).await.err().unwrap();
        assert_eq!(error, EngineError::Unreachable("no connection".to_owned()));
        assert!(!error.to_string().contains("127.0.0.1"));
    }
}
