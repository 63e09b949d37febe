use std::time::Instant;

use jiff::Timestamp;
use rekey_core::rollout::hash::KEY_LENGTH;
use rekey_core::rollout::state::Hashes;

use super::super::fleet::Version;
use super::*;

fn mac(number: u8) -> Mac {
    Mac::parse(&format!("{number:064x}")).unwrap()
}

fn marker(name: &str, number: u8) -> Marker {
    Marker::new(&ResourceName::secret(name), "ns", mac(number).into(), "app", Timestamp::UNIX_EPOCH, None)
}

fn source(name: &str, versions: usize) -> Source {
    let version = |number: usize| Version {
        id: format!("id-{number}"),
        value: format!("value-{number}"),
        at: Instant::now(),
        time: Timestamp::UNIX_EPOCH,
    };
    let (id, arn) = (format!("ns/{name}"), format!("arn-{name}"));
    Source { name: name.to_owned(), id, arn, versions: (0..versions).map(version).collect() }
}

fn seen(markers: &[Marker], changes: i64) -> Seen {
    Seen { generations: (2, 2 + changes), markers: markers.to_vec(), ..Seen::default() }
}

#[test]
fn restarts_need_a_value_each_that_was_not_there_before() {
    let (one, two) = (source("a", 3), source("b", 2));
    let (first, second, other) = (marker("a", 1), marker("a", 2), marker("b", 1));
    for (markers, changes, problem) in [
        (vec![], 0, None),
        (vec![first.clone(), second.clone(), other.clone()], 3, None),
        (vec![first.clone(), other.clone()], 2, None),
        (vec![first.clone(), first.clone()], 2, Some("twice in succession")),
        (vec![first.clone(), other.clone(), first.clone()], 3, Some("that it had")),
        (vec![first.clone(), second.clone(), other.clone(), marker("b", 2)], 4, Some("4 restarts for 3 values")),
        (vec![first.clone()], 2, Some("2 changes, 1 markers")),
    ] {
        let judged = restarted_for_a_reason(&seen(&markers, changes), &[&one, &two]);
        match problem {
            None => judged.unwrap(),
            Some(part) => assert!(judged.unwrap_err().to_string().contains(part), "{markers:?}"),
        }
    }
}

#[test]
fn the_final_value_is_in_the_state_and_in_the_marker() {
    let key = HashKey::new(&[7; KEY_LENGTH]).unwrap();
    let macs: BTreeMap<String, Mac> = [("a".to_owned(), mac(3)), ("b".to_owned(), mac(4))].into();
    let state = |a: u8, b: u8| {
        let hashes: Hashes =
            [(ResourceName::secret("a"), mac(a).into()), (ResourceName::secret("b"), mac(b).into())].into();
        Some(State { serial: 1, hashes, ..State::default() }.render(key.id(), "uid"))
    };
    let (rotated, still) = (source("a", 2), source("b", 1));
    let judge = |state: Option<String>, markers: &[Marker], sources: &[&Source]| {
        let seen = Seen { state, uid: "uid".to_owned(), ..seen(markers, 0) };
        carries_final(&seen, sources, &key, &macs).map_err(|problem| problem.to_string())
    };
    let both = [&rotated, &still];
    judge(state(3, 4), &[marker("a", 3)], &both).unwrap();
    judge(state(3, 4), &[], &[&still]).unwrap();
    for (state, markers, part) in [
        (None, vec![], "no state"),
        (Some("{}".to_owned()), vec![], "not readable"),
        (state(9, 4), vec![marker("a", 3)], "another value of a"),
        (state(3, 4), vec![], "not restarted"),
        (state(3, 4), vec![marker("a", 3), marker("a", 9)], "marker is not"),
    ] {
        let problem = judge(state, &markers, &both).unwrap_err();
        assert!(problem.contains(part), "{problem}");
    }
}
