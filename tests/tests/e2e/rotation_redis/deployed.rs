//! The same through RotateSecret and the deployed function.

use std::time::Duration;

use rekey_tests::rotated::Rotated;

use super::*;
use crate::fixture;

const SOON: Duration = Duration::from_secs(30);

fn password(document: &str) -> String {
    let document: Value = serde_json::from_str(document).unwrap();
    document["password"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_new_password_is_in_force_and_the_last_one_works_until_the_next_rotation() {
    let (stack, rekey, values) = fixture::rekey().await;
    let redis = Redis::shared().await.unwrap();
    let lambda = rekey.deployed.output("RotationRedisFunctionArn").unwrap();
    let master = redis.secret(ADMIN, redis.admin_password()).to_string();
    let master = stack.aws.create_secret("master/redis-deployed", &master).await.unwrap();
    for (rules, master) in [(ITSELF, None), (&[], Some(&master))] {
        let (name, first) = user(redis, rules).await;
        let mut value = redis.secret(&name, &first);
        if let Some(arn) = master {
            value["masterarn"] = arn.as_str().into();
        }
        let secret = format!("cache/{name}");
        let secret = Rotated::create(&stack.aws, &secret, &value.to_string(), &[], lambda).await.unwrap();
        let test = secret.begin(false).await.unwrap();
        let audit = secret.audit(&stack.aws, &test, "testSecret", SOON).await.unwrap();
        assert_eq!((&audit["outcome"], &audit["strategy"]), (&json!("ok"), &json!("dual")), "{audit}");

        let second = password(&secret.rotate(SOON).await.unwrap());
        let third = password(&secret.rotate(SOON).await.unwrap());
        for (password, lives) in [(&first, false), (&second, true), (&third, true)] {
            assert_eq!(redis.accepts(&name, password).await.unwrap(), lives);
            values.add(password);
        }
    }
    values.add(redis.admin_password());
    values.are_in_no_log(stack, rekey);
}

#[tokio::test]
async fn a_wrong_password_ends_with_its_kind() {
    let (stack, rekey, values) = fixture::rekey().await;
    let redis = Redis::shared().await.unwrap();
    let (name, right) = user(redis, ITSELF).await;
    let value = redis.secret(&name, &values.fresh()).to_string();
    let lambda = rekey.deployed.output("RotationRedisFunctionArn").unwrap();
    let secret = Rotated::create(&stack.aws, "cache/wrong", &value, &[], lambda).await.unwrap();
    let version = secret.begin(true).await.unwrap();
    let audit = secret.audit(&stack.aws, &version, "setSecret", SOON).await.unwrap();
    assert_eq!((&audit["outcome"], &audit["errorKind"]), (&json!("failed"), &json!("auth")), "{audit}");
    assert_eq!(secret.value().await.unwrap(), value);
    assert!(redis.accepts(&name, &right).await.unwrap());
}
