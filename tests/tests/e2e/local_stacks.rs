//! Two stacks side by side, and what is left of one whose owner is killed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use rekey_tests::cache::Cache;
use rekey_tests::eventually::eventually;
use rekey_tests::process::{Spec, while_alive};
use rekey_tests::stack::StackFile;

use crate::local_processes::lives;
use crate::stack;

/// Long, because the machine may be compiling at the same time; a stack starts in 4 to 6 s.
const START: Duration = Duration::from_mins(3);

/// The process that owns the second stack is this test binary itself, told by a variable to run `owns_a_stack`.
const OWNER: &str = "REKEY_TEST_OWNS_A_STACK";

/// Not a test: the second stack's owner, which the test below starts as a process of its own and kills.
#[tokio::test]
async fn owns_a_stack() -> Result<()> {
    if std::env::var_os(OWNER).is_none() {
        return Ok(());
    }
    let log = stack().await.directory().join("grandchild.log");
    let _parent = Spec::new("parent", "/bin/sh", log).args(["-c", "sleep 600 & echo $!; wait"]).start()?;
    std::future::pending().await
}

#[tokio::test]
async fn a_second_stack_has_a_life_of_its_own_and_a_killed_owner_leaves_nothing_running() -> Result<()> {
    let first = stack().await;
    let owner = Spec::new("the second stack's owner", std::env::current_exe()?, first.directory().join("second.log"))
        .args(["--exact", "local_stacks::owns_a_stack", "--nocapture"])
        .env(OWNER, "1")
        .start()?;
    let second = while_alive(&[&owner], second_stack(first, owner.pid())).await?;
    let grandchild: u32 = eventually("a child of the owner to start a child", START, async || {
        Ok(std::fs::read_to_string(second.directory.join("grandchild.log"))?.trim().parse()?)
    })
    .await?;
    ensure!(lives(grandchild), "the grandchild ended by itself");
    // Its children are in groups of their own, which this does not reach.
    owner.kill();

    eventually("the killed owner's processes to be gone", Duration::from_secs(15), async || {
        let left: Vec<_> = second.processes.iter().filter(|process| lives(process.pid)).collect();
        ensure!(left.is_empty() && !lives(grandchild), "still there: {left:?}, grandchild: {}", lives(grandchild));
        Ok(())
    })
    .await?;
    ensure!(!StackFile::running(&Cache::open()?)?.contains(&second), "a stack without an owner counts as running");
    first.check()
}

async fn second_stack(first: &rekey_tests::stack::Stack, pid: u32) -> Result<StackFile> {
    let cache = Cache::open()?;
    let second = eventually("the second stack", START, async || {
        let stack = StackFile::running(&cache)?.into_iter().find(|stack| stack.pid == pid).context("not there yet")?;
        ensure!(stack.ready, "it is starting");
        Ok(stack)
    })
    .await?;
    let names: Vec<&str> = second.processes.iter().map(|process| process.name.as_str()).collect();
    for name in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "local AWS", "postgres"]
    {
        ensure!(names.contains(&name), "{name} is not recorded: {names:?}");
    }
    ensure!(second.processes.iter().all(|process| lives(process.pid)), "a process has ended: {second:?}");
    ensure!(second.aws_endpoint != first.aws.endpoint(), "the two share an AWS");

    // What is made in one is not seen in the other.
    let name = format!("only-{}", rekey_tests::random_word(8));
    let object = Namespace {
        metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    let kubeconfig = std::fs::read_to_string(&second.kubeconfig)?;
    let there: Api<Namespace> = Api::all(first.kubernetes.client_of(&kubeconfig).await?);
    there.create(&PostParams::default(), &object).await?;
    let here: Api<Namespace> = Api::all(first.kubernetes.client().await?);
    ensure!(here.get_opt(&name).await?.is_none(), "the two share a cluster");
    Ok(second)
}
