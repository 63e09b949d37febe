//! Stakater Reloader's webhook mode: nothing is restarted. Each change of a Secret or ConfigMap is one POST of a constant
//! body, which names neither; whatever listens finds out for itself. Workloads and their annotations are not looked at.
//!
//! Nothing is on record anywhere, so what changes while no agent runs is not noticed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rekey_core::rollout::book::ResourceSeen;
use rekey_core::rollout::hash::Mac;
use rekey_core::rollout::options::{Creation, Options};
use rekey_core::rollout::resource::ResourceKey;
use rekey_core::rollout::scope::{Reach, Scope};

use crate::post::Posts;

/// What Stakater Reloader posts.
const BODY: &str = r#"{"webhook":"update successful"}"#;

pub(super) struct Webhook {
    pub posts: Posts,
    scope: Scope,
    on_create: bool,
    on_delete: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Whether everything that exists has been seen, and this instance leads.
    complete: bool,
    reach: Reach,
    /// The version and the hash of each resource that can be in scope. Namespaces come into it and leave it, and may be
    /// seen later than what is in them: which of them are chosen counts only when something is posted.
    resources: HashMap<ResourceKey, (Option<u64>, Mac)>,
}

impl Webhook {
    pub fn new(posts: Posts, choices: &Options) -> Self {
        let (on_create, on_delete) = (choices.creation != Creation::Ignored, choices.on_delete);
        let seen = Seen { reach: Reach::new(choices.scope.clone()), ..Seen::default() };
        Self { posts, scope: choices.scope.clone(), on_create, on_delete, seen: Mutex::new(seen) }
    }

    /// A namespace in its labels, or that there is none of this name.
    pub fn namespace_seen(&self, name: &str, labels: Option<&BTreeMap<String, String>>) {
        self.lock().reach.namespace_seen(name, labels);
    }

    /// A resource as Kubernetes holds it, or held it a moment ago.
    pub fn seen(&self, key: &ResourceKey, resource: &ResourceSeen<'_>) {
        let (version, mac) = (resource.resource_version.parse::<u64>().ok(), resource.mac);
        if !self.scope.has_resource(key, resource.labels) {
            // It is as good as not there.
            return self.gone(key);
        }
        let mut seen = self.lock();
        let news = match seen.resources.get(key) {
            Some((Some(known), _)) if version.is_some_and(|version| version < *known) => return,
            Some((_, known)) => *known != mac,
            None => self.on_create,
        };
        seen.resources.insert(key.clone(), (version, mac));
        self.post(&seen, key, news);
    }

    /// A resource was deleted, or has lost its label.
    pub fn gone(&self, key: &ResourceKey) {
        let mut seen = self.lock();
        let known = seen.resources.remove(key).is_some();
        self.post(&seen, key, known && self.on_delete);
    }

    /// From now on changes are posted.
    pub fn complete(&self) {
        self.lock().complete = true;
    }

