//! The last look before an instance that takes over decides about restarts.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::ListParams;
use kube::{Client, Resource};
use rekey_core::extent::Extent;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tracing::warn;

use super::part::{PAGE_OF_DATA, Part, namespaced};
use crate::rollout::{Followed, Rollouts};

/// A page has to be there by then.
const TIME_LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);

/// Looks at every Secret and ConfigMap as it is at this moment. The watches do not keep pace with each other: an instance
/// that takes over may see workloads as the last leader restarted them, and what they use as it was before that, and would
/// restart them for what they have.
pub async fn look_at_resources(client: &Client, extent: &Extent, rollouts: &Rollouts) {
    // The watches list both together, with a page of each in memory. This is besides them.
    for part in namespaced(client, extent, "secrets") {
        look_at::<Secret>(part, rollouts).await;
    }
    for part in namespaced(client, extent, "configmaps") {
        look_at::<ConfigMap>(part, rollouts).await;
    }
}

async fn look_at<K>(Part { api, awaited, .. }: Part<K>, rollouts: &Rollouts)
where
    K: Followed + Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let mut page = ListParams::default().limit(PAGE_OF_DATA);
    loop {
        let problem = match timeout(TIME_LIMIT, api.list(&page)).await {
            Ok(Ok(list)) => {
                for resource in &list.items {
                    rollouts.resource_seen(resource);
                }
                match list.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => page = ListParams::default().limit(PAGE_OF_DATA).continue_token(&token),
                    None => return,
                }
                continue;
            }
            Ok(Err(error)) => problem(&error),
            Err(_) => format!("no answer within {} s", TIME_LIMIT.as_secs()),
        };
        warn!(kind = %awaited, problem, "not listed after taking over, and restarts wait for that; trying again");
        page = ListParams::default().limit(PAGE_OF_DATA);
        tokio::time::sleep(PAUSE).await;
    }
}

/// The error may quote the Secret that could not be read.
fn problem(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.reason, status.code),
        kube::Error::SerdeError(_) => "the answer cannot be read".to_owned(),
        _ => "the API server cannot be reached".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_problem_has_its_reason_and_quotes_nothing() {
        let status = Status::failure("secrets \"db\" holds hunter2", "Forbidden").with_code(403);
        assert_eq!(problem(&kube::Error::Api(status.boxed())), "Forbidden (403)");
        let unreadable = serde_json::from_str::<bool>("\"hunter2\"").unwrap_err();
        assert_eq!(problem(&kube::Error::SerdeError(unreadable)), "the answer cannot be read");
    }
}
