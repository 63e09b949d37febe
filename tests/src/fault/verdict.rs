//! What holds after every fault, whatever it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use rekey_core::object::ObjectKey;
use rekey_core::rollout::content::Content;
use rekey_core::rollout::hash::{HashKey, Mac};
use rekey_core::rollout::marker::Marker;
use rekey_core::rollout::resource::{ResourceKind, ResourceName};
use rekey_core::rollout::state::State;

use super::fleet::{Fleet, Source};
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
    let is_final = |seen: &Seen, sources: &[&Source]| carries_final(seen, sources, key, &macs);
    eventually("every Deployment to carry the final values", timeout, async || each(fleet, is_final)).await?;
    queue.drained(timeout).await?;
    let found = queue.dead().await?;
    ensure!(found == dead, "{found} messages are in the DLQ, not {dead}");
    // Nothing that was still under way may have undone it.
    fleet.are_equal().await?;
    each(fleet, is_final)?;
    each(fleet, restarted_for_a_reason)?;
    Ok(fleet.observer.restarts())
}

/// Which Deployments do not carry the final values, as far as the observer has seen.
pub async fn stale(fleet: &Fleet, key: &HashKey) -> Result<Vec<anyhow::Error>> {
    let macs = hashes(fleet, key).await?;
    Ok(failures(fleet, |seen, sources| carries_final(seen, sources, key, &macs)))
}

/// Holds up what was seen of each Deployment, and the secrets it uses, to a check.
fn each(fleet: &Fleet, check: impl Fn(&Seen, &[&Source]) -> Result<()>) -> Result<()> {
    failures(fleet, check).into_iter().next().map_or(Ok(()), Err)
}

/// What that check finds, Deployment by Deployment.
fn failures(fleet: &Fleet, check: impl Fn(&Seen, &[&Source]) -> Result<()>) -> Vec<anyhow::Error> {
    let seen = fleet.observer.seen();
    let one = |(name, targets): (&String, &Vec<String>)| {
        let sources: Vec<&Source> = targets.iter().filter_map(|target| fleet.source(target)).collect();
        let seen = seen.get(name).with_context(|| format!("{name} was never seen"))?;
        // What fails rarely must be understood from the one time.
        check(seen, &sources)
            .with_context(|| format!("Deployment {name}, generations {:?}, {:?}", seen.generations, seen.markers))
    };
    fleet.workloads().iter().filter_map(|workload| one(workload).err()).collect()
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
fn carries_final(seen: &Seen, sources: &[&Source], key: &HashKey, macs: &BTreeMap<String, Mac>) -> Result<()> {
    let text = seen.state.as_deref().context("it has no state")?;
    let state = State::parse(text, key.id(), &seen.uid).context("its state is not readable")?;
    for source in sources {
        let recorded = state.hashes.get(&ResourceName::secret(&source.name));
        let equal = recorded.is_some() && recorded == macs.get(&source.name).map(|mac| Content::Data(*mac)).as_ref();
        ensure!(equal, "its state has another value of {}", source.name);
    }
    let Some(marker) = seen.markers.last() else {
        ensure!(sources.iter().all(|source| source.versions.len() == 1), "it was not restarted");
        return Ok(());
    };
    let last = macs.get(&marker.name).map(Mac::to_string);
    ensure!(last.as_deref() == Some(marker.hash.as_str()), "its marker is not that of the value of {}", marker.name);
    Ok(())
}

/// No two markers are for the same value of the same target, least of all successive ones; there are no more restarts than
/// values; and nothing else has changed it, so that no restart was missed.
fn restarted_for_a_reason(seen: &Seen, sources: &[&Source]) -> Result<()> {
    let value = |marker: &Marker| (marker.name.clone(), marker.hash.clone());
    if let Some(pair) = seen.markers.windows(2).find(|pair| value(&pair[0]) == value(&pair[1])) {
        bail!("it was restarted twice in succession for the same value of {}", pair[0].name);
    }
    let distinct: BTreeSet<_> = seen.markers.iter().map(value).collect();
    let restarts = seen.markers.len();
    ensure!(distinct.len() == restarts, "it was restarted again for a value that it had");
    let values: usize = sources.iter().map(|source| source.versions.len() - 1).sum();
    ensure!(restarts <= values, "{restarts} restarts for {values} values");
    let (first, last) = seen.generations;
    let changes = usize::try_from(last - first)?;
    ensure!(changes == restarts, "{changes} changes, {restarts} markers");
    Ok(())
}

#[cfg(test)]
mod tests;
