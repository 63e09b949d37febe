//! Why a sync failed.

use rekey_core::plan::Refusal;
use rekey_core::render::RenderProblem;
use rekey_core::request::SpecProblem;

use crate::cluster::ClusterError;
use crate::provider::ReadProblem;
use crate::state::Task;

/// The texts become the message of the Ready condition: ESO's words first, then the cause.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The spec or its store cannot be worked on.
    #[error("could not get secret data from provider: {0}")]
    Spec(SpecProblem),
    /// The spec asks for a target that cannot be.
    #[error("could not update secret: {0}")]
    Target(SpecProblem),
    /// AWS or the store's credentials.
    #[error("could not get secret data from provider: {0}")]
    Read(#[from] ReadProblem),
    /// The values do not make a target.
    #[error("could not get secret data from provider: {0}")]
    Render(RenderProblem),
    /// A template does not make a target.
    #[error("could not update secret: {0}")]
    Template(RenderProblem),
    /// The target must not be written.
    #[error("{0}")]
    Refused(Refusal),
    /// The target, or the one before a rename, could not be deleted.
    #[error("could not delete {which}: {error}")]
    Undeleted {
        /// "secret", or "orphaned secrets".
        which: &'static str,
        /// Kubernetes.
        error: ClusterError,
    },
    /// Somebody keeps changing the target.
    #[error("could not update secret: {spoiler} keeps changing it; it is restored less and less often until that ends")]
    Contested {
        /// Who that is, if it is known.
        spoiler: String,
    },
    /// Somebody changes targets as they are written: a mutating webhook.
    #[error("could not update secret: it was altered while it was written; exempt it from the webhook that does so")]
    Altered,
    /// Somebody edited the object while it was synced: the status would be about what it was.
    #[error("could not update secret: the object was edited meanwhile")]
    Edited,
    /// A defect of ours; where it is, is in the log.
    #[error("could not update secret: the agent failed at it; please report the line \"panic\" of its log")]
    Panicked,
    /// Kubernetes.
    #[error("could not update secret: {0}")]
    Cluster(#[from] ClusterError),
}

impl From<SpecProblem> for SyncError {
    fn from(problem: SpecProblem) -> Self {
        match problem {
            SpecProblem::Target { .. } => Self::Target(problem),
            _ => Self::Spec(problem),
        }
    }
}

impl From<RenderProblem> for SyncError {
    fn from(problem: RenderProblem) -> Self {
        match problem {
            RenderProblem::Template { .. } => Self::Template(problem),
            _ => Self::Render(problem),
        }
    }
}

impl SyncError {
    pub(super) fn contested(task: &Task) -> Self {
        let spoiler = task.others.spoiler().map_or_else(|| "somebody".to_owned(), |manager| format!("{manager:?}"));
        Self::Contested { spoiler }
    }

    /// Is it worth holding the message for? Otherwise the condition, and the object's own retries, own the rest.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Read(problem) => problem.is_transient(),
            Self::Cluster(error) | Self::Undeleted { error, .. } => error.is_transient(),
            Self::Edited => true,
            Self::Spec(_)
            | Self::Target(_)
            | Self::Render(_)
            | Self::Template(_)
            | Self::Refused(_)
            | Self::Contested { .. }
            | Self::Altered
            | Self::Panicked => false,
        }
    }

    /// Is there nothing to say on the object? It is looked at again, by this instance or by the one that leads.
    #[must_use]
    pub fn is_no_failure(&self) -> bool {
        match self {
            Self::Edited => true,
            Self::Cluster(error) | Self::Undeleted { error, .. } => error.is_not_leader(),
            _ => false,
        }
    }

    /// A word for the metrics.
    #[must_use]
    pub fn category(&self) -> &'static str {
        match self {
            Self::Spec(_) | Self::Target(_) => "spec",
            Self::Read(_) => "read",
            Self::Render(_) => "render",
            Self::Template(_) => "template",
            Self::Refused(_) => "refused",
            Self::Contested { .. } => "contested",
            Self::Altered => "altered",
            Self::Edited => "edited",
            Self::Panicked => "panic",
            Self::Cluster(_) | Self::Undeleted { .. } => "cluster",
        }
    }
}
