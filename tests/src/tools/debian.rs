//! What comes from Debian's packages and goes into the system, because a database server is not built in passing.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::process::Spec;
use crate::progress::{Progress, elapsed};

/// A package and where its programs are.
pub(super) struct Package {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is for, as it stands in the line of progress.
    pub(super) what: &'static str,
    /// What is missing without it.
    pub(super) program: &'static str,
    /// Looks for it.
    pub(super) find: fn() -> Option<PathBuf>,
}

/// What the package's `find` finds, after it was installed if need be.
pub(super) async fn install(package: &Package, cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    let Package { name, what, program, find } = package;
    if let Some(found) = find() {
        return Ok(found);
    }
    let command = format!("apt-get install -y --no-install-recommends {name}");
    if !rustix::process::getuid().is_root() {
        bail!("{name} is not installed (no {program}); run: sudo {command}");
    }
    progress.line(format!("installing {name} from Debian: {what}; about 15 seconds"));
    let begun = Instant::now();
    let log = cache.path().join(format!("{name}-install.log"));
    // The package lists may be missing or old, so a failure is followed by one more attempt with new ones.
    if apt(&log, &command).await.is_err() {
        apt(&log, "apt-get update").await?;
        apt(&log, &command).await.with_context(|| format!("install {name}; by hand: {command}"))?;
    }
    progress.line(format!("installed {name} in {}", elapsed(begun.elapsed())));
    find().with_context(|| format!("apt-get installed {name}, but there is no {program}"))
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
