//! Calls to the local AWS under the names that AWS's API references give them: `secretsmanager.CreateSecret` and its
//! parameters. One call takes a millisecond, where the `aws` command takes a second of a processor.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value};

use super::{ACCOUNT, Place, REGION};

/// Root of any account in any region. It belongs to the tokio runtime that made it.
#[derive(Clone)]
pub struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    endpoint: String,
    /// The account that is called; the local AWS makes one of any twelve digits.
    pub account: String,
    /// The region that is called.
    pub region: String,
}

impl Caller {
    pub(super) fn new(endpoint: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, endpoint: endpoint.to_owned(), account: ACCOUNT.to_owned(), region: REGION.to_owned() }
    }

    /// The same in another region.
    #[must_use]
    pub fn in_region(self, region: &str) -> Self {
        Self { region: region.to_owned(), ..self }
    }

    /// The same in another account and region.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { account: place.account.to_owned(), ..self.in_region(place.region) }
    }

    /// Calls `service.Operation` and hands back its answer: a JSON document, or the text of an XML one.
    ///
    /// # Errors
    /// With AWS's answer, if that is a refusal.
    pub async fn call(&self, operation: &str, parameters: &Value) -> Result<Value> {
        let (service, action) = operation.split_once('.').context("an operation is service.Operation")?;
        let (headers, body) = match service {
            "secretsmanager" => json(&format!("secretsmanager.{action}"), parameters),
            "ssm" => json(&format!("AmazonSSM.{action}"), parameters),
            "sqs" => json(&format!("AmazonSQS.{action}"), parameters),
            "events" => json(&format!("AWSEvents.{action}"), parameters),
            "cloudformation" => query(action, "2010-05-15", parameters),
            "elasticache" => query(action, "2015-02-02", parameters),
            "iam" => query(action, "2010-05-08", parameters),
            "rds" => query(action, "2014-10-31", parameters),
            "sts" => query(action, "2011-06-15", parameters),
            other => bail!("the service {other} is not known here"),
        };
        let mut request = Request::post(&self.endpoint).header("authorization", self.authorization(service));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.sent(operation, request.body(Full::new(Bytes::from(body)))?).await
    }

    /// Calls Lambda, whose operations are methods and paths: `POST` and `functions/NAME/invocations`.
    ///
    /// # Errors
    /// With AWS's answer, if that is a refusal. An invoked function that fails is none.
    pub async fn lambda(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/2015-03-31/{path}", self.endpoint))
            .header("authorization", self.authorization("lambda"))
            .header("content-type", "application/json");
        // A GET has no body.
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        self.sent(path, request.body(Full::new(body))?).await
    }

    /// What a presigned address has.
    pub async fn download(&self, url: &str) -> Result<Bytes> {
        let answer = self.client.request(Request::get(url).body(Full::new(Bytes::new()))?).await?;
        ensure!(answer.status().is_success(), "GET {url}: {}", answer.status());
        Ok(answer.into_body().collect().await?.to_bytes())
    }

    async fn sent(&self, operation: &str, request: Request<Full<Bytes>>) -> Result<Value> {
        let answer = self.client.request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        ensure!(status.is_success(), "{operation}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The keys of root are a name and no proof to the local AWS: twelve digits are an account.
    fn authorization(&self, service: &str) -> String {
        let scope = format!("{}/20260101/{}/{service}/aws4_request", self.account, self.region);
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")
    }
}

type Message = (Vec<(&'static str, String)>, String);

fn json(target: &str, parameters: &Value) -> Message {
    let headers = vec![("x-amz-target", target.to_owned()), ("content-type", "application/x-amz-json-1.1".to_owned())];
    (headers, parameters.to_string())
}

fn query(action: &str, version: &str, parameters: &Value) -> Message {
    let empty = Map::new();
    let pairs = parameters.as_object().unwrap_or(&empty).iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("&{name}={}", escaped(&text))
    });
    let body = format!("Action={action}&Version={version}{}", pairs.collect::<String>());
    (vec![("content-type", "application/x-www-form-urlencoded".to_owned())], body)
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'-' | b'_' | b'.' | b'~' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
