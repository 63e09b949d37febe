//! PostgreSQL from Debian's packages.

use std::path::PathBuf;

use anyhow::Result;

use super::debian::{self, Package};
use crate::cache::Cache;
use crate::progress::Progress;

const PACKAGE: Package = Package {
    name: "postgresql",
    what: "the database whose password is rotated",
    program: "/usr/lib/postgresql/*/bin/initdb",
    find,
};

/// The folder with `initdb` and `postgres`; of several versions the newest.
pub(super) async fn install(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    debian::install(&PACKAGE, cache, progress).await
}

fn find() -> Option<PathBuf> {
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    versions.sort_by_key(version);
    versions.into_iter().rev().map(|path| path.join("bin")).find(|bin| bin.join("initdb").exists())
}
