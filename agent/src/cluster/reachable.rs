//! Which namespaces the agent may read. Reads only.

use kube::api::{Api, ListParams};
use rekey_core::resource::ExternalSecret;

use super::error::{ClusterError, read};

/// May the agent list the ExternalSecrets of this namespace? Whoever lets it do that lets it do the rest; of a namespace that
/// is gone the roles are gone too.
pub async fn may_read(client: &kube::Client, namespace: &str) -> Result<bool, ClusterError> {
    let api: Api<ExternalSecret> = Api::namespaced(client.clone(), namespace);
    match read(format!("externalsecrets of {namespace}"), api.list_metadata(&ListParams::default().limit(1))).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_forbidden() => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, StatusCode};
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::Server;

    #[tokio::test]
    async fn a_refusal_is_an_answer_and_a_failure_is_none() {
        let (server, collection) =
            (Server::default(), |namespace: &str| format!("/apis/external-secrets.io/v1/namespaces/{namespace}/"));
        for namespace in ["a", "b", "c"] {
            let object = json!({"metadata": {"name": "one", "namespace": namespace}});
            server.add(&format!("{}externalsecrets", collection(namespace)), object);
        }
        server.refuse(Method::GET, &collection("b"), StatusCode::FORBIDDEN);
        server.refuse(Method::GET, &collection("c"), StatusCode::INTERNAL_SERVER_ERROR);
        let client = server.client().await;
        assert!(may_read(&client, "a").await.unwrap());
        assert!(!may_read(&client, "b").await.unwrap());
        assert!(may_read(&client, "c").await.is_err());
    }
}
