use super::*;

const PLACES: usize = 32;

fn secret(book: &mut Book, namespace: &str, version: u64, content: u32, millis: u64) {
    let key = ResourceKey::secret(ObjectKey::new(namespace, "s"));
    book.resource_seen(&key, &plain(&version.to_string(), content), at(millis));
}

fn deployment(namespace: &str, name: &str) -> Workload {
    let mut workload = Fake::new(10, at(0), &["s"], &[(AUTO, "true")]).named(name).workload();
    workload.key.object.namespace = namespace.to_owned();
    workload
}

fn of<'a>(writes: &'a [Write], namespace: &str) -> Vec<&'a Write> {
    writes.iter().filter(|write| write.workload.object.namespace == namespace).collect()
}

#[test]
fn a_namespace_whose_writes_hang_leaves_places_to_the_others() {
    let mut book = book();
    for namespace in ["hangs", "too", "other"] {
        secret(&mut book, namespace, 1, 1, 0);
    }
    for index in 0..100 {
        book.workload_seen(deployment("hangs", &format!("app-{index}")), at(0));
    }
    book.complete();
    let hanging = book.take(Room { fresh: PLACES, retrying: 8 }, at(20_000));
    assert_eq!(hanging.len(), PLACES / 2);
    let room = Room { fresh: PLACES / 2, retrying: 8 };
    assert!(book.take(room, at(20_001)).is_empty(), "it has as many as it leaves");

    // Another one that hangs gets as many as it leaves of the rest.
    for index in 0..100 {
        book.workload_seen(deployment("too", &format!("app-{index}")), at(0));
    }
    let too = book.take(room, at(20_002));
    assert_eq!((too.len(), of(&too, "too").len()), (PLACES / 4, PLACES / 4));
    book.workload_seen(deployment("other", "app"), at(0));
    let other = book.take(Room { fresh: PLACES / 4, retrying: 8 }, at(20_003));
    assert_eq!(of(&other, "other").len(), 1);

    // What hung and failed is tried again beside those that did not fail, whose places are free again.
    for write in &hanging {
        book.written(write, Outcome::Failed, 0.0, at(30_000));
    }
    let next = book.take(Room { fresh: 24, retrying: 8 }, at(40_000));
    let retrying = next.iter().filter(|write| write.retrying).count();
    assert_eq!((retrying, of(&next, "hangs").len() - retrying), (4, 12));
}
