//! The two text formats that Prometheus reads, and which of them a scrape asks for.
//!
//! They differ in little: in OpenMetrics a counter's family is called without `_total`, a family may have a unit, and
//! the text has an end. A counter whose name has no `_total` exists in the classic format only; in OpenMetrics its type
//! is unknown, which changes nothing for queries.

use std::fmt::{Display, Write as _};

use prometheus_client::registry::Registry;

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own, version 0.0.4.
    Classic,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The format for an Accept header: the classic one, unless OpenMetrics is named and not less welcome.
    #[must_use]
    pub fn of_accept(accept: Option<&str>) -> Self {
        let quality = |wanted: &str| {
            let ranges = accept.unwrap_or_default().split(',').filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let named = parts.next()?.eq_ignore_ascii_case(wanted);
                let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
                quality.filter(|_| named)
            });
            ranges.fold(0.0_f64, f64::max)
        };
        let open = quality("application/openmetrics-text");
        if open > 0.0 && open >= quality("text/plain") { Self::OpenMetrics } else { Self::Classic }
    }

    /// Its content type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What a family of series measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// The text while it is written.
pub struct Exposition {
    format: Format,
    text: String,
}

// Writing to a String cannot fail, so its results are dropped.
impl Exposition {
    /// Nothing yet.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, text: String::new() }
    }

    /// Everything in a registry.
    pub fn registry(&mut self, registry: &Registry) {
        match self.format {
            Format::OpenMetrics => {
                let _ = prometheus_client::encoding::text::encode_registry(&mut self.text, registry);
            }
            Format::Classic => {
                let mut text = String::new();
                let _ = prometheus_client::encoding::text::encode_registry(&mut text, registry);
                self.classic(&text);
            }
        }
    }

    /// Begins a family. `name` is that of its samples.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let (family, kind) = match (self.format, kind) {
            (_, Kind::Gauge) => (name, "gauge"),
            (Format::Classic, Kind::Counter) => (name, "counter"),
            (Format::OpenMetrics, Kind::Counter) => {
                name.strip_suffix("_total").map_or((name, "unknown"), |family| (family, "counter"))
            }
        };
        let _ = writeln!(self.text, "# HELP {family} {help}\n# TYPE {family} {kind}");
    }

    /// A sample of the family that was begun last.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{label}=\"", if index == 0 { '{' } else { ',' });
            escape(value, &mut self.text);
            self.text.push('"');
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// The whole text.
    #[must_use]
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    /// What was encoded as OpenMetrics, in the classic format.
    fn classic(&mut self, text: &str) {
        let mut help = "";
        for line in text.lines() {
            if let Some(described) = line.strip_prefix("# HELP ") {
                help = described.split_once(' ').map_or("", |(_, help)| help);
            } else if let Some((family, kind)) = line.strip_prefix("# TYPE ").and_then(|typed| typed.split_once(' ')) {
                let suffix = if kind == "counter" { "_total" } else { "" };
                let _ = writeln!(self.text, "# HELP {family}{suffix} {help}\n# TYPE {family}{suffix} {kind}");
            } else if !line.starts_with('#') {
                self.text.push_str(line);
                self.text.push('\n');
            }
        }
    }
}

/// Names of objects need no escape; accounts and versions that come from elsewhere might.
fn escape(value: &str, text: &mut String) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}
