//! Shows that an agent has seen all that was done so far: so what it has not done by then, it will not do.
//!
//! A fence is a new Secret, a new ConfigMap and a new workload of each kind, made after everything else. The watches tell in order,
//! so an agent that has recorded the fence has seen all that came before it. It restarts nothing.

use anyhow::{Context, Result, ensure};

use super::agents::Fence;
use super::play::PATIENCE;
use super::workload::Workload;
use super::world::World;

/// Waits until the agent has seen everything that was done before this.
pub(super) async fn fence(world: &World, agent: &str, fence: &Fence, number: usize) -> Result<()> {
    let name = format!("fence-{agent}-{number}");
    let mut namespaces = fence.namespaces.clone();
    if namespaces.is_empty() {
        world.prepare(&name, agent).await?;
        namespaces.push(name.clone());
    }
    let data = [("fence".to_owned(), name.clone())].into();
    for namespace in &namespaces {
        for resource in &fence.resources {
            match resource.as_str() {
                "Secret" => world.secret(namespace, &name, &fence.labels, &data).await?,
                _ => world.config_map(namespace, &name, &fence.labels, &data).await?,
            }
        }
        for kind in &fence.kinds {
            let workload = Workload::fence(kind, &fence.auto, &name, &fence.resources);
            world.workload(namespace, &name, &workload).await?;
        }
    }
    let places = || namespaces.iter().flat_map(|place| fence.kinds.iter().map(move |kind| (place, kind)));
    let recorded = async || {
        for (namespace, kind) in places() {
            let seen = world.observer.look(&format!("{kind}/{namespace}/{name}"));
            let state = seen["metadata"]["annotations"]["rekey.dev/applied"].as_str().unwrap_or_default();
            for resource in &fence.resources {
                ensure!(
                    state.contains(&format!("{resource}/{name}")),
                    "{kind} {namespace}/{name} has the state {state:?}"
                );
            }
        }
        Ok(())
    };
    world.observer.eventually(PATIENCE, recorded).await.context("the agent did not record a fence")?;
    let restarts = world.observer.restarts(&name);
    ensure!(restarts.is_empty(), "a fence was restarted, though nothing had changed: {restarts:?}");
    Ok(())
}
