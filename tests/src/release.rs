//! What a user downloads instead of building: image, chart, functions and their template, bill of materials, checksums,
//! changelog.
//!
//! Everything is made of the checked-out commit, and the same commit makes the same bytes as far as the tools allow
//! (helm writes the time into its archive).

mod materials;
mod template;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::image::{self, About, digest};
use crate::process::Spec;
use crate::progress::Progress;
use crate::stack::Stack;
use crate::{agent, aws, policies, sam};

/// Writes one file into a zip as Lambda expects it, with no time in it.
const ZIP: &str = "import sys, zipfile
info = zipfile.ZipInfo('bootstrap', (1980, 1, 1, 0, 0, 0))
info.external_attr, info.compress_type = 0o755 << 16, zipfile.ZIP_DEFLATED
with zipfile.ZipFile(sys.argv[2], 'w', compresslevel=9) as archive:
    archive.writestr(info, open(sys.argv[1], 'rb').read())
";

/// The template of the functions, for `sam deploy --template-file`.
pub const TEMPLATE: &str = "template.yaml";

/// The list of all the others with their hashes, for `sha256sum --check`.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// Makes the release in an empty `folder`. Functions are built for this machine's processor.
///
/// # Errors
/// When a tool fails, or the changelog says nothing of this version.
pub async fn write(stack: &Stack, folder: &Path, progress: &Progress) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let found = std::fs::read_dir(folder)?.count();
    ensure!(found == 0, "{} holds {found} files already; name an empty folder", folder.display());
    let about = About::this_tree(stack.directory()).await?;
    let version = about.version.as_str();

    let changelog =
        std::fs::read_to_string(crate::repository().join("docs/changelog.md")).context("read docs/changelog.md")?;
    ensure!(
        changelog.contains(&format!("\n## {version}\n")),
        "docs/changelog.md has no heading for {version}; write one"
    );
    std::fs::write(folder.join("CHANGELOG.md"), changelog)?;

    progress.line("the image");
    let program = agent::program_of(stack).await?;
    image::write(&program, &folder.join(format!("rekey-agent-{version}-{}.oci.tar", sam::ARCHITECTURE)), &about)?;
    let bill = materials::bill("rekey-agent", &about, stack.directory()).await?;
    std::fs::write(folder.join(format!("rekey-agent-{version}.cdx.json")), serde_json::to_vec_pretty(&bill)?)?;

    progress.line("the chart");
    let package = Spec::new("helm package", &stack.tools.helm, stack.directory().join("helm.log"));
    let package = package.args(["package", "infra/chart", "--destination"]).arg(folder).directory(crate::repository());
    package.env("HOME", stack.join("helm")?).run().await?;

    let _build = sam::built(stack, aws::Place::default(), progress).await?;
    progress.line("the functions");
    let python = stack.tools.aws.join("bin/python");
    for function in policies::functions()?.into_keys() {
        let binary = sam::binary(&function);
        let bootstrap = sam::bootstrap(&function);
        let zip = Spec::new("zip", &python, stack.directory().join("zip.log")).args(["-c", ZIP]).arg(bootstrap);
        zip.arg(folder.join(zip_of(&binary))).run().await.with_context(|| format!("zip {binary}"))?;
    }
    let built = std::fs::read_to_string(sam::build().join("template.yaml")).context("read what sam build wrote")?;
    std::fs::write(folder.join(TEMPLATE), template::of_zips(&built, policies::functions()?.keys())?)?;
    checksums(folder)
}

/// Of one function, as the template names it.
fn zip_of(binary: &str) -> String {
    format!("{binary}-{}.zip", sam::ARCHITECTURE)
}

fn checksums(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    files.sort();
    let mut text = String::new();
    for file in &files {
        let hash = digest(&std::fs::read(file)?);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        text.extend([hash.trim_start_matches("sha256:"), "  ", &name, "\n"]);
    }
    let list = folder.join(CHECKSUMS);
    std::fs::write(&list, text)?;
    files.push(list);
    Ok(files)
}
