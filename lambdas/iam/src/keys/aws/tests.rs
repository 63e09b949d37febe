//! The requests as AWS gets them, and its answers as the engine does.

use aws_config::SdkConfig;
use aws_sdk_iam::config::{BehaviorVersion, Region};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;

use super::*;

/// APIs whose next call gets that answer.
fn answering(status: u16, body: &str) -> (Iam, StaticReplayClient) {
    let request = http::Request::builder().uri("https://any").body(SdkBody::empty()).unwrap();
    let answer = http::Response::builder().status(status).body(SdkBody::from(body)).unwrap();
    let http = StaticReplayClient::new(vec![ReplayEvent::new(request, answer)]);
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("role", "r", None, None, "test")))
        .http_client(http.clone())
        .build();
    (Iam::new(&config), http)
}

/// A good answer.
fn result(operation: &str, content: &str) -> String {
    format!("<{operation}Response><{operation}Result>{content}</{operation}Result></{operation}Response>")
}

fn refusing(code: &str) -> Iam {
    answering(
        400,
        &format!("<ErrorResponse><Error><Code>{code}</Code><Message>user hunter2</Message></Error></ErrorResponse>"),
    )
    .0
}

fn header(http: &StaticReplayClient, name: &str) -> String {
    http.actual_requests().next().unwrap().headers().get(name).unwrap().to_owned()
}

fn sent(http: &StaticReplayClient) -> String {
    String::from_utf8(http.actual_requests().next().unwrap().body().bytes().unwrap().to_vec()).unwrap()
}

fn key() -> AccessKey {
    AccessKey { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), secret: "s".to_owned().into() }
}

#[tokio::test]
async fn the_owner_is_asked_of_the_functions_region_with_the_key_itself() {
    let identity = |arn: &str| result("GetCallerIdentity", &format!("<Arn>{arn}</Arn>"));
    let (keys, http) = answering(200, &identity("arn:aws:iam::111122223333:user/division/app"));
    assert_eq!(keys.owner(&key()).await.unwrap(), "app");
    assert!(header(&http, "authorization").contains("Credential=AKIAIOSFODNN7EXAMPLE/"));
    assert_eq!(http.actual_requests().next().unwrap().uri(), "https://sts.eu-west-1.amazonaws.com/");
    for arn in ["arn:aws:iam::111122223333:root", "arn:aws:sts::111122223333:assumed-role/user/app"] {
        let error = answering(200, &identity(arn)).0.owner(&key()).await.unwrap_err();
        assert_eq!(error.kind().as_str(), "bad-secret", "{arn}");
    }
}

#[tokio::test]
async fn refusals_of_a_key_are_told_apart_from_failures_of_a_call() {
    for code in REFUSALS {
        assert_eq!(refusing(code).owner(&key()).await.unwrap_err(), EngineError::Auth(code.to_owned()));
    }
    let denied = refusing("AccessDenied").list("app").await.unwrap_err();
    assert_eq!(
        denied.to_string(),
        "iam:ListAccessKeys failed (AccessDenied); check the function's role and the network"
    );
    for code in NOT_NOW {
        assert!(matches!(refusing(code).create("app").await, Ok(Made::NotNow(said)) if said == code));
    }
    let refused = refusing("NoSuchEntity").create("app").await.err().unwrap();
    assert!(matches!(refused, EngineError::Api { .. }), "{refused}");
    assert!(refusing("NoSuchEntity").delete("app", "id").await.is_ok());
    assert!(refusing("NoSuchEntity").deactivate("app", "id").await.is_ok());
    assert!(refusing("AccessDenied").delete("app", "id").await.is_err());
}

#[tokio::test]
async fn keys_are_listed_made_and_ended_for_the_named_user() {
    let metadata = "<AccessKeyMetadata><member><AccessKeyId>A</AccessKeyId><Status>Active</Status>\
                    <CreateDate>2026-01-01T00:00:00Z</CreateDate></member>\
                    <member><AccessKeyId>B</AccessKeyId><Status>Inactive</Status></member></AccessKeyMetadata>";
    let (keys, http) = answering(200, &result("ListAccessKeys", metadata));
    let listed = |id: &str, active, created| Listed { id: id.to_owned(), active, created };
    let created = Timestamp::from_second(1_767_225_600).ok();
    assert_eq!(keys.list("app").await.unwrap(), [listed("A", true, created), listed("B", false, None)]);
    assert!(sent(&http).ends_with("&UserName=app"));

    let key = "<AccessKey><UserName>app</UserName><AccessKeyId>C</AccessKeyId>\
               <SecretAccessKey>s/3</SecretAccessKey><Status>Active</Status></AccessKey>";
    match answering(200, &result("CreateAccessKey", key)).0.create("app").await {
        Ok(Made::Key(made)) => assert_eq!((&*made.id, &**made.secret), ("C", "s/3")),
        _ => panic!("no key"),
    }

    let (keys, http) = answering(200, "<UpdateAccessKeyResponse/>");
    keys.deactivate("app", "A").await.unwrap();
    assert!(sent(&http).ends_with("&UserName=app&AccessKeyId=A&Status=Inactive"));
}

#[tokio::test]
async fn a_key_was_used_if_there_is_a_date() {
    let used = |date: &str, service: &str| {
        let used = format!("{date}<ServiceName>{service}</ServiceName><Region>N/A</Region>");
        let used = format!("<UserName>app</UserName><AccessKeyLastUsed>{used}</AccessKeyLastUsed>");
        answering(200, &result("GetAccessKeyLastUsed", &used)).0
    };
    let date = "<LastUsedDate>2026-01-01T00:00:00Z</LastUsedDate>";
    let at = Timestamp::from_second(1_767_225_600).unwrap();
    let expected = Used { service: "s3".to_owned(), at };
    assert_eq!(used(date, "s3").last_used("A").await.unwrap(), Some(expected));
    assert_eq!(used("", "N/A").last_used("A").await.unwrap(), None);
}

#[tokio::test]
async fn a_key_is_asked_for_once_and_whatever_is_no_refusal_may_have_made_it() {
    for (status, body) in [(500, ""), (503, "<ErrorResponse/>"), (200, "<CreateAccessKeyResponse>")] {
        let (keys, http) = answering(status, body);
        let error = keys.create("app").await.err().unwrap();
        assert!(matches!(error, EngineError::Unanswered { .. }), "{status}: {error}");
        assert_eq!(error.kind().as_str(), "aws");
        assert_eq!(http.actual_requests().count(), 1, "{status}");
    }
}
