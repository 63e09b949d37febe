//! What is said when STS hands out no credentials: what was presented, so that people can compare it with the role's
//! trust policy. Never the token, and never the external id.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use rekey_core::identity::Region;
use rekey_core::store::{AssumedRole, Identity};

use crate::cluster::token::Claims;
use crate::provider::ReadProblem;
use crate::provider::attempt::{Call, For};
use crate::provider::error::credentials_error;

/// What STS was asked with.
pub(super) enum Presented<'a> {
    /// A ServiceAccount's token, for a role.
    Token { claims: Claims, role: &'a str },
    /// Another session.
    Identity(&'a AssumedRole),
}

impl Presented<'_> {
    fn describe(&self) -> String {
        match self {
            Self::Token { claims: Claims { issuer, subject, audiences }, role } => {
                let audiences = audiences.join(", ");
                format!(
                    "presented were subject {subject:?}, audience {audiences:?} and issuer {issuer:?} for role {role}; \
                     its trust policy has to allow them, and its account has to know the issuer as an OIDC provider"
                )
            }
            Self::Identity(AssumedRole { by, role, external_id, tags, .. }) => {
                let external_id = if external_id.is_some() { "an" } else { "no" };
                let keys: Vec<&str> = tags.iter().map(|tag| tag.key.as_str()).collect();
                let tags = if keys.is_empty() {
                    "no session tags".to_owned()
                } else {
                    format!("session tags {}", keys.join(", "))
                };
                let tag_session = if keys.is_empty() { "" } else { " and sts:TagSession" };
                format!(
                    "presented were {external_id} external id and {tags} by {by} for role {role}; its trust policy has to \
                     allow that caller sts:AssumeRole{tag_session}, and so have that caller's own policies"
                )
            }
        }
    }
}

/// Why the agent itself has no credentials, if a call that it makes as itself failed for that.
#[must_use]
pub fn no_own_credentials(error: &(dyn Error + 'static)) -> Option<ReadProblem> {
    credentials_error(error).map(|error| own_refused(ReadProblem::no_credentials(error)))
}

/// The same of the agent's own identity, if that is the role of its ServiceAccount: by IRSA, or by EKS Pod Identity.
pub(super) fn own_refused(problem: ReadProblem) -> ReadProblem {
    let ReadProblem::NoCredentials { message, transient: false } = problem else { return problem };
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let claims = |file: String| std::fs::read(file).map(|token| Claims::of(&token)).unwrap_or_default();
    let irsa = variable("AWS_ROLE_ARN").zip(variable("AWS_WEB_IDENTITY_TOKEN_FILE"));
    let presented = match (irsa, variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
        (Some((role, file)), _) => Some(Presented::Token { claims: claims(file), role: &role }.describe()),
        (None, Some(file)) => Some(to_pod_identity(&claims(file))),
        (None, None) => None,
    };
    let message = presented.map_or(message.clone(), |presented| format!("{message}; {presented}"));
    ReadProblem::NoCredentials { message, transient: false }
}

fn to_pod_identity(Claims { subject, audiences, .. }: &Claims) -> String {
    let audiences = audiences.join(", ");
    format!(
        "presented were subject {subject:?} and audience {audiences:?} to EKS Pod Identity; the cluster needs an \
         association of that ServiceAccount with a role, and the role has to trust pods.eks.amazonaws.com"
    )
}

/// Why STS handed out nothing.
pub(super) fn refused<E>(presented: &Presented<'_>, region: &Region, error: &SdkError<E, HttpResponse>) -> ReadProblem
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (action, identity) = match presented {
        Presented::Token { .. } => ("sts:AssumeRoleWithWebIdentity", &Identity::Agent),
        Presented::Identity(assumed) => ("sts:AssumeRole", &assumed.by),
    };
    let no_credentials = |message, transient| ReadProblem::NoCredentials { message, transient };
    match ReadProblem::from_sdk(Call { action, identity, region, reason: For::Sync }, error) {
        // The session that was to ask has none itself; or has old ones, and asks again with others.
        problem @ (ReadProblem::NoCredentials { .. }
        | ReadProblem::KeysUnavailable { .. }
        | ReadProblem::BadCredentials { .. }) => problem,
        ReadProblem::Denied { message, .. } => {
            no_credentials(format!("{action}: access denied: {message}; {}", presented.describe()), false)
        }
        ReadProblem::Rejected { code, message, .. } => {
            no_credentials(format!("{action}: {code}: {message}; {}", presented.describe()), false)
        }
        problem => no_credentials(problem.to_string(), problem.is_transient()),
    }
}
