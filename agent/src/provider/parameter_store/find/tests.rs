//! Searches and tags, down to the calls that are made.

use rekey_core::identity::Service;
use rekey_core::regexp::Regexp;
use rekey_core::store::{AwsStore, Identity};
use rekey_core::wanted::{Selector, Wanted};
use serde_json::{Value, json};

use super::*;
use crate::provider::Checked;
use crate::provider::comparison::Breaker;
use crate::provider::testing::{ACCOUNT, FakeAws, Reply, asked, store, wanted};

const PS: Service = Service::ParameterStore;

fn search(path: Option<&str>, name: Option<&str>, tags: &[(&str, &str)]) -> Wanted {
    let AwsStore { service, region, .. } = store(PS);
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let name = name.map(|name| Regexp::parse(name).expect("an expression"));
    Wanted::matching(Identity::Agent, Finder { service, region, path: path.map(ToOwned::to_owned), name, tags })
}

async fn read(aws: &FakeAws, wanted: &Wanted) -> Result<Answer, ReadProblem> {
    let (breaker, store) = (Breaker::default(), store(PS));
    super::super::read(&aws.parameter_store(), aws.context(&store, &breaker), wanted).await
}

async fn check(aws: &FakeAws, wanted: &Wanted) -> Known {
    let (breaker, store) = (Breaker::default(), store(PS));
    let asked = [asked(wanted.clone(), None, false)];
    let mut checked = super::super::check(&aws.parameter_store(), aws.context(&store, &breaker), &asked).await;
    match checked.remove(wanted) {
        Some(Checked::Version { known, .. }) => known,
        other => panic!("a version, not {other:?}"),
    }
}

fn names(answer: Result<Answer, ReadProblem>) -> Vec<String> {
    let Payload::Found(found) = answer.expect("an answer").payload else { panic!("what a search finds") };
    found.into_keys().collect()
}

fn parameter(name: &str) -> Value {
    json!({
        "Name": name, "Value": format!("value of {name}"), "Version": 3, "LastModifiedDate": 1_782_864_000.123,
        "ARN": format!("arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter{name}"),
    })
}

fn parameters<'a>(names: impl IntoIterator<Item = &'a str>) -> Reply {
    Reply::Json(json!({ "Parameters": names.into_iter().map(parameter).collect::<Vec<_>>() }))
}

