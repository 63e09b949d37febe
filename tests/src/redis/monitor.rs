//! What MONITOR shows: every command that the server runs, as it came.

use anyhow::{Result, bail};
use redis::Cmd;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::Redis;

/// A connection on which MONITOR runs.
pub struct Monitor(BufReader<TlsStream<TcpStream>>);

impl Monitor {
    pub(super) async fn start(redis: &Redis) -> Result<Self> {
        let mut stream = redis.stream().await?;
        let auth = Cmd::new().arg("AUTH").arg(super::ADMIN).arg(redis.admin_password()).get_packed_command();
        let monitor = Cmd::new().arg("MONITOR").get_packed_command();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &[auth, monitor].concat()).await?;
        let mut lines = BufReader::new(stream);
        for _ in ["AUTH", "MONITOR"] {
            let mut line = String::new();
            lines.read_line(&mut line).await?;
            if line != "+OK\r\n" {
                bail!("MONITOR was refused: {line}");
            }
        }
        Ok(Self(lines))
    }

    /// All lines to the one that has that word.
    pub async fn until(&mut self, word: &str) -> Result<String> {
        let mut seen = String::new();
        while !seen.contains(word) {
            if self.0.read_line(&mut seen).await? == 0 {
                bail!("the connection ended before {word}");
            }
        }
        Ok(seen)
    }
}
