//! From a source to the objects that use it.
//!
//! Finding the objects of an event costs a few hash look-ups, however many objects there are: sources are filed under
//! their [`LookupKey`]s, and [`Announced::concerns`] has the last word on the few that share one. The index holds names
//! only; it knows no versions and no values.

pub mod relation;

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::identity::{Account, Announced, LookupKey, SourceRef};
use crate::object::ObjectKey;

/// Which objects use which sources.
#[derive(Debug, Default)]
pub struct Index {
    sources_of: HashMap<ObjectKey, BTreeSet<SourceRef>>,
    objects_of: HashMap<SourceRef, BTreeSet<ObjectKey>>,
    filed: HashMap<LookupKey, BTreeSet<SourceRef>>,
}

impl Index {
    /// Records that an object uses exactly these sources from now on. One that uses none is forgotten.
    pub fn upsert(&mut self, key: ObjectKey, sources: impl IntoIterator<Item = SourceRef>) {
        let sources: BTreeSet<_> = sources.into_iter().collect();
        if self.sources_of.get(&key) == Some(&sources) {
            return;
        }
        self.remove(&key);
        for source in &sources {
            for word in source.lookup_keys() {
                self.filed.entry(word).or_default().insert(source.clone());
            }
            self.objects_of.entry(source.clone()).or_default().insert(key.clone());
        }
        if !sources.is_empty() {
            self.sources_of.insert(key, sources);
        }
    }

    /// Forgets an object.
    pub fn remove(&mut self, key: &ObjectKey) {
        for source in self.sources_of.remove(key).unwrap_or_default() {
            if take(&mut self.objects_of, &source, key) {
                for word in source.lookup_keys() {
                    take(&mut self.filed, &word, &source);
                }
            }
        }
    }

    /// The sources that an event is about, as objects ask for them, each with its objects; in a fixed order. Spellings of
    /// one secret are sources of their own. `account_of` is the account that a source is known to live in.
    #[must_use]
    pub fn affected(
        &self,
        announced: &Announced,
        account_of: impl Fn(&SourceRef) -> Option<Account>,
    ) -> Vec<(SourceRef, Vec<ObjectKey>)> {
        let candidates: BTreeSet<&SourceRef> =
            announced.lookup_keys().iter().filter_map(|word| self.filed.get(word)).flatten().collect();
        candidates
            .into_iter()
            .filter(|source| announced.concerns(source, account_of(source).as_ref()))
            .map(|source| (source.clone(), self.objects(source).cloned().collect()))
            .collect()
    }

    /// The objects that use a source, in order.
    pub fn objects(&self, source: &SourceRef) -> impl Iterator<Item = &ObjectKey> {
        self.objects_of.get(source).into_iter().flatten()
    }

    /// The sources that an object uses, in order.
    pub fn sources(&self, key: &ObjectKey) -> impl Iterator<Item = &SourceRef> {
        self.sources_of.get(key).into_iter().flatten()
    }
}

