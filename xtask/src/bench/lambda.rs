//! `cargo xtask bench lambda`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use rekey_tests::process::Spec;
use rekey_tests::progress::Progress;
use rekey_tests::repository;
use rekey_tests::rotated::Rotated;
use rekey_tests::sam::{self, Deployed};
use rekey_tests::stack::{self, Build, Stack};
use rekey_tests::subjects;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::figures::{Spread, megabytes, milliseconds};
use super::table::Table;

const STARTS: usize = 30;
const ROTATIONS: usize = 5;

/// Each function's zip, start, memory, and what a rotation takes.
///
/// Builds and deploys infra/template.yaml with sam on a stack of its own. "start" is from the start of the process to its
/// first poll for work, by a server that plays Lambda's runtime API; "memory" is the most that was resident until then.
/// "rotation" is from rotate-secret until AWSCURRENT moved, all four steps, on the local AWS. Medians, beside what Python
/// needs to import boto3 and make one client.
#[derive(Args)]
pub struct Lambda;

impl Lambda {
    pub async fn run(self) -> Result<ExitCode> {
        let progress = Progress::stderr();
        let options =
            stack::Options { purpose: "bench".to_owned(), build: Build::Shipped, ..stack::Options::default() };
        let stack = Box::pin(Stack::start(options, &progress)).await?;
        measure(&stack, &progress).await?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn measure(stack: &Stack, progress: &Progress) -> Result<()> {
    let parameters: Vec<_> = [("ClusterName", "bench")].into_iter().chain(sam::EVERY_ENGINE).collect();
    let deployed = Box::pin(sam::deploy(stack, "bench", &parameters, progress)).await?;
    let sizes = sizes(stack, "bench").await?;
    progress.line(format!("starting each function {STARTS} times"));
    println!("{:<24} {:>9} {:>9} {:>9}", "function", "zip", "start", "memory");
    for (function, size) in &sizes {
        let (start, memory) = start(function, stack.directory()).await.with_context(|| function.clone())?;
        println!(
            "{function:<24} {:>6.2} MB {:>6.1} ms {:>6.1} MB",
            megabytes(*size),
            milliseconds(start),
            megabytes(memory)
        );
    }
    let (start, memory) = python(stack).await?;
    let name = "Python with boto3";
    println!("{name:<24} {:>9} {:>6.1} ms {:>6.1} MB\n", "", milliseconds(start), megabytes(memory));
    rotations(stack, &deployed, progress).await
}

/// The function for PostgreSQL, in rows of the table.
pub async fn postgres(stack: &Stack, table: &mut Table) -> Result<()> {
    const FUNCTION: &str = "RotationPostgresFunction";
    let size = *sizes(stack, "bench").await?.get(FUNCTION).context("there is no function for PostgreSQL")?;
    let (start, memory) = start(FUNCTION, stack.directory()).await?;
    let start = milliseconds(start);
    table.add("function for PostgreSQL: process start to first poll", start, "ms", "360 ms", Some(15.0));
    table.add("function for PostgreSQL: zip", megabytes(size), "MB", "", Some(4.0));
    table.add("function for PostgreSQL: memory", megabytes(memory), "MB", "59 MB", Some(15.0));
    Ok(())
}

async fn rotations(stack: &Stack, deployed: &Deployed, progress: &Progress) -> Result<()> {
    progress.line(format!("rotating each credential {ROTATIONS} times"));
    println!("{:<24} {:>9}", "credential", "rotation");
    let subjects = subjects::create(stack, deployed, "bench").await?;
    let subjects = subjects.into_iter().map(|subject| (subject.name, subject.secret));
    for (name, secret) in subjects.chain(without_a_server(stack, deployed).await?) {
        println!("{name:<24} {:>6.0} ms", milliseconds(rotation(&secret).await?));
    }
    println!("{:<24} {:>9}", "mongodb", "no server");
    Ok(())
}

/// Credentials that only AWS knows.
async fn without_a_server(stack: &Stack, deployed: &Deployed) -> Result<Vec<(&'static str, Rotated)>> {
    let aws = &stack.aws;
    aws.cli(&["iam", "create-user", "--user-name", "bench-keys", "--path", "/rotated/"]).await?;
    let key = aws.create_access_key("bench-keys").await?;
    let key = json!({"aws_access_key_id": key.access_key, "aws_secret_access_key": key.secret_key}).to_string();
    let create = ["elasticache", "create-user", "--user-id", "bench", "--user-name", "bench", "--engine", "redis"];
    let password = rekey_tests::random_word(20);
    let create = [&create[..], &["--access-string", "on ~* +@all", "--passwords", &password]].concat();
    let answer = aws.cli(&create).await?;
    let user = answer["ARN"].as_str().context("the user has no ARN")?;
    let cache = json!({"username": "bench", "password": password, "user_arn": user}).to_string();
    let mut made = Vec::new();
    for (name, function, value, tags) in [
        ("elasticache", "RotationElasticacheFunctionArn", cache.as_str(), &[("rekey:user-arn", user)][..]),
        ("iam", "RotationIamFunctionArn", &key, &[]),
        ("generic", "RotationGenericFunctionArn", "before", &[]),
    ] {
        made.push((
            name,
            Rotated::create(aws, &format!("bench/{name}"), value, tags, deployed.output(function)?).await?,
        ));
    }
    Ok(made)
}

async fn rotation(secret: &Rotated) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..ROTATIONS {
        let began = Instant::now();
        secret.rotate(Duration::from_mins(1)).await?;
        times.push(began.elapsed());
    }
    Ok(Spread::of(times).median())
}

/// Bytes that were uploaded for each function, by its name in the template.
async fn sizes(stack: &Stack, name: &str) -> Result<BTreeMap<String, u64>> {
    let resources = ["cloudformation", "list-stack-resources", "--stack-name", name];
    let resources = stack.aws.cli(&resources).await?;
    let mut sizes = BTreeMap::new();
    for resource in resources["StackResourceSummaries"].as_array().into_iter().flatten() {
        if resource["ResourceType"] != "AWS::Lambda::Function" {
            continue;
        }
        let id = resource["PhysicalResourceId"].as_str().unwrap_or_default();
        let function = stack.aws.cli(&["lambda", "get-function-configuration", "--function-name", id]).await?;
        let name = resource["LogicalResourceId"].as_str().context("a resource has no name")?;
        sizes.insert(name.to_owned(), function["CodeSize"].as_u64().context("there is no CodeSize")?);
    }
    Ok(sizes)
}

/// From the start of the process to its first poll, and the most memory that was resident until then, in bytes.
async fn start(function: &str, directory: &Path) -> Result<(Duration, u64)> {
    let binary = repository().join(".aws-sam/build").join(function).join("bootstrap");
    let api = TcpListener::bind("127.0.0.1:0").await?;
    let address = api.local_addr()?.to_string();
    let (mut times, mut memory) = (Vec::new(), 0);
    for _ in 0..STARTS {
        let spec = Spec::new("function", &binary, directory.join("bench.log"))
            .clean_env()
            .env("AWS_LAMBDA_RUNTIME_API", &address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "bench")
            .env("AWS_SECRET_ACCESS_KEY", "bench")
            .env("CANARY_SECRET_ID", "bench")
            .env("CANARY_PARAMETER", "bench");
        let began = Instant::now();
        let process = spec.start()?;
        let poll = async {
            let (mut stream, _) = api.accept().await?;
            let mut head = [0; 64];
            let length = stream.read(&mut head).await?;
            let polls = head[..length].starts_with(b"GET /2018-06-01/runtime/invocation/next");
            anyhow::ensure!(polls, "it asked for something else than work");
            // A function whose poll is cut ends.
            Ok(stream)
        };
        let _poll = timeout(Duration::from_secs(10), poll).await.context("it does not poll")??;
        times.push(began.elapsed());
        memory = memory.max(resident(process.pid())?);
    }
    Ok((Spread::of(times).median(), memory))
}

/// The most that was resident of a process so far, in bytes.
fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("there is no VmHWM")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

/// What AWS's Python templates do before their first line of work.
async fn python(stack: &Stack) -> Result<(Duration, u64)> {
    let program = "import resource, boto3; boto3.client('secretsmanager', region_name='us-east-1'); \
                   print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)";
    let (mut times, mut memory) = (Vec::new(), 0);
    for _ in 0..10 {
        let spec = Spec::new("python", stack.tools.aws.join("bin/python"), stack.directory().join("bench.log"));
        let began = Instant::now();
        let printed = spec.clean_env().args(["-c", program]).stdout().await?;
        times.push(began.elapsed());
        memory = memory.max(printed.trim().parse::<u64>()? * 1024);
    }
    Ok((Spread::of(times).median(), memory))
}
