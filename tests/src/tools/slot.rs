//! One installation in the cache: made once, by one process, complete or not there.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cache::Cache;
use crate::progress::{Progress, elapsed};

/// Written last. It stands for the rename that is usual here: a Python environment holds its own path and cannot be moved.
const COMPLETE: &str = ".complete";

/// How often a long installation says that it is still at work.
const TICK: Duration = Duration::from_secs(15);

/// What to install, and what to tell the person who waits for it.
pub(super) struct Slot<'a> {
    /// Folder name, and what progress calls it.
    pub(super) tool: &'a str,
    /// Folder name below: changes with whatever the installation is made from.
    pub(super) key: &'a str,
    /// A file that a complete installation has; relative.
    pub(super) probe: &'a str,
    /// Why this is installed.
    pub(super) why: &'a str,
    /// How long it takes on two cores, in words.
    pub(super) takes: &'a str,
}

impl Slot<'_> {
    /// The installation's folder; `build` fills it if that has not happened yet.
    pub(super) async fn fill(
        &self,
        cache: &Cache,
        progress: &Progress,
        build: impl AsyncFnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let folder = cache.path().join(self.tool);
        let path = folder.join(self.key);
        if self.is_complete(&path) {
            return Ok(path);
        }
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let _lock = self.lock(&folder, progress).await?;
        if self.is_complete(&path) {
            return Ok(path);
        }
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| format!("clear {}", path.display()))?;
        }
        fs::create_dir(&path)?;
        progress.line(format!("installing {} ({}): {}; {}", self.tool, self.key, self.why, self.takes));
        let begun = Instant::now();
        let ticking = async {
            loop {
                tokio::time::sleep(TICK).await;
                progress.line(format!("  still installing {}, {}", self.tool, elapsed(begun.elapsed())));
            }
        };
        tokio::select! {
            outcome = build(&path) => outcome.with_context(|| format!("install {} {}", self.tool, self.key))?,
            () = ticking => {}
        }
        File::create(path.join(COMPLETE))?;
        progress.line(format!("installed {} in {}", self.tool, elapsed(begun.elapsed())));
        Ok(path)
    }

    fn is_complete(&self, path: &Path) -> bool {
        path.join(COMPLETE).exists() && path.join(self.probe).exists()
    }

    async fn lock(&self, folder: &Path, progress: &Progress) -> Result<File> {
        let lock = File::create(folder.join(format!(".{}.lock", self.key)))?;
        let mut told = false;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("lock {}", self.tool)),
                Err(TryLockError::WouldBlock) if told => {}
                Err(TryLockError::WouldBlock) => {
                    progress.line(format!("waiting for another process that is installing {}", self.tool));
                    told = true;
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
