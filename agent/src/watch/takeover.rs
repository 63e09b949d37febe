//! The last look before an instance that takes over decides about restarts.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::ListParams;
use tokio::time::timeout;
use tracing::warn;

use crate::rollout::Rollouts;

const PAGE: u32 = 500;
/// A page has to be there by then.
const TIME_LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);

/// Looks at every Secret as it is at this moment. The watches do not keep pace with each other: an instance that takes
/// over may see workloads as the last leader restarted them, and Secrets as they were before that, and would restart
/// them for what they have.
pub async fn look_at_secrets(client: &kube::Client, rollouts: &Rollouts) {
    let secrets: Api<Secret> = Api::all(client.clone());
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let problem = match timeout(TIME_LIMIT, secrets.list(&page)).await {
            Ok(Ok(list)) => {
                for secret in &list.items {
                    rollouts.resource_seen(secret);
                }
                match list.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => page = ListParams::default().limit(PAGE).continue_token(&token),
                    None => return,
                }
                continue;
            }
            Ok(Err(error)) => problem(&error),
            Err(_) => format!("no answer within {} s", TIME_LIMIT.as_secs()),
        };
        warn!(problem, "secrets not listed after taking over, restarts wait for that; trying again");
        page = ListParams::default().limit(PAGE);
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
