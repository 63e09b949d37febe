//! The numbers of each row, in a file of JSON lines below target/, for the table that `cargo xtask test faults` prints.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What a row cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// What went wrong.
    pub row: String,
    /// Rotations, and messages of the test's own.
    pub events: usize,
    /// Values read from AWS, failed reads included.
    pub reads: usize,
    /// Targets written.
    pub writes: usize,
    /// Deployments restarted.
    pub restarts: usize,
    /// How long it took.
    pub seconds: f64,
    /// Whether everything held.
    pub passed: bool,
}

/// Where they are.
#[must_use]
pub fn path() -> PathBuf {
    crate::repository().join("target/faults.jsonl")
}

impl Figures {
    /// Appends them to the file.
    pub fn save(&self) -> Result<()> {
        let path = path();
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))?;
        // One write, so that lines of two processes do not mix.
        file.write_all(format!("{}\n", serde_json::to_string(self)?).as_bytes())?;
        Ok(())
    }

    /// Reads all of the file; none if it is not there.
    pub fn load() -> Result<Vec<Self>> {
        let text = match std::fs::read_to_string(path()) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).context("read the figures"),
        };
        text.lines().map(|line| serde_json::from_str(line).context("read a line of the figures")).collect()
    }
}
