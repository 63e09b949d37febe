//! The local AWS behaves as AWS documents it. Its rules are tests beside it, each with its source; they run here too, so
//! that `cargo test` is all there is to run.

use anyhow::Result;
use rekey_tests::process::Spec;
use rekey_tests::repository;

use crate::stack;

#[tokio::test]
async fn the_launchers_rules_hold() -> Result<()> {
    let stack = stack().await;
    let folder = repository().join("tests/local/aws");
    Spec::new(
        "tests of the local AWS",
        stack.tools.aws.join("bin/python"),
        stack.directory().join("launcher-tests.log"),
    )
    .args(["-m", "unittest", "discover", "--failfast", "-s"])
    .arg(&folder)
    .arg("-t")
    .arg(&folder)
    .directory(repository())
    .hide_env("AWS_")
    .env("PYTHONDONTWRITEBYTECODE", "1")
    .run()
    .await
    .map(drop)
}
