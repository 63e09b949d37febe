//! infra/template.yaml as its users meet it: deployed, changed, refused, deleted.

use std::time::Duration;

use rekey_tests::aws::Place;
use rekey_tests::progress::Progress;
use rekey_tests::rotated::Rotated;
use rekey_tests::sam;
use rekey_tests::stack::Stack;
use serde_json::{Value, json};

use crate::stack;

/// What a stack of that name has left in AWS, as `service: name`.
pub(crate) async fn rest(stack: &Stack, name: &str) -> Vec<String> {
    let lists: [(&str, &[&str], &str, &str); 8] = [
        ("lambda", &["list-functions"], "Functions", "FunctionName"),
        ("events", &["list-rules"], "Rules", "Name"),
        ("secretsmanager", &["list-secrets"], "SecretList", "Name"),
        ("ssm", &["describe-parameters"], "Parameters", "Name"),
        ("iam", &["list-roles"], "Roles", "RoleName"),
        ("iam", &["list-policies", "--scope", "Local"], "Policies", "PolicyName"),
        ("logs", &["describe-log-groups"], "logGroups", "logGroupName"),
        ("cloudwatch", &["describe-alarms"], "MetricAlarms", "AlarmName"),
    ];
    let mut rest = Vec::new();
    for (service, command, list, field) in lists {
        let answer = stack.aws.cli(&[&[service], command].concat()).await.unwrap();
        for one in answer[list].as_array().into_iter().flatten() {
            let text = one[field].as_str().unwrap();
            if text.contains(name) {
                rest.push(format!("{service}: {text}"));
            }
        }
    }
    let queues = stack.aws.caller().call("sqs.ListQueues", &json!({"QueueNamePrefix": name})).await.unwrap();
    rest.extend(queues["QueueUrls"].as_array().into_iter().flatten().map(|url| format!("sqs: {url}")));
    rest
}

/// The names of the functions, alarms and rules in `rest`, sorted, without what CloudFormation adds.
fn kinds(rest: &[String], service: &str) -> usize {
    rest.iter().filter(|one| one.starts_with(service)).count()
}

#[tokio::test]
async fn the_stack_is_deployed_changed_and_deleted_without_a_rest() {
    let stack = stack().await;
    let name = format!("life-{}", rekey_tests::random_word(6));
    let secret = |which: &str| format!("{name}-secret-{which}");
    let mut arns = Vec::new();
    for which in ["one", "two"] {
        arns.push(stack.aws.create_secret(&secret(which), "not rotated yet").await.unwrap());
    }
    let topic = "arn:aws:sns:us-east-1:111122223333:alarms";
    let buses =
        "arn:aws:events:eu-west-1:111122223333:event-bus/rekey,arn:aws:events:us-west-2:444455556666:event-bus/rekey";
    let generic = arns.join(",");
    let mut parameters: Vec<(&str, &str)> =
        [("ClusterName", name.as_str())].into_iter().chain(sam::EVERY_ENGINE).collect();
    parameters.extend([
        ("AlarmTopicArn", topic),
        ("CloudTrailEvents", "true"),
        ("RelayBusArns", buses),
        ("ReaderPrincipalArns", "arn:aws:iam::444455556666:role/agent"),
        ("SecretTagKey", "team"),
        ("SecretTagValue", "shop"),
        ("GenericSecrets", &generic),
        ("RotationSchedule", "rate(10 days)"),
    ]);
    let deployed = sam::deploy(stack, &name, &parameters, &Progress::stderr()).await.unwrap();
    assert_eq!(deployed.output("HeartbeatPeriod").unwrap(), "10m");
    let there = rest(stack, &name).await;
    assert_eq!(kinds(&there, "lambda"), 8, "{there:#?}");
    // Changes, CloudTrail's, two relays, the heartbeat's schedule.
    assert_eq!(kinds(&there, "events"), 5, "{there:#?}");
    // One for each function, and dead letters, age, invocations, silence, the heartbeat's schedule.
    assert_eq!(kinds(&there, "cloudwatch"), 8 + 5, "{there:#?}");
    for arn in &arns {
        let described =
            stack.aws.caller().call("secretsmanager.DescribeSecret", &json!({"SecretId": arn})).await.unwrap();
        assert_eq!(described["RotationRules"]["ScheduleExpression"], "rate(10 days)");
        assert_eq!(described["RotationLambdaARN"], deployed.output("RotationGenericFunctionArn").unwrap());
        let value = stack.aws.caller().call("secretsmanager.GetSecretValue", &json!({"SecretId": arn})).await.unwrap();
        assert_eq!(value["SecretString"], "not rotated yet", "saving a schedule rotates nothing");
    }
    contradictions_are_refused(stack, &name).await;

    // What is not given stays as it was, so what is not wanted any more is said.
    let unwanted = |&(name, value): &(&'static str, &'static str)| (name, if value == "true" { "false" } else { "" });
    let mut fewer: Vec<(&str, &str)> = sam::EVERY_ENGINE.iter().map(unwanted).collect();
    fewer.extend(
        ["AlarmTopicArn", "RelayBusArns", "ReaderPrincipalArns", "SecretTagKey", "SecretTagValue"].map(|one| (one, "")),
    );
    fewer.extend([("CloudTrailEvents", "false"), ("EngineGeneric", "true"), ("GenericSecrets", &arns[0])]);
    let changed = sam::deploy(stack, &name, &fewer, &Progress::stderr()).await.unwrap();
    assert_eq!(changed.output("QueueUrl").unwrap(), deployed.output("QueueUrl").unwrap(), "the queue was replaced");
    assert!(changed.output("RotationPostgresFunctionArn").is_err());
    let there = rest(stack, &name).await;
    assert_eq!(
        (kinds(&there, "lambda"), kinds(&there, "events"), kinds(&there, "cloudwatch")),
        (2, 2, 0),
        "{there:#?}"
    );
    let described =
        stack.aws.caller().call("secretsmanager.DescribeSecret", &json!({"SecretId": arns[1]})).await.unwrap();
    assert_eq!(described["RotationEnabled"], false, "its schedule went, and so did its rotation");
    let lambda = changed.output("RotationGenericFunctionArn").unwrap();
    let rotated = Rotated::create(&stack.aws, &format!("{name}-secret-three"), "before", &[], lambda).await.unwrap();
    assert_ne!(rotated.rotate(Duration::from_secs(20)).await.unwrap(), "before");

    sam::delete(stack, &name).await.unwrap();
    let left: Vec<String> = rest(stack, &name).await.into_iter().filter(|one| !one.contains("-secret-")).collect();
    assert_eq!(left, Vec::<String>::new());
    let kept = stack.aws.caller().call("secretsmanager.DescribeSecret", &json!({"SecretId": arns[0]})).await;
    kept.expect("secrets are their owner's, not the stack's");
}

