//! Identities against one server that is STS, Secrets Manager and the API server at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use aws_credential_types::Credentials;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use rekey_core::identity::Service;
use rekey_core::resource::store::SessionTag;
use rekey_core::store::{AccessKeys, AssumedRole, Retry, RoleArn, SecretKey, ServiceAccountRole};
use serde_json::json;

use super::*;
use crate::cluster::Writer;
use crate::gate::Gate;
use crate::provider::Provider;
use crate::provider::attempt::Rates;

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
const TOKEN: &str = "not.a.secret.token";

/// A name for the call, and its parameters.
type Call = (String, HashMap<String, String>);

/// What was asked, in its order: `AssumeRole by KEY`, `GetSecretValue by KEY`, `TokenRequest`.
#[derive(Clone, Default)]
struct Server {
    calls: Arc<Mutex<Vec<Call>>>,
    sessions: Arc<AtomicU32>,
    life: Arc<AtomicI64>,
    refuses: Arc<AtomicBool>,
    /// The access key that Secrets Manager knows, if it does not take any.
    only: Arc<Mutex<Option<String>>>,
    /// The access key in the Secret.
    in_secret: Arc<Mutex<String>>,
}

impl Server {
    async fn provider(&self) -> Provider {
        let router = axum::Router::new().fallback(answer).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = kube::Client::try_from(kube::Config::new(uri.parse().unwrap())).unwrap();
        let writer = Writer::new(client, Gate::open());
        let base = aws_config(Some(region())).await.to_builder();
        let agent = SharedCredentialsProvider::new(Credentials::new("AGENT", "secret", None, None, "test"));
        let base = base.endpoint_url(&uri).credentials_provider(agent).build();
        let cluster = Cluster { secrets: Targets::new(writer.clone()), tokens: Tokens::new(writer) };
        let rates = Rates { secrets_manager: 1000.0, parameter_store: 1000.0 };
        Provider::new(base, cluster, rates, Metrics::default())
    }

    fn calls(&self) -> Vec<String> {
        self.asked().into_iter().map(|(call, _)| call).collect()
    }

    fn asked(&self) -> Vec<(String, HashMap<String, String>)> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    fn live(&self, seconds: i64) -> &Self {
        self.life.store(seconds, Ordering::Relaxed);
        self
    }
}

async fn answer(State(server): State<Server>, uri: Uri, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let signed = header("authorization");
    let by = signed.split_once("Credential=").and_then(|(_, rest)| rest.split('/').next()).unwrap_or("nobody");
    let tell =
        |what: String, parameters: HashMap<String, String>| server.calls.lock().unwrap().push((what, parameters));
    if uri.path().ends_with("/token") {
        tell("TokenRequest".to_owned(), HashMap::new());
        let claims = json!({"iss": "https://issuer", "sub": "system:serviceaccount:shop:reader", "aud": ["sts"]});
        let token = format!("e30.{}.{TOKEN}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        return (StatusCode::CREATED, json!({"spec": {"audiences": []}, "status": {"token": token, "expirationTimestamp": "2030-01-01T00:00:00Z"}}).to_string());
    }
    if uri.path().contains("/secrets/") {
        let key = STANDARD.encode(server.in_secret.lock().unwrap().as_bytes());
        let secret = json!({"metadata": {"name": "keys"}, "data": {"id": key, "secret": key}});
        return (StatusCode::OK, secret.to_string());
    }
    if header("x-amz-target").ends_with("GetSecretValue") {
        tell(format!("GetSecretValue by {by}"), HashMap::new());
        if server.only.lock().unwrap().as_ref().is_some_and(|only| only != by) {
            let refusal = json!({"__type": "UnrecognizedClientException", "message": "The security token is invalid"});
            return (StatusCode::BAD_REQUEST, refusal.to_string());
        }
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";
        return (StatusCode::OK, json!({"ARN": arn, "VersionId": "v", "SecretString": "x"}).to_string());
    }
    let parameters: HashMap<String, String> = std::str::from_utf8(&body)
        .unwrap()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace("%3A", ":").replace("%2F", "/")))
        .collect();
    let action = parameters.get("Action").cloned().unwrap_or_default();
    tell(format!("{action} by {by}"), parameters);
    if server.refuses.load(Ordering::Relaxed) {
        let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized</Message>\
                       </Error><RequestId>1</RequestId></ErrorResponse>";
        return (StatusCode::FORBIDDEN, refusal.to_owned());
    }
    let (number, life) = (server.sessions.fetch_add(1, Ordering::Relaxed) + 1, server.life.load(Ordering::Relaxed));
    let expiration = Timestamp::now() + SignedDuration::from_secs(life);
    let made = format!(
        "<{action}Response><{action}Result><Credentials><AccessKeyId>S{number}</AccessKeyId><SecretAccessKey>k\
         </SecretAccessKey><SessionToken>t</SessionToken><Expiration>{expiration}</Expiration></Credentials>\
         </{action}Result></{action}Response>"
    );
    (StatusCode::OK, made)
}

