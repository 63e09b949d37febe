//! The ConfigMaps and Secrets that templates stand in, and whom a change of one concerns.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rekey_core::ledger::Known;
use rekey_core::object::ObjectKey;
use rekey_core::template_from::{self, TemplateSource};

use super::State;
use super::inner::Use;

impl State {
    /// A ConfigMap or Secret is there, as the watch or a sync shows it. Returns the objects whose templates stand in it;
    /// of one that nobody uses nothing is kept. What is older than what was seen before says nothing.
    #[must_use]
    pub fn template_seen(&self, source: &TemplateSource, metadata: &ObjectMeta) -> Vec<ObjectKey> {
        let mut inner = self.lock();
        let thing = Use::Template(source.clone());
        if !inner.uses.is_used(&thing) {
            return Vec::new();
        }
        let seen = template_from::known(metadata);
        let version = |known: &Known| known.token.to_string().parse::<u64>().ok();
        if inner.templates.get(source).is_some_and(|known| version(known) > version(&seen)) {
            return Vec::new();
        }
        inner.templates.insert(source.clone(), seen);
        inner.users(&thing)
    }

    /// A ConfigMap or Secret is gone. Returns the objects whose templates stand in it.
    #[must_use]
    pub fn template_gone(&self, source: &TemplateSource) -> Vec<ObjectKey> {
        let mut inner = self.lock();
        inner.templates.remove(source);
        inner.users(&Use::Template(source.clone()))
    }
}
