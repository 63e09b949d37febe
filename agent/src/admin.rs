//! The admin port: /healthz, /readyz and /metrics.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::Timestamp;
use rekey_core::pipe::PipeState;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::cluster::hash_key;
use crate::leader::Leadership;
use crate::metrics::Metrics;
use crate::metrics::exposition::Format;
use crate::metrics::scrape::{ReloaderNames, Scrape};
use crate::pipe::{self, Overview};
use crate::state::State;
use crate::watch::{HASH_KEY, Lists};
use crate::worker::Work;

/// What the admin port tells about.
#[derive(Clone)]
pub struct Admin {
    /// Counters.
    pub metrics: Metrics,
    /// Objects and pipes.
    pub state: State,
    /// What is not there yet.
    pub lists: Lists,
    /// Is this instance the one that writes?
    pub leadership: Leadership,
    /// The worker's queue, once there is one.
    pub work: Arc<OnceLock<Work>>,
    /// Are ESO's names among the metrics?
    pub eso_metrics: bool,
    /// Are Stakater Reloader's?
    pub reloader_metrics: Option<ReloaderNames>,
}

impl Admin {
    /// Serves until told to stop.
    pub async fn serve(self, address: SocketAddr, shutdown: CancellationToken) -> std::io::Result<()> {
        let listener = TcpListener::bind(address).await?;
        info!(address = %listener.local_addr()?, "admin port open");
        axum::serve(listener, self.router()).with_graceful_shutdown(shutdown.cancelled_owned()).await
    }

    fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self)
    }

    fn waiting(&self) -> usize {
        self.work.get().map_or(0, Work::waiting)
    }
}

/// Ready as soon as the index is complete: a standby is ready to take over. An unproven pipe is no reason to be unready:
/// polling does its work.
async fn readyz(Shared(admin): Shared<Admin>) -> impl IntoResponse {
    let missing = admin.lists.missing();
    if admin.lists.waits_for(HASH_KEY) {
        // Nothing is listed before.
        let text = format!("hash key: waiting for secret {}; if that takes long, the log says why\n", hash_key::NAME);
        return (StatusCode::SERVICE_UNAVAILABLE, text);
    }
    if !missing.is_empty() {
        let text = format!("index: incomplete; not listed yet: {}\n", missing.join(", "));
        return (StatusCode::SERVICE_UNAVAILABLE, text);
    }
    let mut text = format!("index: complete, {} ExternalSecrets\n", admin.state.objects());
    text.push_str(&admin.leadership.line());
    text.push('\n');
    if !admin.leadership.is_leading() {
        // It hears no heartbeats and syncs nothing.
        return (StatusCode::OK, text);
    }
    let now = Timestamp::now();
    let pipes = pipe::overview(&admin.state, now);
    if pipes.is_empty() {
        text.push_str("pipe: unproven, no heartbeat has arrived yet; polling at each refreshInterval\n");
    }
    for pipe in &pipes {
        text.push_str(&line(pipe, now));
    }
    // Writing to a String cannot fail.
    let _ = writeln!(text, "worker: {} ExternalSecrets wait for their turn or their retry", admin.waiting());
    (StatusCode::OK, text)
}

fn line(pipe: &Overview, now: Timestamp) -> String {
    let account = pipe.account.as_ref().map_or("any account", |account| account.as_str());
    let state = match pipe.state {
        PipeState::Proven => "proven".to_owned(),
        PipeState::Unproven(reason) => format!("unproven, {reason}"),
    };
    let heartbeat = pipe
        .heartbeat
        .map_or_else(String::new, |sent| format!("; last heartbeat {} s ago", now.duration_since(sent).as_secs()));
    format!("pipe {account} {} {}: {state}{heartbeat}\n", pipe.region, pipe.service)
}

async fn metrics(Shared(admin): Shared<Admin>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::of_accept(accept);
    let scrape = Scrape {
        state: &admin.state,
        waiting: admin.waiting(),
        leads: admin.leadership.is_leading(),
        eso_names: admin.eso_metrics,
        reloader_names: admin.reloader_metrics,
    };
    let text = admin.metrics.scrape(&scrape, format, Timestamp::now());
    ([(header::CONTENT_TYPE, format.content_type())], text)
}

#[cfg(test)]
mod tests;
