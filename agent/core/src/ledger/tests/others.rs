//! What others did to an object or its target, and what is made of that.

use super::*;

#[test]
fn a_contested_target_is_left_for_a_while_but_not_what_moved_at_the_sources() {
    let (asked, applied) = ([current()], holding("v1"));
    let mut ledger = Ledger::default();
    let held = Facts { target_valid: false, restore_at: Some(at(60)), ..facts(&asked, &applied) };
    assert_eq!(decide(&ledger, &held, at(20)), Decision::Contested(at(60)));
    assert_eq!(decide(&ledger, &Facts { failing: true, ..held.clone() }, at(20)), Decision::Contested(at(60)));
    assert_eq!(decide(&ledger, &held, at(60)), Decision::Read);
    assert_eq!(decide(&ledger, &Facts { target_valid: true, ..held.clone() }, at(20)), Decision::Skip);
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
