//! What is decided in every state of an object and its sources.

use super::*;

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
