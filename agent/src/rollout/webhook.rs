//! Stakater Reloader's webhook mode: nothing is restarted. Each change of a Secret or ConfigMap is one POST of a constant
//! body, which names neither; whatever listens finds out for itself. Workloads and their annotations are not looked at.
//!
//! Nothing is on record anywhere, so what changes while no agent runs is not noticed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rekey_core::rollout::hash::Mac;
use rekey_core::rollout::options::{Creation, Options};
use rekey_core::rollout::resource::ResourceKey;

use crate::post::Posts;

/// What Stakater Reloader posts.
const BODY: &str = r#"{"webhook":"update successful"}"#;

pub(super) struct Webhook {
    pub posts: Posts,
    on_create: bool,
    on_delete: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Whether everything that exists has been seen, and this instance leads.
    complete: bool,
    /// The version and the hash of each resource.
    resources: HashMap<ResourceKey, (Option<u64>, Mac)>,
}

impl Webhook {
    pub fn new(posts: Posts, choices: &Options) -> Self {
        let (on_create, on_delete) = (choices.creation != Creation::Ignored, choices.on_delete);
        Self { posts, on_create, on_delete, seen: Mutex::default() }
    }

    /// A resource as Kubernetes holds it, or held it a moment ago.
    pub fn seen(&self, key: &ResourceKey, resource_version: &str, mac: Mac) {
        let version = resource_version.parse::<u64>().ok();
        let mut seen = self.lock();
        let news = match seen.resources.get(key) {
            Some((Some(known), _)) if version.is_some_and(|version| version < *known) => return,
            Some((_, known)) => *known != mac,
            None => self.on_create,
        };
        seen.resources.insert(key.clone(), (version, mac));
        self.post(&seen, news);
    }

    /// A resource was deleted.
    pub fn gone(&self, key: &ResourceKey) {
        let mut seen = self.lock();
        let known = seen.resources.remove(key).is_some();
        self.post(&seen, known && self.on_delete);
    }

    /// From now on changes are posted.
    pub fn complete(&self) {
        self.lock().complete = true;
    }

    fn post(&self, seen: &Seen, news: bool) {
        if news && seen.complete {
            self.posts.post(BODY.to_owned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rekey_core::object::ObjectKey;

    use super::*;
    use crate::metrics::Metrics;
    use crate::post::Address;

    fn webhook(choices: &Options) -> Webhook {
        let address = Address::parse("http://127.0.0.1:9/").unwrap();
        Webhook::new(Posts::new("webhook", address, None, Metrics::default()), choices)
    }

    fn mac(digit: char) -> Mac {
        Mac::parse(&digit.to_string().repeat(64)).unwrap()
    }

    #[test]
    fn each_change_is_posted_once_and_a_first_sight_is_none() {
        let creates = Options { creation: Creation::Restarts, ..Options::default() };
        let deletes = Options { on_delete: true, ..Options::default() };
        for (choices, created, deleted) in [(Options::default(), 0, 0), (creates, 1, 0), (deletes, 0, 1)] {
            let webhook = webhook(&choices);
            let [old, new] = ["old", "new"].map(|name| ResourceKey::secret(ObjectKey::new("ns", name)));
            webhook.seen(&old, "1", mac('1'));
            webhook.seen(&old, "2", mac('2'));
            assert_eq!(webhook.posts.waiting(), 0, "a standby posts nothing, and neither does a start");
            webhook.complete();
            webhook.seen(&old, "3", mac('2'));
            assert_eq!(webhook.posts.waiting(), 0, "a label has changed");
            webhook.seen(&old, "5", mac('3'));
            webhook.seen(&old, "4", mac('2'));
            webhook.seen(&old, "5", mac('3'));
            assert_eq!(webhook.posts.waiting(), 1);
            webhook.seen(&new, "6", mac('1'));
            assert_eq!(webhook.posts.waiting(), 1 + created);
            webhook.gone(&new);
            webhook.gone(&new);
            assert_eq!(webhook.posts.waiting(), 1 + created + deleted);
        }
    }
}
