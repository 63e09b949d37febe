//! perf and heaptrack from Debian's packages: only `cargo xtask bench --profile` asks for them.

use std::path::PathBuf;

use anyhow::Result;

use super::debian::{self, Package};
use crate::cache::Cache;
use crate::progress::Progress;

const PERF: &str = "/usr/bin/perf";
/// What a program preloads to have its allocations recorded.
const HEAPTRACK: &str = "/usr/lib/heaptrack/libheaptrack_preload.so";

/// `perf`.
pub(crate) async fn perf(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    let find = || Some(PathBuf::from(PERF)).filter(|program| program.is_file());
    let package = Package { name: "linux-perf", what: "shows where the processor's time goes", program: PERF, find };
    debian::install(&package, cache, progress).await
}

/// The library that records allocations, beside whose folder its interpreter is.
pub(crate) async fn heaptrack(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    let find = || Some(PathBuf::from(HEAPTRACK)).filter(|library| library.is_file());
    let package = Package { name: "heaptrack", what: "shows who allocates", program: HEAPTRACK, find };
    debian::install(&package, cache, progress).await
}
