use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::identity::{Announced, Region, Service, SourceRef};
use crate::store::Identity;
use crate::wanted::Token;

mod others;
mod searches;
mod simulation;

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
fn a_template_that_moved_is_followed_like_a_source() {
    let mut ledger = Ledger::default();
    read(&mut ledger, known("v1", 0), 0);
    let template = |version: &str, changed| {
        let token = Token::from_stored(version);
        [("ConfigMap/app".to_owned(), Known::of_source(token, None, Some(at(changed))))]
    };
    let wanted = [current()];
    let source = (current().to_string(), Token::of_secret(ARN, "v1"));
    let of = |version: &str| [("ConfigMap/app".to_owned(), Token::from_stored(version)), source.clone()].into();
    let decision = |applied: &Applied, (version, changed): (&str, i64), policy| {
        let templates = template(version, changed);
        let facts = Facts { templates: &templates, policy, ..facts(&wanted, applied) };
        decide(&ledger, &facts, at(1000))
    };
    let periodic = Policy::Periodic(Duration::from_hours(1));
    assert_eq!(decision(&Applied::Tokens(of("7")), ("7", 0), periodic), Decision::Skip);
    assert_eq!(decision(&Applied::Tokens(of("7")), ("8", 0), periodic), Decision::Read);
    assert_eq!(decision(&Applied::Tokens(of("absent")), ("7", 0), periodic), Decision::Read);
    assert_eq!(decision(&holding("v1"), ("7", 0), periodic), Decision::Read, "it came with an edit, or an upgrade");
    for policy in [Policy::Once, Policy::OnChange, Policy::CreatedOnce] {
        assert_eq!(decision(&Applied::Tokens(of("7")), ("8", 0), policy), Decision::Skip);
    }
    // Another controller left no versions; times have to do.
    assert_eq!(decision(&Applied::AsOf(at(900)), ("7", 0), periodic), Decision::Skip);
    assert_eq!(decision(&Applied::AsOf(at(900)), ("7", 800), periodic), Decision::Read);
    // Sync windows and back-off hold for it too.
    let templates = template("8", 0);
    let applied = Applied::Tokens(of("7"));
    let moved = Facts { templates: &templates, ..facts(&wanted, &applied) };
    let closed = Facts { window: Window::Closed(at(2000)), ..moved.clone() };
    assert_eq!(decide(&ledger, &closed, at(1000)), Decision::Closed(at(2000)));
    let failed = Facts { retry_at: Some(at(1007)), ..moved };
    assert_eq!(decide(&ledger, &failed, at(1000)), Decision::Wait(at(1007)));
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

/// Reads whenever the decision says so, always with the same answer, until it says nothing more. Hands back when, in
/// milliseconds.
fn looks(ledger: &mut Ledger, applied: &Applied, answer: &Known) -> Vec<i64> {
    let mut now = at(10);
    let mut begun = Vec::new();
    loop {
        match decide(ledger, &facts(&[current()], applied), now) {
            Decision::Read => {
                begun.push(now.as_millisecond() - at(10).as_millisecond());
                let look = ledger.begin_read(&current(), now).expect("the decision knew");
                ledger.settle(&current(), look, answer.clone());
            }
            Decision::LookAgain(until) => now = until,
            Decision::Wait(_) | Decision::Closed(_) | Decision::Contested(_) | Decision::Skip => return begun,
        }
    }
}

#[test]
fn aws_is_asked_again_while_it_lags_and_then_believed() {
    let mut ledger = Ledger::default();
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10), at(10));
    assert_eq!(looks(&mut ledger, &holding("v1"), &known("v1", 0)), [0, 200, 700, 1700, 3200, 4700]);
    assert_eq!(ledger.known(&current()), Some(&known("v1", 0)));
    for answer in [known("v2", 9), known("v3", 11)] {
        let Applied::Tokens(_) = holding("v1") else { panic!("tokens") };
        let mut ledger = Ledger::default();
        ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10), at(10));
        let applied = Applied::Tokens([(current().to_string(), answer.token.clone())].into());
        read(&mut ledger, answer, 10);
        assert_eq!(decide(&ledger, &facts(&[current()], &applied), at(10)), Decision::Skip);
    }
}

#[test]
fn what_a_look_finds_is_wanted_at_once_even_if_more_was_announced() {
    let mut ledger = Ledger::default();
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10), at(10));
    ledger.announce(&current(), &moved("forged", CURRENT, "v9", 10), at(10));
    read(&mut ledger, known("v2", 9), 10);
    assert_eq!(decide(&ledger, &facts(&[current()], &holding("v1")), at(10)), Decision::Read);
    let again = decide(&ledger, &facts(&[current()], &holding("v2")), at(10));
    assert!(matches!(again, Decision::LookAgain(_)), "{again:?}");
}

