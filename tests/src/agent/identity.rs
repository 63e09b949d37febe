//! What the webhooks of EKS put into a pod so that the SDK in it becomes its ServiceAccount's role: a token file, and the
//! variables that lead to it. Unlike a kubelet, nothing here renews the token; it outlives any test.

use std::path::Path;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;

use crate::cache::write_private;
use crate::stack::Stack;

const ROLE: &str = "eks.amazonaws.com/role-arn";

/// The variables for a pod of this ServiceAccount. `pod_identity` is where the agent of EKS Pod Identity listens, if the
/// account has an association; otherwise its annotation counts (IRSA).
pub(super) async fn variables(
    stack: &Stack,
    namespace: &str,
    account: &str,
    pod_identity: Option<&str>,
    token_file: &Path,
) -> Result<Vec<(&'static str, String)>> {
    let accounts: Api<ServiceAccount> = Api::namespaced(stack.kubernetes.client().await?, namespace);
    let found =
        accounts.get(account).await.with_context(|| format!("read the ServiceAccount {namespace}/{account}"))?;
    let role = found.metadata.annotations.and_then(|mut annotations| annotations.remove(ROLE));
    let file = token_file.display().to_string();
    let (audience, variables) = match (pod_identity, role) {
        (Some(url), _) => (
            "pods.eks.amazonaws.com",
            vec![
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.to_owned()),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file),
            ],
        ),
        (None, Some(role)) => (
            "sts.amazonaws.com",
            vec![
                ("AWS_ROLE_ARN", role),
                ("AWS_WEB_IDENTITY_TOKEN_FILE", file),
                ("AWS_STS_REGIONAL_ENDPOINTS", "regional".to_owned()),
            ],
        ),
        (None, None) => return Ok(Vec::new()),
    };
    write_private(token_file, &stack.kubernetes.service_account_token(namespace, account, &[audience]).await?)?;
    Ok(variables)
}
