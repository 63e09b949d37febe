//! Rotations of an IAM user's access keys, by the deployed function, under the policy that the template gives it.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use rekey_tests::aws::{Aws, User};
use rekey_tests::rotated::Rotated;
use serde_json::{Value, json};

use crate::fixture;

const SOON: Duration = Duration::from_secs(30);

/// Creates a user who may list secrets.
async fn user(aws: &Aws, path: &str, name: &str) -> Result<User> {
    let caller = aws.caller();
    caller.call("iam.CreateUser", &json!({"UserName": name, "Path": path})).await?;
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"secretsmanager:ListSecrets","Resource":"*"}]}"#;
    let put = json!({"UserName": name, "PolicyName": "own", "PolicyDocument": policy});
    caller.call("iam.PutUserPolicy", &put).await?;
    aws.create_access_key(name).await
}

/// The ids of the user's keys, sorted, and whether they are active.
async fn keys(aws: &Aws, user: &str) -> Result<Vec<(String, String)>> {
    let answer = aws.cli(&["iam", "list-access-keys", "--user-name", user]).await?;
    let listed = answer["AccessKeyMetadata"].as_array().context("there is no list")?;
    let text = |key: &Value, field: &str| key[field].as_str().unwrap_or_default().to_owned();
    let mut keys: Vec<_> = listed.iter().map(|key| (text(key, "AccessKeyId"), text(key, "Status"))).collect();
    keys.sort();
    Ok(keys)
}

fn active<const N: usize>(keys: [&User; N]) -> Vec<(String, String)> {
    let mut keys = keys.map(|key| (key.access_key.clone(), "Active".to_owned())).to_vec();
    keys.sort();
    keys
}

fn document(user: &str, key: &User) -> String {
    json!({"username": user, "aws_access_key_id": key.access_key, "aws_secret_access_key": key.secret_key}).to_string()
}

fn key(document: &str) -> User {
    let document: Value = serde_json::from_str(document).unwrap();
    let text = |field: &str| document[field].as_str().unwrap().to_owned();
    User { access_key: text("aws_access_key_id"), secret_key: text("aws_secret_access_key") }
}

/// Whether AWS accepts the key.
async fn accepts(aws: &Aws, key: &User) -> bool {
    let secrets = aws_sdk_secretsmanager::Client::new(&aws.sdk_config_for(&key.access_key, &key.secret_key).await);
    match secrets.list_secrets().max_results(1).send().await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code(), Some("UnrecognizedClientException"), "{error:?}");
            false
        }
    }
}

#[tokio::test]
async fn a_new_key_is_in_force_and_the_last_one_works_until_the_next_rotation() {
    let (stack, rekey, values) = fixture::rekey().await;
    let aws = &stack.aws;
    let lambda = rekey.deployed.output("RotationIamFunctionArn").unwrap();
    let first = user(aws, "/rotated/", "keys-turn").await.unwrap();
    let secret = Rotated::create(aws, "iam/turn", &document("keys-turn", &first), &[], lambda).await.unwrap();

    let test = secret.begin(false).await.unwrap();
    let audit = secret.audit(aws, &test, "testSecret", SOON).await.unwrap();
    assert_eq!((&audit["outcome"], &audit["strategy"]), (&json!("ok"), &json!("dual")), "{audit}");
    assert_eq!(keys(aws, "keys-turn").await.unwrap(), active([&first]), "a test changes nothing");

    let second = key(&secret.rotate(SOON).await.unwrap());
    assert_eq!(keys(aws, "keys-turn").await.unwrap(), active([&first, &second]));
    assert!(accepts(aws, &first).await && accepts(aws, &second).await);

    let third = key(&secret.rotate(SOON).await.unwrap());
    assert_eq!(keys(aws, "keys-turn").await.unwrap(), active([&second, &third]));
    assert!(!accepts(aws, &first).await && accepts(aws, &second).await && accepts(aws, &third).await);
    for key in [&first, &second, &third] {
        values.add(&key.secret_key);
    }
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn a_second_key_that_somebody_else_made_is_left_alone() {
    let (stack, rekey, _) = fixture::rekey().await;
    let aws = &stack.aws;
    let lambda = rekey.deployed.output("RotationIamFunctionArn").unwrap();
    let own = user(aws, "/rotated/", "keys-shared").await.unwrap();
    // Nobody has used it yet, but nobody knows either that nobody is about to.
    let foreign = aws.create_access_key("keys-shared").await.unwrap();
    let secret = Rotated::create(aws, "iam/shared", &document("keys-shared", &own), &[], lambda).await.unwrap();
    let version = secret.begin(true).await.unwrap();
    let audit = secret.audit(aws, &version, "createSecret", SOON).await.unwrap();
    assert_eq!((&audit["outcome"], &audit["errorKind"]), (&json!("failed"), &json!("refused")), "{audit}");
    assert_eq!(keys(aws, "keys-shared").await.unwrap(), active([&own, &foreign]));
}

#[tokio::test]
async fn a_key_that_proves_nothing_or_a_user_out_of_reach_gets_no_new_one() {
    let (stack, rekey, values) = fixture::rekey().await;
    let aws = &stack.aws;
    let lambda = rekey.deployed.output("RotationIamFunctionArn").unwrap();
    let inside = user(aws, "/rotated/", "keys-inside").await.unwrap();
    let outside = user(aws, "/", "keys-outside").await.unwrap();
    let wrong = User { secret_key: values.fresh(), ..inside.clone() };
    for (number, (name, key, kind)) in [
        // The template lets the function act on users of the path /rotated/ alone.
        ("keys-outside", &outside, "aws"),
        // Whoever may write a secret must not get keys of whomever it names.
        ("keys-inside", &outside, "bad-secret"),
        ("keys-inside", &wrong, "auth"),
    ]
    .into_iter()
    .enumerate()
    {
        let secret = format!("iam/refused-{number}");
        let secret = Rotated::create(aws, &secret, &document(name, key), &[], lambda).await.unwrap();
        let version = secret.begin(true).await.unwrap();
        let audit = secret.audit(aws, &version, "createSecret", SOON).await.unwrap();
        assert_eq!((&audit["outcome"], &audit["errorKind"]), (&json!("failed"), &json!(kind)), "{audit}");
        assert_eq!(secret.value().await.unwrap(), document(name, key));
    }
    assert_eq!(keys(aws, "keys-inside").await.unwrap(), active([&inside]));
    assert_eq!(keys(aws, "keys-outside").await.unwrap(), active([&outside]));
}
