//! Why a store cannot be used.

use super::kind_name;
use crate::resource::external_secret::StoreRef;

/// Why a store cannot be used. The texts end in a condition, so they name the field and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreProblem {
    /// Another controller's class: leave store and objects alone.
    #[error("{kind} {name:?} belongs to the controller class {class:?}")]
    ForeignClass {
        /// SecretStore or ClusterSecretStore.
        kind: &'static str,
        /// The store.
        name: String,
        /// The class it names.
        class: String,
    },
    /// Another provider: not ours either.
    #[error("{kind} {name:?} has no spec.provider.aws: Rekey serves AWS only")]
    ForeignProvider {
        /// SecretStore or ClusterSecretStore.
        kind: &'static str,
        /// The store.
        name: String,
    },
    /// ClusterSecretStores are left alone, and with them whoever uses one, as ESO does.
    #[error("ClusterSecretStore {name:?} is left alone, for --cluster-stores is false")]
    Unread {
        /// The store.
        name: String,
    },
    /// It is not there.
    #[error("{kind} {name:?} does not exist; create it or correct spec.secretStoreRef")]
    Missing {
        /// SecretStore or ClusterSecretStore.
        kind: &'static str,
        /// The store.
        name: String,
    },
    /// It is there, and this version of the agent cannot read it. What it said before is not what it says.
    #[error("{kind} {name:?} cannot be read: {problem}; correct the field it names")]
    Unreadable {
        /// SecretStore or ClusterSecretStore.
        kind: &'static str,
        /// The store.
        name: String,
        /// The parser's words.
        problem: String,
    },
    /// An entry names none, and neither does the object.
    #[error("no store is named; set spec.secretStoreRef.name")]
    Unnamed,
    /// The ClusterSecretStore does not admit this namespace.
    #[error("using ClusterSecretStore {name:?} is denied by spec.condition for namespace {namespace:?}")]
    Denied {
        /// The store.
        name: String,
        /// The namespace that asked.
        namespace: String,
    },
    /// A field holds something unusable.
    #[error("{field} of {kind} {name:?} {problem}")]
    Invalid {
        /// SecretStore or ClusterSecretStore.
        kind: &'static str,
        /// The store.
        name: String,
        /// The field's path.
        field: &'static str,
        /// What is wrong with it and what to do.
        problem: String,
    },
}

impl StoreProblem {
    /// Does this store belong to somebody else, so that its objects have to be left as they are?
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::ForeignClass { .. } | Self::ForeignProvider { .. } | Self::Unread { .. })
    }
}

/// A field of a store that holds something unusable, before it is known whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    field: &'static str,
    problem: String,
}

impl Invalid {
    pub fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }

    /// The same, of this store.
    pub fn of(self, store: &StoreRef) -> StoreProblem {
        let Self { field, problem } = self;
        StoreProblem::Invalid { kind: kind_name(store.kind), name: store.name.clone(), field, problem }
    }
}
