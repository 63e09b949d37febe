//! The way to the server: TCP, and TLS with chain and name verified unless the secret says `"ssl": false`.
//!
//! The driver brings TLS of its own, but none that takes this project's configuration of rustls, which trusts other roots
//! and knows the field `sslservername`. It takes any stream, though.

use std::io;
use std::sync::Arc;

use rekey_rotation::engine::EngineError;
use rekey_rotation::place::{Place, Trust};
use rekey_rotation::tls;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A connection in plaintext or over TLS, which the driver need not tell apart.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Connects to the server's port.
pub async fn connect(place: &Place) -> Result<TcpStream, EngineError> {
    let stream = TcpStream::connect((place.host.as_str(), place.port)).await;
    let stream = stream.map_err(|_| EngineError::Unreachable("no connection".to_owned()))?;
    // A command waits for its answer, so nothing is gained by waiting for more to send.
    stream.set_nodelay(true).map_err(|_| EngineError::Unreachable("the connection was cut".to_owned()))?;
    Ok(stream)
}

/// Turns the connection into a verified one, or ends it: there is no way back to plaintext.
pub async fn secure(stream: TcpStream, host: &str, trust: &Trust) -> Result<impl Stream + use<>, EngineError> {
    let config = tls::client_config(trust).map_err(|error| EngineError::Tls(error.to_string()))?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| EngineError::Tls("no certificate can be for such a host name".to_owned()))?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| refused(&error))
}

fn refused(error: &io::Error) -> EngineError {
    let reason = tls::reason(error);
    EngineError::Tls(reason.unwrap_or_else(|| "the server ended the handshake, or does not offer TLS".to_owned()))
}
