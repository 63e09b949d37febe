//! What a book tells of the restarts that it began, and when it wants to be woken for them.

use super::*;

/// A book that has seen a Secret with this content, and a Deployment that uses it.
fn book(content: u32, fake: &Fake) -> Book {
    let mut book = Book::new(KEY, Options::default());
    see(&mut book, content, 0);
    book.workload_seen(fake.workload(), at(0));
    book
}

fn see(book: &mut Book, content: u32, millis: u64) {
    let version = content.to_string();
    book.resource_seen(&ResourceKey::secret(ObjectKey::new("ns", "s")), &plain(&version, content), at(millis));
}

fn write(book: &mut Book, fake: &mut Fake, version: u64, millis: u64) {
    for write in book.take(Room { fresh: 9, retrying: 9 }, at(millis)) {
        assert!(fake.apply(&write, version));
        book.written(&write, Outcome::Applied(Box::new(fake.workload())), 0.0, at(millis));
    }
}

#[test]
fn the_book_tells_of_its_restarts_and_another_replica_does_not_until_it_leads() {
    let mut fake = Fake::new(10, at(0), &["s"], &[(AUTO, "true")]);
    let (mut leader, mut standby) = (book(1, &fake), book(1, &fake));
    leader.complete();
    write(&mut leader, &mut fake, 11, 20_000);
    see(&mut leader, 2, 20_100);
    write(&mut leader, &mut fake, 12, 20_150);
    assert_eq!(leader.news(at(20_200)), []);
    fake.finish(13);
    for book in [&mut leader, &mut standby] {
        book.workload_seen(fake.workload(), at(0));
    }
    let news = leader.news(at(22_100));
    assert_eq!(news.len(), 1);
    assert_eq!(news[0].told, Told::Live { took: Some(Duration::from_secs(2)) });
    assert_eq!(news[0].started.resources, [ResourceName::secret("s")]);
    assert_eq!(leader.news(at(22_200)), []);

    see(&mut standby, 2, 22_300);
    assert_eq!(standby.news(at(22_300)), []);
    standby.complete();
    // It cannot know whether the leader still told it; whoever publishes it does.
    let again = standby.news(at(23_000));
    assert_eq!((again.len(), &again[0].told, &again[1].started), (2, &Told::Restarted, &news[0].started));
    // A baseline keeps the record of the restart.
    see(&mut standby, 3, 60_000);
    fake.annotate(14, "rekey.dev/applied", None);
    standby.workload_seen(fake.workload(), at(60_000));
    write(&mut standby, &mut fake, 15, 60_001);
    assert_eq!(standby.news(at(60_002)), []);
    assert_eq!(fake.workload().started.unwrap().since, at(60_000));
}

#[test]
fn the_book_wakes_for_what_has_to_last() {
    let fake = Fake::new(10, at(0), &[], &[]);
    let mut object = object("StatefulSet");
    object["status"] = status("StatefulSet", 2, 3, 1, 2);
    let mut book = book(1, &fake);
    book.workload_seen(read("StatefulSet", &object), at(0));
    book.complete();
    assert_eq!(book.news(at(0)).len(), 1, "that it was restarted");
    assert_eq!(book.next_wake(), Some(at(10 * MINUTE)));
    assert_eq!(book.news(at(10 * MINUTE)).len(), 1);
    assert_eq!(book.next_wake(), None);
}
