//! Searches, down to the calls that are made.

use rekey_core::identity::{Announced, Service};
use rekey_core::regexp::Regexp;
use rekey_core::store::{AwsStore, Identity};
use rekey_core::wanted::Wanted;
use serde_json::{Value, json};

use super::*;
use crate::provider::comparison::Breaker;
use crate::provider::testing::{FakeAws, Reply, arn, store};

fn search(path: Option<&str>, name: Option<&str>, tags: &[(&str, &str)]) -> Finder {
    let AwsStore { service, region, .. } = store(Service::SecretsManager);
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let name = name.map(|name| Regexp::parse(name).expect("an expression"));
    Finder { service, region, path: path.map(ToOwned::to_owned), name, tags }
}

async fn read(aws: &FakeAws, finder: &Finder, suspects: &[Suspect]) -> Result<Answer, ReadProblem> {
    let (breaker, store) = (Breaker::default(), store(Service::SecretsManager));
    let wanted = Wanted::matching(Identity::Agent, finder.clone());
    super::super::read(&aws.secrets_manager(), aws.context(&store, &breaker), &wanted, suspects).await
}

async fn checked(aws: &FakeAws, finder: &Finder) -> Token {
    let (breaker, store) = (Breaker::default(), store(Service::SecretsManager));
    let answer = check(&aws.secrets_manager(), aws.context(&store, &breaker), finder, &[]).await;
    answer.expect("an answer").0.token
}

fn found(answer: Result<Answer, ReadProblem>) -> Vec<(String, String)> {
    let Payload::Found(found) = answer.expect("an answer").payload else { panic!("what a search finds") };
    let text = |value: SecretValue| String::from_utf8(value.expose().to_vec()).expect("text");
    found.into_iter().map(|(name, value)| (name, text(value))).collect()
}

fn names(answer: Result<Answer, ReadProblem>) -> Vec<String> {
    found(answer).into_iter().map(|(name, _)| name).collect()
}

/// A secret as ListSecrets or DescribeSecret shows it.
fn shown(name: &str, version: &str, tags: &Value, stages: &str) -> Value {
    json!({ "ARN": arn(name), "Name": name, "Tags": tags, stages: { version: ["AWSCURRENT"], "0": ["AWSPREVIOUS"] } })
}

fn listed(names: &[&str]) -> Reply {
    let list: Vec<Value> = names.iter().map(|name| shown(name, "1", &json!([]), "SecretVersionsToStages")).collect();
    Reply::Json(json!({ "SecretList": list }))
}

fn described(name: &str) -> Reply {
    Reply::Json(shown(name, "2", &json!([]), "VersionIdsToStages"))
}

fn value(arn: &str) -> Value {
    let name = arn.split(":secret:").nth(1).and_then(|rest| rest.strip_suffix("-AbCdEf")).expect("an ARN");
    json!({ "ARN": arn, "Name": name, "VersionId": "1", "SecretString": format!("value of {name}") })
}

fn ids(request: &Value) -> Vec<&str> {
    request["SecretIdList"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn values(request: &Value) -> Reply {
    Reply::Json(json!({ "SecretValues": ids(request).into_iter().map(value).collect::<Vec<_>>(), "Errors": [] }))
}

fn suspect(name: &str, version: &str) -> Suspect {
    let announced = Announced::new(Service::SecretsManager, Some(&arn(name)), Some(name), None, None).expect("named");
    Suspect { announced, version_id: Some(version.to_owned()) }
}

#[tokio::test]
async fn names_are_listed_by_the_page_and_values_read_by_twenty() {
    let page = |range: std::ops::Range<usize>, next: Option<&str>| {
        let list = range.map(|number| shown(&format!("team/{number}"), "1", &json!([]), "SecretVersionsToStages"));
        Reply::Json(json!({ "SecretList": list.collect::<Vec<_>>(), "NextToken": next }))
    };
    let aws = FakeAws::new(move |operation, request| match (operation, request["NextToken"].as_str()) {
        ("ListSecrets", None) => page(0..20, Some("empty")),
        ("ListSecrets", Some("empty")) => page(0..0, Some("last")),
        ("ListSecrets", _) => page(20..45, None),
        _ => values(request),
    });
    let finder = search(Some("team/"), Some("[05]$"), &[]);
    let answer = read(&aws, &search(Some("team/"), Some(""), &[]), &[]).await;
    assert_eq!(found(answer).len(), 45);
    let requests = aws.requests();
    let sizes: Vec<usize> = requests.iter().skip(3).map(|(_, request)| ids(request).len()).collect();
    assert_eq!(sizes, [20, 20, 5]);
    assert!(
        requests
            .iter()
            .take(3)
            .all(|(_, request)| request["Filters"][0] == json!({"Key": "name", "Values": ["team/"]}))
    );

    let answer = read(&aws, &finder, &[]).await.expect("an answer");
    assert_eq!(answer.account, Account::of_arn(&arn("x")));
    assert_eq!((answer.known.members.len(), answer.known.token), (9, checked(&aws, &finder).await));
}

#[tokio::test]
async fn aws_gets_the_filters_that_it_takes_and_the_rest_is_sorted_out_here() {
    let tagged = |name: &str, tags: Value| shown(name, "1", &tags, "SecretVersionsToStages");
    let aws = FakeAws::new(move |operation, request| match operation {
        "ListSecrets" => Reply::Json(json!({ "SecretList": [
            tagged("right", json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "ü"}])),
            tagged("wrong", json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])),
        ] })),
        _ => values(request),
    });
    let answer = read(&aws, &search(Some("!x"), Some("."), &[]), &[]).await;
    assert!(matches!(answer, Err(ReadProblem::NotFound { .. })), "no name begins with an exclamation mark");
    assert_eq!(aws.requests()[0].1["Filters"], Value::Null, "to AWS it would mean all others");
    let answer = read(&aws, &search(None, None, &[("a", "1"), ("b", "ü")]), &[]).await;
    assert_eq!(found(answer), [("right".to_owned(), "value of right".to_owned())]);
    let filter = |key: &str, value: &str| json!({"Key": key, "Values": [value]});
    let expected = json!([filter("tag-key", "a"), filter("tag-value", "1"), filter("tag-key", "b")]);
    assert_eq!(aws.requests()[0].1["Filters"], expected);
    let keys: Vec<String> = (0..9).map(|number| number.to_string()).collect();
    let tags: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "x")).collect();
    assert_eq!(filters(&search(Some("p"), None, &tags)).len(), FILTERS);
}