fn asked_names(request: &Value) -> Vec<&str> {
    request["Names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn denied() -> Reply {
    Reply::Refused(400, "AccessDeniedException", "not authorized")
}

#[tokio::test]
async fn names_are_searched_below_the_path_and_compared_without_decryption() {
    let aws = FakeAws::new(|_, request| match request["NextToken"].as_str() {
        None => Reply::Json(json!({ "Parameters": [parameter("/app/a"), parameter("/app/x")], "NextToken": "2" })),
        Some(_) => parameters(["/app/deep/b"]),
    });
    let wanted = search(Some("/app"), Some("[ab]$"), &[]);
    let answer = read(&aws, &wanted).await.expect("an answer");
    let known = answer.known.clone();
    assert_eq!((answer.account.clone(), known.created, known.changed), (Account::parse(ACCOUNT).ok(), None, None));
    assert_eq!(names(Ok(answer)), ["/app/a", "/app/deep/b"]);
    assert_eq!(check(&aws, &wanted).await.token, known.token);
    let requests = aws.requests();
    let decrypted: Vec<&Value> = requests.iter().map(|(_, request)| &request["WithDecryption"]).collect();
    assert_eq!(decrypted, [true, true, false, false]);
    assert!(requests.iter().all(|(operation, request)| {
        operation == "GetParametersByPath" && request["Path"] == "/app" && request["Recursive"] == true
    }));
}

#[tokio::test]
async fn a_path_that_may_not_be_read_is_described_and_read_by_tens_or_ones() {
    for many in [true, false] {
        let aws = FakeAws::new(move |operation, request| match operation {
            "DescribeParameters" => {
                let names: Vec<String> = (0..12).map(|number| format!("/app/{number:02}")).collect();
                parameters(names.iter().map(String::as_str))
            }
            "GetParameters" if many => parameters(asked_names(request).into_iter().filter(|name| *name != "/app/03")),
            "GetParametersByPath" | "GetParameters" => denied(),
            _ if request["Name"] == "/app/03" => Reply::Refused(400, "ParameterNotFound", ""),
            _ => Reply::Json(json!({ "Parameter": parameter(request["Name"].as_str().expect("a name")) })),
        });
        let wanted = search(None, Some("^/app/[01]"), &[]);
        let found = names(read(&aws, &wanted).await);
        assert_eq!((found.len(), found.contains(&"/app/03".to_owned())), (11, false), "deleted meanwhile");
        let count = |all: &[String], one: &str| all.iter().filter(|operation| *operation == one).count();
        let operations = aws.operations();
        assert_eq!(
            (count(&operations, "GetParameters"), count(&operations, "GetParameter")),
            (2, if many { 0 } else { 12 })
        );
        let problem = ReadProblem::Denied { action: GET_MANY, message: String::new() };
        assert_eq!(aws.denials.denied(&store(PS), GET_MANY, &problem, ""), many, "it has been said if it is missing");
        check(&aws, &wanted).await;
        assert_eq!(aws.operations(), ["GetParametersByPath", "DescribeParameters"], "names tell versions");
    }
}

#[tokio::test]
async fn tags_are_aws_s_to_match() {
    let aws = FakeAws::new(|operation, request| match operation {
        "DescribeParameters" => parameters(["/app/a"]),
        _ => parameters(asked_names(request)),
    });
    let wanted = search(Some("/app/"), None, &[("team", "a")]);
    let answer = read(&aws, &wanted).await.expect("an answer");
    assert_eq!(check(&aws, &wanted).await.token, answer.known.token);
    let filters = json!([
        {"Key": "tag:team", "Option": "Equals", "Values": ["a"]},
        {"Key": "Path", "Option": "Recursive", "Values": ["/app/"]},
    ]);
    let requests = aws.requests();
    assert_eq!((requests[0].0.as_str(), &requests[0].1["ParameterFilters"]), ("DescribeParameters", &filters));
    assert_eq!(requests.len(), 3);
}

#[tokio::test]
async fn too_much_is_said_and_nothing_is_absence() {
    let endless = FakeAws::new(|_, _| Reply::Json(json!({ "Parameters": [], "NextToken": "more" })));
    let problem = read(&endless, &search(None, Some("."), &[])).await.expect_err("endless").to_string();
    assert!(problem.contains("500 pages; narrow it with find.path"), "{problem}");
    let empty = FakeAws::new(|_, _| parameters([]));
    assert!(matches!(read(&empty, &search(None, Some("."), &[])).await, Err(ReadProblem::NotFound { .. })));
    assert!(check(&empty, &search(None, Some("."), &[])).await.token.is_absent());
}

#[tokio::test]
async fn tags_are_json_and_a_parameter_without_them_is_no_absence() {
    let aws = FakeAws::new(|_, request| {
        if request["ResourceId"] == "/gone" {
            return Reply::Refused(400, "InvalidResourceId", "not valid");
        }
        Reply::Json(json!({ "TagList": [{"Key": "b", "Value": "<2>"}, {"Key": "a", "Value": "1"}] }))
    });
    let tags = |name: &str| wanted(PS, name, Selector::Tags);
    let answer = read(&aws, &tags("/app")).await.expect("an answer");
    assert_eq!(answer.known, check(&aws, &tags("/app")).await);
    let text = SecretValue::from(r#"{"a":"1","b":"\u003c2\u003e"}"#.to_owned());
    assert_eq!(answer.payload, Payload::Value { text: Some(text), binary: None });
    assert!(matches!(read(&aws, &tags("/gone")).await, Err(ReadProblem::Rejected { .. })));
    let operations = aws.operations();
    assert!(operations.iter().all(|operation| operation == "ListTagsForResource"), "{operations:?}");
}
