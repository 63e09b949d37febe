//! The agent's container image, as an OCI archive that is written from files: no Docker daemon, no base image, the same bytes each
//! time. `infra/Dockerfile` makes the same image where there is Docker.
//!
//! The program is linked statically, so that the image holds it and the CA certificates, and nothing else: no shell, no libc,
//! no package. Time zones are in the program.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::process::Spec;

/// Where programs look for the CAs that they trust, and where Debian's ca-certificates puts them.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";
/// `nonroot` of the distroless images.
const USER: &str = "65532:65532";
const PROGRAM: &str = "rekey-agent";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What the image says of itself, beside its architecture, which is this machine's.
pub struct About {
    /// Its tag.
    pub version: String,
    /// The commit it was made from.
    pub revision: String,
    /// When that was; every file in the image is so old.
    pub created: Timestamp,
}

impl About {
    /// The commit that is checked out.
    pub async fn this_tree(logs: &Path) -> Result<Self> {
        let git = Spec::new("git log", "git", logs.join("git.log"))
            .args(["log", "-1", "--format=%H %cI"])
            .directory(crate::repository());
        let text = git.stdout().await?;
        let (revision, created) = text.trim().split_once(' ').context("git log has another form")?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { version, revision: revision.to_owned(), created: created.parse().context("the commit's time")? })
    }
}

/// Builds the agent for the image: linked statically. `shipped` is a release, which takes minutes more.
pub async fn program(shipped: bool, logs: &Path) -> Result<PathBuf> {
    built(&["--bin", PROGRAM], shipped, logs).await
}

/// Builds the agent for tools that look into it: with names and frame pointers, and with the system's allocator.
pub async fn profiled_program(logs: &Path) -> Result<PathBuf> {
    cargo_build(&["--bin", PROGRAM, "--profile", "profiling"], "-C force-frame-pointers=yes", logs).await
}

/// Builds a program of the agent's crate as the image has it; `which` is what tells cargo which one.
pub async fn built(which: &[&str], shipped: bool, logs: &Path) -> Result<PathBuf> {
    let target = if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };
    let profile = if shipped { "release" } else { "dev" };
    let options = [which, &["--target", target, "--profile", profile]].concat();
    cargo_build(&options, "-C target-feature=+crt-static", logs).await
}

async fn cargo_build(options: &[&str], flags: &str, logs: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let spec = Spec::new("cargo build -p rekey-agent", cargo, logs.join("agent-build.log"))
        .args(["build", "--package", "rekey-agent", "--message-format", "json-render-diagnostics"])
        .args(options)
        .directory(crate::repository())
        // Those of the cargo that runs us: with them, build scripts believe that everything has changed.
        .hide_env("CARGO_MANIFEST_")
        .hide_env("CARGO_PKG_")
        .env("RUSTFLAGS", flags);
    // Cargo itself says where it put the program, whatever target directory is configured.
    let messages = spec.stdout().await?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.next_back().with_context(|| format!("cargo built nothing for {}", options.join(" ")))
}

/// Writes the archive (an OCI image layout in a tar), which `crane push`, `skopeo copy oci-archive:` and `ctr image import` take.
pub fn write(program: &Path, archive: &Path, about: &About) -> Result<()> {
    let certificates = Path::new("/").join(CERTIFICATES);
    let certificates = std::fs::read(&certificates)
        .with_context(|| format!("read {}; install ca-certificates", certificates.display()))?;
    let program = std::fs::read(program).with_context(|| format!("read {}", program.display()))?;
    let layers = [
        layer(
            &[
                ("etc/", &[], 0o755),
                ("etc/ssl/", &[], 0o755),
                ("etc/ssl/certs/", &[], 0o755),
                (CERTIFICATES, &certificates, 0o644),
            ],
            about,
        )?,
        layer(&[(PROGRAM, &program, 0o755)], about)?,
    ];
    let labels = labels(about);
    let config = json!({
        "created": about.created.to_string(),
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": {"Entrypoint": [format!("/{PROGRAM}")], "User": USER, "WorkingDir": "/", "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| layer.diff_id.clone()).collect::<Vec<_>>()},
    });
    let config = Blob::new(CONFIG, config.to_string().into_bytes());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(),
        "layers": layers.iter().map(|layer| layer.blob.descriptor()).collect::<Vec<_>>(), "annotations": labels,
    });
    let manifest = Blob::new(MANIFEST, manifest.to_string().into_bytes());
    let mut entry = manifest.descriptor();
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": about.version});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
    let layout = json!({"imageLayoutVersion": "1.0.0"}).to_string();

    let mut files: Vec<(String, &[u8], u32)> = vec![
        ("oci-layout".to_owned(), layout.as_bytes(), 0o644),
        ("index.json".to_owned(), index.as_bytes(), 0o644),
        ("blobs/".to_owned(), &[], 0o755),
        ("blobs/sha256/".to_owned(), &[], 0o755),
    ];
    for blob in layers.iter().map(|layer| &layer.blob).chain([&config, &manifest]) {
        files.push((format!("blobs/{}", blob.digest.replace(':', "/")), &blob.bytes, 0o644));
    }
    let files: Vec<(&str, &[u8], u32)> =
        files.iter().map(|(name, bytes, mode)| (name.as_str(), *bytes, *mode)).collect();
    let bytes = tar(&files, about)?;
    std::fs::write(archive, bytes).with_context(|| format!("write {}", archive.display()))
}

/// <https://github.com/opencontainers/image-spec/blob/main/annotations.md>
fn labels(about: &About) -> Value {
    json!({
        "org.opencontainers.image.title": "rekey-agent",
        "org.opencontainers.image.description": "Brings changed secrets from AWS to the pods that use them, when they change",
        "org.opencontainers.image.version": about.version,
        "org.opencontainers.image.revision": about.revision,
        "org.opencontainers.image.created": about.created.to_string(),
        "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
    })
}

struct Blob {
    media_type: &'static str,
    digest: String,
    bytes: Vec<u8>,
}

impl Blob {
    fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        Self { media_type, digest: digest(&bytes), bytes }
    }

    fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }
}

struct Layer {
    blob: Blob,
    /// The digest before it was compressed.
    diff_id: String,
}

fn layer(files: &[(&str, &[u8], u32)], about: &About) -> Result<Layer> {
    let tar = tar(files, about)?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&tar)?;
    Ok(Layer { blob: Blob::new(LAYER, gzip.finish()?), diff_id: digest(&tar) })
}

/// A name that ends with a slash is a directory. Everything is root's.
fn tar(files: &[(&str, &[u8], u32)], about: &About) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes, mode) in files {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(if name.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular });
        header.set_size(u64::try_from(bytes.len())?);
        header.set_mode(*mode);
        header.set_mtime(u64::try_from(about.created.as_second())?);
        tar.append_data(&mut header, name, *bytes)?;
    }
    Ok(tar.into_inner()?)
}

/// `sha256:` and the hash, as a descriptor names a blob.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
