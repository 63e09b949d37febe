//! The functions' log: JSON lines on stdout.
//!
//! `AWS_LAMBDA_LOG_LEVEL` (Lambda's own setting) or `RUST_LOG` choose the level of this project's crates. Whatever they
//! say, other crates never get below DEBUG, where the Lambda runtime prints payloads and hyper whole bodies, and the
//! driver of PostgreSQL never below WARN: at INFO it repeats what the server says (notices name users and tables), at
//! DEBUG it prints statements.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts the log; a second call changes nothing.
pub fn start() {
    let asked = std::env::var("AWS_LAMBDA_LOG_LEVEL").or_else(|_| std::env::var("RUST_LOG"));
    let level = asked.ok().and_then(|text| text.parse().ok()).unwrap_or(LevelFilter::INFO);
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(io::stdout);
    // An error here means that a subscriber is installed already, by a test for instance.
    let _ = tracing_subscriber::registry().with(filter(level)).with(lines).try_init();
}

fn filter(level: LevelFilter) -> Targets {
    // `LevelFilter` orders by how much is shown, so the lesser one is the stricter one.
    let others = level.min(LevelFilter::DEBUG);
    let drivers = level.min(LevelFilter::WARN);
    Targets::new()
        .with_default(others)
        .with_target("rekey", level)
        .with_target("tokio_postgres", drivers)
        .with_target("postgres_protocol", drivers)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn payloads_and_statements_stay_out_at_every_level() {
        for level in [LevelFilter::OFF, LevelFilter::INFO, LevelFilter::DEBUG, LevelFilter::TRACE] {
            let filter = filter(level);
            for payload in ["lambda_runtime::layers", "hyper::proto", "aws_smithy_runtime", "rustls::conn"] {
                assert!(!filter.would_enable(payload, &Level::TRACE), "{payload} at {level}");
            }
            assert!(!filter.would_enable("tokio_postgres::connection", &Level::INFO));
        }
        assert!(filter(LevelFilter::TRACE).would_enable("rekey_rotation::machine", &Level::TRACE));
        assert!(!filter(LevelFilter::INFO).would_enable("rekey_rotation::machine", &Level::DEBUG));
    }
}
