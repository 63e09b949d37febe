//! Comparisons and reads against an AWS that answers as its documentation says, down to the calls that are made.

use rekey_core::identity::Service;
use rekey_core::store::AwsStore;
use rekey_core::wanted::CURRENT;
use serde_json::{Value, json};

use super::*;
use crate::provider::comparison::Breaker;
use crate::provider::testing::{FakeAws, Reply, arn, asked, store, wanted};

mod tags;

const SM: Service = Service::SecretsManager;

fn current(key: &str) -> Wanted {
    wanted(SM, key, Selector::Stage(CURRENT.to_owned()))
}

fn at(name: &str, version: &str) -> Known {
    let changed = Some("2026-07-01T00:00:00Z".parse().expect("a time"));
    Known::of_source(Token::of_secret(&arn(name), version), None, changed)
}

fn version(name: &str, version: &str) -> Checked {
    Checked::Version { known: at(name, version), account: Account::of_arn(&arn(name)) }
}

/// A secret as DescribeSecret and ListSecrets show it.
fn shown(name: &str, version: &str, stages: &str) -> Value {
    json!({
        "ARN": arn(name), "Name": name, "LastChangedDate": 1_782_864_000,
        stages: { version: ["AWSCURRENT"], "0": ["AWSPREVIOUS"] },
    })
}

fn described(request: &Value, version: &str) -> Reply {
    Reply::Json(shown(request["SecretId"].as_str().expect("an id"), version, "VersionIdsToStages"))
}

/// A page of names, and whether it is the last.
fn page(names: impl IntoIterator<Item = String>, next: Option<&str>) -> Reply {
    let list: Vec<Value> = names.into_iter().map(|name| shown(&name, "1", "SecretVersionsToStages")).collect();
    Reply::Json(match next {
        Some(next) => json!({ "SecretList": list, "NextToken": next }),
        None => json!({ "SecretList": list }),
    })
}

fn names(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(|number| format!("team/s{number:03}"))
}

fn all(range: std::ops::Range<usize>, known: Option<&str>) -> Vec<Asked> {
    names(range).map(|name| asked(current(&name), known.map(|version| at(&name, version).token), true)).collect()
}

async fn check(aws: &FakeAws, store: &AwsStore, listings: &Listings, asked: &[Asked]) -> HashMap<Wanted, Checked> {
    let breaker = Breaker::default();
    super::check(&aws.secrets_manager(), aws.context(store, &breaker), listings, asked).await
}

fn count(operations: &[String], operation: &str) -> usize {
    operations.iter().filter(|one| *one == operation).count()
}

#[tokio::test]
async fn one_description_tells_of_every_selector_of_a_secret() {
    let aws = FakeAws::new(|_, request| described(request, "1"));
    let selectors = [
        (Selector::Stage(CURRENT.to_owned()), version("db", "1")),
        (Selector::Stage("AWSPREVIOUS".to_owned()), version("db", "0")),
        (Selector::Version("7".to_owned()), version("db", "7")),
        (Selector::Stage("green".to_owned()), Checked::Unclear("no version carries green".to_owned())),
    ];
    let asked: Vec<Asked> =
        selectors.iter().map(|(selector, _)| asked(wanted(SM, "db", selector.clone()), None, true)).collect();
    let checked = check(&aws, &store(SM), &Listings::default(), &asked).await;
    assert_eq!(aws.operations(), ["DescribeSecret"]);
    for (selector, expected) in selectors {
        assert_eq!(checked[&wanted(SM, "db", selector)], expected);
    }
}

#[tokio::test]
async fn pages_replace_descriptions_of_many_secrets_and_the_prefix_is_filtered_by_aws() {
    let aws = FakeAws::new(|operation, request| match (operation, request["NextToken"].as_str()) {
        ("ListSecrets", None) => page(names(0..100), Some("a")),
        // A filtered listing may show empty pages.
        ("ListSecrets", Some("a")) => page([], Some("b")),
        ("ListSecrets", Some("b")) => page(names(100..150), Some("never asked for")),
        _ => described(request, "1"),
    });
    let (store, listings) = (AwsStore { prefix: "team/".to_owned(), ..store(SM) }, Listings::default());
    let checked = check(&aws, &store, &listings, &all(0..150, Some("1"))).await;
    assert_eq!(checked.len(), 150);
    assert!(names(0..150).all(|name| checked[&current(&name)] == version(&name, "1")));
    let requests = aws.requests();
    assert_eq!(requests.len(), 3, "{requests:?}");
    for (operation, request) in &requests {
        assert_eq!(operation, "ListSecrets");
        assert_eq!(request["MaxResults"], 100);
        assert_eq!(request["Filters"], json!([{ "Key": "name", "Values": ["team/"] }]));
        assert_eq!(request["IncludePlannedDeletion"], Value::Null);
    }
    // Three pages are known to do, so they are cheaper for fewer secrets too, down to three.
    check(&aws, &store, &listings, &all(0..10, Some("1"))).await;
    assert_eq!(aws.operations(), ["ListSecrets"]);
}

