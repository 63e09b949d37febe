//! `cargo xtask image`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use rekey_tests::image::{self, About};
use rekey_tests::progress::Progress;
use rekey_tests::repository;

/// Build the agent's container image as an OCI archive, without Docker.
///
/// It holds the agent, linked statically, and this machine's CA certificates, and runs as user 65532 with a read-only file
/// system. Put it into a registry with `crane push FILE REPOSITORY:TAG` or `skopeo copy oci-archive:FILE docker://…`. The same
/// commit and CA certificates make the same bytes. It is for this machine's architecture.
#[derive(Args)]
pub struct Image {
    /// Where to write it
    #[arg(long, value_name = "FILE", default_value = "target/rekey-agent.tar")]
    output: PathBuf,
}

impl Image {
    pub async fn run(self) -> Result<ExitCode> {
        let progress = Progress::stderr();
        let logs = repository().join("target");
        progress.line("compiling the agent as it ships (minutes)");
        let program = image::program(true, &logs).await?;
        let about = About::this_tree(&logs).await?;
        if let Some(folder) = self.output.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        image::write(&program, &self.output, &about)?;
        let size = std::fs::metadata(&self.output)?.len();
        println!("{} ({:.1} MB): rekey-agent {}", self.output.display(), megabytes(size), about.version);
        Ok(ExitCode::SUCCESS)
    }
}

#[allow(clippy::cast_precision_loss, reason = "nobody reads more than one digit")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
