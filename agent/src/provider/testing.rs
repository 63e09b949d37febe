//! An AWS for unit tests: real SDK clients over a connector that answers by operation and records what was sent. (It
//! stands in for `aws-smithy-mocks`, whose features would build every SDK and serde_json another way for tests.)

use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use rekey_core::identity::{Region, Service, SourceRef};
use rekey_core::store::{AwsStore, Identity, Retry};
use rekey_core::wanted::{Selector, Token, Wanted};
use serde_json::{Value, json};

use super::attempt::{Attempts, For, Rates};
use super::comparison::{Breaker, Denials};
use super::{Asked, Cluster, Context, Provider};
use crate::metrics::Metrics;

const RATES: Rates = Rates { secrets_manager: 10_000.0, parameter_store: 10_000.0 };

pub(crate) const ACCOUNT: &str = "123456789012";

/// What AWS answers.
pub(crate) enum Reply {
    Json(Value),
    Refused(u16, &'static str, &'static str),
    NoConnection,
}

type Answer = dyn Fn(&str, &Value) -> Reply + Send + Sync;

/// The calls that were made, as (operation, request), and what answers them.
#[derive(Clone)]
pub(crate) struct FakeAws {
    answer: Arc<Answer>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
    pub metrics: Metrics,
    pub(super) attempts: Attempts,
    pub(super) denials: Denials,
}

impl std::fmt::Debug for FakeAws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeAws")
    }
}

impl HttpConnector for FakeAws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").expect("a JSON protocol").to_owned();
        let operation = target.split_once('.').expect("service and operation").1.to_owned();
        let body: Value = serde_json::from_slice(request.body().bytes().expect("in memory")).expect("JSON");
        let reply = (self.answer)(&operation, &body);
        self.calls.lock().unwrap().push((operation, body));
        let (status, body) = match reply {
            Reply::Json(body) => (200, body),
            Reply::Refused(status, code, message) => (status, json!({ "__type": code, "message": message })),
            Reply::NoConnection => {
                return HttpConnectorFuture::ready(Err(ConnectorError::io("connection refused".into())));
            }
        };
        let status = StatusCode::try_from(status).expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body.to_string()))))
    }
}

impl FakeAws {
    pub fn new(answer: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) -> Self {
        let metrics = Metrics::default();
        Self {
            answer: Arc::new(answer),
            calls: Arc::default(),
            attempts: Attempts::new(RATES, metrics.clone()),
            metrics,
            denials: Denials::default(),
        }
    }

    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("id", "key", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(self.http());
        aws_sdk_secretsmanager::Client::from_conf(config.build())
    }

    pub fn parameter_store(&self) -> aws_sdk_ssm::Client {
        let config = aws_sdk_ssm::Config::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("id", "key", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(self.http());
        aws_sdk_ssm::Client::from_conf(config.build())
    }

    /// A provider that reads from it, for every identity and region.
    pub fn provider(&self, cluster: Cluster) -> Provider {
        let config = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("id", "key", None, None, "test")))
            .http_client(self.http());
        Provider::new(config.build(), cluster, RATES, self.metrics.clone())
    }

    /// What a comparison of this store works with; each has a breaker of its own.
    pub(super) fn context<'a>(&'a self, store: &'a AwsStore, breaker: &'a Breaker) -> Context<'a> {
        Context { store, attempts: &self.attempts, denials: &self.denials, breaker, reason: For::Comparison }
    }

    /// The operations since the last look, in their order.
    pub fn operations(&self) -> Vec<String> {
        self.requests().into_iter().map(|(operation, _)| operation).collect()
    }

    /// The operations since the last look, with what was sent.
    pub fn requests(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    fn http(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }
}

pub(crate) fn store(service: Service) -> AwsStore {
    let region = Region::parse("eu-west-1").expect("a region");
    AwsStore { service, region, prefix: String::new(), identity: Identity::Agent, retry: Retry::default() }
}

pub(crate) fn wanted(service: Service, key: &str, selector: Selector) -> Wanted {
    let region = Region::parse("eu-west-1").expect("a region");
    Wanted::named(Identity::Agent, SourceRef { service, region, key: key.to_owned() }, selector)
}

pub(crate) fn asked(wanted: Wanted, known: Option<Token>, may_lag: bool) -> Asked {
    Asked { wanted, known, may_lag, suspects: Vec::new() }
}

/// The ARN of a secret of that name.
pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{name}-AbCdEf")
}