fn region() -> Region {
    Region::parse("eu-west-1").unwrap()
}

fn role(by: Identity, external_id: Option<&str>) -> Identity {
    let tags = vec![SessionTag { key: "team".to_owned(), value: "a".to_owned() }];
    Identity::Role(Arc::new(AssumedRole {
        by,
        role: RoleArn::parse(ROLE).unwrap(),
        tags: if external_id.is_some() { tags } else { Vec::new() },
        external_id: external_id.map(str::to_owned),
        transitive_tag_keys: Vec::new(),
    }))
}

fn account() -> Identity {
    let (account, role) = (ObjectKey::new("shop", "reader"), RoleArn::parse(ROLE).unwrap());
    Identity::ServiceAccount(Arc::new(ServiceAccountRole { account, role, audiences: vec!["sts".to_owned()] }))
}

fn keys() -> Identity {
    let key = |key: &str| SecretKey { secret: ObjectKey::new("shop", "keys"), key: key.to_owned() };
    Identity::AccessKeys(Arc::new(AccessKeys { id: key("id"), secret: key("secret"), token: None }))
}

fn store(identity: Identity) -> AwsStore {
    let (service, prefix) = (Service::SecretsManager, String::new());
    AwsStore { service, region: region(), prefix, identity, retry: Retry::default() }
}

/// Reads a secret as this identity.
async fn read(provider: &Provider, identity: &Identity) -> Result<(), ReadProblem> {
    use crate::provider::testing::wanted;
    use rekey_core::wanted::{Selector, Wanted};
    let stage = Selector::Stage("AWSCURRENT".to_owned());
    let wanted = Wanted { identity: identity.clone(), ..wanted(Service::SecretsManager, "db", stage) };
    provider.read(&store(identity.clone()), &wanted, &[]).await.map(drop)
}

#[tokio::test]
async fn a_session_is_obtained_once_and_shared_and_each_role_of_a_chain_too() {
    let server = Server::default();
    let provider = server.live(3600).provider().await;
    let chain = role(role(Identity::Agent, None), Some("x"));
    let reads = (0..10).map(|_| read(&provider, &chain));
    assert!(futures::future::join_all(reads).await.iter().all(Result::is_ok));
    let calls = server.calls();
    assert_eq!(calls[..2], ["AssumeRole by AGENT", "AssumeRole by S1"]);
    assert_eq!(calls[2..], vec!["GetSecretValue by S2"; 10]);
    // The first role is at hand for whoever begins with it.
    read(&provider, &role(role(Identity::Agent, None), Some("y"))).await.unwrap();
    assert_eq!(server.calls(), ["AssumeRole by S1", "GetSecretValue by S3"]);
    provider.validate(&store(chain)).await.unwrap();
    assert!(server.calls().is_empty(), "a validation makes no session of its own");
}

#[tokio::test]
async fn what_is_presented_is_what_the_identity_says() {
    let server = Server::default();
    let provider = server.live(3600).provider().await;
    read(&provider, &role(account(), Some("x-1"))).await.unwrap();
    let asked = server.asked();
    let calls: Vec<&str> = asked.iter().map(|(call, _)| call.as_str()).collect();
    let expected = ["TokenRequest", "AssumeRoleWithWebIdentity by nobody", "AssumeRole by S1", "GetSecretValue by S2"];
    assert_eq!(calls, expected);
    let sent = |call: usize, name: &str| asked[call].1.get(name).map(String::as_str);
    assert_eq!((sent(1, "RoleArn"), sent(1, "RoleSessionName")), (Some(ROLE), Some("external-secrets-provider-aws")));
    assert!(sent(1, "WebIdentityToken").is_some_and(|token| token.ends_with(TOKEN)));
    assert_eq!((sent(2, "ExternalId"), sent(2, "RoleSessionName")), (Some("x-1"), Some("rekey-shop-reader")));
    assert_eq!((sent(2, "Tags.member.1.Key"), sent(2, "Tags.member.1.Value")), (Some("team"), Some("a")));
}