#[test]
fn what_is_announced_amid_a_loop_gets_a_loop_of_its_own() {
    let mut ledger = Ledger::default();
    ledger.announce(&current(), &moved("forged", CURRENT, "v9", 900), at(10));
    for second in 10..15 {
        read(&mut ledger, known("v1", 0), second);
    }
    // Even one that seems older than what is awaited: nobody vouches for the times of events.
    assert!(ledger.announce(&current(), &moved("e2", CURRENT, "v2", 15), at(15)));
    read(&mut ledger, known("v1", 0), 15);
    assert_ne!(decide(&ledger, &facts(&[current()], &holding("v1")), at(15)), Decision::Skip);
    read(&mut ledger, known("v2", 15), 17);
    assert_eq!(decide(&ledger, &facts(&[current()], &holding("v1")), at(17)), Decision::Read);
}

#[test]
fn whatever_is_announced_a_source_is_read_six_times_in_five_seconds_at_most() {
    let mut ledger = Ledger::default();
    let mut reads = Vec::new();
    for tick in 0..600_i64 {
        let now = Timestamp::from_millisecond(at(0).as_millisecond() + tick * 100).expect("in range");
        let event = format!("e{tick}");
        if tick % 2 == 0 {
            ledger.announce(&current(), &moved(&event, CURRENT, &event, tick), now);
        } else {
            ledger.announce(&current(), &Change { what: What::Written, ..moved(&event, CURRENT, "", tick) }, now);
        }
        if decide(&ledger, &facts(&[current()], &holding("v1")), now) == Decision::Read
            && let Ok(look) = ledger.begin_read(&current(), now)
        {
            reads.push(tick * 100);
            ledger.settle(&current(), look, Known { created: None, changed: None, ..known("v1", 0) });
        }
    }
    assert!(reads.windows(7).all(|reads| reads[6] - reads[0] >= 5000), "{reads:?}");
    assert!(reads.windows(2).all(|reads| reads[1] - reads[0] < 2000), "a change amid them would wait: {reads:?}");
}

#[test]
fn a_read_that_began_before_the_announcement_does_not_settle_it() {
    let mut ledger = Ledger::default();
    let began = ledger.begin_read(&current(), at(9)).expect("the first");
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10), at(10));
    ledger.settle(&current(), began, known("v1", 0));
    assert_eq!(decide(&ledger, &facts(&[current()], &holding("v1")), at(11)), Decision::Read);

    // Unless it returned the very version.
    let mut ledger = Ledger::default();
    let began = ledger.begin_read(&current(), at(9)).expect("the first");
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 10), at(10));
    ledger.settle(&current(), began, known("v2", 9));
    assert_eq!(decide(&ledger, &facts(&[current()], &holding("v2")), at(11)), Decision::Skip);
}

#[test]
fn an_answer_that_goes_back_is_taken_only_when_aws_insists() {
    let mut ledger = Ledger::default();
    read(&mut ledger, known("v2", 9), 10);
    let mut stood = Vec::new();
    for second in 20..27 {
        let look = ledger.begin_read(&current(), at(second)).expect("not too often");
        stood.push(ledger.settle(&current(), look, known("v1", 0)));
    }
    assert_eq!(stood, [false, false, false, false, false, false, true]);
    assert_eq!(ledger.known(&current()), Some(&known("v1", 0)));

    // An event that says so is enough.
    read(&mut ledger, known("v2", 9), 40);
    ledger.announce(&current(), &moved("rollback", CURRENT, "v1", 50), at(50));
    let look = ledger.begin_read(&current(), at(50)).expect("not too often");
    assert!(ledger.settle(&current(), look, known("v1", 0)));
}

#[test]
fn an_answer_that_comes_late_takes_nothing_back() {
    let mut ledger = Ledger::default();
    let slow = ledger.begin_read(&current(), at(0)).expect("the first");
    read(&mut ledger, known("v2", 1), 2);
    assert!(!ledger.settle(&current(), slow, known("v1", 0)));
    assert_eq!(ledger.known(&current()), Some(&known("v2", 1)));
}

#[test]
fn a_source_that_is_gone_is_looked_for_once_more_before_it_counts() {
    let mut ledger = Ledger::default();
    read(&mut ledger, known("v1", 0), 0);
    let (asked, applied) = ([current()], holding("v1"));
    mark_unknown(&mut ledger);
    let look = ledger.begin_read(&current(), at(20)).expect("not too often");
    assert_eq!(ledger.settle_absent(&current(), look, at(20)), Absence::Unconfirmed(at(30)));
    assert_eq!(decide(&ledger, &facts(&asked, &applied), at(21)), Decision::LookAgain(at(30)));
    assert_eq!(decide(&ledger, &facts(&asked, &applied), at(30)), Decision::Read);
    let look = ledger.begin_read(&current(), at(30)).expect("not too often");
    assert_eq!(ledger.settle_absent(&current(), look, at(30)), Absence::Confirmed);
    let gone = Applied::Tokens([(current().to_string(), Token::absent())].into());
    assert_eq!(decide(&ledger, &facts(&asked, &gone), at(31)), Decision::Skip);
    assert_eq!(decide(&ledger, &facts(&asked, &applied), at(31)), Decision::Read, "another object that uses it");

    // It comes back: by an event, or because a sweep sees it.
    ledger.announce(&current(), &moved("e2", CURRENT, "v2", 40), at(40));
    assert_eq!(decide(&ledger, &facts(&asked, &gone), at(40)), Decision::Read);
    read(&mut ledger, known("v2", 40), 40);
    let look = ledger.begin_read(&current(), at(50)).expect("not too often");
    assert_eq!(ledger.settle_absent(&current(), look, at(50)), Absence::Unconfirmed(at(60)), "counted afresh");
}

