//! Workloads that are marked by variables.

use super::*;
use crate::rollout::mark::Mark;
use crate::rollout::marker::Variable;
use crate::rollout::options::{Creation, Strategy};
use crate::rollout::restart::Restart;

fn variables() -> Options {
    Options { strategy: Strategy::Variables, ..Options::default() }
}

#[test]
fn a_variable_goes_with_its_resource() {
    let options = Options { creation: Creation::Restarts, on_delete: true, ..variables() };
    let (mut book, mut fake) = settled_with(options, &[(AUTO, "true")]);
    let variable = |value| Variable { container: "main".to_owned(), name: "STAKATER_S_SECRET".to_owned(), value };
    see(&mut book, "s", 12, 2, 20_001);
    let set = write(&mut book, &mut fake, 13, 20_002);
    assert_eq!(set.restart, Some(Restart::Mark(Mark::Variables(vec![variable(Some(sha(2).to_string()))]))));
    book.resource_gone(&ResourceKey::secret(key("s")));
    let removed = write(&mut book, &mut fake, 14, 40_000);
    assert_eq!(removed.restart, Some(Restart::Mark(Mark::Variables(vec![variable(None)]))));
    see(&mut book, "s", 15, 2, 60_000);
    let back = write(&mut book, &mut fake, 16, 60_001);
    assert_eq!(back.restart, Some(Restart::Mark(Mark::Variables(vec![variable(Some(sha(2).to_string()))]))));
}

#[test]
fn two_names_that_share_a_variable_make_no_more_restarts_than_changes() {
    let mut book = Book::new(KEY, variables());
    let mut fake = Fake::new(10, at(0), &["a.b", "a-b"], &[(AUTO, "true")]);
    see(&mut book, "a.b", 1, 1, 0);
    see(&mut book, "a-b", 2, 2, 0);
    book.workload_seen(fake.workload(), at(0));
    book.complete();
    assert!(write(&mut book, &mut fake, 11, 20_000).restart.is_none());
    for (round, (name, content)) in [("a.b", 3), ("a-b", 4), ("a.b", 5), ("a-b", 5), ("a.b", 4)].into_iter().enumerate()
    {
        let (version, now) = (20 + 2 * round as u64, 40_000 * (1 + round as u64));
        see(&mut book, name, version, content, now);
        let written = write(&mut book, &mut fake, version + 1, now);
        assert!(written.restart.is_some() && written.changed == [ResourceName::secret(name)], "{name} {content}");
        assert!(book.take(ROOM, at(now + 30_000)).is_empty());
    }
}

#[test]
fn the_pace_is_kept_across_processes() {
    let (mut book, mut fake) = settled_with(variables(), &[(AUTO, "true")]);
    see(&mut book, "s", 12, 2, 20_000);
    write(&mut book, &mut fake, 13, 20_000);
    let mut next = restarted(variables(), &fake, &[("s", 3), ("t", 1)], 22_000);
    assert!(next.take(ROOM, at(22_000)).is_empty());
    assert_eq!(next.next_wake(), Some(at(30_000)));
    assert!(write(&mut next, &mut fake, 14, 30_000).restart.is_some());
}
