//! Ports for servers that cannot be told to choose one themselves and say which.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

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
