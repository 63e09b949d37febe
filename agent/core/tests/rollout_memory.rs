//! What the book of rollouts keeps in memory, measured in a process of its own.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "clippy takes helpers of an integration test for code of their own")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use rekey_core::object::ObjectKey;
use rekey_core::rollout::book::{Book, Outcome, ResourceSeen, Room};
use rekey_core::rollout::decision::Flags;
use rekey_core::rollout::hash::{HashKey, KEY_LENGTH};
use rekey_core::rollout::hook::EntryMacs;
use rekey_core::rollout::options::Options;
use rekey_core::rollout::resource::{ResourceKey, ResourceKind};
use rekey_core::rollout::stakater::Sha;
use rekey_core::rollout::workload::Workload;
use serde_json::json;

const KIB: usize = 1024;

/// Resident memory in bytes. A page is 4 KiB wherever this is run.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4 * KIB
}

/// A Deployment that uses two of the Secrets, with this annotation.
fn workload(index: usize, (key, value): (&str, &str)) -> Workload {
    let secret = |number: usize| json!({"secretRef": {"name": format!("secret-of-some-application-{number}")}});
    let object = json!({
        "metadata": {
            "name": format!("application-{index}"), "namespace": format!("team-{}", index % 20),
            "uid": format!("0e8e9f63-3a4c-4a65-9c1f-{index:012}"), "resourceVersion": format!("{}", 1_000_000 + index),
            "creationTimestamp": "2026-11-22T20:00:00Z", "annotations": {key: value},
        },
        "spec": {"replicas": 1, "selector": {}, "template": {"spec": {"containers": [
            {"name": "main", "envFrom": [secret(index), secret(index + 20)]}]}}},
    });
    let object: Deployment = serde_json::from_value(object).unwrap();
    Workload::read(&object, &Options::default(), "key").unwrap()
}

fn secret(book: &mut Book, key: &HashKey, index: usize) {
    let object = ObjectKey::new(format!("team-{}", index % 20), format!("secret-of-some-application-{index}"));
    let value = index.to_be_bytes();
    let labels = BTreeMap::new();
    let seen = ResourceSeen {
        resource_version: &index.to_string(),
        mac: key.hash(ResourceKind::Secret, &object, [("password", value.as_slice())].into_iter()),
        sha: Sha::of(Vec::new()),
        flags: Flags::default(),
        entries: &EntryMacs::default(),
        labels: &labels,
    };
    book.resource_seen(&ResourceKey::secret(object), &seen, Timestamp::UNIX_EPOCH);
}

/// Memory for each of so many things, in bytes.
fn each(count: usize, add: impl FnMut(usize)) -> usize {
    let before = resident();
    (0..count).for_each(add);
    resident().saturating_sub(before) / count
}

#[test]
fn ten_thousand_secrets_and_two_thousand_workloads_are_a_few_megabytes() {
    let key = HashKey::new(&[7; KEY_LENGTH]).unwrap();
    let mut book = Book::new("key", Options::default());
    let now = Timestamp::UNIX_EPOCH;

    let per_secret = each(10_000, |index| secret(&mut book, &key, index));
    let auto = ("reloader.stakater.com/auto", "true");
    let per_workload = each(2_000, |index| book.workload_seen(workload(index, auto), now));
    let per_bystander = each(2_000, |index| book.workload_seen(workload(10_000 + index, ("some", "note")), now));
    // With their states, once everything is on record.
    book.complete();
    let per_state = each(1, |_| {
        for write in book.take(Room { fresh: 10_000, retrying: 0 }, now) {
            let index = write.workload.object.name.trim_start_matches("application-").parse().unwrap();
            let mut written = workload(index, auto);
            written.state =
                rekey_core::rollout::state::State::parse(write.state.as_deref().unwrap(), "key", &write.uid);
            book.written(&write, Outcome::Applied(Box::new(written)), 0.0, now);
        }
    }) / 2_000;
    let pattern = ("secret.reloader.stakater.com/reload", "other-.*,(one|more)-[0-9]+");
    let per_pattern = each(200, |index| book.workload_seen(workload(20_000 + index, pattern), now));
    println!(
        "bytes for each: secret {per_secret}, workload {per_workload}, bystander {per_bystander}, \
         workload with patterns {per_pattern}, state {per_state}"
    );
    assert!(per_secret < 600, "{per_secret}");
    assert!(per_workload < 8 * KIB, "{per_workload}");
    assert!(per_bystander < KIB, "{per_bystander}");
    assert!(per_pattern < 100 * KIB, "{per_pattern}");
}
