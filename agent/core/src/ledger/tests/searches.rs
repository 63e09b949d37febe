//! Searches and tags in the ledger.

use super::*;
use crate::index::Finder;

fn search(tags: &[(&str, &str)]) -> Wanted {
    let region = Region::parse("eu-west-1").expect("a region");
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let finder = Finder { service: Service::SecretsManager, region, path: None, name: None, tags };
    Wanted::matching(Identity::Agent, finder)
}

fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbCdEf")
}

fn event(id: &str, name: &str, what: What, second: i64) -> Change {
    let announced = Announced::new(Service::SecretsManager, Some(&arn(name)), Some(name), None, None).expect("named");
    Change { event_id: id.to_owned(), at: at(second), announced, what }
}

fn label(version: &str, label: &str) -> What {
    What::Label { version_id: version.to_owned(), label: label.to_owned() }
}

/// What a search finds: names with their versions.
fn found(members: &[(&str, &str)]) -> Known {
    let member = |(name, version): &(&str, &str)| {
        ((*name).to_owned(), Member { token: Token::of_secret(&arn(name), version), created: None })
    };
    Known::of_search(members.iter().map(member).collect())
}

fn read_at(ledger: &mut Ledger, wanted: &Wanted, answer: Known, second: i64) {
    let look = ledger.begin_read(wanted, at(second)).expect("not too often");
    assert!(ledger.settle(wanted, look, answer));
}

fn holding_all(wanted: &Wanted, token: Token) -> Applied {
    Applied::Tokens([(wanted.to_string(), token)].into())
}

fn decision(ledger: &Ledger, wanted: &Wanted, applied: &Applied, second: i64) -> Decision {
    decide(ledger, &facts(std::slice::from_ref(wanted), applied), at(second))
}

#[test]
fn a_member_s_new_version_is_read_once_and_its_duplicates_are_free() {
    let (mut ledger, wanted) = (Ledger::default(), search(&[]));
    let before = found(&[("a", "1"), ("b", "1")]);
    let applied = holding_all(&wanted, before.token.clone());
    read_at(&mut ledger, &wanted, before, 0);
    assert!(!ledger.announce(&wanted, &event("e0", "a", label("1", CURRENT), 1), at(1)), "it is there");
    assert!(ledger.announce(&wanted, &event("e1", "a", label("2", CURRENT), 10), at(10)));
    assert_eq!(decision(&ledger, &wanted, &applied, 10), Decision::Read);
    // AWS may be late with it.
    read_at(&mut ledger, &wanted, found(&[("a", "1"), ("b", "1")]), 10);
    assert!(matches!(decision(&ledger, &wanted, &applied, 10), Decision::LookAgain(_)));
    let after = found(&[("a", "2"), ("b", "1")]);
    read_at(&mut ledger, &wanted, after.clone(), 11);
    assert_eq!(decision(&ledger, &wanted, &applied, 11), Decision::Read);
    assert_eq!(decision(&ledger, &wanted, &holding_all(&wanted, after.token), 11), Decision::Skip);
    assert!(!ledger.announce(&wanted, &event("e2", "a", label("2", CURRENT), 10), at(12)), "told twice");
}

#[test]
fn a_source_that_turns_out_to_be_no_member_is_not_waited_for() {
    let (mut ledger, wanted) = (Ledger::default(), search(&[("team", "a")]));
    let known = found(&[("a", "1")]);
    let applied = holding_all(&wanted, known.token.clone());
    read_at(&mut ledger, &wanted, known.clone(), 0);
    assert!(ledger.announce(&wanted, &event("e1", "stranger", label("7", CURRENT), 10), at(10)));
    read_at(&mut ledger, &wanted, known, 10);
    assert_eq!(decision(&ledger, &wanted, &applied, 10), Decision::Skip);
}

#[test]
fn what_happened_to_a_source_lately_is_asked_for_beside_the_listing() {
    let (mut ledger, wanted) = (Ledger::default(), search(&[]));
    ledger.announce(&wanted, &event("e1", "new", label("1", CURRENT), 10), at(10));
    ledger.announce(&wanted, &event("e2", "old", What::Deleted, 20), at(20));
    ledger.announce(&wanted, &event("e3", "old", label("1", "green"), 30), at(30));
    let versions = |ledger: &Ledger, second| -> Vec<_> {
        ledger.suspects(&wanted, at(second)).into_iter().map(|suspect| suspect.version_id).collect()
    };
    assert_eq!(versions(&ledger, 30), [Some("1".to_owned()), None]);
    assert_eq!(versions(&ledger, 10 + 301), [None], "a listing is five minutes late at most");
    ledger.announce(&current(), &moved("e4", CURRENT, "v2", 10), at(10));
    assert_eq!(ledger.suspects(&current(), at(10)), [], "a named source is asked for itself");
}

#[test]
fn tags_are_news_only_for_what_depends_on_them() {
    let region = Region::parse("eu-west-1").expect("a region");
    let source = SourceRef { service: Service::SecretsManager, region, key: "a".to_owned() };
    let tags = Wanted::named(Identity::Agent, source, Selector::Tags);
    let mut ledger = Ledger::default();
    for (wanted, what, news) in [
        (&tags, What::Tagged, true),
        (&tags, label("2", CURRENT), false),
        (&tags, What::Written, true),
        (&search(&[("team", "a")]), What::Tagged, true),
        (&search(&[]), What::Tagged, false),
        (&search(&[]), label("2", "green"), false),
        (&search(&[]), What::Deleted, true),
        (&current(), What::Tagged, false),
    ] {
        let id = format!("{wanted} {what:?}");
        assert_eq!(ledger.announce(wanted, &event(&id, "a", what, 10), at(10)), news, "{id}");
    }
}

#[test]
fn a_check_that_contradicts_a_read_asks_for_another_read() {
    let (mut ledger, wanted) = (Ledger::default(), search(&[]));
    let known = found(&[("a", "1")]);
    let applied = holding_all(&wanted, known.token.clone());
    read_at(&mut ledger, &wanted, known.clone(), 0);
    let look = ledger.begin_check(&wanted);
    ledger.settle_check(&wanted, look, found(&[]));
    assert_eq!(ledger.known(&wanted), Some(&known), "a listing may be late, and proves no absence");
    assert_eq!(decision(&ledger, &wanted, &applied, 1), Decision::Read);
}

#[test]
fn an_empty_search_is_confirmed_and_then_left_alone() {
    let (mut ledger, wanted) = (Ledger::default(), search(&[]));
    read_at(&mut ledger, &wanted, found(&[("a", "1")]), 0);
    assert!(ledger.announce(&wanted, &event("e1", "a", What::Deleted, 10), at(10)));
    let look = ledger.begin_read(&wanted, at(10)).expect("not too often");
    assert_eq!(ledger.settle_absent(&wanted, look, at(10)), Absence::Unconfirmed(at(20)));
    // Whoever keeps its target took note already, and looks once more all the same.
    let applied = holding_all(&wanted, Token::absent());
    assert_eq!(decision(&ledger, &wanted, &applied, 11), Decision::LookAgain(at(20)));
    let look = ledger.begin_read(&wanted, at(20)).expect("not too often");
    assert_eq!(ledger.settle_absent(&wanted, look, at(20)), Absence::Confirmed);
    assert_eq!(decision(&ledger, &wanted, &applied, 20), Decision::Skip);
    let look = ledger.begin_check(&wanted);
    ledger.settle_check(&wanted, look, found(&[]));
    assert_eq!(decision(&ledger, &wanted, &applied, 900), Decision::Skip, "a sweep finds the same");
}
