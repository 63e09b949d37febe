//! Why a target must not be written, or deleted. The texts begin with ESO's condition messages.

use k8s_openapi::api::core::v1::Secret;

use super::{Order, controller, is_external_secret, managed};
use crate::resource::external_secret::CreationPolicy;

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its controller is another ExternalSecret.
    #[error("target is owned by another ExternalSecret: {name}")]
    OwnedByAnother {
        /// The other one.
        name: String,
    },
    /// Its controller is something else.
    #[error("failed to take ownership of target secret: it is controlled by {kind} {name}")]
    OwnedByAnotherKind {
        /// The kind of the controller.
        kind: String,
        /// Its name.
        name: String,
    },
    /// Its data would change, and must not.
    #[error(
        "could not update secret, target is immutable: what it should hold has changed; delete it to have it made anew"
    )]
    Immutable,
    /// Another ExternalSecret writes the same key, with another value.
    #[error(
        "could not update secret: its key {key:?} is written by ExternalSecret {rival}, too; name another key or another target in one of them"
    )]
    Contested {
        /// The key.
        key: String,
        /// The other one.
        rival: String,
    },
    /// Only a Secret that the ExternalSecret owns is deleted.
    #[error("could not delete secret: deletionPolicy Delete needs creationPolicy Owner")]
    NotOwned,
    /// It is there, and was never taken over by the ExternalSecret.
    #[error(
        "could not delete secret: this ExternalSecret does not control it; delete it, or let the ExternalSecret adopt it while its sources are there"
    )]
    NotControlled,
}

/// Who controls the Secret, if that forbids the write.
pub(super) fn by_controller(order: &Order<'_>, secret: &Secret) -> Option<Refusal> {
    let controller = controller(&secret.metadata).filter(|controller| !order.owner.is_meant_by(controller))?;
    let name = controller.name.clone();
    if is_external_secret(controller) {
        return Some(Refusal::OwnedByAnother { name });
    }
    let owns = order.policy == CreationPolicy::Owner;
    owns.then(|| Refusal::OwnedByAnotherKind { kind: controller.kind.clone(), name })
}

/// Would the write undo what a rival wrote? Two that write different values under one key would do so for ever. Who owns
/// the Secret does not ask: the others are refused.
pub(super) fn by_rivals(order: &Order<'_>, existing: &Secret, planned: &Secret) -> Option<Refusal> {
    if order.policy == CreationPolicy::Owner {
        return None;
    }
    order.rivals.iter().find_map(|rival| {
        let theirs = managed::owned(existing, rival).data;
        let value = |secret: &Secret, key: &String| secret.data.as_ref().and_then(|data| data.get(key)).cloned();
        let undone = |key: &String| {
            let held = value(existing, key);
            held.is_some() && held != value(planned, key)
        };
        theirs.into_iter().find(undone).map(|key| Refusal::Contested { key, rival: rival.clone() })
    })
}
