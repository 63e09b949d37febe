//! POSTs to an address that the installation names: alerts, and the webhook. They happen on the side: whoever has something
//! to post puts it into a bounded queue and goes on.
//!
//! The address may be a credential, as Slack's is, so nothing shows it: no log, no error, no Debug. TLS is always verified,
//! HTTP without it is spoken only to an address that says so, and redirects are not followed.

mod address;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use futures::future::join_all;
use rekey_core::backoff::Backoff;
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub use address::{Address, BadAddress};

use crate::metrics::{Metrics, Posted};

/// POSTs that wait. More than so many are lost when the other side does not answer.
const WAITING: usize = 256;
/// After so long a POST is news no more.
const KEPT: Duration = Duration::from_mins(10);
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// What still waits when the agent ends is tried once more, for so long.
const LAST: Duration = Duration::from_secs(3);

/// A queue of POSTs to one address. Clones share it.
#[derive(Clone)]
pub struct Posts {
    /// What is posted, for log and metrics.
    what: &'static str,
    address: Address,
    connector: SharedHttpConnector,
    sender: mpsc::Sender<Waiting>,
    queue: Arc<Mutex<mpsc::Receiver<Waiting>>>,
    metrics: Metrics,
}

struct Waiting {
    body: String,
    /// Then it is news no more.
    until: Instant,
}

/// Why a POST did not succeed. The texts hold nothing of the address, and nothing of what the other side said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("it answered {0}")]
    Refused(u16),
    #[error("it answered {0}")]
    Later(u16),
    #[error("no answer in time")]
    TimedOut,
    #[error("it cannot be reached, or has no certificate for its name that this machine trusts")]
    Unreachable,
}

impl Posts {
    /// An empty queue; [`Posts::run`] works on it.
    #[must_use]
    pub fn new(what: &'static str, address: Address, proxy: Option<&Address>, metrics: Metrics) -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).read_timeout(ANSWER).build();
        let proxy = proxy.and_then(|proxy| ProxyConfig::all(proxy.uri()).ok());
        let connector = Connector::builder()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .connector_settings(settings)
            .proxy_config(proxy.unwrap_or_else(ProxyConfig::from_env))
            .build();
        let (sender, queue) = mpsc::channel(WAITING);
        let connector = SharedHttpConnector::new(connector);
        Self { what, address, connector, sender, queue: Arc::new(Mutex::new(queue)), metrics }
    }

    /// Queues a JSON body. It is lost when too many wait already.
    pub fn post(&self, body: String) {
        if self.sender.try_send(Waiting { body, until: Instant::now() + KEPT }).is_err() {
            self.metrics.posted(self.what, Posted::Dropped);
            debug!(what = self.what, "too many wait to be posted; this one is dropped");
        }
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        WAITING - self.sender.capacity()
    }

    /// Works until told to stop, one POST after the other, so that they arrive in their order.
    pub async fn run(&self, shutdown: &CancellationToken) {
        let mut queue = self.queue.lock().await;
        let mut unfinished = None;
        while let Some(Some(waiting)) = shutdown.run_until_cancelled(queue.recv()).await {
            if shutdown.run_until_cancelled(self.deliver(&waiting)).await.is_none() {
                unfinished = Some(waiting);
            }
        }
        let mut rest: Vec<Waiting> = unfinished.into_iter().collect();
        while let Ok(waiting) = queue.try_recv() {
            rest.push(waiting);
        }
        let last = rest.iter().map(|waiting| async {
            let delivered = matches!(timeout(LAST, self.attempt(&waiting.body)).await, Ok(Ok(())));
            self.metrics.posted(self.what, if delivered { Posted::Sent } else { Posted::Dropped });
        });
        join_all(last).await;
    }

    /// Tries until it is delivered, refused for good, or too old.
    async fn deliver(&self, waiting: &Waiting) {
        for failures in 1.. {
            // Whoever waits behind one that takes long is not to be tried for long, too.
            if Instant::now() >= waiting.until {
                warn!(what = self.what, "not posted, and too old by now");
                return self.metrics.posted(self.what, Posted::Dropped);
            }
            let problem = match self.attempt(&waiting.body).await {
                Ok(()) => {
                    if failures > 1 {
                        info!(what = self.what, "posted after all");
                    }
                    return self.metrics.posted(self.what, Posted::Sent);
                }
                Err(problem) => problem,
            };
            if let Problem::Refused(_) = problem {
                warn!(what = self.what, %problem, "not posted, and not tried again");
                return self.metrics.posted(self.what, Posted::Refused);
            }
            if failures == 1 {
                warn!(what = self.what, %problem, "not posted; trying again");
            }
            tokio::time::sleep(Backoff::FAILURE.up_to(LONGEST_PAUSE).wait(failures, rand::random())).await;
        }
    }

    async fn attempt(&self, body: &str) -> Result<(), Problem> {
        let mut request = HttpRequest::new(SdkBody::from(body));
        // POST is a method, and the address was parsed.
        let _ = (request.set_method("POST"), request.set_uri(self.address.uri()));
        let headers = request.headers_mut();
        headers.insert("content-type", "application/json");
        headers.insert("user-agent", concat!("rekey-agent/", env!("CARGO_PKG_VERSION")));
        let answered = timeout(ANSWER, self.connector.call(request)).await.map_err(|_| Problem::TimedOut)?;
        match answered {
            Ok(response) => match response.status().as_u16() {
                200..=299 => Ok(()),
                status @ (408 | 425 | 429 | 500..=599) => Err(Problem::Later(status)),
                status => Err(Problem::Refused(status)),
            },
            // Its text may name the address.
            Err(error) if error.is_timeout() => Err(Problem::TimedOut),
            Err(_) => Err(Problem::Unreachable),
        }
    }
}
