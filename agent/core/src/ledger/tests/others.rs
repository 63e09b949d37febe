//! What others did to an object or its target, and what is made of that.

use super::*;

#[test]
fn a_contested_target_is_left_for_a_while_but_not_what_moved_at_the_sources() {
    let (asked, applied) = ([current()], holding("v1"));
    let mut ledger = Ledger::default();
    let held = Facts { target: Target::Spoilt, restore_at: Some(at(60)), ..facts(&asked, &applied) };
    assert_eq!(decide(&ledger, &held, at(20)), Decision::Contested(at(60)));
    assert_eq!(decide(&ledger, &Facts { failing: true, ..held.clone() }, at(20)), Decision::Contested(at(60)));
    assert_eq!(decide(&ledger, &held, at(60)), Decision::Read);
    assert_eq!(decide(&ledger, &Facts { target: Target::AsLeft, ..held.clone() }, at(20)), Decision::Skip);
    assert_eq!(decide(&ledger, &Facts { spec_synced: false, ..held.clone() }, at(20)), Decision::Read);
    ledger.announce(&current(), &moved("e1", CURRENT, "v2", 20), at(20));
    assert_eq!(decide(&ledger, &held, at(20)), Decision::Read);
}

#[test]
fn a_refresh_in_the_future_proves_nothing_unless_nothing_is_followed() {
    let (asked, future) = ([current()], Applied::AsOf(at(3600)));
    for (policy, expected) in [
        (Policy::Periodic(Duration::from_hours(1)), Decision::Read),
        (Policy::OnChange, Decision::Skip),
        (Policy::CreatedOnce, Decision::Skip),
        (Policy::Once, Decision::Skip),
    ] {
        let facts = Facts { policy, ..facts(&asked, &future) };
        assert_eq!(decide(&Ledger::default(), &facts, at(20)), expected, "{policy:?}");
    }
    let past = Applied::AsOf(at(0));
    assert_eq!(decide(&Ledger::default(), &facts(&asked, &past), at(20)), Decision::Skip);
}

#[test]
fn what_waits_for_a_refresh_is_put_right_by_those_who_have_refreshes() {
    let (asked, applied) = ([current()], holding("v1"));
    let ledger = Ledger::default();
    let synced = facts(&asked, &applied);
    let overdue = Facts { target: Target::Overdue, ..synced.clone() };
    // A store went, or denies the namespace.
    let in_error = Facts { wanted: &[], in_error: true, ..synced };
    for (policy, expected) in [
        (Policy::Periodic(Duration::from_hours(1)), Decision::Read),
        (Policy::OnChange, Decision::Skip),
        (Policy::CreatedOnce, Decision::Skip),
        (Policy::Once, Decision::Skip),
    ] {
        for facts in [&overdue, &in_error] {
            let facts = Facts { policy, ..facts.clone() };
            assert_eq!(decide(&ledger, &facts, at(20)), expected, "{policy:?}");
            let closed = Facts { window: Window::Closed(at(60)), ..facts.clone() };
            let expected = if expected == Decision::Read { Decision::Closed(at(60)) } else { expected };
            assert_eq!(decide(&ledger, &closed, at(20)), expected, "{policy:?} out of its window");
            let spoilt = Facts { target: Target::Spoilt, ..facts };
            assert_eq!(decide(&ledger, &spoilt, at(20)), Decision::Read, "{policy:?} with a spoilt target");
        }
        let edited = Facts { policy, spec_synced: false, ..in_error.clone() };
        let follows = matches!(policy, Policy::Periodic(_) | Policy::OnChange);
        assert_eq!(decide(&ledger, &edited, at(20)) == Decision::Read, follows, "{policy:?} edited");
    }
}

#[test]
fn a_read_does_not_hide_when_the_label_came_to_a_version() {
    let (asked, before) = ([current()], Applied::AsOf(at(1000)));
    let version = |token: &str, created, changed| Known::of_source(Token::of_secret(ARN, token), created, changed);
    let mut ledger = Ledger::default();
    // AWSCURRENT was moved back to an old version after another controller's refresh.
    let look = ledger.begin_check(&current());
    ledger.settle_check(&current(), look, version("v1", None, Some(at(2000))));
    assert_eq!(decide(&ledger, &facts(&asked, &before), at(3000)), Decision::Read);
    read(&mut ledger, version("v1", Some(at(0)), None), 3000);
    assert_eq!(decide(&ledger, &facts(&asked, &before), at(3000)), Decision::Read, "somebody else has read it");
    // Without such a look nobody knows.
    let mut ledger = Ledger::default();
    read(&mut ledger, version("v1", Some(at(0)), None), 3000);
    assert_eq!(decide(&ledger, &facts(&asked, &before), at(3000)), Decision::Read);
}

#[test]
fn the_end_of_a_source_concerns_its_fixed_versions_too() {
    let fixed = wanted(Selector::Version("v1".to_owned()));
    for (what, news) in [(What::Deleted, true), (What::Restored, true), (What::Written, false), (What::Tagged, false)] {
        let change = Change { what: what.clone(), ..moved("e", CURRENT, "v2", 0) };
        assert_eq!(Ledger::default().announce(&fixed, &change, at(0)), news, "{what:?}");
    }
}
