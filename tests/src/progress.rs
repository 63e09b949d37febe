//! Where the stack tells a person what it is doing. Nothing decides anything by these lines, and no secret is in them.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// Receives one line of text for each thing that is worth a person's attention.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&str) + Send + Sync>);

impl Progress {
    /// Calls `sink` with each line.
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Writes to standard error, each line with the time since this call.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "this is the one place of the library that talks to a person")]
    pub fn stderr() -> Self {
        let begun = Instant::now();
        Self::new(move |line| eprintln!("[{:>7}] {line}", elapsed(begun.elapsed())))
    }

    /// Drops every line.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| ())
    }

    /// Reports one line.
    pub fn line(&self, line: impl AsRef<str>) {
        (self.0)(line.as_ref());
    }
}

/// A duration as people say it: `850 ms`, `4.2 s`, `3 m 07 s`.
#[must_use]
pub fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        _ => format!("{} m {:02} s", seconds / 60, seconds % 60),
    }
}
