//! What has to be found in the cluster before anything is watched: the key of the hashes, the kinds that are served, and the
//! namespaces that can be read.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use rekey_core::extent::Extent;
use rekey_core::rollout::hash::HashKey;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{served, within};
use crate::cluster::hash_key;
use crate::cluster::served::Served;
use crate::watch::{CRDS, HASH_KEY, Lists};

/// See the module's head.
pub(super) struct Found {
    pub key: HashKey,
    pub served: Served,
    /// Speaks the version that is served.
    pub client: kube::Client,
    pub extent: Extent,
    /// Asks for what it is told to ask for.
    plain: kube::Client,
    left_out: BTreeSet<String>,
}

impl Found {
    /// Looks for it, however long that takes. `lists` is told what is there.
    pub async fn wait(
        kubernetes: kube::Config,
        namespace: &str,
        extent: Extent,
        lists: &Lists,
    ) -> anyhow::Result<Self> {
        const UNUSABLE: &str = "the Kubernetes configuration is not usable";
        let plain = kube::Client::try_from(kubernetes.clone()).context(UNUSABLE)?;
        let key = hash_key(&plain, namespace).await;
        lists.shown(&HASH_KEY.into());
        let served = served::served(&plain).await;
        lists.shown(&CRDS.into());
        let client = served.client(kubernetes).context(UNUSABLE)?;
        let (extent, left_out) = within::readable(&client, extent, within::PAUSE).await;
        Ok(Self { key, served, client, extent, plain, left_out })
    }

    /// Starts what ends the agent when something else is to be found.
    pub fn guard(&self, parts: &mut JoinSet<&'static str>, shutdown: &CancellationToken) {
        parts.spawn(served::outdated(self.plain.clone(), self.served, shutdown.clone()));
        if !self.left_out.is_empty() {
            let left_out = self.left_out.clone();
            parts.spawn(within::readable_again(self.client.clone(), left_out, within::AGAIN, shutdown.clone()));
        }
    }
}

/// The key of the rollout hashes, however long Kubernetes takes to hand it out.
async fn hash_key(client: &kube::Client, namespace: &str) -> HashKey {
    let mut pause = Duration::from_secs(1);
    loop {
        match hash_key::get_or_create(client, namespace).await {
            Ok(key) => return key,
            Err(error) => warn!(%error, ?pause, "the key of the rollout hashes is not available; trying again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}