#[tokio::test]
async fn what_is_not_listed_is_described_and_found_by_every_spelling() {
    let aws = FakeAws::new(|operation, request| match operation {
        "ListSecrets" => page(names(0..110), None),
        _ => described(request, "1"),
    });
    let mut asks = all(0..98, Some("1"));
    let partial = arn("team/s098").trim_end_matches("-AbCdEf").to_owned();
    for key in [arn("team/s099"), partial.clone(), "elsewhere".to_owned()] {
        asks.push(asked(current(&key), None, true));
    }
    let checked = check(&aws, &store(SM), &Listings::default(), &asks).await;
    assert_eq!(checked[&current(&arn("team/s099"))], version("team/s099", "1"));
    assert_eq!(checked[&current(&partial)], version("team/s098", "1"));
    assert_eq!(checked[&current("elsewhere")], version("elsewhere", "1"));
    let requests = aws.requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert_eq!(requests[1].1["SecretId"], "elsewhere");
}

#[tokio::test]
async fn a_listing_that_contradicts_what_is_known_is_checked_by_a_description() {
    let aws = FakeAws::new(|operation, request| match operation {
        "ListSecrets" => page(names(0..100), None),
        _ => described(request, "2"),
    });
    let mut asks = all(0..97, Some("1"));
    for name in names(97..100) {
        asks.push(asked(current(&name), Some(at(&name, "2").token), true));
    }
    let checked = check(&aws, &store(SM), &Listings::default(), &asks).await;
    let operations = aws.operations();
    assert_eq!((count(&operations, "ListSecrets"), count(&operations, "DescribeSecret")), (1, 3));
    assert!(names(0..97).all(|name| checked[&current(&name)] == version(&name, "1")));
    assert!(names(97..100).all(|name| checked[&current(&name)] == version(&name, "2")));
}

#[tokio::test]
async fn what_must_not_be_late_and_what_is_little_is_described() {
    let aws = FakeAws::new(|_, request| described(request, "1"));
    let prompt: Vec<Asked> = all(0..120, Some("1")).into_iter().map(|one| Asked { may_lag: false, ..one }).collect();
    check(&aws, &store(SM), &Listings::default(), &prompt).await;
    assert_eq!(aws.operations(), vec!["DescribeSecret"; 120]);
    check(&aws, &store(SM), &Listings::default(), &all(0..99, Some("1"))).await;
    assert_eq!(aws.operations(), vec!["DescribeSecret"; 99]);
}

#[tokio::test]
async fn a_listing_that_goes_through_too_many_secrets_is_given_up_and_not_tried_again() {
    let aws = FakeAws::new(|operation, request| match operation {
        "ListSecrets" => page((0..100).map(|number| format!("other/{number}")), Some("more")),
        _ => described(request, "1"),
    });
    let listings = Listings::default();
    let checked = check(&aws, &store(SM), &listings, &all(0..100, Some("1"))).await;
    assert_eq!(checked.len(), 100);
    let operations = aws.operations();
    assert_eq!((count(&operations, "ListSecrets"), count(&operations, "DescribeSecret")), (50, 100));
    check(&aws, &store(SM), &listings, &all(0..100, Some("1"))).await;
    assert_eq!(count(&aws.operations(), "ListSecrets"), 0);
}

#[tokio::test]
async fn missing_permissions_fall_back_to_the_next_call_and_are_said_once() {
    let aws = FakeAws::new(|operation, request| match operation {
        "DescribeSecret" if request["SecretId"] == "team/s000" => described(request, "1"),
        _ => Reply::Refused(400, "AccessDeniedException", "User: x is not authorized to perform: y"),
    });
    let (store, listings) = (store(SM), Listings::default());
    // What was refused costs one more call from then on, the secret that may be described one too.
    for describes in [100, 2, 2] {
        let checked = check(&aws, &store, &listings, &all(0..100, Some("1"))).await;
        let operations = aws.operations();
        assert_eq!((count(&operations, "ListSecrets"), count(&operations, "DescribeSecret")), (1, describes));
        assert_eq!(checked[&current("team/s000")], version("team/s000", "1"));
        assert!(names(1..100).all(|name| matches!(checked[&current(&name)], Checked::Unclear(_))));
    }
    let problem = ReadProblem::Denied { action: DESCRIBE, message: String::new() };
    for action in ["secretsmanager:ListSecrets", DESCRIBE] {
        assert!(!aws.denials.denied(&store, action, &problem, ""), "{action} has been said");
    }
}

#[tokio::test]
async fn a_permission_that_is_granted_is_noticed_by_the_one_secret_that_is_tried() {
    let granted = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let aws = FakeAws::new({
        let granted = std::sync::Arc::clone(&granted);
        move |_, request| {
            if granted.load(std::sync::atomic::Ordering::Relaxed) {
                described(request, "1")
            } else {
                Reply::Refused(400, "AccessDeniedException", "not authorized")
            }
        }
    });
    let (store, listings) = (store(SM), Listings::default());
    for (grant, describes) in [(false, 50), (false, 1), (true, 1), (true, 50)] {
        granted.store(grant, std::sync::atomic::Ordering::Relaxed);
        let checked = check(&aws, &store, &listings, &all(0..50, Some("1"))).await;
        assert_eq!((checked.len(), aws.operations().len()), (50, describes), "{grant}");
    }
}

