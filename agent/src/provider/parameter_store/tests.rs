//! Comparisons of parameters, down to the calls that are made.

use rekey_core::identity::Service;
use serde_json::{Value, json};

use super::*;
use crate::provider::comparison::Breaker;
use crate::provider::testing::{ACCOUNT, FakeAws, Reply, asked, store, wanted};

const PS: Service = Service::ParameterStore;

fn latest(name: &str) -> Wanted {
    wanted(PS, name, Selector::Parameter(None))
}

/// A parameter at version 3 as AWS shows it to who asks for this name.
fn shown(asked: &str) -> Value {
    let (name, selector) = asked.split_once(':').map_or((asked, None), |(name, rest)| (name, Some(format!(":{rest}"))));
    json!({
        "Name": name, "Selector": selector, "Version": 3, "LastModifiedDate": 1_782_864_000,
        "ARN": format!("arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter{name}"),
    })
}

fn names(request: &Value) -> Vec<&str> {
    request["Names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn many(request: &Value) -> Reply {
    let (there, gone): (Vec<&str>, Vec<&str>) = names(request).into_iter().partition(|name| !name.starts_with("/gone"));
    Reply::Json(json!({ "Parameters": there.into_iter().map(shown).collect::<Vec<_>>(), "InvalidParameters": gone }))
}

fn one(request: &Value) -> Reply {
    let name = request["Name"].as_str().expect("a name");
    Reply::Json(json!({ "Parameter": shown(name) }))
}

async fn check(aws: &FakeAws, names: &[String]) -> HashMap<Wanted, Checked> {
    let (breaker, store) = (Breaker::default(), store(PS));
    let asks: Vec<Asked> = names.iter().map(|name| asked(latest(name), None, true)).collect();
    super::check(&aws.parameter_store(), aws.context(&store, &breaker), &asks).await
}

fn is_there(checked: &HashMap<Wanted, Checked>, name: &str) -> bool {
    matches!(checked[&latest(name)], Checked::Version { .. })
}

#[tokio::test]
async fn ten_are_asked_for_at_a_time_without_decryption_and_a_missing_one_spoils_nothing() {
    let aws = FakeAws::new(|_, request| many(request));
    let mut all: Vec<String> = (0..24).map(|number| format!("/app/{number}")).collect();
    all.insert(5, "/gone".to_owned());
    let checked = check(&aws, &all).await;
    assert!(all.iter().all(|name| is_there(&checked, name) == (name != "/gone")), "{checked:?}");
    let requests = aws.requests();
    assert_eq!(requests.iter().map(|(_, request)| names(request).len()).collect::<Vec<_>>(), [10, 10, 5]);
    assert!(
        requests.iter().all(|(operation, request)| operation == "GetParameters" && request["WithDecryption"] == false)
    );
}

#[tokio::test]
async fn a_name_that_aws_refuses_fails_its_batch_and_none_of_the_others() {
    let aws = FakeAws::new(|operation, request| match operation {
        "GetParameters" if names(request).contains(&"not a name") => {
            Reply::Refused(400, "ValidationException", "Parameter name: can't be prefixed")
        }
        "GetParameters" => many(request),
        _ if request["Name"] == "not a name" => Reply::Refused(400, "ValidationException", "Parameter name"),
        _ => one(request),
    });
    let mut all: Vec<String> = (0..14).map(|number| format!("/app/{number}")).collect();
    all[3] = "not a name".to_owned();
    let checked = check(&aws, &all).await;
    assert!(all.iter().all(|name| is_there(&checked, name) == (name != "not a name")), "{checked:?}");
    let operations = aws.operations();
    assert_eq!(operations.len(), 12, "{operations:?}");
    let problem = ReadProblem::Denied { action: GET_MANY, message: String::new() };
    assert!(aws.denials.denied(&store(PS), GET_MANY, &problem, ""), "no permission is missing");
}

#[tokio::test]
async fn a_refused_batch_is_said_once_and_asked_for_one_by_one() {
    let aws = FakeAws::new(|operation, request| match operation {
        "GetParameters" => Reply::Refused(400, "AccessDeniedException", "not authorized: ssm:GetParameters"),
        _ => one(request),
    });
    let all: Vec<String> = (0..3).map(|number| format!("/app/{number}")).collect();
    let checked = check(&aws, &all).await;
    assert!(all.iter().all(|name| is_there(&checked, name)));
    assert_eq!(aws.operations(), ["GetParameters", "GetParameter", "GetParameter", "GetParameter"]);
    let problem = ReadProblem::Denied { action: GET_MANY, message: String::new() };
    assert!(!aws.denials.denied(&store(PS), GET_MANY, &problem, ""), "it has been said");
    let all: Vec<String> = (0..30).map(|number| format!("/app/{number}")).collect();
    // Once more for those that were not refused before, and for one of those that were.
    for (batches, singles) in [(4, 30), (1, 30)] {
        let checked = check(&aws, &all).await;
        assert!(all.iter().all(|name| is_there(&checked, name)));
        let operations = aws.operations();
        let many = operations.iter().filter(|operation| *operation == "GetParameters").count();
        assert_eq!((many, operations.len() - many), (batches, singles), "one batch is tried from then on");
    }
}

#[tokio::test]
async fn one_parameter_that_may_not_be_read_spoils_its_batch_once() {
    let refused = || Reply::Refused(400, "AccessDeniedException", "not authorized on /other");
    let aws = FakeAws::new(move |operation, request| match operation {
        "GetParameters" if names(request).contains(&"/other") => refused(),
        "GetParameters" => many(request),
        _ if request["Name"] == "/other" => refused(),
        _ => one(request),
    });
    let mut all: Vec<String> = (0..19).map(|number| format!("/app/{number}")).collect();
    all.insert(3, "/other".to_owned());
    for calls in [12, 4, 4] {
        let checked = check(&aws, &all).await;
        assert!(all.iter().all(|name| is_there(&checked, name) == (name != "/other")), "{checked:?}");
        // Two batches, then the one that is tried again, in a batch and alone.
        assert_eq!(aws.operations().len(), calls);
    }
}

#[tokio::test]
async fn labels_versions_and_arns_are_recognized_in_the_answer() {
    let arn = format!("arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/app/c");
    let aws = FakeAws::new({
        let arn = arn.clone();
        move |_, _| {
            Reply::Json(json!({ "Parameters": [shown("/app/a:live"), shown("/app/b"), {
                "Name": "/app/c", "ARN": arn, "Version": 3, "LastModifiedDate": 1,
            }] }))
        }
    });
    let selected = |name: &str, label: &str| wanted(PS, name, Selector::Parameter(Some(label.to_owned())));
    let (breaker, store) = (Breaker::default(), store(PS));
    let (there, absent) =
        ([selected("/app/a", "live"), latest("/app/b"), latest(&arn)], [latest("/app/a"), selected("/app/b", "old")]);
    let asks: Vec<Asked> = there.iter().chain(&absent).map(|wanted| asked(wanted.clone(), None, true)).collect();
    let checked = super::check(&aws.parameter_store(), aws.context(&store, &breaker), &asks).await;
    let changed = there.iter().map(|one| match &checked[one] {
        Checked::Version { known, .. } => known.changed.is_some(),
        other => panic!("{one}: {other:?}"),
    });
    // The label may have come to that version long after it was made.
    assert_eq!(changed.collect::<Vec<_>>(), [false, true, true]);
    assert!(absent.iter().all(|one| matches!(checked[one], Checked::Unclear(_))), "{checked:?}");
}

#[tokio::test]
async fn a_batch_that_aws_does_not_answer_is_left_for_later() {
    let aws = FakeAws::new(|_, _| Reply::Refused(503, "ServiceUnavailable", ""));
    let checked = check(&aws, &["/a".to_owned(), "/b".to_owned()]).await;
    assert!(checked.values().all(|one| matches!(one, Checked::Later(_))));
    assert_eq!(aws.operations(), vec!["GetParameters"; 3]);
}