#[tokio::test]
async fn a_session_is_renewed_before_its_end_and_kept_while_sts_refuses() {
    let server = Server::default();
    let provider = server.live(60).provider().await;
    let identity = role(Identity::Agent, None);
    read(&provider, &identity).await.unwrap();
    let session = provider.clients.get(&identity, &region()).session;
    session.age(Duration::from_secs(46)).await;
    server.refuses.store(true, Ordering::Relaxed);
    read(&provider, &identity).await.unwrap();
    assert_eq!(server.calls().last().unwrap(), "GetSecretValue by S1", "the old one is good for a while");
    server.refuses.store(false, Ordering::Relaxed);
    session.forget_failure().await;
    read(&provider, &identity).await.unwrap();
    assert_eq!(server.calls(), ["AssumeRole by AGENT", "GetSecretValue by S2"]);
}

#[tokio::test]
async fn a_refusal_says_what_was_presented_and_is_not_asked_for_by_each() {
    let server = Server::default();
    server.refuses.store(true, Ordering::Relaxed);
    let provider = server.live(3600).provider().await;
    for (identity, parts) in [
        (account(), ["system:serviceaccount:shop:reader", "\"sts\"", "https://issuer", ROLE]),
        (role(Identity::Agent, Some("x-1")), ["an external id", "session tags team", "by agent", ROLE]),
    ] {
        let reads = (0..5).map(|_| read(&provider, &identity));
        for outcome in futures::future::join_all(reads).await {
            let problem = outcome.unwrap_err();
            let text = problem.to_string();
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
            assert!(!text.contains(TOKEN) && !text.contains("x-1"), "{text}");
            assert!(!problem.is_transient());
        }
        let calls = server.calls();
        assert_eq!(calls.iter().filter(|call| call.starts_with("Assume")).count(), 1, "{calls:?}");
    }
}

#[tokio::test]
async fn keys_that_aws_does_not_know_any_more_are_read_again_once() {
    let server = Server::default();
    let provider = server.provider().await;
    "OLD".clone_into(&mut server.in_secret.lock().unwrap());
    read(&provider, &keys()).await.unwrap();
    assert_eq!(server.calls(), ["GetSecretValue by OLD"]);
    // Rotated, and the watch has not told yet.
    "NEW".clone_into(&mut server.in_secret.lock().unwrap());
    *server.only.lock().unwrap() = Some("NEW".to_owned());
    read(&provider, &keys()).await.unwrap();
    assert_eq!(server.calls(), ["GetSecretValue by OLD", "GetSecretValue by NEW"]);
    // Revoked, and no others are there.
    *server.only.lock().unwrap() = Some("NEWER".to_owned());
    let problem = read(&provider, &keys()).await.unwrap_err();
    assert!(problem.to_string().contains("UnrecognizedClientException"), "{problem}");
    assert_eq!(server.calls(), ["GetSecretValue by NEW"]);
    // The watch told.
    "NEWER".clone_into(&mut server.in_secret.lock().unwrap());
    provider.forget_keys(&ObjectKey::new("shop", "keys"));
    read(&provider, &keys()).await.unwrap();
    assert_eq!(server.calls(), ["GetSecretValue by NEWER"]);
}

#[tokio::test]
async fn what_nobody_used_for_long_is_dropped() {
    let server = Server::default();
    let provider = server.live(3600).provider().await;
    read(&provider, &role(Identity::Agent, None)).await.unwrap();
    let long_ago = Instant::now().checked_sub(IDLE).unwrap();
    provider.clients.lock().values_mut().for_each(|kept| kept.used = long_ago);
    read(&provider, &keys()).await.unwrap();
    let left: Vec<String> = provider.clients.lock().keys().map(|(identity, _)| identity.to_string()).collect();
    assert_eq!(left, [keys().to_string()]);
}
