//! What is left to rollouts, and what is not.

use std::collections::BTreeMap;

use super::*;
use crate::rollout::resource::ResourceKind;
use crate::rollout::scope::Scope;

fn labelled() -> Options {
    Options {
        scope: Scope { namespace_labels: "rekey=yes".parse().unwrap(), ..Scope::default() },
        ..Options::default()
    }
}

fn labels(value: &str) -> BTreeMap<String, String> {
    [("rekey".to_owned(), value.to_owned())].into()
}

#[test]
fn a_namespace_comes_into_scope_and_leaves_it() {
    let (mut book, mut fake) = (Book::new(KEY, labelled()), app(10));
    see(&mut book, "s", 1, 1, 0);
    see(&mut book, "t", 2, 1, 0);
    book.workload_seen(fake.workload(), at(0));
    book.namespace_seen("ns", Some(&labels("no")), at(0));
    book.complete();
    see(&mut book, "s", 11, 2, 10_000);
    assert!(book.take(ROOM, at(10_001)).is_empty());
    assert_eq!(book.unrecorded(&key("s"), at(10_001)), Unrecorded::default(), "nobody would ever record it");

    // It comes: what changed before is no reason to restart anything.
    book.namespace_seen("ns", Some(&labels("yes")), at(30_000));
    assert!(write(&mut book, &mut fake, 12, 30_001).restart.is_none());
    see(&mut book, "s", 13, 3, 30_002);
    assert!(write(&mut book, &mut fake, 14, 30_003).restart.is_some());

    // It goes and comes again: what changed meanwhile is made up for, as after a down-time.
    book.namespace_seen("ns", Some(&labels("no")), at(60_000));
    see(&mut book, "s", 15, 4, 60_001);
    assert!(book.take(ROOM, at(60_002)).is_empty());
    book.namespace_seen("ns", Some(&labels("yes")), at(90_000));
    assert!(write(&mut book, &mut fake, 16, 90_001).restart.is_some());
    assert!(book.take(ROOM, at(190_000)).is_empty());

    book.namespace_seen("ns", None, at(200_000));
    see(&mut book, "s", 17, 5, 200_001);
    assert!(book.take(ROOM, at(200_002)).is_empty());
}

#[test]
fn labels_that_are_known_before_the_start_are_no_opt_in() {
    let (mut book, mut fake) = (Book::new(KEY, labelled()), app(10));
    see(&mut book, "s", 1, 1, 0);
    book.workload_seen(fake.workload(), at(0));
    see(&mut book, "s", 11, 2, 5_000);
    book.namespace_seen("ns", Some(&labels("yes")), at(10_000));
    book.complete();
    assert!(write(&mut book, &mut fake, 12, 20_000).restart.is_some(), "it changed under the workload");
}

#[test]
fn a_change_of_labels_that_says_the_same_is_none() {
    let (mut book, mut fake) = (Book::new(KEY, labelled()), app(10));
    see(&mut book, "s", 1, 1, 0);
    book.namespace_seen("ns", Some(&labels("yes")), at(0));
    book.workload_seen(fake.workload(), at(0));
    book.complete();
    see(&mut book, "s", 11, 2, 20_000);
    book.namespace_seen("ns", Some(&labels("yes")), at(30_000));
    assert!(write(&mut book, &mut fake, 12, 30_001).restart.is_some());
}

#[test]
fn namespaces_kinds_and_resources_that_are_left_out() {
    let leave = |scope: Scope| Options { scope, ..Options::default() };
    let ns = || ["ns".to_owned()].into();
    let kinds = [app(10).workload().key.kind].into();
    for (why, options) in [
        ("another namespace", leave(Scope { namespaces: ["other".to_owned()].into(), ..Scope::default() })),
        ("an ignored namespace", leave(Scope { namespaces_to_ignore: ns(), ..Scope::default() })),
        ("an ignored kind", Options { ignored: kinds, ..Options::default() }),
        ("another label", leave(Scope { resource_labels: "reload=true".parse().unwrap(), ..Scope::default() })),
    ] {
        let mut book = Book::new(KEY, options);
        see(&mut book, "s", 1, 1, 0);
        book.workload_seen(app(10).workload(), at(0));
        book.complete();
        see(&mut book, "s", 2, 2, 10_000);
        assert!(book.take(ROOM, at(20_000)).is_empty(), "{why}");
        assert_eq!(book.unrecorded(&key("s"), at(20_000)), Unrecorded::default(), "{why}");
    }
    let options = leave(Scope { namespaces: ns(), ..Scope::default() });
    let mut fake = app(10);
    assert!(write(&mut restarted(options, &fake, &[("s", 1)], 0), &mut fake, 11, 20_000).state.is_some());
}

#[test]
fn an_ignored_kind_of_resource_restarts_nothing_not_even_when_it_goes() {
    let (_, mut fake) = settled();
    let scope = Scope { resources_to_ignore: [ResourceKind::Secret].into(), ..Scope::default() };
    let options = Options { scope, on_delete: true, ..Options::default() };
    let mut book = Book::new(KEY, options.clone());
    book.workload_seen(fake.workload_with(&options), at(60_000));
    book.complete();
    see(&mut book, "s", 20, 2, 60_001);
    let writes = book.take(ROOM, at(60_002));
    assert!(writes.len() == 1 && writes[0].restart.is_none(), "{writes:?}");
    assert!(fake.apply(&writes[0], 21));
    assert!(fake.state().unwrap().hashes.is_empty());
}

#[test]
fn a_resource_that_loses_its_label_is_gone() {
    for (on_delete, expected) in [(false, 0), (true, 1)] {
        let scope = Scope { resource_labels: "rekey=yes".parse().unwrap(), ..Scope::default() };
        let mut book = Book::new(KEY, Options { scope, on_delete, ..Options::default() });
        let (mut fake, name, yes) = (app(10), ResourceKey::secret(key("s")), labels("yes"));
        book.resource_seen(&name, &ResourceSeen { labels: &yes, ..plain("1", 1) }, at(0));
        book.workload_seen(fake.workload(), at(0));
        book.complete();
        assert!(write(&mut book, &mut fake, 11, 20_000).restart.is_none());
        book.resource_seen(&name, &plain("12", 2), at(20_001));
        assert_eq!(book.take(ROOM, at(20_002)).len(), expected);
    }
}
