//! The templates of an object that stand in ConfigMaps and Secrets, as they are at the moment of its sync.

use std::collections::BTreeMap;

use rekey_core::render::RenderProblem;
use rekey_core::template_from::{self, Resolved, TemplateData, TemplateSource};
use rekey_core::wanted::Token;

use super::{SyncError, Syncer};
use crate::cluster::template_source::Held;
use crate::state::Task;

/// What `templateFrom` yields.
pub(super) struct Templates {
    /// The templates, or which of them is missing.
    pub resolved: Result<Vec<Resolved>, RenderProblem>,
    /// The versions of what they stand in.
    pub tokens: BTreeMap<String, Token>,
}

impl Syncer {
    /// Reads what the object's templates stand in, and tells the state, which knows none that was not used before.
    pub(super) async fn templates(&self, task: &Task) -> Result<Templates, SyncError> {
        let (template, namespace) = (task.resource.spec.target.template.as_ref(), &task.key.namespace);
        let (mut data, mut tokens) = (TemplateData::new(), BTreeMap::new());
        for source in TemplateSource::of(template, namespace) {
            let held = self.template_sources.get(&source).await?;
            let known = held.as_ref().map_or_else(template_from::absent, |held| template_from::known(&held.metadata));
            tokens.insert(source.to_string(), known.token);
            if let Some(Held { metadata, data: held }) = held {
                // Whoever else uses it is woken by the watch.
                let _ = self.state.template_seen(&source, &metadata);
                data.insert(source, held);
            }
        }
        Ok(Templates { resolved: Resolved::all(template, namespace, &data), tokens })
    }
}
