//! Python environments, each from a list of pinned packages in the tree.

use std::path::PathBuf;

use anyhow::Result;

use super::slot::Slot;
use super::{content_key, require};
use crate::cache::Cache;
use crate::process::Spec;
use crate::progress::Progress;

/// The environment of the local AWS.
pub(super) async fn aws(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    environment(cache, progress, "aws", "the local AWS (MiniStack) and the aws command").await
}

/// The environment of SAM.
pub(super) async fn sam(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    environment(cache, progress, "sam", "sam and cargo-lambda build and deploy the Lambdas").await
}

/// The environment of checkov.
pub(super) async fn checkov(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    environment(cache, progress, "checkov", "checkov looks for holes in infra/terraform, the templates and the chart")
        .await
}

async fn environment(cache: &Cache, progress: &Progress, name: &str, why: &str) -> Result<PathBuf> {
    let requirements = crate::repository().join("tests/local").join(name).join("requirements.txt");
    let key = content_key(&[&requirements])?;
    let tool = format!("venv-{name}");
    // The interpreter is a link to the system's: one that was removed since leaves a dangling link, and is made anew.
    let slot = Slot { tool: &tool, key: &key, probe: "bin/python", why, takes: "up to a minute" };
    slot.fill(cache, progress, async |folder| {
        require("python3", "python3 python3-venv (3.10 or newer)")?;
        let log = folder.join("install.log");
        Spec::new("python3 -m venv (Debian's package: python3-venv)", "python3", &log)
            .args(["-m", "venv"])
            .arg(folder)
            .run()
            .await?;
        Spec::new("pip", folder.join("bin/python"), &log)
            .args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar=off", "-r"])
            .arg(&requirements)
            .run()
            .await?;
        Ok(())
    })
    .await
}
