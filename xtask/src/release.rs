//! `cargo xtask release`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use rekey_tests::progress::Progress;
use rekey_tests::release;
use rekey_tests::stack::{self, Build, Stack};

/// Make what users download: image, chart, functions and their template, bill of materials, checksums, changelog.
///
/// The functions and the image are for this machine's processor; run it on an x86_64 and on an arm64 machine for both. From
/// the folder, `sam deploy --template-file template.yaml --language-extensions --guided` deploys the functions as they lie there.
#[derive(Args)]
pub struct Release {
    /// Where to write it: a folder that is empty, or not there
    #[arg(long, value_name = "FOLDER", default_value = "target/release-files")]
    output: PathBuf,
}

impl Release {
    pub async fn run(self) -> Result<ExitCode> {
        let progress = Progress::stderr();
        let options =
            stack::Options { purpose: "release".to_owned(), build: Build::Shipped, ..stack::Options::default() };
        let stack = Box::pin(Stack::start(options, &progress)).await?;
        let folder = std::path::absolute(&self.output)?;
        let files = Box::pin(release::write(&stack, &folder, &progress)).await?;
        for file in files {
            println!("{}", file.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}
