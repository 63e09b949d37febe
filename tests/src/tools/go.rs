//! Programs built from Go modules.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::slot::Slot;
use super::{content_key, require};
use crate::cache::Cache;
use crate::process::Spec;
use crate::progress::Progress;

const HELM: &str = "v3.22.0";
const KWOK: &str = "v0.8.0";
const TFLINT: &str = "v0.64.0";

/// Without symbol tables: a third of the size, and nobody debugs them.
const LDFLAGS: &str = "-ldflags=-s -w";

/// The Kubernetes control plane, from tests/local/kubernetes.
pub(super) async fn control_plane(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    let source = crate::repository().join("tests/local/kubernetes");
    let files = ["main.go", "go.mod", "go.sum"].map(|file| source.join(file));
    let key = content_key(&files.each_ref().map(PathBuf::as_path))?;
    let slot = Slot {
        tool: "control-plane",
        key: &key,
        probe: "control-plane",
        why: "Kubernetes itself (API server, controllers, scheduler, etcd), built from its Go modules",
        takes: "about 6 minutes the first time",
    };
    let folder = slot
        .fill(cache, progress, async |folder| {
            go(folder)?
                .args(["build", LDFLAGS, "-o"])
                .arg(folder.join("control-plane"))
                .arg(".")
                .directory(&source)
                .run()
                .await?;
            Ok(())
        })
        .await?;
    Ok(folder.join("control-plane"))
}

/// kwok, which answers for the kubelets.
pub(super) async fn kwok(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    let why = "makes pods run on nodes that do not exist";
    install(cache, progress, "kwok", "sigs.k8s.io/kwok/cmd/kwok", KWOK, why).await
}

/// helm, which installs the chart.
pub(super) async fn helm(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    install(cache, progress, "helm", "helm.sh/helm/v3/cmd/helm", HELM, "installs Rekey's chart").await
}

/// tflint, which looks at infra/terraform.
pub(super) async fn tflint(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    let why = "looks for mistakes in infra/terraform";
    install(cache, progress, "tflint", "github.com/terraform-linters/tflint", TFLINT, why).await
}

async fn install(
    cache: &Cache,
    progress: &Progress,
    tool: &str,
    package: &str,
    version: &str,
    why: &str,
) -> Result<PathBuf> {
    let slot = Slot { tool, key: version, probe: tool, why, takes: "1 to 5 minutes" };
    let folder = slot
        .fill(cache, progress, async |folder| {
            // GOBIN with CGO off gives one static file.
            let package = format!("{package}@{version}");
            go(folder)?.args(["install", LDFLAGS, &package]).env("GOBIN", folder).env("CGO_ENABLED", "0").run().await?;
            Ok(())
        })
        .await?;
    Ok(folder.join(tool))
}

fn go(folder: &Path) -> Result<Spec> {
    require("go", "golang (1.26 or newer; or from https://go.dev/dl)")?;
    // `local`: an old Go says so instead of fetching another one behind our back.
    Ok(Spec::new("go", "go", folder.join("install.log")).env("GOTOOLCHAIN", "local"))
}
