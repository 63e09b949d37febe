//! Who makes an object what it should be.

use std::sync::Arc;
use std::time::Instant;

use rekey_core::object::ObjectKey;

use crate::companion::Companion;
use crate::state::State;
use crate::sync::{Reads, SyncError, Synced, Syncer};

/// The two ways to run the agent.
#[derive(Clone)]
pub enum Controller {
    /// Rekey: it writes the targets.
    Rekey(Arc<Syncer>),
    /// External Secrets Operator: it is told when to.
    Eso(Arc<Companion>),
}

impl Controller {
    /// Calls `done` when nothing more is going to be written to the target, unless that is only at the end.
    pub(super) async fn sync(
        &self,
        key: &ObjectKey,
        asked: Instant,
        done: &mut (dyn FnMut() + Send),
    ) -> Result<Synced, SyncError> {
        match self {
            Self::Rekey(syncer) => syncer.sync(key, asked, done).await,
            Self::Eso(companion) => companion.sync(key, asked).await,
        }
    }

    pub(super) async fn report_failure(&self, key: &ObjectKey, error: &SyncError) {
        match self {
            Self::Rekey(syncer) => syncer.report_failure(key, error).await,
            Self::Eso(companion) => companion.report_failure(key, error).await,
        }
    }

    pub(super) fn state(&self) -> &State {
        match self {
            Self::Rekey(syncer) => &syncer.state,
            Self::Eso(companion) => &companion.state,
        }
    }

    pub(super) fn reads(&self) -> &Reads {
        match self {
            Self::Rekey(syncer) => &syncer.reads,
            Self::Eso(companion) => &companion.reads,
        }
    }
}
