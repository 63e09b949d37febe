use super::*;

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn record(holder: &str, renewed: i64) -> Record {
    Record {
        holder: Some(holder.to_owned()).filter(|holder| !holder.is_empty()),
        duration: LEASE,
        renewed: Timestamp::from_second(renewed).ok(),
        transitions: 3,
        version: renewed.to_string(),
    }
}

fn standby(record: Option<Record>, seen: f64) -> Candidate {
    let mut candidate = Candidate::new("me");
    candidate.seen(record, s(seen));
    candidate
}

fn leader(renewed: f64) -> Candidate {
    let mut candidate = standby(None, renewed);
    candidate.written(record("me", 1), s(renewed));
    candidate
}

#[test]
fn a_lease_is_taken_when_nobody_has_it_and_not_before() {
    let released = Record { holder: Some(String::new()), ..record("other", 1) };
    let short = Record { duration: s(3.0), ..record("other", 1) };
    for (what, record, now, step) in [
        ("there is none", None, 0.0, Step::Acquire),
        ("released", Some(released), 0.0, Step::Acquire),
        ("released, without a holder", Some(record("", 1)), 0.0, Step::Acquire),
        ("ours, from before a crash", Some(record("me", 1)), 0.0, Step::Acquire),
        ("just seen", Some(record("other", 1)), 0.0, Step::Wait(RETRY)),
        ("nearly expired", Some(record("other", 1)), 9.5, Step::Wait(s(0.5))),
        ("expired", Some(record("other", 1)), 10.0, Step::Acquire),
        ("its holder promised less", Some(short), 3.0, Step::Acquire),
    ] {
        assert_eq!(standby(record, 0.0).decide(s(now)), step, "{what}");
    }
}

#[test]
fn only_a_renewal_prolongs_a_lease_whatever_its_times_say() {
    let mut candidate = standby(Some(record("other", 4_000_000_000)), 0.0);
    candidate.seen(Some(Record { version: "annotated".to_owned(), ..record("other", 4_000_000_000) }), s(8.0));
    assert_eq!(candidate.decide(s(10.0)), Step::Acquire, "a time in the future and a new version are no renewal");
    candidate.seen(Some(record("other", 17)), s(10.0));
    assert_eq!(candidate.decide(s(10.0)), Step::Wait(RETRY), "an earlier time is one");
    assert_eq!(candidate.decide(s(20.0)), Step::Acquire);
}

#[test]
fn a_leader_renews_every_two_seconds_and_gives_up_at_its_deadline() {
    let mut candidate = leader(100.0);
    assert_eq!(candidate.deadline(), Some(s(107.0)));
    assert_eq!(candidate.decide(s(100.5)), Step::Wait(s(1.5)));
    assert_eq!(candidate.decide(s(102.0)), Step::Renew);
    candidate.failed(s(102.0));
    assert_eq!(candidate.decide(s(103.0)), Step::Wait(s(1.0)));
    assert_eq!(candidate.decide(s(104.0)), Step::Renew);
    candidate.failed(s(106.0));
    assert_eq!(candidate.decide(s(106.5)), Step::Wait(s(0.5)), "not longer than until the deadline");
    assert_eq!(candidate.decide(s(107.0)), Step::Lost(Loss::Deadline));

    let mut candidate = leader(100.0);
    candidate.written(record("me", 2), s(106.9));
    assert_eq!(candidate.decide(s(107.0)), Step::Wait(s(1.9)));
}

#[test]
fn a_leader_that_sees_another_holder_has_lost_and_one_whose_lease_was_removed_writes_it_again() {
    let mut candidate = leader(0.0);
    candidate.seen(Some(record("other", 2)), s(1.0));
    assert_eq!(candidate.decide(s(1.0)), Step::Lost(Loss::Taken("other".to_owned())));
    for gone in [None, Some(record("", 2))] {
        let mut candidate = leader(0.0);
        candidate.seen(gone, s(1.0));
        assert_eq!(candidate.decide(s(2.0)), Step::Renew);
    }
}

#[test]
fn a_standby_that_cannot_write_tries_again_after_a_pause() {
    let mut candidate = standby(None, 0.0);
    candidate.failed(s(0.0));
    assert_eq!(candidate.decide(s(0.5)), Step::Wait(s(1.5)));
    assert_eq!(candidate.decide(s(2.0)), Step::Acquire);
}

#[test]
fn transitions_count_changes_of_hands() {
    assert_eq!(standby(None, 0.0).transitions(), 0);
    assert_eq!(standby(Some(record("me", 1)), 0.0).transitions(), 3);
    assert_eq!(standby(Some(record("other", 1)), 0.0).transitions(), 4);
    assert_eq!(standby(Some(record("", 1)), 0.0).transitions(), 4);
}
