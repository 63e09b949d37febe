//! The local AWS: MiniStack, started by tests/local/aws/launcher.py, with policy evaluation on.
//!
//! The root keys may do everything and are not checked, so a test of permissions needs a user: [`Aws::create_user`].

mod caller;
mod identities;
mod records;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::{Builder, tls};
use serde_json::Value;

pub use caller::Caller;
pub use records::{LambdaLine, Request, count};

use crate::cache::RunDir;
use crate::eventually::eventually;
use crate::log::JsonLog;
use crate::net::{free_port, http_get};
use crate::process::{Process, Signal, Spec, while_alive};
use crate::tools::Tools;

/// The region of every test.
pub const REGION: &str = "us-east-1";

/// The account of every test: the one of AWS's own examples.
pub const ACCOUNT: &str = "111122223333";

/// Access key and secret key of root.
const ROOT: &str = "test";

/// How the local AWS differs from the real one.
#[derive(Debug, Clone)]
pub struct Options {
    /// AWS's own schedules (rules, rotation dates) run this many times faster.
    pub time_factor: u32,
    /// More variables for the launcher.
    pub env: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { time_factor: 1, env: Vec::new() }
    }
}

/// A running local AWS. Dropping it stops it and the Lambda processes it started.
pub struct Aws {
    process: Process,
    directory: PathBuf,
    cli: PathBuf,
    endpoint: String,
    requests: JsonLog<Request>,
    lambda_log: JsonLog<LambdaLine>,
}

impl Aws {
    /// Starts it and waits until it answers.
    pub async fn start(tools: &Tools, run: &RunDir, options: &Options) -> Result<Self> {
        let directory = run.join("aws")?;
        let (temporary, state) = (run.join("aws/tmp")?, run.join("aws/state")?);
        let port = free_port()?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let requests = JsonLog::new(directory.join("requests.jsonl"));
        let lambda_log = JsonLog::new(directory.join("lambda.jsonl"));
        let bin = tools.aws.join("bin");
        // An empty environment: the Lambda functions inherit all of it.
        let mut spec = Spec::new("local AWS", bin.join("python"), directory.join("launcher.log"))
            .arg(crate::repository().join("tests/local/aws/launcher.py"))
            .clean_env()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()))
            .env("HOME", &directory)
            .env("TMPDIR", temporary)
            .env("STATE_DIR", state)
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ACCESS_KEY_ID", ROOT)
            .env("AWS_SECRET_ACCESS_KEY", ROOT)
            .env("AUTH", "true")
            .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("DOCKER_HOST", "unix:///nonexistent.sock")
            .env("PYTHONUNBUFFERED", "1")
            .env("REKEY_LOCAL_AWS_REQUEST_LOG", requests.path())
            .env("REKEY_LOCAL_AWS_LAMBDA_LOG", lambda_log.path())
            .env("REKEY_LOCAL_AWS_TIME_FACTOR", options.time_factor.to_string());
        for (name, value) in &options.env {
            spec = spec.env(name, value);
        }
        let process = spec.start()?;
        let aws = Self { process, directory, cli: bin.join("aws"), endpoint, requests, lambda_log };
        let ready = eventually("the local AWS to be ready", Duration::from_mins(1), async || {
            let (status, _) = http_get(port, "/_ministack/health").await?;
            ensure!(status == 200, "GET /_ministack/health: {status}");
            Ok(())
        });
        while_alive(&[&aws.process], ready).await?;
        Ok(aws)
    }

    /// `http://127.0.0.1:PORT`: what a person exports as AWS_ENDPOINT_URL.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The variables with which any AWS tool or SDK talks to this AWS as root of an account.
    #[must_use]
    pub fn root_environment(&self, place: Place) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", place.account.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", ROOT.to_owned()),
            ("AWS_REGION", place.region.to_owned()),
            ("AWS_DEFAULT_REGION", place.region.to_owned()),
        ]
    }

    /// The SDK's configuration as root, for the runtime that calls this.
    pub async fn sdk_config(&self) -> SdkConfig {
        self.sdk_config_for(ROOT, ROOT).await
    }

    /// The SDK's configuration with these keys.
    pub async fn sdk_config_for(&self, access_key: &str, secret_key: &str) -> SdkConfig {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(Builder::new().tls_provider(provider).build_https())
            .endpoint_url(&self.endpoint)
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(access_key, secret_key, None, None, "rekey-tests"))
            .load()
            .await
    }

    /// Runs the `aws` command as root and hands back its JSON (null if it printed nothing).
    pub async fn cli(&self, args: &[&str]) -> Result<Value> {
        self.cli_in(Place::default(), args).await
    }

    /// The same in another account or region.
    pub async fn cli_in(&self, place: Place, args: &[&str]) -> Result<Value> {
        let text = self.cli_text(place, args).await?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("aws {} did not print JSON", args.join(" ")))
    }

    /// The same for a command that prints no JSON.
    pub async fn cli_text(&self, place: Place, args: &[&str]) -> Result<String> {
        let mut spec = Spec::new(&format!("aws {}", args.join(" ")), &self.cli, self.directory.join("cli.log"))
            .args(args)
            .args(["--output", "json"])
            .clean_env()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &self.directory)
            .env("AWS_PAGER", "")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        for (name, value) in self.root_environment(place) {
            spec = spec.env(name, value);
        }
        spec.stdout().await
    }

    /// Calls its API as root, for the runtime that calls this.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller::new(&self.endpoint)
    }

    /// Creates an IAM user with one managed policy.
    pub async fn create_user(&self, name: &str, policy_arn: &str) -> Result<User> {
        self.cli(&["iam", "create-user", "--user-name", name]).await?;
        self.cli(&["iam", "attach-user-policy", "--user-name", name, "--policy-arn", policy_arn]).await?;
        self.create_access_key(name).await
    }

    /// What was asked of this AWS, one record for each request.
    #[must_use]
    pub fn requests(&self) -> &JsonLog<Request> {
        &self.requests
    }

    /// `aws secretsmanager create-secret`. Returns the ARN.
    pub async fn create_secret(&self, name: &str, value: &str) -> Result<String> {
        let create = ["secretsmanager", "create-secret", "--name", name, "--secret-string", value];
        Ok(self.cli(&create).await?["ARN"].as_str().context("create-secret names no ARN")?.to_owned())
    }

    /// `aws secretsmanager put-secret-value`. Returns the id of the version.
    pub async fn put_secret(&self, name: &str, value: &str) -> Result<String> {
        let put = ["secretsmanager", "put-secret-value", "--secret-id", name, "--secret-string", value];
        Ok(self.cli(&put).await?["VersionId"].as_str().context("put-secret-value names no version")?.to_owned())
    }

    /// What the Lambda functions printed.
    #[must_use]
    pub fn lambda_log(&self) -> &JsonLog<LambdaLine> {
        &self.lambda_log
    }

    /// The launcher's own output.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// The child, for [`crate::stack`].
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        // It ends its Lambda processes when asked; killed, it would leave that to the kernel.
        self.process.stop(Signal::TERM, Duration::from_secs(5));
    }
}

/// An account and a region; the local AWS makes an account of any twelve digits.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Twelve digits.
    pub account: &'static str,
    /// As in `us-east-1`.
    pub region: &'static str,
}

impl Default for Place {
    fn default() -> Self {
        Self { account: ACCOUNT, region: REGION }
    }
}

/// The keys of an IAM user.
#[derive(Clone)]
pub struct User {
    /// The access key id; the request log calls it the principal.
    pub access_key: String,
    /// The secret access key.
    pub secret_key: String,
}
