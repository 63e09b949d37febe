//! What a sync works on.

use std::sync::Arc;

use rekey_core::ledger::Applied;
use rekey_core::object::ObjectKey;
use rekey_core::plan::{Order, Owner};
use rekey_core::request::{Request, SpecProblem};
use rekey_core::resource::ExternalSecret;

use super::Others;

/// An object at one moment.
#[derive(Clone)]
pub struct Task {
    /// The object.
    pub resource: Arc<ExternalSecret>,
    /// What it asks for.
    pub requests: Result<Arc<Vec<Request>>, SpecProblem>,
    /// What its target holds.
    pub applied: Applied,
    /// Its name.
    pub key: ObjectKey,
    /// The Secret it produces.
    pub target: ObjectKey,
    /// Other objects that write the same Secret.
    pub rivals: Vec<String>,
    /// Sync windows that cannot be read, and never open.
    pub odd_windows: Vec<String>,
    /// Who else writes it or its target.
    pub others: Others,
}

impl Task {
    /// The object as its target's owner.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner { key: self.key.clone(), uid: self.resource.metadata.uid.clone().unwrap_or_default() }
    }

    /// What it asks of its target.
    #[must_use]
    pub fn order(&self) -> Order<'_> {
        let target = &self.resource.spec.target;
        Order {
            owner: self.owner(),
            target: &self.target,
            policy: target.creation_policy,
            immutable: target.immutable,
            rivals: &self.rivals,
        }
    }
}
