//! Where the credentials of one identity come from, and one attempt to obtain them.

use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::Client as Sts;
use aws_sdk_sts::types::{Credentials as Answered, Tag};
use futures::FutureExt;
use futures::future::BoxFuture;
use rekey_core::identity::Region;
use rekey_core::store::{AccessKeys, AssumedRole, Identity, SecretKey, ServiceAccountRole};

use super::refused::{Presented, own_refused, refused};
use super::session::Session;
use crate::cluster::ClusterError;
use crate::cluster::target::Targets;
use crate::cluster::token::{Claims, Tokens};
use crate::metrics::Metrics;
use crate::provider::ReadProblem;

/// See the module's head.
pub(super) struct Origin {
    name: String,
    region: Region,
    way: Way,
}

enum Way {
    Agent(Option<SharedCredentialsProvider>),
    AccessKeys { keys: AccessKeys, secrets: Targets },
    WebIdentity { own: ServiceAccountRole, session_name: String, tokens: Tokens, sts: Sts },
    Role { assumed: AssumedRole, session_name: String, by: Arc<Session>, sts: Sts },
}

impl Origin {
    fn new(identity: &Identity, region: &Region, way: Way) -> Self {
        Self { name: identity.to_string(), region: region.clone(), way }
    }

    /// The SDK's default chain.
    pub fn agent(region: &Region, chain: Option<SharedCredentialsProvider>) -> Self {
        Self::new(&Identity::Agent, region, Way::Agent(chain))
    }

    /// Keys in Secrets.
    pub fn access_keys(identity: &Identity, region: &Region, keys: &AccessKeys, secrets: Targets) -> Self {
        Self::new(identity, region, Way::AccessKeys { keys: keys.clone(), secrets })
    }

    /// A ServiceAccount's role.
    pub fn web_identity(
        identity: &Identity,
        region: &Region,
        own: &ServiceAccountRole,
        tokens: Tokens,
        sts: Sts,
    ) -> Self {
        let (own, session_name) = (own.clone(), identity.session_name());
        Self::new(identity, region, Way::WebIdentity { own, session_name, tokens, sts })
    }

    /// A role that is assumed `by` the session that `sts` signs with.
    pub fn role(identity: &Identity, region: &Region, assumed: &AssumedRole, by: Arc<Session>, sts: Sts) -> Self {
        let (assumed, session_name) = (assumed.clone(), identity.session_name());
        Self::new(identity, region, Way::Role { assumed, session_name, by, sts })
    }

    /// For the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Obtains credentials, once.
    pub fn obtain<'a>(&'a self, metrics: &'a Metrics) -> BoxFuture<'a, Result<Credentials, ReadProblem>> {
        let region = &self.region;
        match &self.way {
            Way::Agent(chain) => agent(chain.as_ref()).boxed(),
            Way::AccessKeys { keys, secrets } => access_keys(keys, secrets).boxed(),
            Way::WebIdentity { own, session_name, tokens, sts } => {
                web_identity(own, session_name, tokens, sts, region, metrics).boxed()
            }
            Way::Role { assumed, session_name, by, sts } => {
                by.renewing(|| assume(assumed, session_name, sts, region, metrics)).boxed()
            }
        }
    }
}

async fn agent(chain: Option<&SharedCredentialsProvider>) -> Result<Credentials, ReadProblem> {
    let none = CredentialsError::not_loaded_no_source();
    let chain = chain.ok_or_else(|| ReadProblem::no_credentials(&none))?;
    chain.provide_credentials().await.map_err(|error| own_refused(ReadProblem::no_credentials(&error)))
}

async fn access_keys(keys: &AccessKeys, secrets: &Targets) -> Result<Credentials, ReadProblem> {
    let token = match &keys.token {
        Some(token) => Some(key(token, secrets).await?),
        None => None,
    };
    let (id, secret) = (key(&keys.id, secrets).await?, key(&keys.secret, secrets).await?);
    Ok(Credentials::new(id, secret, token, None, "SecretStore"))
}

async fn key(key: &SecretKey, secrets: &Targets) -> Result<String, ReadProblem> {
    let missing = |what: &str| ReadProblem::KeysUnavailable {
        message: format!("Secret {} {what}; correct auth.secretRef or the Secret", key.secret),
        transient: false,
    };
    let secret = secrets
        .get(&key.secret)
        .await
        .map_err(|error| ReadProblem::keys(&error))?
        .ok_or_else(|| missing("does not exist"))?;
    let bytes = secret
        .data
        .and_then(|mut data| data.remove(&key.key))
        .ok_or_else(|| missing(&format!("has no key {:?}", key.key)))?;
    String::from_utf8(bytes.0).map_err(|_| missing(&format!("holds no text under {:?}", key.key)))
}

async fn web_identity(
    own: &ServiceAccountRole,
    session_name: &str,
    tokens: &Tokens,
    sts: &Sts,
    region: &Region,
    metrics: &Metrics,
) -> Result<Credentials, ReadProblem> {
    let token = tokens.request(&own.account, &own.audiences).await.map_err(|error| no_token(&error))?;
    let presented = Presented::Token { claims: Claims::of(token.expose()), role: own.role.as_str() };
    let answer = sts
        .assume_role_with_web_identity()
        .role_arn(own.role.as_str())
        .role_session_name(session_name)
        .web_identity_token(String::from_utf8_lossy(token.expose()))
        .send()
        .await;
    metrics.aws_call("AssumeRoleWithWebIdentity", answer.is_ok());
    credentials(answer.map_err(|error| refused(&presented, region, &error))?.credentials)
}

async fn assume(
    assumed: &AssumedRole,
    session_name: &str,
    sts: &Sts,
    region: &Region,
    metrics: &Metrics,
) -> Result<Credentials, ReadProblem> {
    let AssumedRole { role, external_id, tags, transitive_tag_keys, .. } = assumed;
    let tags = tags.iter().map(|tag| Tag::builder().key(&tag.key).value(&tag.value).build());
    // Both members are there.
    let tags: Vec<Tag> = tags.filter_map(Result::ok).collect();
    let answer = sts
        .assume_role()
        .role_arn(role.as_str())
        .role_session_name(session_name)
        .set_external_id(external_id.clone())
        .set_tags(Some(tags).filter(|tags| !tags.is_empty()))
        .set_transitive_tag_keys(Some(transitive_tag_keys.clone()).filter(|keys| !keys.is_empty()))
        .send()
        .await;
    metrics.aws_call("AssumeRole", answer.is_ok());
    let presented = Presented::Identity(assumed);
    credentials(answer.map_err(|error| refused(&presented, region, &error))?.credentials)
}

fn credentials(answered: Option<Answered>) -> Result<Credentials, ReadProblem> {
    let nothing = || ReadProblem::NoCredentials { message: "STS answered without any".to_owned(), transient: true };
    let Answered { access_key_id, secret_access_key, session_token, expiration, .. } = answered.ok_or_else(nothing)?;
    let expiry = SystemTime::try_from(expiration).map_err(|_| nothing())?;
    Ok(Credentials::new(access_key_id, secret_access_key, Some(session_token), Some(expiry), "AssumedRole"))
}

fn no_token(error: &ClusterError) -> ReadProblem {
    let remedy =
        if error.is_forbidden() { "; name the ServiceAccount in the chart's value stores.serviceAccounts" } else { "" };
    ReadProblem::NoCredentials { message: format!("{error}{remedy}"), transient: error.is_transient() }
}