    fn post(&self, seen: &Seen, key: &ResourceKey, news: bool) {
        if news && seen.complete && seen.reach.has_namespace(&key.object.namespace) {
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
    use rekey_core::rollout::decision::Flags;
    use rekey_core::rollout::hook::EntryMacs;
    use rekey_core::rollout::scope::Scope;
    use rekey_core::rollout::stakater::Sha;

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

    fn seen(webhook: &Webhook, key: &ResourceKey, version: &str, mac: Mac) {
        labelled(webhook, key, version, mac, &[]);
    }

    fn labelled(webhook: &Webhook, key: &ResourceKey, resource_version: &str, mac: Mac, labels: &[(&str, &str)]) {
        let (sha, entries, flags) = (Sha::of(Vec::new()), EntryMacs::default(), Flags::default());
        let labels = &labels_of(labels);
        webhook.seen(key, &ResourceSeen { resource_version, mac, sha, flags, entries: &entries, labels });
    }

    fn labels_of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_out_of_scope_is_not_posted() {
        let scope = Scope { namespace_labels: "team=a".parse().unwrap(), ..Scope::default() };
        let webhook = webhook(&Options { scope, ..Options::default() });
        let of = |namespace: &str| ResourceKey::secret(ObjectKey::new(namespace, "db"));
        webhook.namespace_seen("ours", Some(&labels_of(&[("team", "a")])));
        webhook.namespace_seen("theirs", Some(&BTreeMap::new()));
        for namespace in ["ours", "theirs"] {
            seen(&webhook, &of(namespace), "1", mac('1'));
        }
        webhook.complete();
        for (namespace, posted) in [("theirs", 0), ("ours", 1)] {
            seen(&webhook, &of(namespace), "2", mac('2'));
            assert_eq!(webhook.posts.waiting(), posted, "{namespace}");
        }
    }

    #[test]
    fn a_change_is_posted_whenever_its_namespace_came_into_scope() {
        let scope = Scope { namespace_labels: "team=a".parse().unwrap(), ..Scope::default() };
        let webhook = webhook(&Options { scope, ..Options::default() });
        let key = ResourceKey::secret(ObjectKey::new("ns", "db"));
        let (ours, theirs) = (labels_of(&[("team", "a")]), labels_of(&[("team", "b")]));
        // At the start, when the list of namespaces is late.
        seen(&webhook, &key, "1", mac('1'));
        webhook.namespace_seen("ns", Some(&ours));
        webhook.complete();
        assert_eq!(webhook.posts.waiting(), 0);
        seen(&webhook, &key, "2", mac('2'));
        assert_eq!(webhook.posts.waiting(), 1);
        // Out of scope, where it changes, and in again.
        webhook.namespace_seen("ns", Some(&theirs));
        seen(&webhook, &key, "3", mac('3'));
        webhook.namespace_seen("ns", Some(&ours));
        assert_eq!(webhook.posts.waiting(), 1);
        seen(&webhook, &key, "4", mac('4'));
        assert_eq!(webhook.posts.waiting(), 2);
    }

    #[test]
    fn what_loses_its_label_is_gone() {
        let scope = Scope { resource_labels: "reload=yes".parse().unwrap(), ..Scope::default() };
        for (on_delete, posted) in [(false, 0), (true, 1)] {
            let webhook = webhook(&Options { scope: scope.clone(), on_delete, ..Options::default() });
            let key = ResourceKey::secret(ObjectKey::new("ns", "db"));
            labelled(&webhook, &key, "1", mac('1'), &[("reload", "yes")]);
            webhook.complete();
            for version in ["2", "3"] {
                seen(&webhook, &key, version, mac('1'));
            }
            assert_eq!(webhook.posts.waiting(), posted);
        }
    }

    #[test]
    fn each_change_is_posted_once_and_a_first_sight_is_none() {
        let creates = Options { creation: Creation::Restarts, ..Options::default() };
        let deletes = Options { on_delete: true, ..Options::default() };
        for (choices, created, deleted) in [(Options::default(), 0, 0), (creates, 1, 0), (deletes, 0, 1)] {
            let webhook = webhook(&choices);
            let [old, new] = ["old", "new"].map(|name| ResourceKey::secret(ObjectKey::new("ns", name)));
            seen(&webhook, &old, "1", mac('1'));
            seen(&webhook, &old, "2", mac('2'));
            assert_eq!(webhook.posts.waiting(), 0, "a standby posts nothing, and neither does a start");
            webhook.complete();
            seen(&webhook, &old, "3", mac('2'));
            assert_eq!(webhook.posts.waiting(), 0, "a label has changed");
            seen(&webhook, &old, "5", mac('3'));
            seen(&webhook, &old, "4", mac('2'));
            seen(&webhook, &old, "5", mac('3'));
            assert_eq!(webhook.posts.waiting(), 1);
            seen(&webhook, &new, "6", mac('1'));
            assert_eq!(webhook.posts.waiting(), 1 + created);
            webhook.gone(&new);
            webhook.gone(&new);
            assert_eq!(webhook.posts.waiting(), 1 + created + deleted);
        }
    }
}