#[tokio::test]
async fn a_listing_that_is_throttled_does_not_become_a_hundred_descriptions() {
    let aws = FakeAws::new(|operation, request| match operation {
        "ListSecrets" => Reply::Refused(400, "ThrottlingException", "Rate exceeded"),
        _ => described(request, "1"),
    });
    let mut asks = all(0..100, Some("1"));
    asks.push(asked(current("prompt"), None, false));
    let listings = Listings::default();
    let checked = check(&aws, &store(SM), &listings, &asks).await;
    let operations = aws.operations();
    assert_eq!((count(&operations, "ListSecrets"), count(&operations, "DescribeSecret")), (3, 1));
    assert!(names(0..100).all(|name| matches!(checked[&current(&name)], Checked::Later(_))));
    assert_eq!(checked[&current("prompt")], version("prompt", "1"));
}

#[tokio::test]
async fn throttling_is_tried_three_times_and_then_says_nothing() {
    let aws = FakeAws::new(|_, _| Reply::Refused(400, "ThrottlingException", "Rate exceeded"));
    let checked = check(&aws, &store(SM), &Listings::default(), &[asked(current("db"), None, true)]).await;
    assert!(matches!(&checked[&current("db")], Checked::Later(reason) if reason.contains("throttles")), "{checked:?}");
    assert_eq!(aws.operations().len(), 3);
    let text = aws.metrics.text();
    assert!(text.contains(r#"aws_calls_total{operation="DescribeSecret",result="error"} 3"#), "{text}");
}

#[tokio::test]
async fn an_error_that_passes_is_not_seen() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let aws = FakeAws::new(move |_, request| match calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Reply::Refused(500, "SomethingNew", ""),
        1 => Reply::NoConnection,
        _ => described(request, "1"),
    });
    let checked = check(&aws, &store(SM), &Listings::default(), &[asked(current("db"), None, true)]).await;
    assert_eq!(checked[&current("db")], version("db", "1"));
    assert_eq!(aws.operations().len(), 3);
}

#[tokio::test]
async fn an_endpoint_beyond_reach_ends_the_comparison_after_a_few_calls() {
    let aws = FakeAws::new(|_, _| Reply::NoConnection);
    let asks: Vec<Asked> = names(0..60).map(|name| asked(current(&name), None, false)).collect();
    let checked = check(&aws, &store(SM), &Listings::default(), &asks).await;
    assert!(checked.values().all(|one| matches!(one, Checked::Later(_))));
    assert_eq!(checked.len(), 60);
    // Eight at a time, eight in a row, three attempts each.
    assert!(aws.operations().len() <= 3 * 16);
}

#[tokio::test]
async fn a_secret_that_is_gone_or_going_is_for_a_read_to_tell() {
    let aws = FakeAws::new(|_, request| {
        if request["SecretId"] == "gone" {
            return Reply::Refused(400, "ResourceNotFoundException", "can't find the specified secret");
        }
        let mut going = shown("going", "1", "VersionIdsToStages");
        going["DeletedDate"] = json!(1_782_864_000);
        Reply::Json(going)
    });
    let asks = [asked(current("gone"), None, true), asked(current("going"), None, true)];
    let checked = check(&aws, &store(SM), &Listings::default(), &asks).await;
    assert!(checked.values().all(|one| matches!(one, Checked::Unclear(_))), "{checked:?}");
    assert_eq!(aws.operations().len(), 2, "repeating does not help");
}

#[tokio::test]
async fn a_read_asks_for_the_selector_and_repeats_only_what_can_pass() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let aws = FakeAws::new(move |_, request| {
        match (request["SecretId"].as_str(), calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            (Some("denied"), _) => Reply::Refused(400, "AccessDeniedException", "no"),
            (_, 0) => Reply::Refused(400, "ThrottlingException", "Rate exceeded"),
            _ => Reply::Json(
                json!({ "ARN": arn("db"), "Name": "db", "VersionId": "9", "SecretString": "s", "CreatedDate": 1 }),
            ),
        }
    });
    let (breaker, store) = (Breaker::default(), store(SM));
    let context = aws.context(&store, &breaker);
    let version = wanted(SM, "db", Selector::Version("9".to_owned()));
    let Known { token, created, changed, .. } =
        read(&aws.secrets_manager(), context, &version, &[]).await.expect("read").known;
    assert_eq!(token, Token::of_secret(&arn("db"), "9"));
    assert!(created.is_some() && changed.is_none(), "a label may have come to a version long after it was made");
    let requests = aws.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!((&requests[1].1["SecretId"], &requests[1].1["VersionId"]), (&json!("db"), &json!("9")));
    let denied = read(&aws.secrets_manager(), context, &current("denied"), &[]).await;
    assert!(matches!(denied, Err(ReadProblem::Denied { .. })));
    assert_eq!(aws.operations(), ["GetSecretValue"]);
}
