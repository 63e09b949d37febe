//! How often AWS is asked, and which of its answers stand.

use super::*;

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
