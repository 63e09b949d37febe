//! PostgreSQL from Debian's packages: the one tool that goes into the system, because a server is not built in passing.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::process::Spec;
use crate::progress::{Progress, elapsed};

const INSTALL: &str = "apt-get install -y --no-install-recommends postgresql";

/// The folder with `initdb` and `postgres`; of several versions the newest.
pub(super) async fn install(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    if let Some(found) = find() {
        return Ok(found);
    }
    if !rustix::process::getuid().is_root() {
        bail!("PostgreSQL is not installed (no /usr/lib/postgresql/*/bin/initdb); run: sudo {INSTALL}");
    }
    progress.line("installing postgresql from Debian: the database whose password is rotated; about 15 seconds");
    let begun = Instant::now();
    let log = cache.path().join("postgresql-install.log");
    // The package lists may be missing or old, so a failure is followed by one more attempt with new ones.
    if apt(&log, INSTALL).await.is_err() {
        apt(&log, "apt-get update").await?;
        apt(&log, INSTALL).await.with_context(|| format!("install PostgreSQL; by hand: {INSTALL}"))?;
    }
    progress.line(format!("installed postgresql in {}", elapsed(begun.elapsed())));
    find().context("apt-get installed postgresql, but there is no /usr/lib/postgresql/*/bin/initdb")
}

async fn apt(log: &Path, command: &str) -> Result<()> {
    // Somebody else's apt-get is waited for instead of failing on its lock.
    Spec::new(command, "/bin/sh", log)
        .args(["-c", &format!("{command} -o DPkg::Lock::Timeout=180")])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
        .await
        .map(drop)
}

fn find() -> Option<PathBuf> {
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    versions.sort_by_key(version);
    versions.into_iter().rev().map(|path| path.join("bin")).find(|bin| bin.join("initdb").exists())
}