#[tokio::test]
async fn a_member_that_may_not_be_read_is_an_error_and_one_that_is_gone_is_none() {
    let error =
        |name: &str, code: &str, message: &str| json!({"SecretId": arn(name), "ErrorCode": code, "Message": message});
    let aws = FakeAws::new(move |operation, request| {
        if operation == "ListSecrets" {
            return listed(&["a/mine", "a/gone", "a/going", "b/theirs"]);
        }
        let refused = ids(request).contains(&arn("b/theirs").as_str());
        let mut errors = vec![
            error("a/gone", "ResourceNotFoundException", "can't find the specified secret"),
            error("a/going", "InvalidRequestException", "because it was marked for deletion."),
        ];
        errors.extend(refused.then(|| error("b/theirs", "AccessDeniedException", "not authorized")));
        Reply::Json(json!({ "SecretValues": [value(&arn("a/mine"))], "Errors": errors }))
    });
    assert_eq!(names(read(&aws, &search(Some("a/"), Some("."), &[]), &[]).await), ["a/mine"]);
    let text = read(&aws, &search(None, Some("."), &[]), &[]).await.expect_err("not silently fewer").to_string();
    assert!(
        text.contains("secretsmanager:GetSecretValue: access denied") && text.contains("secret:b/theirs"),
        "{text}"
    );
}

#[tokio::test]
async fn without_the_batch_each_secret_is_read_by_itself() {
    let aws = FakeAws::new(|operation, request| match operation {
        "ListSecrets" => listed(&["a", "b"]),
        "BatchGetSecretValue" => Reply::Refused(400, "AccessDeniedException", "not authorized"),
        _ => Reply::Json(value(request["SecretId"].as_str().expect("an id"))),
    });
    let finder = search(None, Some("."), &[]);
    let answer = read(&aws, &finder, &[]).await.expect("an answer");
    assert_eq!(answer.known.token, checked(&aws, &finder).await);
    assert_eq!(aws.operations()[..4], ["ListSecrets", "BatchGetSecretValue", "GetSecretValue", "GetSecretValue"]);
}

#[tokio::test]
async fn what_an_answer_leaves_out_is_asked_for_again() {
    let aws = FakeAws::new(|operation, request| match operation {
        "ListSecrets" => listed(&["a", "b"]),
        "BatchGetSecretValue" => Reply::Json(json!({ "SecretValues": [value(&arn("a"))], "NextToken": "more" })),
        _ => Reply::Json(value(request["SecretId"].as_str().expect("an id"))),
    });
    assert_eq!(names(read(&aws, &search(None, Some("."), &[]), &[]).await), ["a", "b"]);
}

#[tokio::test]
async fn what_a_listing_may_be_late_with_is_described() {
    let aws = FakeAws::new(|operation, request| match (operation, request["SecretId"].as_str()) {
        ("ListSecrets", _) => listed(&["old", "deleted", "moved"]),
        ("DescribeSecret", Some(id)) if id == arn("deleted") => Reply::Refused(400, "ResourceNotFoundException", ""),
        ("DescribeSecret", Some(id)) if id == arn("new") => described("new"),
        ("DescribeSecret", _) => described("other"),
        _ => values(request),
    });
    let finder = search(None, Some("^(old|deleted|moved|new)$"), &[]);
    let suspects = [suspect("new", "2"), suspect("deleted", "9"), suspect("moved", "1"), suspect("other", "2")];
    assert_eq!(names(read(&aws, &finder, &suspects).await), ["moved", "new", "old"]);
    let described = aws.operations().iter().filter(|operation| *operation == "DescribeSecret").count();
    assert_eq!(described, 3, "what is listed as announced is not late");
}

#[tokio::test]
async fn a_secret_without_a_value_or_a_future_is_not_found() {
    let aws = FakeAws::new(|operation, request| match operation {
        "ListSecrets" => {
            let mut going = shown("going", "1", &json!([]), "SecretVersionsToStages");
            going["DeletedDate"] = json!(1_782_864_000);
            let empty = json!({ "ARN": arn("empty"), "Name": "empty" });
            Reply::Json(json!({ "SecretList": [going, empty] }))
        }
        _ => values(request),
    });
    let problem = read(&aws, &search(None, Some("."), &[]), &[]).await.expect_err("nothing");
    assert!(matches!(problem, ReadProblem::NotFound { .. }), "{problem}");
    assert!(checked(&aws, &search(None, Some("."), &[])).await.is_absent());
    assert_eq!(aws.operations(), ["ListSecrets", "ListSecrets"]);
}
