//! `rekey-agent check`: asks an agent whether it is ready. The image holds no shell and no curl, so the agent is what a
//! `helm test` and a probe from within have.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use http::Uri;
use rekey_core::duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tracing::info;

/// The first argument that asks for it.
pub const NAME: &str = "check";

/// Ends with 0 if an agent is ready, and otherwise with an error that says why not.
#[derive(Parser, Clone, Debug)]
#[command(name = "rekey-agent check")]
pub struct Check {
    /// Where it is asked: by HTTP, at its admin port.
    #[arg(long, default_value = "http://127.0.0.1:8080/readyz")]
    url: Uri,

    /// How long it may take until it is.
    #[arg(long, default_value = "0s", value_parser = duration::parse)]
    wait: Duration,
}

/// One answer has to come within this.
const ANSWER: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);
/// More than this no agent says.
const LONGEST: u64 = 1 << 20;

impl Check {
    /// Asks until it is ready or the time is over.
    pub async fn run(&self) -> anyhow::Result<()> {
        let until = Instant::now() + self.wait;
        loop {
            let asked = timeout(ANSWER, self.ask()).await.context("no answer in time").flatten();
            match asked {
                Ok(answer) => {
                    info!(url = %self.url, answer, "the agent is ready");
                    return Ok(());
                }
                Err(error) if Instant::now() + PAUSE > until => {
                    return Err(error.context(format!("the agent at {} is not ready", self.url)));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn ask(&self) -> anyhow::Result<String> {
        let host = self.url.host().context("the URL names no host")?;
        ensure!(self.url.scheme_str() == Some("http"), "the URL has to begin with http://, which an agent's does");
        let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), self.url.port_u16().unwrap_or(80))).await?;
        // HTTP/1.0: the answer comes whole, and ends with the connection.
        let request = format!("GET {} HTTP/1.0\r\nhost: {host}\r\n\r\n", self.url.path());
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.take(LONGEST).read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").context("it does not speak HTTP")?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status != "200" {
            bail!("{status}: {}", body.trim());
        }
        Ok(body.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;

    /// An agent's admin port, and whether it is ready.
    async fn agent() -> (String, Arc<AtomicBool>) {
        let ready = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&ready);
        let answer = move || async move {
            if shared.load(Ordering::SeqCst) {
                (StatusCode::OK, "index: complete\n")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "index: incomplete; not listed yet: secrets\n")
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("--url=http://{}/readyz", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/readyz", get(answer))).await });
        (url, ready)
    }

    async fn check(arguments: &[&str]) -> Result<(), String> {
        let given = [&[NAME], arguments].concat();
        Check::try_parse_from(given).unwrap().run().await.map_err(|error| format!("{error:#}"))
    }

    #[tokio::test]
    async fn it_tells_what_a_ready_agent_says_and_what_one_that_is_not() {
        let (url, ready) = agent().await;
        let refused = check(&[&url]).await.unwrap_err();
        assert!(refused.contains("not ready: 503: index: incomplete; not listed yet: secrets"), "{refused}");
        ready.store(true, Ordering::SeqCst);
        assert_eq!(check(&[&url]).await, Ok(()));
    }

    #[tokio::test]
    async fn it_waits_as_long_as_it_is_told_to() {
        let (url, ready) = agent().await;
        let waiting = tokio::spawn(async move { check(&[&url, "--wait=1m"]).await });
        sleep(Duration::from_millis(100)).await;
        assert!(!waiting.is_finished());
        ready.store(true, Ordering::SeqCst);
        assert_eq!(waiting.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_said() {
        for (url, problem) in [
            ("--url=http://127.0.0.1:9/readyz", "refused"),
            ("--url=https://127.0.0.1:9/readyz", "has to begin with http://"),
            ("--url=/readyz", "names no host"),
        ] {
            let error = check(&[url]).await.unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
