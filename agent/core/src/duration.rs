//! Durations as Go writes them (`1h30m`, `250ms`), which is how ExternalSecrets and Rekey's own flags spell them.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a duration; write one like 30s, 10m or 1h30m")]
pub struct DurationError {
    /// The text as it was written.
    pub text: String,
}

/// Parses a duration as Go's `time.ParseDuration` does, without its negative values: a refresh interval below zero
/// means nothing that zero does not. A bare `0` is zero, as in Go.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError { text: text.to_owned() };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return Err(error());
    }
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(error)?;
        let number: f64 = rest[..digits].parse().map_err(|_| error())?;
        let unit_and_rest = &rest[digits..];
        let unit_end = unit_and_rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(unit_and_rest.len());
        let seconds = match &unit_and_rest[..unit_end] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(error()),
        };
        total += number * seconds;
        rest = &unit_and_rest[unit_end..];
    }
    Duration::try_from_secs_f64(total).map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("1h0m0s", 3_600_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("1.5s", 1_500),
            ("+2m", 120_000),
            (".5s", 500),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_go_refuses_and_names_it() {
        for text in ["", "1", "-5m", "1d", "h", "1h 2m", "banana", "1..5s"] {
            let error = parse(text).expect_err(text);
            assert!(error.to_string().contains("1h30m"), "{error}");
        }
    }
}
