//! The agent's program, built from this tree.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::process::Spec;

/// Builds it once for each process that asks, so that no test runs against yesterday's agent. `REKEY_AGENT` names another
/// program instead.
pub(super) async fn build(logs: &Path) -> Result<PathBuf> {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    BUILT.get_or_try_init(async || cargo_build(logs).await).await.cloned()
}

async fn cargo_build(logs: &Path) -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("REKEY_AGENT") {
        return Ok(binary.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let messages = Spec::new("cargo build -p rekey-agent", cargo, logs.join("agent-build.log"))
        .args(["build", "--package", "rekey-agent", "--message-format", "json-render-diagnostics"])
        .args(if cfg!(debug_assertions) { [].as_slice() } else { ["--release"].as_slice() })
        .directory(crate::repository())
        // Those of the cargo that runs us: with them, build scripts believe that everything has changed.
        .hide_env("CARGO_MANIFEST_")
        .hide_env("CARGO_PKG_")
        .stdout()
        .await?;
    // Cargo itself says where it put the program, whatever target directory is configured.
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .context("cargo built no program rekey-agent")
}
