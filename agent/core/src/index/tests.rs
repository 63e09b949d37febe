use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::identity::Region;
use crate::regexp::Regexp;

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
    assert!(index.sources.is_empty() && index.filed.is_empty());
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

#[test]
fn a_search_is_found_by_the_names_below_its_path_and_forgotten_with_its_last_object() {
    let (one, two) = (ObjectKey::new("a", "one"), ObjectKey::new("a", "two"));
    let finder = |path: &str| {
        let region = Region::parse("eu-west-1").expect("a region");
        let (service, path) = (Service::SecretsManager, Some(path.to_owned()));
        Finder { service, region, path, name: None, tags: BTreeMap::new() }
    };
    let mut index = Index::default();
    index.upsert_finders(one.clone(), [finder("prod/"), finder("dev/")]);
    index.upsert_finders(two.clone(), [finder("prod/")]);
    let event = announced(Service::SecretsManager, None, Some("prod/db"));
    assert_eq!(index.searches(&event, |_| None), [(finder("prod/"), vec![one.clone(), two.clone()])]);
    assert_eq!(index.searches(&event, |_| Account::parse(ACCOUNTS[1]).ok()), []);
    index.upsert_finders(two, []);
    index.remove(&one);
    assert_eq!(index.searches(&event, |_| None), []);
    assert!(index.finders.is_empty() && index.by_path.values().all(HashMap::is_empty));
}

fn any_finder() -> impl Strategy<Value = Finder> {
    let region = prop_oneof![Just("eu-west-1"), Just("us-east-1")];
    let path = prop::option::of(prop_oneof!["/?[ab]{0,2}(-a)?/?", Just("/".to_owned())]);
    let name = prop::option::of(prop_oneof![Just("^/?a"), Just("b$"), Just("aaa"), Just("^[ab]-a{5}[ab]$")]);
    (any_service(), region, path, name, any::<bool>()).prop_map(|(service, region, path, name, tagged)| {
        let region = Region::parse(region).expect("a region");
        let tags = tagged.then(|| ("team".to_owned(), "a".to_owned())).into_iter().collect();
        let name = name.map(|name| Regexp::parse(name).expect("an expression"));
        Finder { service, region, path, name, tags }
    })
}

/// Few objects, so that they collide. What one uses is all it uses from then on, each kind by itself.
#[derive(Clone, Debug)]
enum Step {
    Sources(u8, Vec<SourceRef>),
    Finders(u8, Vec<Finder>),
    Remove(u8),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..6, prop::collection::vec(any_source(), 0..4)).prop_map(|(of, uses)| Step::Sources(of, uses)),
        4 => (0_u8..6, prop::collection::vec(any_finder(), 0..4)).prop_map(|(of, uses)| Step::Finders(of, uses)),
        1 => (0_u8..6).prop_map(Step::Remove),
    ]
}

/// What a look at every object finds.
fn scan<T: Clone + Ord>(all: &HashMap<u8, Vec<T>>, is_about: impl Fn(&T) -> bool) -> Vec<(T, Vec<ObjectKey>)> {
    let mut found: BTreeMap<T, BTreeSet<ObjectKey>> = BTreeMap::new();
    for (of, things) in all {
        for thing in things.iter().filter(|thing| is_about(thing)) {
            found.entry(thing.clone()).or_default().insert(key(*of));
        }
    }
    found.into_iter().map(|(thing, keys)| (thing, keys.into_iter().collect())).collect()
}

fn key(number: u8) -> ObjectKey {
    ObjectKey::new("ns", number.to_string())
}

proptest! {
    #[test]
    fn the_index_answers_like_a_look_at_every_object(
        steps in prop::collection::vec(any_step(), 0..32),
        events in prop::collection::vec(any_event(), 1..6),
    ) {
        let mut index = Index::default();
        let (mut sources, mut finders) = (HashMap::new(), HashMap::new());
        for step in steps {
            match step {
                Step::Sources(of, uses) => {
                    index.upsert(key(of), uses.clone());
                    sources.insert(of, uses);
                }
                Step::Finders(of, uses) => {
                    index.upsert_finders(key(of), uses.clone());
                    finders.insert(of, uses);
                }
                Step::Remove(of) => {
                    index.remove(&key(of));
                    sources.remove(&of);
                    finders.remove(&of);
                }
            }
        }
        let account = |length: usize| Account::parse(ACCOUNTS.get(length % 3).copied().unwrap_or_default()).ok();
        let account_of = |source: &SourceRef| account(source.key.len());
        let looks_in = |finder: &Finder| account(finder.path.as_ref().map_or(0, String::len));
        for event in events {
            let expected = scan(&sources, |source| event.concerns(source, account_of(source).as_ref()));
            prop_assert_eq!(index.affected(&event, account_of), expected);
            let expected = scan(&finders, |finder| finder.matches(&event, looks_in(finder).as_ref()));
            prop_assert_eq!(index.searches(&event, looks_in), expected);
        }
        for of in 0..6 {
            index.remove(&key(of));
        }
        prop_assert!(index.sources.is_empty() && index.filed.is_empty() && index.finders.is_empty());
        prop_assert!(index.by_path.values().all(HashMap::is_empty));
    }
}
