//! Ports for servers that cannot be told to choose one themselves and say which, and the one HTTP request that is needed
//! to ask how they are.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Below the range from which Linux takes the ports of outgoing connections (32768 and up), so that no client on this
/// machine can take the port between our look and the server's bind.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A port of 127.0.0.1 that nobody listens on. It is drawn at random, so that two stacks starting at once do not race
/// for the same one.
pub fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let port = rand::random_range(RANGE);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("found no free port on 127.0.0.1 between {} and {}", RANGE.start, RANGE.end)
}

/// GET `path` from 127.0.0.1: status and body. The body must not be chunked, which those of health checks and metrics are
/// not; an HTTP client would be a dependency for this one function.
pub async fn http_get(port: u16, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("the answer has no status")?;
    Ok((status, body.to_owned()))
}
