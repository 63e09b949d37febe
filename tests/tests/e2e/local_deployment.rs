//! SAM and helm reach the stack, and an identity made there may do what its policy says.

use anyhow::{Context, Result};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use rekey_tests::aws::count;
use rekey_tests::progress::Progress;
use rekey_tests::{helm, sam};

use crate::stack;

#[tokio::test]
async fn sam_deploys_the_template_and_its_agent_policy_lets_a_user_receive_and_nothing_more() -> Result<()> {
    let stack = stack().await;
    let name = format!("sam-{}", rekey_tests::random_word(6));
    let deployed = sam::deploy(stack, &name, &[("ClusterName", &name)], &Progress::stderr()).await?;
    assert!(deployed.output("CanarySecretArn")?.contains(&format!("secret:rekey/canary/{name}")));
    assert_eq!(deployed.output("CanaryParameterName")?, format!("/rekey/canary/{name}"));
    assert!(deployed.output("NoSuchOutput").is_err());

    let user = stack.aws.create_user(&name, deployed.output("AgentPolicyArn")?).await?;
    let mark = stack.aws.requests().mark();
    let sqs = aws_sdk_sqs::Client::new(&stack.aws.sdk_config_for(&user.access_key, &user.secret_key).await);
    let queue = deployed.output("QueueUrl")?;
    sqs.receive_message().queue_url(queue).wait_time_seconds(0).send().await.context("receive")?;
    let refused = sqs.send_message().queue_url(queue).message_body("{}").send().await.expect_err("it may not send");
    assert!(refused.code().unwrap_or_default().contains("AccessDenied"), "{refused:?}");

    let requests = stack.aws.requests().since(mark)?;
    assert_eq!(count(&requests, "sqs", "ReceiveMessage", Some(&user.access_key)), 1, "{requests:?}");
    Ok(())
}

#[tokio::test]
async fn the_template_and_the_chart_pass_their_linters() -> Result<()> {
    let stack = stack().await;
    sam::validate(stack).await?;
    let values = |replicas: serde_json::Value| serde_json::json!({"queueUrl": "https://sqs.us-east-1.amazonaws.com/111122223333/q", "replicas": replicas});
    helm::lint(stack, &values(1.into())).await?;
    assert!(helm::lint(stack, &values("two".into())).await.is_err(), "a word passes for a number");
    Ok(())
}
