//! EKS Pod Identity: what a pod of EKS reaches at 169.254.170.23, and behind it EKS Auth, with one association.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::Api;
use kube::api::PostParams;
use rekey_tests::aws::Caller;
use rekey_tests::stack::Stack;
use serde_json::{Value, json};

const AUDIENCE: &str = "pods.eks.amazonaws.com";
/// The cluster that this is, for AWS.
const CLUSTER: &str = "arn:aws:eks:us-east-1:111122223333:cluster/main";

/// It ends with the runtime that started it.
pub(crate) struct PodIdentity {
    /// Where an SDK asks.
    pub(crate) url: String,
    state: Arc<Service>,
}

struct Service {
    kubernetes: kube::Client,
    aws: Caller,
    association: Mutex<Option<Association>>,
    /// The access key ids that were handed out.
    keys: Mutex<Vec<String>>,
}

/// Who becomes which role.
#[derive(Clone)]
struct Association {
    namespace: String,
    account: String,
    role: String,
}

impl PodIdentity {
    pub(crate) async fn start(stack: &Stack) -> Result<Self> {
        let (kubernetes, aws) = (stack.kubernetes.client().await?, stack.aws.caller());
        let state = Arc::new(Service { kubernetes, aws, association: Mutex::default(), keys: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/v1/credentials", listener.local_addr()?);
        let router = Router::new().route("/v1/credentials", get(answer)).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, state })
    }

    /// `aws eks create-pod-identity-association`, in place of the one there was.
    pub(crate) fn associate(&self, namespace: &str, account: &str, role: &str) {
        let (namespace, account, role) = (namespace.to_owned(), account.to_owned(), role.to_owned());
        *self.state.association.lock().unwrap() = Some(Association { namespace, account, role });
    }

    /// The access key ids that were handed out.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.state.keys.lock().unwrap().clone()
    }
}

async fn answer(State(service): State<Arc<Service>>, headers: HeaderMap) -> (StatusCode, String) {
    let token = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match service.credentials(token).await {
        Ok(credentials) => (StatusCode::OK, credentials.to_string()),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}")),
    }
}

impl Service {
    async fn credentials(&self, token: &str) -> Result<Value> {
        let spec = TokenReviewSpec { token: Some(token.to_owned()), audiences: Some(vec![AUDIENCE.to_owned()]) };
        let review = TokenReview { spec, ..TokenReview::default() };
        let reviews: Api<TokenReview> = Api::all(self.kubernetes.clone());
        let status = reviews.create(&PostParams::default(), &review).await?.status.context("no review")?;
        ensure!(status.authenticated == Some(true), "InvalidTokenException: {:?}", status.error);
        let user = status.user.and_then(|user| user.username).unwrap_or_default();
        let association = self.association.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(Association { namespace, account, role }) = association else { bail!("ResourceNotFoundException") };
        ensure!(user == format!("system:serviceaccount:{namespace}:{account}"), "ResourceNotFoundException: {user}");
        // EKS tags each session so, and the tags go on to the roles that are assumed from it.
        let assume = json!({
            "RoleArn": role, "RoleSessionName": "eks-rekey-agent",
            "Tags.member.1.Key": "kubernetes-namespace", "Tags.member.1.Value": namespace,
            "Tags.member.2.Key": "kubernetes-service-account", "Tags.member.2.Value": account,
            "Tags.member.3.Key": "eks-cluster-arn", "Tags.member.3.Value": CLUSTER,
            "TransitiveTagKeys.member.1": "kubernetes-namespace",
            "TransitiveTagKeys.member.2": "kubernetes-service-account",
            "TransitiveTagKeys.member.3": "eks-cluster-arn",
        });
        let answer = self.aws.call("sts.AssumeRole", &assume).await?;
        let xml = answer.as_str().context("STS did not answer with XML")?;
        let field = |name: &str| {
            let (_, rest) = xml.split_once(&format!("<{name}>")).with_context(|| format!("STS named no {name}"))?;
            Ok::<_, anyhow::Error>(rest.split('<').next().unwrap_or_default().to_owned())
        };
        let (key, expiration) = (field("AccessKeyId")?, field("Expiration")?.parse::<Timestamp>()?);
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).push(key.clone());
        Ok(json!({
            "AccessKeyId": key, "SecretAccessKey": field("SecretAccessKey")?, "Token": field("SessionToken")?,
            "Expiration": expiration.to_string(),
        }))
    }
}
