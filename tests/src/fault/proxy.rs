//! An HTTP/1.1 reverse proxy on 127.0.0.1 that can be told to break what passes.
//!
//! It runs on a thread and runtime of its own, so it outlives the test that started it: agents that are shared between tests
//! go through one.

mod body;
mod serve;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::passed::{Mark, Passed};
use super::rule::{Effect, Fault, Memory, Rule, Rules, When};
use crate::net::free_port;
use crate::tls::{self, Authority};

type Connector = hyper_rustls::HttpsConnector<HttpConnector>;

/// A running proxy. Dropping it cuts every connection and frees its port.
pub struct Proxy {
    url: String,
    ca: String,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: Uri,
    client: Client<Connector, Full<Bytes>>,
    rules: Arc<Rules>,
    passed: Mutex<Vec<Passed>>,
    memory: Mutex<Memory>,
    /// Moves when every connection has to go.
    cuts: watch::Sender<u64>,
    /// Moves when every watch has to end with 410.
    expiries: watch::Sender<u64>,
    /// While above zero, connections are closed as soon as they are accepted.
    down: AtomicUsize,
}

impl Proxy {
    /// In front of a server that speaks plain HTTP, such as the local AWS.
    pub fn http(upstream: &str) -> Result<Self> {
        Self::start(upstream, "", None)
    }

    /// In front of a server that speaks TLS with a certificate from the CA `ca` (PEM), such as the API server. The proxy
    /// shows a certificate of its own: [`Proxy::ca`].
    pub fn https(upstream: &str, ca: &str) -> Result<Self> {
        let authority = Authority::new("rekey-proxy")?;
        let config = authority.server(&[])?.server_config()?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut proxy = Self::start(upstream, ca, Some(acceptor))?;
        authority.pem().clone_into(&mut proxy.ca);
        Ok(proxy)
    }

    fn start(upstream: &str, upstream_ca: &str, acceptor: Option<TlsAcceptor>) -> Result<Self> {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls::trusting(upstream_ca)?)
            .https_or_http()
            .enable_http1()
            .build();
        let shared = Arc::new(Shared {
            upstream: upstream.parse().with_context(|| format!("{upstream} is no URL"))?,
            client: Client::builder(TokioExecutor::new()).build(connector),
            rules: Arc::default(),
            passed: Mutex::default(),
            memory: Mutex::default(),
            cuts: watch::Sender::new(0),
            expiries: watch::Sender::new(0),
            down: AtomicUsize::new(0),
        });
        let port = free_port()?;
        let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let stop = watch::Sender::new(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let serving = serve::run(listener, acceptor, Arc::clone(&shared), stop.subscribe());
        let thread = std::thread::Builder::new().name("proxy".to_owned()).spawn(move || runtime.block_on(serving))?;
        let url = format!("{scheme}://127.0.0.1:{port}");
        Ok(Self { url, ca: String::new(), shared, stop, thread: Some(thread) })
    }

    /// Where it is reached.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The CA that its certificate is from, PEM; empty for plain HTTP.
    #[must_use]
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// Switches a fault on. Of several that name a request, the newest takes it.
    pub fn fault(&self, when: When, effect: Effect) -> Fault {
        let memory = match effect {
            Effect::Replay => self.shared.memory.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            _ => Memory::default(),
        };
        Fault::switch_on(&self.shared.rules, Rule::new(when, effect, memory))
    }

    /// Closes every open connection, whatever is under way on it.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Ends every open watch with a line that says 410 Gone.
    pub fn expire_watches(&self) {
        self.shared.expiries.send_modify(|expiries| *expiries += 1);
    }

    /// Closes every connection, and each new one before it says anything, until the answer is dropped.
    pub fn down(&self) -> Down<'_> {
        self.shared.down.fetch_add(1, Ordering::AcqRel);
        self.cut();
        Down { shared: &self.shared }
    }

    /// The present end of the record.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.passed().len())
    }

    /// What came by since `mark`, in the order of arrival.
    #[must_use]
    pub fn since(&self, mark: Mark) -> Vec<Passed> {
        self.passed().get(mark.0..).unwrap_or_default().to_vec()
    }

    /// How many requests since `mark` are such.
    #[must_use]
    pub fn count(&self, mark: Mark, such: impl Fn(&Passed) -> bool) -> usize {
        self.passed().get(mark.0..).unwrap_or_default().iter().filter(|passed| such(passed)).count()
    }

    fn passed(&self) -> std::sync::MutexGuard<'_, Vec<Passed>> {
        self.shared.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// As long as this lives the proxy's server cannot be reached.
#[must_use = "the server is back when this is dropped"]
pub struct Down<'a> {
    shared: &'a Shared,
}

impl Drop for Down<'_> {
    fn drop(&mut self) {
        self.shared.down.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
