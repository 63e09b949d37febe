//! Tags in the place of values.

use super::*;

#[tokio::test]
async fn tags_are_json_and_a_secret_that_is_not_there_has_none() {
    let aws = FakeAws::new(|operation, request| {
        if request["SecretId"] == "gone" {
            return Reply::Refused(400, "ResourceNotFoundException", "can't find the specified secret");
        }
        assert_eq!(operation, "DescribeSecret");
        let mut shown = shown("db", "1", "VersionIdsToStages");
        shown["Tags"] = json!([{"Key": "b", "Value": "<2>"}, {"Key": "a", "Value": "1"}]);
        Reply::Json(shown)
    });
    let (breaker, store) = (Breaker::default(), store(SM));
    let (client, context) = (aws.secrets_manager(), aws.context(&store, &breaker));
    let tags = wanted(SM, "db", Selector::Tags);
    let answer = read(&client, context, &tags, &[]).await.expect("read");
    let text = SecretValue::from(r#"{"a":"1","b":"\u003c2\u003e"}"#.to_owned());
    assert_eq!(answer.payload, Payload::Value { text: Some(text), binary: None });
    let asked = [asked(tags.clone(), None, false), asked(current("db"), None, false)];
    let mut checked = check(&aws, &store, &Listings::default(), &asked).await;
    assert_eq!(aws.operations(), ["DescribeSecret", "DescribeSecret"], "one answer tells of tags and versions");
    assert_eq!(checked.remove(&tags), Some(Checked::Version { known: answer.known, account: answer.account }));
    let gone = read(&client, context, &wanted(SM, "gone", Selector::Tags), &[]).await;
    assert!(matches!(gone, Err(ReadProblem::Rejected { .. })), "no absence, as in ESO: {gone:?}");
}