/// Parameters that contradict each other, on the stack as it was deployed, and what its Rules say.
async fn contradictions_are_refused(stack: &Stack, name: &str) {
    let caller = stack.aws.caller();
    for (parameters, sentence) in [
        (&[("SubnetIds", "subnet-1")][..], "SubnetIds needs SecurityGroupIds; give"),
        (&[("SecurityGroupIds", "sg-1,sg-2")], "SecurityGroupIds needs SubnetIds; give"),
        (&[("ClusterQueue", "false"), ("EventBusName", "rekey")], "ClusterQueue is false; set ClusterQueue to true"),
        (&[("SecretTagKey", "team")], "SecretTagKey needs SecretTagValue; give"),
        (&[("SecretTagValue", "shop")], "SecretTagValue needs SecretTagKey; give"),
        (&[("EngineIam", "true")], "EngineIam needs IamUserArnPatterns; give"),
        (&[("EngineElasticache", "true")], "EngineElasticache needs CacheUserArnPatterns; give"),
        (
            &[("MasterSecretArnPatterns", "arn:x"), ("EngineGeneric", "true")],
            "MasterSecretArnPatterns is for EnginePostgres",
        ),
        (
            &[("PostgresSecrets", "arn:x")],
            "PostgresSecrets needs the function that rotates them; set EnginePostgres to true",
        ),
        (&[("MysqlSecrets", "arn:x")], "set EngineMysql to true"),
        (&[("MongodbSecrets", "arn:x")], "set EngineMongodb to true"),
        (&[("RedisSecrets", "arn:x")], "set EngineRedis to true"),
        (&[("ElasticacheSecrets", "arn:x")], "set EngineElasticache to true"),
        (&[("IamSecrets", "arn:x,arn:y")], "set EngineIam to true"),
        (&[("GenericSecrets", "arn:x")], "set EngineGeneric to true"),
        (&[("EngineGeneric", "yes")], "EngineGeneric"),
        (&[("HeartbeatMinutes", "7")], "HeartbeatMinutes"),
        (&[("AlarmTopicArn", "alarms")], "the ARN of an SNS topic"),
        (&[("RotationSchedule", "weekly")], "cron(...) or rate(...)"),
    ] {
        let mut request = json!({
            "StackName": name, "ChangeSetName": format!("refused-{}", rekey_tests::random_word(8)),
            "UsePreviousTemplate": "true", "Capabilities.member.1": "CAPABILITY_IAM",
        });
        for (index, (key, value)) in parameters.iter().enumerate() {
            request[format!("Parameters.member.{}.ParameterKey", index + 1)] = json!(key);
            request[format!("Parameters.member.{}.ParameterValue", index + 1)] = json!(value);
        }
        let refused: anyhow::Result<Value> = caller.call("cloudformation.CreateChangeSet", &request).await;
        let said = format!("{:#}", refused.expect_err(sentence));
        assert!(said.contains(sentence), "{parameters:?}: {said}");
    }
}

#[tokio::test]
async fn a_contradiction_is_said_where_sam_deploy_runs() {
    let stack = stack().await;
    let parameters = [("ClusterName", "contradicts"), ("PostgresSecrets", "arn:x")];
    let refused = sam::deploy_in(stack, Place::default(), "contradicts", &parameters, &Progress::stderr()).await;
    let said = format!("{:#}", refused.err().unwrap());
    assert!(said.contains("set EnginePostgres to true"), "{said}");
}
