use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::identity::{Announced, Region, Service, SourceRef};
use crate::store::Identity;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("in range")
}

fn wanted(selector: Selector) -> Wanted {
    let region = Region::parse("eu-west-1").expect("a region");
    let source = SourceRef { service: Service::SecretsManager, region, key: "db".to_owned() };
    Wanted { identity: Identity::Agent, source, selector }
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
    Known { token, created: Some(at(created)), changed: Some(at(created)) }
}

fn holding(version: &str) -> Applied {
    Applied::Tokens([(current().to_string(), Token::of_secret(ARN, version))].into())
}

fn facts<'a>(wanted: &'a [Wanted], applied: &'a Applied) -> Facts<'a> {
    Facts {
        wanted,
        applied,
        target_valid: true,
        spec_synced: true,
        policy: Policy::Periodic(Duration::from_hours(1)),
        failing: false,
        retry_at: None,
    }
}

fn read(ledger: &mut Ledger, answer: Known) {
    let generation = ledger.generation(&current());
    ledger.settle(&current(), generation, answer);
}

#[test]
fn an_announced_version_is_read_once_and_its_duplicates_are_free() {
    let mut ledger = Ledger::default();
    read(&mut ledger, known("v1", 0));
    let (asked, applied) = ([current()], holding("v1"));
    assert_eq!(decide(&ledger, &facts(&asked, &applied), at(0)), Decision::Skip);

    assert!(ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10)));
    assert_eq!(decide(&ledger, &facts(&asked, &applied), at(10)), Decision::Read);
    read(&mut ledger, known("v2", 9));

    let applied = holding("v2");
    for event in ["e1", "e2"] {
        assert!(!ledger.announce(&current(), &moved(event, CURRENT, "v2", 10)), "{event}");
        assert_eq!(decide(&ledger, &facts(&asked, &applied), at(11)), Decision::Skip);
    }
}

#[test]
fn a_duplicate_to_a_fresh_process_needs_no_read_either() {
    let mut ledger = Ledger::default();
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10));
    assert_eq!(decide(&ledger, &facts(&[current()], &holding("v2")), at(11)), Decision::Skip);
}

#[test]
fn old_news_changes_nothing() {
    let mut ledger = Ledger::default();
    read(&mut ledger, known("v3", 100));
    assert!(!ledger.announce(&current(), &moved("late", CURRENT, "v2", 50)));
    assert_eq!(ledger.desired(&current()), Some(&Desired::Version(known("v3", 100))));
    // A label that moved back to an old version is news, though.
    assert!(ledger.announce(&current(), &moved("rollback", CURRENT, "v2", 200)));
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
        assert_eq!(ledger.announce(asked, &moved("e", label, "v2", 0)), news, "{label} {asked}");
    }
}

#[test]
fn aws_is_asked_again_while_it_lags_and_then_believed() {
    let mut ledger = Ledger::default();
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10));
    let old = known("v1", 0);
    let mut waits = Vec::new();
    for reads in 1.. {
        match ledger.judge(&current(), &old, reads) {
            Verdict::ReadAgain(after) => waits.push(after),
            Verdict::Accept => break,
        }
    }
    assert_eq!(waits.len(), 5, "six reads in all");
    assert_eq!(waits[0], Duration::from_millis(200));
    assert!(waits.iter().sum::<Duration>() <= Duration::from_secs(5));
    assert_eq!(ledger.judge(&current(), &known("v2", 9), 1), Verdict::Accept);
    assert_eq!(ledger.judge(&current(), &known("v3", 11), 1), Verdict::Accept, "newer than the event");
}

#[test]
fn a_read_that_began_before_the_announcement_does_not_settle_it() {
    let mut ledger = Ledger::default();
    let began = ledger.generation(&current());
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10));
    ledger.settle(&current(), began, known("v1", 0));
    assert_eq!(decide(&ledger, &facts(&[current()], &holding("v1")), at(11)), Decision::Read);
    // Unless it returned the very version.
    ledger.settle(&current(), began, known("v2", 9));
    assert_eq!(decide(&ledger, &facts(&[current()], &holding("v2")), at(11)), Decision::Skip);
}

#[test]
fn without_tokens_only_a_source_that_rested_counts_as_applied() {
    let asked = [current()];
    for (refreshed, decision) in [(299, Decision::Read), (301, Decision::Skip)] {
        let mut ledger = Ledger::default();
        read(&mut ledger, known("v1", 0));
        let applied = Applied::AsOf(at(refreshed));
        assert_eq!(decide(&ledger, &facts(&asked, &applied), at(1000)), decision, "{refreshed}");
    }
}

#[test]
fn each_policy_and_each_state_of_the_target() {
    let (asked, applied, nothing) = ([current()], holding("v1"), Applied::Nothing);
    let mut moved_on = Ledger::default();
    read(&mut moved_on, known("v2", 10));
    let hourly = Policy::Periodic(Duration::from_hours(1));
    for (policy, source_moved, edited, spec_synced) in [
        (hourly, Decision::Read, Decision::Read, Decision::Read),
        (Policy::OnChange, Decision::Skip, Decision::Read, Decision::Read),
        (Policy::CreatedOnce, Decision::Skip, Decision::Read, Decision::Skip),
        (Policy::Once, Decision::Skip, Decision::Read, Decision::Skip),
    ] {
        let base = Facts { policy, ..facts(&asked, &applied) };
        let same = Ledger::default();
        assert_eq!(decide(&same, &base, at(0)), Decision::Skip, "{policy:?} at rest");
        assert_eq!(decide(&moved_on, &base, at(20)), source_moved, "{policy:?} source moved");
        let facts = Facts { target_valid: false, ..base.clone() };
        assert_eq!(decide(&same, &facts, at(0)), edited, "{policy:?} target edited");
        let facts = Facts { spec_synced: false, ..base.clone() };
        assert_eq!(decide(&same, &facts, at(0)), spec_synced, "{policy:?} object edited");
        let facts = Facts { applied: &nothing, ..base };
        assert_eq!(decide(&same, &facts, at(0)), Decision::Read, "{policy:?} new");
    }
}

