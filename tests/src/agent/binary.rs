//! The agent's program, built from this tree as the image has it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use tokio::sync::OnceCell;

use crate::image;
use crate::stack::Build;

/// Builds it once for each process that asks, so that no test runs against yesterday's agent. `REKEY_AGENT` names another
/// program instead.
pub(crate) async fn build(build: Build, logs: &Path) -> Result<PathBuf> {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    BUILT.get_or_try_init(async || cargo_build(build, logs).await).await.cloned()
}

async fn cargo_build(build: Build, logs: &Path) -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("REKEY_AGENT") {
        return Ok(binary.into());
    }
    match build {
        Build::Tests => image::program(false, logs).await,
        Build::ShippedAgent | Build::Shipped => image::program(true, logs).await,
        Build::Profiled => image::profiled_program(logs).await,
    }
}
