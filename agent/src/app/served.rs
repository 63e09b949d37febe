//! Which kinds the cluster serves: what the agent waits for, and what it begins anew for.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cluster::served::Served;

/// Time between two looks.
const AGAIN: Duration = Duration::from_mins(1);

/// What the cluster serves, however long it takes until it serves ExternalSecrets.
pub(super) async fn served(client: &kube::Client) -> Served {
    let mut pause = Duration::from_secs(1);
    // CRDs that are installed together are there one after the other.
    let mut complete = false;
    loop {
        match Served::discover(client).await {
            Ok(Some(served)) if complete || served.cluster_external_secrets => {
                info!(version = %served.version, served.cluster_external_secrets, "kinds of external-secrets.io found");
                return served;
            }
            Ok(Some(_)) => complete = true,
            Ok(None) => warn!(?pause, "no ExternalSecrets in this cluster: their CRDs are not installed; trying again"),
            Err(error) => warn!(%error, ?pause, "the kinds of external-secrets.io are not known; trying again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

/// Ends when the cluster serves something else than what the agent was started for: an operator that was upgraded took
/// the old version with it, and every watch would be refused for ever. The agent ends then, and is started again.
pub(super) async fn outdated(client: kube::Client, started_for: Served, shutdown: CancellationToken) -> &'static str {
    let mut before = started_for;
    while shutdown.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_some() {
        // No answer, or no kinds, is no news: they are gone for a moment while they are replaced.
        let Ok(Some(now)) = Served::discover(&client).await else { continue };
        // While CRDs are replaced one after the other, each look shows another state.
        if now.outdates(started_for) && now == before {
            warn!(version = %now.version, now.cluster_external_secrets, "the cluster serves other kinds of external-secrets.io now");
            break;
        }
        before = now;
    }
    "what was started for the kinds that the cluster had"
}
