//! Deploys infra/template.yaml on the local AWS with the real SAM CLI, from the repository's root, as its users do.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::OnceCell;

use crate::aws::{Place, REGION};
use crate::process::Spec;
use crate::progress::Progress;
use crate::stack::{Build, Stack};
use crate::{keyboard, policies};

/// Lambda functions run on this machine's processor.
pub const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

/// `sam build` is run once by each process.
static BUILT: OnceCell<()> = OnceCell::const_new();

/// Every rotation function, for what tests make: masters, users with access keys, users of caches.
pub const EVERY_ENGINE: [(&str, &str); 10] = [
    ("EnginePostgres", "true"),
    ("EngineMysql", "true"),
    ("EngineMongodb", "true"),
    ("EngineRedis", "true"),
    ("EngineElasticache", "true"),
    ("EngineIam", "true"),
    ("EngineGeneric", "true"),
    ("MasterSecretArnPatterns", "arn:aws:secretsmanager:*:*:secret:master/*"),
    ("IamUserArnPatterns", "arn:aws:iam::*:user/rotated/*"),
    ("CacheUserArnPatterns", "arn:aws:*:*:*:user*"),
];

/// A deployed template.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// Name of the CloudFormation stack.
    pub name: String,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
}

impl Deployed {
    /// # Errors
    /// When the template has no such output.
    pub fn output(&self, name: &str) -> Result<&str> {
        let known = || self.outputs.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let value = self.outputs.get(name).with_context(|| format!("no output {name}; there are: {}", known()))?;
        Ok(value)
    }
}

/// `sam build` and `sam deploy` as the CloudFormation stack `name`, with these parameters besides the architecture. A
/// second call with the same name updates the stack.
pub async fn deploy(stack: &Stack, name: &str, parameters: &[(&str, &str)], progress: &Progress) -> Result<Deployed> {
    deploy_in(stack, Place::default(), name, parameters, progress).await
}

/// The same in another account or region.
pub async fn deploy_in(
    stack: &Stack,
    place: Place,
    name: &str,
    parameters: &[(&str, &str)],
    progress: &Progress,
) -> Result<Deployed> {
    let _built = built(stack, place, progress).await?;
    let spec = sam(stack, place, "deploy");
    run_deploy(stack, place, spec, name, parameters, progress).await
}

/// `sam deploy` of a release as it lies in `folder`, with nothing of the tree: neither a build nor samconfig.toml.
pub async fn deploy_release(
    stack: &Stack,
    folder: &Path,
    template: &str,
    name: &str,
    parameters: &[(&str, &str)],
    progress: &Progress,
) -> Result<Deployed> {
    let place = Place::default();
    let spec =
        sam(stack, place, "deploy").directory(folder).args(["--template-file", template, "--language-extensions"]);
    run_deploy(stack, place, spec, name, parameters, progress).await
}

async fn run_deploy(
    stack: &Stack,
    place: Place,
    spec: Spec,
    name: &str,
    parameters: &[(&str, &str)],
    progress: &Progress,
) -> Result<Deployed> {
    let overrides: Vec<String> = [("Architecture", ARCHITECTURE)]
        .iter()
        .chain(parameters)
        .map(|(name, value)| format!("ParameterKey={name},ParameterValue=\"{value}\""))
        .collect();
    progress.line(format!("sam deploy: CloudFormation stack {name}"));
    spec.args(["--stack-name", name, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"])
        .args(["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"])
        .arg("--parameter-overrides")
        .args(&overrides)
        // Nothing but the local AWS: not even the question whether there is a newer SAM.
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .run()
        .await?;
    Ok(Deployed { name: name.to_owned(), outputs: outputs(stack, place, name).await? })
}

/// `sam build`, and its result for as long as the caller keeps what this returns: SAM's working directory is in the tree, and
/// there is one of it.
pub async fn built(stack: &Stack, place: Place, progress: &Progress) -> Result<File> {
    let lock = lock(progress).await?;
    // What it makes is the same for all parameters but the architecture.
    let build = BUILT.get_or_try_init(async || {
        progress.line("compiling the Lambda functions (minutes the first time)");
        // SAM builds one function after the other, and each ends with minutes of one thread. Built together first, they share
        // the processors, and SAM finds them up to date.
        let binaries = policies::functions()?.into_keys().flat_map(|name| ["--bin".to_owned(), binary(&name)]);
        let cargo =
            keyboard::program(stack, place, "cargo lambda build", "cargo").args(["lambda", "build", "--release"]);
        profile(stack, cargo).args(binaries).run().await?;
        progress.line("sam build");
        // Cargo may still have crates to fetch, so this one has its way to the network.
        let architecture = format!("Architecture={ARCHITECTURE}");
        let sam = sam(stack, place, "build").args(["--parameter-overrides", &architecture]);
        profile(stack, sam).run().await.map(drop)
    });
    build.await?;
    Ok(lock)
}

/// Link-time optimisation takes most of the time that a first build takes, and shows only in what `cargo xtask bench` measures.
fn profile(stack: &Stack, spec: Spec) -> Spec {
    if stack.build == Build::Shipped {
        return spec;
    }
    spec.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
}

/// The binary of a function in infra/policies/functions.yaml.
#[must_use]
pub fn binary(function: &str) -> String {
    if function == "heartbeat" { "rekey-heartbeat".to_owned() } else { format!("rekey-rotation-{function}") }
}

/// What the template calls a function, and `sam build` its folder.
#[must_use]
pub fn resource(function: &str) -> String {
    let mut letters = function.chars();
    let name: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    if function == "heartbeat" { "HeartbeatFunction".to_owned() } else { format!("Rotation{name}Function") }
}

/// What `sam build` makes, as long as [`built`] keeps it.
#[must_use]
pub fn build() -> PathBuf {
    crate::repository().join(".aws-sam/build")
}

/// The program of a function, as [`built`] leaves it.
#[must_use]
pub fn bootstrap(function: &str) -> PathBuf {
    build().join(resource(function)).join("bootstrap")
}

/// `sam delete`.
pub async fn delete(stack: &Stack, name: &str) -> Result<()> {
    sam(stack, Place::default(), "delete")
        .args(["--stack-name", name, "--no-prompts", "--region", REGION])
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .run()
        .await
        .map(drop)
}

/// `sam validate --lint`.
pub async fn validate(stack: &Stack) -> Result<()> {
    sam(stack, Place::default(), "validate").arg("--lint").run().await.map(drop)
}

fn sam(stack: &Stack, place: Place, command: &str) -> Spec {
    let program = stack.tools.sam.join("bin/sam");
    keyboard::program(stack, place, &format!("sam {command}"), program).arg(command)
}

async fn outputs(stack: &Stack, place: Place, name: &str) -> Result<BTreeMap<String, String>> {
    let answer = stack.aws.cli_in(place, &["cloudformation", "describe-stacks", "--stack-name", name]).await?;
    let outputs = answer["Stacks"][0]["Outputs"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    Ok(outputs.iter().filter_map(|output| text(&output["OutputKey"]).zip(text(&output["OutputValue"]))).collect())
}

async fn lock(progress: &Progress) -> Result<File> {
    let folder = crate::repository().join(".aws-sam");
    std::fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join(".lock"))?;
    let mut told = false;
    while lock.try_lock().is_err() {
        if !told {
            progress.line("waiting for another process that runs sam in this tree");
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(lock)
}
