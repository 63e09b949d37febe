//! A function without SAM: `cargo lambda deploy`, a role with the policies of infra/policies and no others, and the calls that
//! make it rotate. The commands are those of docs/rotation.md.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use rekey_tests::aws::{ACCOUNT, REGION};
use rekey_tests::policies::{self, Placeholders};
use rekey_tests::rotated::Rotated;
use rekey_tests::stack::Stack;
use rekey_tests::{documentation, keyboard};
use serde_json::json;

const FUNCTION: &str = "rekey-rotation-generic";

/// A role for one function, as docs/permissions.md describes it.
async fn role(stack: &Stack, function: &str) -> Result<String> {
    let arn = |service: &str, rest: &str| vec![format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")];
    let placeholders: Placeholders = BTreeMap::from([
        ("BusArn".to_owned(), arn("events", "event-bus/default")),
        ("SecretsOfAccount".to_owned(), arn("secretsmanager", "secret:*")),
        ("FunctionArn".to_owned(), arn("lambda", &format!("function:{FUNCTION}"))),
    ]);
    let functions = policies::functions()?;
    let names = &functions.get(function).context("no such function")?.policies;
    let document = policies::document(names.iter().map(String::as_str), &placeholders)?.to_string();
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
    }]});
    let create = ["iam", "create-role", "--role-name", FUNCTION, "--assume-role-policy-document", &trust.to_string()];
    let arn = stack.aws.cli(&create).await?["Role"]["Arn"].as_str().context("no role was made")?.to_owned();
    let put =
        ["iam", "put-role-policy", "--role-name", FUNCTION, "--policy-name", "rekey", "--policy-document", &document];
    stack.aws.cli(&put).await?;
    Ok(arn)
}

#[tokio::test]
async fn a_function_that_cargo_lambda_deployed_rotates_a_secret() {
    let (stack, ..) = crate::fixture::rekey().await;
    let role = role(stack, "generic").await.unwrap();
    let secret = format!("cargo-lambda-{}", rekey_tests::random_word(6));
    let lambda = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}");
    let rotated = Rotated::create(&stack.aws, &secret, "before", &[], &lambda).await.unwrap();
    let block = documentation::block("docs/rotation.md", "cargo-lambda").unwrap();
    let commands = documentation::filled(
        &block,
        &[("ROLE_ARN", &role), ("ACCOUNT", ACCOUNT), ("SECRET_ID", rotated.arn()), ("FUNCTION_ARN", &lambda)],
    );
    // Its first line compiles, and sam has done that.
    let (build, rest) = commands.split_once('\n').unwrap();
    assert!(build.starts_with("cargo lambda build --release"), "{build}");
    keyboard::shell(stack, "the commands of docs/rotation.md", rest).run().await.unwrap();
    let value = rekey_tests::eventually::eventually("the rotation", Duration::from_secs(20), async || {
        let value = rotated.value().await?;
        anyhow::ensure!(value != "before", "it has not ended");
        Ok(value)
    });
    assert_eq!(value.await.unwrap().len(), 32);
}
