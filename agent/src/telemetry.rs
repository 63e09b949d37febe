//! Logs: one JSON object a line on standard output.
//!
//! Third-party crates are capped: at their trace levels the HTTP and SDK crates print payloads, and a payload is a
//! secret. The cap holds whatever level is asked for.

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Sets up logging for the process.
pub fn init(level: Level) {
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    tracing_subscriber::registry().with(lines.with_filter(targets(level))).init();
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic may quote data; where it happened is enough to find it.
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, "panic");
    }));
}

/// Our own crates as detailed as asked for, everybody else's warnings at most. Levels compare by detail: TRACE is the
/// greatest.
fn targets(level: Level) -> Targets {
    Targets::new()
        .with_default(level.min(Level::WARN))
        // It warns with the whole body of an answer that it cannot read, and that may be a Secret.
        .with_target("kube_client", level.min(Level::ERROR))
        .with_target("rekey", level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_crates_log_in_detail() {
        let trace = targets(Level::TRACE);
        assert!(trace.would_enable("rekey_agent::sync", &Level::TRACE));
        assert!(!targets(Level::ERROR).would_enable("rekey_core", &Level::WARN));
        assert!(!trace.would_enable("kube_client::client", &Level::WARN));
        for target in ["aws_smithy_runtime::client", "hyper_util::client", "rustls", "h2"] {
            assert!(trace.would_enable(target, &Level::WARN), "{target}");
            assert!(!trace.would_enable(target, &Level::INFO), "{target}");
        }
    }
}