/// Takes a member out of a set, and the set out of its map once it is empty. Returns whether it was the last.
fn take<K: Hash + Eq, V: Ord>(sets: &mut HashMap<K, BTreeSet<V>>, set: &K, member: &V) -> bool {
    let Some(members) = sets.get_mut(set) else { return false };
    members.remove(member);
    let last = members.is_empty();
    if last {
        sets.remove(set);
    }
    last
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::{Region, Service};

    const ACCOUNTS: [&str; 2] = ["111111111111", "222222222222"];

    fn source(service: Service, key: &str) -> SourceRef {
        SourceRef { service, region: Region::parse("eu-west-1").expect("a region"), key: key.to_owned() }
    }

    fn announced(service: Service, arn: Option<&str>, name: Option<&str>) -> Announced {
        let region = Region::parse("eu-west-1").ok();
        Announced::new(service, arn, name, Account::parse(ACCOUNTS[0]).ok(), region).expect("a source")
    }

    fn secret(key: &str) -> SourceRef {
        source(Service::SecretsManager, key)
    }

    #[test]
    fn an_event_finds_each_spelling_with_its_objects_once() {
        let arn = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:db-AbCdEf";
        let (one, two) = (ObjectKey::new("a", "one"), ObjectKey::new("a", "two"));
        let mut index = Index::default();
        index.upsert(two.clone(), [secret("db"), secret(arn), secret("db")]);
        index.upsert(one.clone(), [secret("db"), secret("other")]);
        let event = announced(Service::SecretsManager, Some(arn), Some("db"));
        let found = index.affected(&event, |_| None);
        assert_eq!(found, [(secret(arn), vec![two.clone()]), (secret("db"), vec![one.clone(), two.clone()])]);
        // Known to live in another account: the name is somebody else's secret, the ARN still says what it says.
        let found = index.affected(&event, |_| Account::parse(ACCOUNTS[1]).ok());
        assert_eq!(found, [(secret(arn), vec![two])]);
    }

    #[test]
    fn what_an_object_no_longer_uses_is_forgotten_without_a_trace() {
        let key = ObjectKey::new("a", "one");
        let mut index = Index::default();
        index.upsert(key.clone(), [secret("db"), secret("other")]);
        index.upsert(key.clone(), [secret("other")]);
        let event = announced(Service::SecretsManager, None, Some("db"));
        assert_eq!(index.affected(&event, |_| None), []);
        assert_eq!(index.sources(&key).collect::<Vec<_>>(), [&secret("other")]);
        index.upsert(key, []);
        assert!(index.sources_of.is_empty() && index.objects_of.is_empty() && index.filed.is_empty());
    }

    fn any_service() -> impl Strategy<Value = Service> {
        prop_oneof![Just(Service::SecretsManager), Just(Service::ParameterStore)]
    }

    /// Few names and suffixes, so that they collide.
    fn any_name() -> impl Strategy<Value = String> {
        "[ab](-aaaaa[ab]){0,2}"
    }

    fn any_arn(service: Service) -> impl Strategy<Value = String> {
        (0..ACCOUNTS.len(), prop_oneof![Just("eu-west-1"), Just("us-east-1")], any_name()).prop_map(
            move |(account, region, name)| match service {
                Service::SecretsManager => {
                    format!("arn:aws:secretsmanager:{region}:{}:secret:{name}", ACCOUNTS[account])
                }
                Service::ParameterStore => format!("arn:aws:ssm:{region}:{}:parameter/{name}", ACCOUNTS[account]),
            },
        )
    }

    fn any_source() -> impl Strategy<Value = SourceRef> {
        any_service().prop_flat_map(|service| {
            prop_oneof![any_name(), any_name().prop_map(|name| format!("/{name}")), any_arn(service)]
                .prop_map(move |key| source(service, &key))
        })
    }

    fn any_event() -> impl Strategy<Value = Announced> {
        any_service().prop_flat_map(|service| {
            prop_oneof![
                any_name().prop_map(move |name| announced(service, None, Some(&name))),
                any_arn(service).prop_map(move |arn| announced(service, Some(&arn), None)),
                (any_arn(service), any_name()).prop_map(move |(arn, name)| announced(service, Some(&arn), Some(&name))),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_index_answers_like_a_look_at_every_object(
            steps in prop::collection::vec((0_u8..6, prop::collection::vec(any_source(), 0..4)), 0..24),
            events in prop::collection::vec(any_event(), 1..6),
        ) {
            let mut index = Index::default();
            let mut naive: HashMap<ObjectKey, Vec<SourceRef>> = HashMap::new();
            for (number, sources) in steps {
                let key = ObjectKey::new("ns", number.to_string());
                // Every third object goes away when it would change to nothing.
                if sources.is_empty() && number % 3 == 0 {
                    index.remove(&key);
                } else {
                    index.upsert(key.clone(), sources.clone());
                }
                naive.insert(key, sources);
            }
            let account_of = |source: &SourceRef| match source.key.len() % 3 {
                0 => None,
                other => Account::parse(ACCOUNTS[other - 1]).ok(),
            };
            for event in events {
                let mut expected: HashMap<SourceRef, BTreeSet<ObjectKey>> = HashMap::new();
                for (key, sources) in &naive {
                    for source in sources.iter().filter(|source| event.concerns(source, account_of(source).as_ref())) {
                        expected.entry(source.clone()).or_default().insert(key.clone());
                    }
                }
                let mut expected: Vec<_> =
                    expected.into_iter().map(|(source, keys)| (source, keys.into_iter().collect::<Vec<_>>())).collect();
                expected.sort();
                prop_assert_eq!(index.affected(&event, account_of), expected);
            }
        }
    }
}
