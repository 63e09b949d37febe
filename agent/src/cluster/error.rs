//! What can go wrong when Kubernetes is asked or told something.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

/// An API server that takes longer than this for one object has a problem; the caller retries with back-off.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A call that did not succeed. The text names the action; it never holds an object's content.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No answer in time.
    #[error("{action} {object}: no answer from the API server within {}s", limit.as_secs())]
    TimedOut {
        /// What was being done.
        action: Action,
        /// To which object.
        object: String,
        /// What "in time" is.
        limit: Duration,
    },
    /// The API server refused.
    #[error("{action} {object}: {reason} ({code}): {message}")]
    Refused {
        /// What was being done.
        action: Action,
        /// To which object.
        object: String,
        /// HTTP status.
        code: u16,
        /// Kubernetes' reason word.
        reason: String,
        /// Kubernetes' sentence.
        message: String,
        /// The fields it objects to.
        fields: Vec<String>,
    },
    /// It was not tried: another instance is the leader, or may be by now.
    #[error("{action} {object}: not done, because this instance does not hold the lease any more")]
    NotLeader {
        /// What was to be done.
        action: Action,
        /// To which object.
        object: String,
    },
    /// There is such an object already, and it is not ours.
    #[error("{action} {object}: there is one already that belongs to somebody else; delete it or give it another name")]
    Foreign {
        /// What was to be done.
        action: Action,
        /// To which object.
        object: String,
    },
    /// The call never got an answer.
    #[error("{action} {object}: the API server cannot be reached")]
    Unreachable {
        /// What was being done.
        action: Action,
        /// To which object.
        object: String,
        /// The client's error.
        #[source]
        source: Box<kube::Error>,
    },
}

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Reading one object.
    Get,
    /// Creating one.
    Create,
    /// Replacing one.
    Update,
    /// Patching one.
    Patch,
    /// Deleting one.
    Delete,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Get => "get",
            Action::Create => "create",
            Action::Update => "update",
            Action::Patch => "patch",
            Action::Delete => "delete",
        })
    }
}

impl ClusterError {
    /// The object is not any more what the decision was made on.
    pub(super) fn changed(action: Action, object: String) -> Self {
        let (reason, message) = ("Conflict".to_owned(), "it has changed since it was read".to_owned());
        Self::Refused { action, object, code: 409, reason, message, fields: Vec::new() }
    }

    /// Can the same call succeed later without anybody changing anything?
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Unreachable { .. } | Self::NotLeader { .. } => true,
            Self::Refused { code, .. } => matches!(code, 409 | 410 | 429 | 500..=599),
            Self::Foreign { .. } => false,
        }
    }

    /// Of an error about a Secret that was to be written: the API server and its webhooks may quote it, so only the
    /// names of the fields are kept, or what Kubernetes says of a missing right or a full quota.
    #[must_use]
    pub fn without_quotes(self) -> Self {
        let named = self.without_fields();
        match named {
            Self::Refused { action, object, code, reason, message, fields }
                if fields.is_empty() && !quotes_nothing(&message) =>
            {
                let message = "the API server's words are withheld because they may quote the Secret".to_owned();
                Self::Refused { action, object, code, reason, message, fields }
            }
            other => other,
        }
    }

    /// Of an error about a workload that was to be written: what the API server says of fields quotes what stands in them,
    /// which may be the whole pod template, and people write passwords into those. Only the names of the fields are kept.
    /// What a webhook or a policy says is kept: it is how people learn what it wants.
    #[must_use]
    pub fn without_fields(self) -> Self {
        match self {
            Self::Refused { action, object, code, reason, fields, .. } if !fields.is_empty() => {
                let message = format!("correct {}", fields.join(", "));
                Self::Refused { action, object, code, reason, message, fields }
            }
            other => other,
        }
    }

    /// Was the object changed by somebody else since it was read?
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code: 409, .. })
    }

    /// Was it not tried, because another instance writes?
    #[must_use]
    pub fn is_not_leader(&self) -> bool {
        matches!(self, Self::NotLeader { .. })
    }

    /// May we not do that?
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { code: 403, .. })
    }

    /// Is the object not there?
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }
}

/// Is it about a right or a quota? Webhooks and admission policies, which may say anything, begin otherwise.
fn quotes_nothing(message: &str) -> bool {
    let why = message.split_once(" is forbidden: ").map_or("", |(_, why)| why);
    !message.contains("denied") && (why.starts_with("User ") || why.starts_with("exceeded quota: "))
}

/// Runs one call that reads, with the time limit, and gives its error a name. What writes goes through a
/// [`super::Writer`].
pub(super) async fn read<T>(
    object: impl fmt::Display,
    future: impl Future<Output = kube::Result<T>>,
) -> Result<T, ClusterError> {
    unguarded(TIME_LIMIT, Action::Get, object, future).await
}

/// Runs any call without asking a gate: for the gate itself, and for what is written before one opens.
pub(super) async fn unguarded<T>(
    limit: Duration,
    action: Action,
    object: impl fmt::Display,
    future: impl Future<Output = kube::Result<T>>,
) -> Result<T, ClusterError> {
    match timeout(limit, future).await {
        Err(_) => Err(ClusterError::TimedOut { action, object: object.to_string(), limit }),
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => Err(ClusterError::Refused {
            action,
            object: object.to_string(),
            code: status.code,
            reason: status.reason.clone(),
            message: status.message.clone(),
            fields: status
                .details
                .iter()
                .flat_map(|details| &details.causes)
                .map(|cause| cause.field.clone())
                // An admission policy that refuses names none.
                .filter(|field| !field.is_empty())
                .collect(),
        }),
        Ok(Err(other)) => {
            Err(ClusterError::Unreachable { action, object: object.to_string(), source: Box::new(other) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_workload_is_told_by_its_fields_and_by_the_words_of_webhooks() {
        let refused = |message: &str, fields: &[&str]| {
            let fields = fields.iter().map(|field| (*field).to_owned()).collect();
            let (object, reason, message) = ("job shop/app".to_owned(), "Invalid".to_owned(), message.to_owned());
            ClusterError::Refused { action: Action::Patch, object, code: 422, reason, message, fields }
        };
        let immutable =
            r#"Job.batch "app" is invalid: spec.template: Invalid value: {"env":"hunter2"}: field is immutable"#;
        let told = refused(immutable, &["spec.template"]).without_fields().to_string();
        assert_eq!(told, "patch job shop/app: Invalid (422): correct spec.template");
        let denied = "denied by policy: add a label";
        assert!(refused(denied, &[]).without_fields().to_string().ends_with(denied));
    }

    #[test]
    fn what_may_quote_a_secret_is_withheld_and_a_missing_right_is_not() {
        for (message, told) in [
            (r#"secrets is forbidden: User "rekey" cannot create resource "secrets" in API group """#, true),
            (r#"secrets "app" is forbidden: exceeded quota: few, requested: secrets=1, used: secrets=3"#, true),
            (r#"admission webhook "w" denied the request: hunter2 is forbidden: User hunter2"#, false),
            (r#"secrets "app" is forbidden: ValidatingAdmissionPolicy 'p' denied request: hunter2"#, false),
            ("hunter2", false),
        ] {
            let (object, reason) = ("secret shop/app".to_owned(), "Forbidden".to_owned());
            let (message, fields) = (message.to_owned(), Vec::new());
            let refused = ClusterError::Refused { action: Action::Create, object, code: 403, reason, message, fields };
            let full = refused.to_string();
            let text = refused.without_quotes().to_string();
            assert_eq!(text == full, told, "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
