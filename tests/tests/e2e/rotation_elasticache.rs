//! Rotations of an ElastiCache user, by the deployed function. The local AWS has users and takes their passwords, but
//! keeps none and runs no cache, so nobody can log in; MemoryDB it does not have at all.

use std::time::Duration;

use rekey_tests::rotated::Rotated;
use serde_json::{Value, json};

use crate::fixture;

const SOON: Duration = Duration::from_secs(40);

#[tokio::test]
async fn a_users_password_is_rotated_and_the_log_says_that_nobody_logged_in() {
    let (stack, rekey, values) = fixture::rekey().await;
    let first = values.fresh();
    let create = ["elasticache", "create-user", "--user-id", "u-rotated", "--user-name", "app", "--engine", "redis"];
    let with = ["--access-string", "on ~* +@all", "--passwords", &first];
    let user = stack.aws.cli(&[create.as_slice(), &with].concat()).await.unwrap();
    let value = json!({"username": "app", "password": first, "user_arn": user["ARN"]}).to_string();
    let lambda = rekey.deployed.output("RotationElasticacheFunctionArn").unwrap();
    let tag = ("rekey:user-arn", user["ARN"].as_str().unwrap());
    let secret = Rotated::create(&stack.aws, "cache/elasticache", &value, &[tag], lambda).await.unwrap();

    let test = secret.begin(false).await.unwrap();
    let audit = secret.audit(&stack.aws, &test, "testSecret", SOON).await.unwrap();
    assert_eq!((&audit["outcome"], &audit["strategy"]), (&json!("ok"), &json!("dual")), "{audit}");

    let before = stack.aws.requests().mark();
    let new: Value = serde_json::from_str(&secret.rotate(SOON).await.unwrap()).unwrap();
    values.add(new["password"].as_str().unwrap());
    assert_eq!((&new["username"], &new["user_arn"]), (&json!("app"), &user["ARN"]));
    let requests = stack.aws.requests().since(before).unwrap();
    let changes = requests.iter().filter(|request| request.action == "ModifyUser").count();
    assert_eq!(changes, 1);
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn a_user_of_another_name_is_left_alone() {
    let (stack, rekey, _) = fixture::rekey().await;
    let create = ["elasticache", "create-user", "--user-id", "u-other", "--user-name", "somebody", "--engine", "redis"];
    let with = ["--access-string", "on ~* +@all", "--passwords", "their own, of sixteen"];
    let user = stack.aws.cli(&[create.as_slice(), &with].concat()).await.unwrap();
    let value = json!({"username": "app", "password": "p", "user_arn": user["ARN"]}).to_string();
    let lambda = rekey.deployed.output("RotationElasticacheFunctionArn").unwrap();
    let tag = ("rekey:user-arn", user["ARN"].as_str().unwrap());
    // The second one's user nothing but its value names.
    for (name, tags, step) in [("cache/somebody", &[tag][..], "setSecret"), ("cache/untied", &[], "createSecret")] {
        let secret = Rotated::create(&stack.aws, name, &value, tags, lambda).await.unwrap();
        let version = secret.begin(true).await.unwrap();
        let audit = secret.audit(&stack.aws, &version, step, SOON).await.unwrap();
        assert_eq!((&audit["outcome"], &audit["errorKind"]), (&json!("failed"), &json!("refused")), "{audit}");
    }
}