#[test]
fn without_tokens_only_a_source_that_rested_counts_as_applied() {
    let asked = [current()];
    for (refreshed, decision) in [(299, Decision::Read), (301, Decision::Skip)] {
        let mut ledger = Ledger::default();
        read(&mut ledger, known("v1", 0), 0);
        let applied = Applied::AsOf(at(refreshed));
        assert_eq!(decide(&ledger, &facts(&asked, &applied), at(1000)), decision, "{refreshed}");
    }
}

/// What the ledger can say of the one source of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Nothing has been heard or read of it.
    Unknown,
    /// It holds what the object holds.
    Same,
    /// It holds something else.
    Moved,
    /// A version was announced that AWS has not shown.
    Announced,
    /// The same, and AWS was asked a moment ago.
    AskedAMomentAgo,
    /// Nobody knows what is there.
    Vague,
}

impl Source {
    fn ledger(self) -> Ledger {
        let mut ledger = Ledger::default();
        match self {
            Source::Unknown => {}
            Source::Same => read(&mut ledger, known("v1", 0), 10),
            Source::Moved => read(&mut ledger, known("v2", 10), 10),
            Source::Announced | Source::AskedAMomentAgo => {
                ledger.announce(&current(), &moved("e1", CURRENT, "v2", 20), at(20));
            }
            Source::Vague => mark_unknown(&mut ledger),
        }
        if self == Source::AskedAMomentAgo {
            read(&mut ledger, known("v1", 0), 20);
        }
        ledger
    }
}

/// Every case of the decision at second 20: policy, source, window, and what else can be the matter with the object.
#[test]
fn each_policy_source_window_and_state_of_the_object() {
    let (asked, applied, nothing) = ([current()], holding("v1"), Applied::Nothing);
    let hourly = Policy::Periodic(Duration::from_hours(1));
    let soon = Decision::LookAgain(at(20).checked_add(jiff::SignedDuration::from_millis(200)).expect("in range"));
    let (skip, read, closed) = (Decision::Skip, Decision::Read, Decision::Closed(at(99)));
    let sources = [
        (Source::Unknown, skip),
        (Source::Same, skip),
        (Source::Moved, read),
        (Source::Announced, read),
        (Source::AskedAMomentAgo, soon),
        (Source::Vague, read),
    ];
    for policy in [hourly, Policy::Periodic(Duration::ZERO), Policy::OnChange, Policy::CreatedOnce, Policy::Once] {
        let follows = matches!(policy, Policy::Periodic(_));
        let follows_edits = follows || policy == Policy::OnChange;
        for (source, followed) in sources {
            let ledger = source.ledger();
            let rest = if follows { followed } else { skip };
            let base = Facts { policy, ..facts(&asked, &applied) };
            let case = format!("{policy:?} {source:?}");
            assert_eq!(decide(&ledger, &base, at(20)), rest, "{case}");

            let shut = Facts { window: Window::Closed(at(99)), ..base.clone() };
            let expected = if rest == skip { skip } else { closed };
            assert_eq!(decide(&ledger, &shut, at(20)), expected, "{case}, closed window");

            // Whatever the source and the window: these have to be put right. Only what failed is not tried in a closed one.
            for facts in [base.clone(), shut] {
                let is_shut = follows && facts.window != Window::Open;
                let edited = Facts { spec_synced: false, ..facts.clone() };
                let expected = if follows_edits { read } else { skip };
                assert_eq!(decide(&ledger, &edited, at(20)), expected, "{case}, object edited");
                let spoilt = Facts { target: Target::Spoilt, ..facts.clone() };
                let new = Facts { applied: &nothing, ..facts.clone() };
                let failing = Facts { failing: true, ..facts };
                let failing_read = if is_shut { closed } else { read };
                let cases = [(spoilt, "target edited", read), (new, "new", read), (failing, "not Ready", failing_read)];
                for (facts, what, read) in cases {
                    assert_eq!(decide(&ledger, &facts, at(20)), read, "{case}, {what}");
                    let waiting = Facts { retry_at: Some(at(60)), ..facts };
                    assert_eq!(decide(&ledger, &waiting, at(20)), Decision::Wait(at(60)), "{case}, {what}, failed");
                    assert_eq!(decide(&ledger, &waiting, at(60)), read, "{case}, {what}, time to try again");
                }
            }
        }
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
    let other = Wanted { identity: Identity::AccessKeys(Box::default()), ..current() };
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
