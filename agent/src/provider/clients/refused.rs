//! What is said when STS hands out no credentials: what was presented, so that people can compare it with the role's
//! trust policy. Never the token, and never the external id.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use rekey_core::store::{AssumedRole, Identity, RoleArn};

use crate::cluster::token::Claims;
use crate::provider::ReadProblem;

/// What STS was asked with.
pub(super) enum Presented<'a> {
    /// A ServiceAccount's token, for a role.
    Token { claims: Claims, role: &'a RoleArn },
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
                let tags = if keys.is_empty() { "no session tags".to_owned() } else { format!("session tags {}", keys.join(", ")) };
                let tag_session = if keys.is_empty() { "" } else { " and sts:TagSession" };
                format!(
                    "presented were {external_id} external id and {tags} by {by} for role {role}; its trust policy has to \
                     allow that caller sts:AssumeRole{tag_session}"
                )
            }
        }
    }
}

/// Why STS handed out nothing.
pub(super) fn refused<E>(action: &'static str, presented: &Presented<'_>, error: &SdkError<E, HttpResponse>) -> ReadProblem
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let by = match presented {
        Presented::Token { .. } => &Identity::Agent,
        Presented::Identity(assumed) => &assumed.by,
    };
    match ReadProblem::from_sdk(action, by, error) {
        // The session it was to be assumed by has none itself.
        problem @ (ReadProblem::NoCredentials { .. } | ReadProblem::KeysUnavailable { .. }) => problem,
        // To be asked again with other credentials.
        problem if problem.is_about_credentials() => problem,
        ReadProblem::Denied { message, .. } => ReadProblem::NoCredentials {
            message: format!("{action}: access denied: {message}; {}", presented.describe()),
            transient: false,
        },
        ReadProblem::Rejected { code, message, .. } => ReadProblem::NoCredentials {
            message: format!("{action}: {code}: {message}; {}", presented.describe()),
            transient: false,
        },
        problem => ReadProblem::NoCredentials { transient: problem.is_transient(), message: problem.to_string() },
    }
}