#[test]
fn a_failed_object_waits_for_its_retry() {
    let (asked, applied) = ([current()], Applied::Nothing);
    let facts = Facts { retry_at: Some(at(60)), ..facts(&asked, &applied) };
    assert_eq!(decide(&Ledger::default(), &facts, at(59)), Decision::Wait(at(60)));
    assert_eq!(decide(&Ledger::default(), &facts, at(60)), Decision::Read);
}

#[test]
fn an_object_that_is_not_ready_is_tried_even_if_nothing_moved() {
    let (asked, applied) = ([current()], holding("v1"));
    let mut ledger = Ledger::default();
    read(&mut ledger, known("v1", 0));
    let facts = Facts { failing: true, ..facts(&asked, &applied) };
    assert_eq!(decide(&ledger, &facts, at(1)), Decision::Read);
}

#[test]
fn what_is_vague_does_not_hide_what_was_announced() {
    let mut ledger = Ledger::default();
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10));
    let vague = Change { what: What::Written, ..moved("e2", CURRENT, "", 10) };
    ledger.announce(&current(), &vague);
    ledger.mark_unknown(&current());
    assert!(matches!(ledger.judge(&current(), &known("v1", 0), 1), Verdict::ReadAgain(_)));
    let tagged = Change { what: What::Tagged, ..moved("e3", CURRENT, "", 10) };
    assert!(!ledger.announce(&current(), &tagged), "no selector asks for tags");
}

#[test]
fn two_identities_keep_separate_books() {
    let other = Wanted { identity: Identity::AccessKeys(Box::default()), ..current() };
    let mut ledger = Ledger::default();
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10));
    assert_eq!(ledger.desired(&other), None);
    assert_ne!(current().to_string(), other.to_string());
}

/// A step in the life of one secret and the agent that follows it.
#[derive(Clone, Debug)]
enum Step {
    /// AWSCURRENT moves to a new version; its event is kept back.
    Rotate,
    /// One of the events so far is delivered (again).
    Deliver(usize),
    /// A read begins.
    Begin,
    /// The read that began ends with what AWS had then, and is written if it differs.
    End,
    /// The process is replaced: the ledger is empty, the status is not.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Rotate),
        (0..64_usize).prop_map(Step::Deliver),
        Just(Step::Begin),
        Just(Step::End),
        Just(Step::Crash)
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// Whatever happens in whatever order: once every event was delivered and the worker has done what it was told,
    /// the target holds the newest version; and nothing is written that AWS did not hold when its read began.
    #[test]
    fn the_newest_version_arrives(steps in steps()) {
        let (mut newest, mut events) = (0_i64, vec![]);
        let mut ledger = Ledger::default();
        let mut applied = holding("v0");
        let mut reading: Option<(u64, i64)> = None;
        let name = |n: i64| format!("v{n}");
        for step in steps {
            match step {
                Step::Rotate => {
                    newest += 1;
                    events.push(moved(&format!("e{newest}"), CURRENT, &name(newest), newest * 10));
                }
                Step::Deliver(n) if !events.is_empty() => {
                    ledger.announce(&current(), &events[n % events.len()]);
                }
                Step::Begin => {
                    if decide(&ledger, &facts(&[current()], &applied), at(0)) == Decision::Read {
                        reading = Some((ledger.generation(&current()), newest));
                    }
                }
                Step::End => {
                    if let Some((generation, version)) = reading.take() {
                        ledger.settle(&current(), generation, known(&name(version), version * 10));
                        applied = holding(&name(version));
                    }
                }
                Step::Crash => {
                    ledger = Ledger::default();
                    reading = None;
                }
                Step::Deliver(_) => {}
            }
        }
        for event in &events {
            ledger.announce(&current(), event);
        }
        if decide(&ledger, &facts(&[current()], &applied), at(0)) == Decision::Read {
            let generation = ledger.generation(&current());
            ledger.settle(&current(), generation, known(&name(newest), newest * 10));
            applied = holding(&name(newest));
        }
        prop_assert_eq!(&applied, &holding(&name(newest)));
        prop_assert_eq!(decide(&ledger, &facts(&[current()], &applied), at(0)), Decision::Skip);
    }
}

#[test]
fn a_changed_parameter_costs_one_read_for_each_event() {
    let mut asked = current();
    asked.source.service = Service::ParameterStore;
    asked.selector = Selector::Parameter(None);
    let change = Change { what: What::Written, ..moved("e1", CURRENT, "", 10) };
    let mut ledger = Ledger::default();
    assert!(ledger.announce(&asked, &change));
    let token = Token::of_parameter(2, at(10));
    let generation = ledger.generation(&asked);
    ledger.settle(&asked, generation, Known { token: token.clone(), created: Some(at(10)), changed: None });
    assert!(!ledger.announce(&asked, &change), "the same event again");
    let applied = Applied::Tokens(BTreeMap::from([(asked.to_string(), token)]));
    assert_eq!(decide(&ledger, &facts(&[asked], &applied), at(11)), Decision::Skip);
}
