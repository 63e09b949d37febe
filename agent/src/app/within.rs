//! Which of its namespaces the agent can work in: one that was deleted, or gave it no role yet, must not hold up the others.

use std::collections::BTreeSet;
use std::time::Duration;

use rekey_core::extent::Extent;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cluster::reachable::may_read;

/// A role that was made a moment ago may not count yet.
const PATIENCE: u32 = 5;
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// Time between two looks at namespaces that were left out.
pub(super) const AGAIN: Duration = Duration::from_secs(30);

/// The namespaces of `extent` that can be read, however long it takes until one can, and those that are left out.
pub(super) async fn readable(client: &kube::Client, extent: Extent, pause: Duration) -> (Extent, BTreeSet<String>) {
    if extent.is_whole() {
        return (extent, BTreeSet::new());
    }
    let (mut readable, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for attempt in 1.. {
        (readable, refused) = look(client, extent.namespaces()).await;
        let complete = readable.len() + refused.len() == extent.namespaces().len();
        if refused.is_empty() && complete || complete && !readable.is_empty() && attempt >= PATIENCE {
            break;
        }
        if attempt % PATIENCE == 0 {
            warn!(namespaces = ?refused, "no namespace can be read yet; each needs the chart's Role and its RoleBinding");
        }
        tokio::time::sleep(pause).await;
    }
    if !refused.is_empty() {
        warn!(
            namespaces = ?refused,
            "namespaces are left out: they are gone, or the agent may not read them; each needs the chart's Role and its RoleBinding"
        );
    }
    let extent = extent.only(readable).unwrap_or(extent);
    info!(namespaces = ?extent.namespaces().collect::<Vec<_>>(), "only these namespaces are looked at");
    (extent, refused)
}

/// Ends when a namespace that was left out can be read: the agent begins anew then, for nothing may be decided about a
/// namespace of which only a part is known.
pub(super) async fn readable_again(
    client: kube::Client,
    left_out: BTreeSet<String>,
    again: Duration,
    shutdown: CancellationToken,
) -> &'static str {
    while shutdown.run_until_cancelled(tokio::time::sleep(again)).await.is_some() {
        let (readable, _) = look(&client, left_out.iter().map(String::as_str)).await;
        if !readable.is_empty() {
            info!(namespaces = ?readable, "namespaces that were left out can be read now");
            break;
        }
    }
    "what was started without the namespaces that could not be read"
}

/// Those that can be read and those that may not be; of the others nothing is known.
async fn look<'a>(
    client: &kube::Client,
    namespaces: impl Iterator<Item = &'a str>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut readable, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for namespace in namespaces {
        match may_read(client, namespace).await {
            Ok(true) => readable.insert(namespace.to_owned()),
            Ok(false) => refused.insert(namespace.to_owned()),
            Err(error) => {
                warn!(%error, "not known whether the namespace can be read; trying again");
                break;
            }
        };
    }
    (readable, refused)
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, StatusCode};
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::Server;

    const QUICK: Duration = Duration::from_millis(10);

    fn server(namespaces: &[&str]) -> Server {
        let server = Server::default();
        for namespace in namespaces {
            server.add(
                &format!("/apis/external-secrets.io/v1/namespaces/{namespace}/externalsecrets"),
                json!({"metadata": {"name": "one", "namespace": namespace}}),
            );
        }
        server
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[tokio::test]
    async fn one_that_cannot_be_read_is_left_out_and_ends_the_agent_when_it_can() {
        let server = server(&["a", "b"]);
        let client = server.client().await;
        server.refuse(Method::GET, "/apis/external-secrets.io/v1/namespaces/b/", StatusCode::FORBIDDEN);
        let (extent, left_out) = readable(&client, Extent::default().only(set(&["a", "b"])).unwrap(), QUICK).await;
        assert_eq!((extent.namespaces().collect::<Vec<_>>(), &left_out), (vec!["a"], &set(&["b"])));
        let again = tokio::spawn(readable_again(client, left_out, QUICK, CancellationToken::new()));
        tokio::time::sleep(QUICK * 5).await;
        assert!(!again.is_finished());
        server.relent();
        again.await.unwrap();
    }

    #[tokio::test]
    async fn one_that_was_just_made_is_waited_for_and_none_is_not_enough() {
        let server = server(&["a"]);
        let client = server.client().await;
        server.refuse(Method::GET, "/apis/external-secrets.io/v1/namespaces/a/", StatusCode::FORBIDDEN);
        let waiting = tokio::spawn({
            let client = client.clone();
            async move { readable(&client, Extent::default().only(set(&["a"])).unwrap(), QUICK).await }
        });
        tokio::time::sleep(QUICK * 3 * PATIENCE).await;
        assert!(!waiting.is_finished(), "there is nothing to work in");
        server.relent();
        let (extent, left_out) = waiting.await.unwrap();
        assert!(extent.has("a") && left_out.is_empty());
        assert!(readable(&client, Extent::default(), QUICK).await.0.is_whole());
    }
}
