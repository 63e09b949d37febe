//! Reading files to which another process appends one JSON document a line.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;

use crate::eventually::eventually;

/// A place in a log: lines written later come after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark(u64);

/// A log whose lines are JSON documents of type `T`. Lines that are not are passed over: a program that panics writes
/// plain text among them.
#[derive(Debug, Clone)]
pub struct JsonLog<T> {
    path: PathBuf,
    line: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> JsonLog<T> {
    /// The log in the file `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), line: PhantomData }
    }

    /// Where the log is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The present end of the log.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(std::fs::metadata(&self.path).map_or(0, |file| file.len()))
    }

    /// All text since `mark`, complete lines or not.
    pub fn text_since(&self, mark: Mark) -> Result<String> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(error).with_context(|| format!("open {}", self.path.display())),
        };
        file.seek(SeekFrom::Start(mark.0))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| format!("read {}", self.path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The complete lines since `mark`, in the order they were written.
    pub fn since(&self, mark: Mark) -> Result<Vec<T>> {
        let text = self.text_since(mark)?;
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        Ok(complete.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Waits for the first line since `mark` that `wanted` accepts.
    ///
    /// # Errors
    /// After `timeout`: `what`, and how many lines came instead.
    pub async fn wait_for(&self, what: &str, mark: Mark, timeout: Duration, wanted: impl Fn(&T) -> bool) -> Result<T> {
        eventually(&format!("{what} in {}", self.path.display()), timeout, async || {
            let lines = self.since(mark)?;
            let count = lines.len();
            match lines.into_iter().find(&wanted) {
                Some(line) => Ok(line),
                None => bail!("{count} other lines"),
            }
        })
        .await
    }
}
