//! Rotations of secrets that no service knows, by the deployed function.

use std::time::Duration;

use rekey_tests::rotated::Rotated;
use serde_json::{Value, json};

use crate::fixture;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn text_is_replaced_as_a_whole_and_an_object_in_one_field() {
    let (stack, rekey, values) = fixture::rekey().await;
    let lambda = rekey.deployed.output("RotationGenericFunctionArn").unwrap();

    let first = values.fresh();
    let text = Rotated::create(&stack.aws, "generic/text", &first, &[], lambda).await.unwrap();
    let tested = text.begin(false).await.unwrap();
    let audit = text.audit(&stack.aws, &tested, "testSecret", SOON).await.unwrap();
    assert_eq!((&audit["outcome"], &audit["strategy"]), (&json!("ok"), &json!("single")), "{audit}");
    assert_eq!(text.value().await.unwrap(), first, "a test changes nothing");
    let second = text.rotate(SOON).await.unwrap();
    values.add(&second);
    assert!(second.len() == 32 && second != first);

    let object = json!({"kid": 7, "password": values.fresh(), "signing key": values.fresh()});
    let tags = [("rekey:field", "signing key")];
    let field = Rotated::create(&stack.aws, "generic/field", &object.to_string(), &tags, lambda).await.unwrap();
    let rotated: Value = serde_json::from_str(&field.rotate(SOON).await.unwrap()).unwrap();
    values.add(rotated["signing key"].as_str().unwrap());
    assert_eq!((&rotated["kid"], &rotated["password"]), (&object["kid"], &object["password"]));
    assert_ne!(rotated["signing key"], object["signing key"]);

    let half = Rotated::create(&stack.aws, "generic/half", "{\"password\": ", &[], lambda).await.unwrap();
    let failed = half.begin(true).await.unwrap();
    let audit = half.audit(&stack.aws, &failed, "createSecret", SOON).await.unwrap();
    assert_eq!(audit["errorKind"], "bad-secret", "{audit}");
    assert_eq!(half.value().await.unwrap(), "{\"password\": ");
    values.are_in_no_log(stack, rekey);
}
