use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::identity::{Announced, Region, Service, SourceRef};
use crate::store::Identity;
use crate::wanted::Token;

mod looks;
mod others;
mod searches;
mod simulation;
mod states;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("in range")
}

fn wanted(selector: Selector) -> Wanted {
    let region = Region::parse("eu-west-1").expect("a region");
    let source = SourceRef { service: Service::SecretsManager, region, key: "db".to_owned() };
    Wanted::named(Identity::Agent, source, selector)
}

fn current() -> Wanted {
    wanted(Selector::Stage(CURRENT.to_owned()))
}

fn moved(event: &str, label: &str, version: &str, second: i64) -> Change {
    Change {
        event_id: event.to_owned(),
        at: at(second),
        announced: Announced::new(Service::SecretsManager, Some(ARN), Some("db"), None, None).expect("named"),
        what: What::Label { version_id: version.to_owned(), label: label.to_owned() },
    }
}

fn known(version: &str, created: i64) -> Known {
    let token = Token::of_secret(ARN, version);
    Known::of_source(token, Some(at(created)), Some(at(created)))
}

fn holding(version: &str) -> Applied {
    Applied::Tokens([(current().to_string(), Token::of_secret(ARN, version))].into())
}

fn facts<'a>(wanted: &'a [Wanted], applied: &'a Applied) -> Facts<'a> {
    Facts {
        wanted,
        in_error: false,
        templates: &[],
        applied,
        target: Target::AsLeft,
        spec_synced: true,
        policy: Policy::Periodic(Duration::from_hours(1)),
        window: Window::Open,
        failing: false,
        retry_at: None,
        restore_at: None,
    }
}

/// A check that could not tell.
fn mark_unknown(ledger: &mut Ledger) {
    let _ = ledger.begin_check(&current());
    ledger.mark_unknown(&current());
}

/// A look at AWS from beginning to end.
fn read(ledger: &mut Ledger, answer: Known, second: i64) {
    let look = ledger.begin_read(&current(), at(second)).expect("not too often");
    ledger.settle(&current(), look, answer);
}

#[test]
fn an_announced_version_is_read_once_and_its_duplicates_are_free() {
    let mut ledger = Ledger::default();
    read(&mut ledger, known("v1", 0), 0);
    let (asked, applied) = ([current()], holding("v1"));
    assert_eq!(decide(&ledger, &facts(&asked, &applied), at(0)), Decision::Skip);

    assert!(ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10), at(10)));
    assert_eq!(decide(&ledger, &facts(&asked, &applied), at(10)), Decision::Read);
    read(&mut ledger, known("v2", 9), 10);

    let applied = holding("v2");
    for event in ["e1", "e2"] {
        assert!(!ledger.announce(&current(), &moved(event, CURRENT, "v2", 10), at(12)), "{event}");
        assert_eq!(decide(&ledger, &facts(&asked, &applied), at(11)), Decision::Skip);
    }
    assert_eq!(ledger.heard(&current()), Some(at(12)), "what is no news was heard all the same");
}

#[test]
fn a_duplicate_to_a_fresh_process_needs_no_read_either() {
    let mut ledger = Ledger::default();
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10), at(10));
    assert_eq!(decide(&ledger, &facts(&[current()], &holding("v2")), at(11)), Decision::Skip);
}

#[test]
fn old_news_changes_nothing() {
    let mut ledger = Ledger::default();
    read(&mut ledger, known("v3", 100), 100);
    assert!(!ledger.announce(&current(), &moved("late", CURRENT, "v2", 50), at(101)));
    assert_eq!(decide(&ledger, &facts(&[current()], &holding("v3")), at(101)), Decision::Skip);
    // A label that moved back to an old version is news, though.
    assert!(ledger.announce(&current(), &moved("rollback", CURRENT, "v2", 200), at(200)));
}

#[test]
fn each_label_concerns_the_selectors_that_it_can_move() {
    let custom = wanted(Selector::Stage("BLUE".to_owned()));
    let previous = wanted(Selector::Stage("AWSPREVIOUS".to_owned()));
    let fixed = wanted(Selector::Version("v1".to_owned()));
    for (label, asked, news) in [
        (CURRENT, &current(), true),
        (CURRENT, &previous, true),
        (CURRENT, &custom, true),
        (CURRENT, &fixed, false),
        ("BLUE", &custom, true),
        ("BLUE", &current(), false),
        ("BLUE", &fixed, false),
    ] {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.announce(asked, &moved("e", label, "v2", 0), at(0)), news, "{label} {asked}");
    }
}

#[test]
fn what_is_vague_does_not_hide_what_was_announced() {
    let mut ledger = Ledger::default();
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10), at(10));
    let vague = Change { what: What::Written, ..moved("e2", CURRENT, "", 10) };
    ledger.announce(&current(), &vague, at(10));
    mark_unknown(&mut ledger);
    read(&mut ledger, known("v1", 0), 10);
    let again = decide(&ledger, &facts(&[current()], &holding("v1")), at(10));
    assert!(matches!(again, Decision::LookAgain(_)), "{again:?}");
    let tagged = Change { what: What::Tagged, ..moved("e3", CURRENT, "", 10) };
    assert!(!ledger.announce(&current(), &tagged, at(10)), "no selector asks for tags");
}

#[test]
fn two_identities_keep_separate_books() {
    let other = Wanted { identity: Identity::AccessKeys(Arc::default()), ..current() };
    let mut ledger = Ledger::default();
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10), at(10));
    assert_eq!(decide(&ledger, &facts(&[current()], &holding("v1")), at(10)), Decision::Read);
    let applied = Applied::Tokens([(other.to_string(), Token::of_secret(ARN, "v1"))].into());
    assert_eq!(decide(&ledger, &facts(std::slice::from_ref(&other), &applied), at(10)), Decision::Skip);
    assert_ne!(current().to_string(), other.to_string());
}

#[test]
fn a_changed_parameter_costs_one_read_for_each_event() {
    let region = Region::parse("eu-west-1").expect("a region");
    let source = SourceRef { service: Service::ParameterStore, region, key: "db".to_owned() };
    let asked = Wanted::named(Identity::Agent, source, Selector::Parameter(None));
    let change = Change { what: What::Written, ..moved("e1", CURRENT, "", 10) };
    let mut ledger = Ledger::default();
    assert!(ledger.announce(&asked, &change, at(10)));
    let token = Token::of_parameter(2, at(10));
    let look = ledger.begin_read(&asked, at(10)).expect("the first");
    ledger.settle(&asked, look, Known::of_source(token.clone(), Some(at(10)), None));
    assert!(!ledger.announce(&asked, &change, at(10)), "the same event again");
    let applied = Applied::Tokens(BTreeMap::from([(asked.to_string(), token)]));
    assert_eq!(decide(&ledger, &facts(&[asked], &applied), at(11)), Decision::Skip);
}

proptest! {
    /// Events about what is long known ask for nothing: no read, so no write.
    #[test]
    fn stale_events_ask_for_nothing(events in prop::collection::vec((0..64_i64, -10_000..99_i64), 0..40)) {
        let mut ledger = Ledger::default();
        read(&mut ledger, known("newest", 100), 200);
        for (number, (version, second)) in events.into_iter().enumerate() {
            let event = moved(&format!("e{number}"), CURRENT, &format!("v{version}"), second);
            prop_assert!(!ledger.announce(&current(), &event, at(300)));
            prop_assert_eq!(decide(&ledger, &facts(&[current()], &holding("newest")), at(300)), Decision::Skip);
        }
    }
}
