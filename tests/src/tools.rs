//! The programs that a stack consists of, installed into the cache when they are missing.
//!
//! What comes from a package registry is built or installed here, once per version, with a line of progress for each;
//! PostgreSQL comes from Debian. Go, Python, setpriv and a C compiler must be there: an error names their packages.

mod debian;
mod go;
mod mariadb;
mod postgres;
mod profilers;
mod python;
mod redis;
mod slot;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use sha2::{Digest, Sha256};

use crate::cache::Cache;
use crate::progress::Progress;

/// Where the tools are.
#[derive(Debug, Clone)]
pub struct Tools {
    /// kube-apiserver, kube-controller-manager, kube-scheduler and etcd in one program.
    pub control_plane: PathBuf,
    /// kwok: the kubelet of nodes that do not exist.
    pub kwok: PathBuf,
    /// helm.
    pub helm: PathBuf,
    /// Python environment of the local AWS, which has the `aws` command too.
    pub aws: PathBuf,
    /// Python environment of SAM and cargo-lambda.
    pub sam: PathBuf,
    /// The folder with PostgreSQL's programs.
    pub postgres: PathBuf,
}

impl Tools {
    /// Installs what is missing. Two processes may do this at once: one works, the other waits for it.
    ///
    /// # Errors
    /// Names the tool, and what to install by hand where this cannot.
    pub async fn install(cache: &Cache, progress: &Progress) -> Result<Self> {
        require("setpriv", "util-linux")?;
        let go = async {
            // One after the other: each of these builds uses every core.
            let control_plane = go::control_plane(cache, progress).await?;
            let kwok = go::kwok(cache, progress).await?;
            let helm = go::helm(cache, progress).await?;
            Ok((control_plane, kwok, helm))
        };
        let others = async {
            let postgres = postgres::install(cache, progress).await?;
            let aws = python::aws(cache, progress).await?;
            let sam = python::sam(cache, progress).await?;
            Ok::<_, anyhow::Error>((postgres, aws, sam))
        };
        let ((control_plane, kwok, helm), (postgres, aws, sam)) = tokio::try_join!(go, others)?;
        Ok(Self { control_plane, kwok, helm, aws, sam, postgres })
    }
}

/// `mariadbd`, installed if it is missing: only what needs one asks for it.
pub(crate) async fn mariadb(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    mariadb::install(cache, progress).await
}

/// `redis-server`, installed if it is missing: only what needs one asks for it.
pub(crate) async fn redis(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    redis::install(cache, progress).await
}

/// `perf`, installed if it is missing: only what profiles asks for it.
pub async fn perf(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    profilers::perf(cache, progress).await
}

/// heaptrack's library, installed if it is missing: only what profiles asks for it.
pub async fn heaptrack(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    profilers::heaptrack(cache, progress).await
}

/// `helm`, installed if it is missing.
pub async fn helm(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    go::helm(cache, progress).await
}

/// `tflint`, installed if it is missing: only what needs one asks for it.
pub async fn tflint(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    go::tflint(cache, progress).await
}

/// The Python environment with `checkov`, installed if it is missing: only what needs one asks for it.
pub async fn checkov(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    python::checkov(cache, progress).await
}

/// # Errors
/// When `program` is not on PATH: names the Debian package that has it.
fn require(program: &str, package: &str) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return Ok(());
    }
    bail!("`{program}` is needed and not on PATH; on Debian: apt-get install {package}")
}

/// A name for what is in `files`: another content gives another installation.
fn content_key(files: &[&Path]) -> Result<String> {
    let mut digest = Sha256::new();
    for file in files {
        let bytes = std::fs::read(file).map_err(|error| anyhow::anyhow!("read {}: {error}", file.display()))?;
        digest.update(bytes.len().to_le_bytes());
        digest.update(bytes);
    }
    let digest = digest.finalize();
    let begin: [u8; 8] = std::array::from_fn(|index| digest[index]);
    Ok(format!("{:012x}", u64::from_be_bytes(begin) >> 16))
}
