//! What holds after every fault, whatever it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use rekey_core::object::ObjectKey;
use rekey_core::rollout::hash::{HashKey, Mac};
use rekey_core::rollout::resource::{ResourceKind, ResourceName};
use rekey_core::rollout::state::State;

use super::fleet::Fleet;
use super::observer::Seen;
use super::queue::Queue;
use crate::eventually::eventually;
use crate::installation::Installation;
use crate::stack::Stack;

/// The key of an installation's hashes.
pub async fn hash_key(stack: &Stack, rekey: &Installation) -> Result<HashKey> {
    let secrets: Api<Secret> = Api::namespaced(stack.kubernetes.client().await?, &rekey.namespace);
    let secret = secrets.get("rekey-hash-key").await.context("read the key of the hashes")?;
    let key = secret.data.and_then(|mut data| data.remove("key")).context("there is no key")?;
    Ok(HashKey::new(&key.0)?)
}

/// Waits until every target equals its source, every Deployment carries the final values, and the queue is empty; then
/// looks at what happened on the way. `dead` messages are in the DLQ. Returns how many restarts there were.
///
/// # Errors
/// What does not hold.
pub async fn verdict(fleet: &Fleet, queue: &Queue, key: &HashKey, dead: usize, timeout: Duration) -> Result<usize> {
    fleet.arrived(timeout).await?;
    let macs = hashes(fleet, key).await?;
    eventually("every Deployment to carry the final values", timeout, async || {
        fleet.observer.seen().iter().try_for_each(|(name, seen)| carries_final(fleet, name, seen, key, &macs))
    })
    .await?;
    queue.drained(timeout).await?;
    let found = queue.dead().await?;
    ensure!(found == dead, "{found} messages are in the DLQ, not {dead}");
    // Nothing that was still under way may have undone it.
    fleet.are_equal().await?;
    let seen = fleet.observer.seen();
    for (name, seen) in &seen {
        carries_final(fleet, name, seen, key, &macs)?;
        restarted_for_a_reason(fleet, name, seen)?;
    }
    Ok(fleet.observer.restarts())
}

async fn hashes(fleet: &Fleet, key: &HashKey) -> Result<BTreeMap<String, Mac>> {
    let targets = fleet.target_objects().await?;
    let hash = |secret: &Secret| {
        let name = secret.metadata.name.clone()?;
        let data = secret.data.as_ref()?;
        let object = ObjectKey::new(&fleet.namespace, &name);
        let mac = key.hash(ResourceKind::Secret, &object, data.iter().map(|(key, value)| (key.as_str(), &*value.0)));
        Some((name, mac))
    };
    Ok(targets.iter().filter_map(hash).collect())
}

/// The state names the final value of each target; so does the marker, of the one it is about, if there was any rotation.
fn carries_final(fleet: &Fleet, name: &str, seen: &Seen, key: &HashKey, macs: &BTreeMap<String, Mac>) -> Result<()> {
    let text = seen.state.as_deref().with_context(|| format!("{name} has no state"))?;
    let state =
        State::parse(text, key.id(), &seen.uid).with_context(|| format!("the state of {name} is not readable"))?;
    let targets = fleet.workloads().get(name).with_context(|| format!("{name} is not of the fleet"))?;
    for target in targets {
        let recorded = state.hashes.get(&ResourceName::secret(target));
        ensure!(
            recorded.is_some() && recorded == macs.get(target),
            "the state of {name} has another value of {target}"
        );
    }
    let rotated = targets.iter().any(|target| fleet.source(target).is_some_and(|source| source.versions.len() > 1));
    let Some(marker) = seen.markers.last() else {
        ensure!(!rotated, "{name} was not restarted");
        return Ok(());
    };
    let last = macs.get(&marker.name).map(Mac::to_string);
    ensure!(
        last.as_deref() == Some(marker.hash.as_str()),
        "the marker of {name} is not that of {}'s value",
        marker.name
    );
    Ok(())
}

/// No two markers are for the same value of the same target, least of all successive ones; there are no more restarts than
/// values; and nothing else has changed it, so that no restart was missed.
fn restarted_for_a_reason(fleet: &Fleet, name: &str, seen: &Seen) -> Result<()> {
    let same = |pair: &[_]| matches!(pair, [one, other] if same_value(one, other));
    if let Some(pair) = seen.markers.windows(2).find(|pair| same(pair)) {
        return Err(anyhow!("{name} was restarted twice in succession for the same value of {}", pair[0].name));
    }
    let distinct: BTreeSet<_> = seen.markers.iter().map(|marker| (&marker.name, &marker.hash)).collect();
    ensure!(distinct.len() == seen.markers.len(), "{name} was restarted again for a value that it had");
    let targets = &fleet.workloads()[name];
    let values: usize =
        targets.iter().filter_map(|target| fleet.source(target)).map(|source| source.versions.len() - 1).sum();
    ensure!(seen.markers.len() <= values, "{name}: {} restarts for {values} values", seen.markers.len());
    let (first, last) = seen.generations;
    let changes = usize::try_from(last - first)?;
    ensure!(changes == seen.markers.len(), "{name}: {changes} changes, {} markers", seen.markers.len());
    Ok(())
}

fn same_value(one: &rekey_core::rollout::marker::Marker, other: &rekey_core::rollout::marker::Marker) -> bool {
    one.name == other.name && one.hash == other.hash
}
