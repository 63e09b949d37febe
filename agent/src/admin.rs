//! The admin port: /healthz, /readyz and /metrics.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::Timestamp;
use rekey_core::pipe::PipeState;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::leader::Leadership;
use crate::metrics::Metrics;
use crate::state::State;

/// What the admin port tells about.
#[derive(Clone)]
pub struct Admin {
    /// Counters.
    pub metrics: Metrics,
    /// Objects and pipes.
    pub state: State,
    /// Has every watch shown all there is?
    pub complete: Arc<AtomicBool>,
    /// Is this instance the one that writes?
    pub leadership: Leadership,
}

impl Admin {
    /// Serves until told to stop.
    pub async fn serve(self, address: SocketAddr, shutdown: CancellationToken) -> std::io::Result<()> {
        let listener = TcpListener::bind(address).await?;
        info!(address = %listener.local_addr()?, "admin port open");
        let router = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self);
        axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await
    }
}

/// Ready as soon as the index is complete: a standby is ready to take over. An unproven pipe is no reason to be unready: polling does its work.
async fn readyz(Shared(admin): Shared<Admin>) -> impl IntoResponse {
    if !admin.complete.load(Ordering::Acquire) {
        return (StatusCode::SERVICE_UNAVAILABLE, "index: the watches have not shown everything yet\n".to_owned());
    }
    let mut text = format!("index: complete, {} ExternalSecrets\n", admin.state.objects());
    text.push_str(&admin.leadership.line());
    text.push('\n');
    let now = Timestamp::now();
    let pipes = admin.state.with_pipes(|pipes| {
        pipes.all(now).map(|(id, state, heartbeat)| (id.clone(), state, heartbeat)).collect::<Vec<_>>()
    });
    if pipes.is_empty() {
        text.push_str("pipe: unproven, no heartbeat has arrived yet; polling at each refreshInterval\n");
    }
    for (id, state, heartbeat) in pipes {
        let state = match state {
            PipeState::Proven => "proven".to_owned(),
            PipeState::Unproven(reason) => format!("unproven, {reason}"),
        };
        let age = now.duration_since(heartbeat).as_secs();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "pipe {} {} {}: {state}; last heartbeat {age} s ago", id.account, id.region, id.service);
    }
    (StatusCode::OK, text)
}

async fn metrics(Shared(admin): Shared<Admin>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], admin.metrics.text())
}
