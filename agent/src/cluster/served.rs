//! Which kinds of the group the cluster serves, in which version, and a client that speaks that version. Reads only.
//!
//! The rest of the agent knows v1 alone. Where a cluster serves only v1beta1 (an External Secrets Operator before 0.16),
//! the client asks for that instead: objects of both versions are the same but for the name of the version.

use http::Uri;
use http::uri::PathAndQuery;
use kube::client::{Body, ClientBuilder};
use rekey_core::resource::Version;
use tower::util::MapRequestLayer;

use super::error::{ClusterError, read};

/// What the cluster serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// The version in which it has ExternalSecrets.
    pub version: Version,
    /// Does it have ClusterExternalSecrets at all? ESO's chart can leave them out.
    pub cluster_external_secrets: bool,
}

impl Served {
    /// Asks. `None` while there are no ExternalSecrets.
    pub async fn discover(client: &kube::Client) -> Result<Option<Self>, ClusterError> {
        let groups = read("API groups", client.list_api_groups()).await?;
        let group = groups.groups.into_iter().find(|group| group.name == Version::GROUP);
        let versions: Vec<String> =
            group.into_iter().flat_map(|group| group.versions).map(|version| version.version).collect();
        let Some(version) = Version::of_served(versions.iter().map(String::as_str)) else { return Ok(None) };
        let api = version.api_version();
        let resources = read(format!("kinds of {api}"), client.list_api_group_resources(api)).await?.resources;
        let has = |plural: &str| resources.iter().any(|resource| resource.name == plural);
        let served = Self { version, cluster_external_secrets: has("clusterexternalsecrets") };
        Ok(has("externalsecrets").then_some(served))
    }

    /// Is it more than what an agent works with that was started for the other?
    #[must_use]
    pub fn outdates(self, other: Self) -> bool {
        self.version != other.version || self.cluster_external_secrets && !other.cluster_external_secrets
    }

    /// A client that asks for this version wherever it is told to ask for v1.
    pub fn client(self, config: kube::Config) -> kube::Result<kube::Client> {
        let version = self.version;
        let layer = MapRequestLayer::new(move |mut request: http::Request<Body>| {
            if let Some(uri) = translated(request.uri(), version) {
                *request.uri_mut() = uri;
            }
            request
        });
        Ok(ClientBuilder::try_from(config)?.with_layer(&layer).build())
    }
}

/// The same request in that version; `None` if it stays as it is.
fn translated(uri: &Uri, version: Version) -> Option<Uri> {
    const V1: &str = "/apis/external-secrets.io/v1/";
    let rest = uri.path_and_query()?.as_str().strip_prefix(V1).filter(|_| version != Version::V1)?;
    let mut parts = uri.clone().into_parts();
    let path = format!("/apis/{}/{rest}", version.api_version());
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_works_with_what_it_was_started_for() {
        let served = |version, cluster_external_secrets| Served { version, cluster_external_secrets };
        for (started_for, now, outdated) in [
            (served(Version::V1, true), served(Version::V1, true), false),
            (served(Version::V1beta1, true), served(Version::V1, true), true),
            (served(Version::V1, true), served(Version::V1beta1, true), true),
            (served(Version::V1, false), served(Version::V1, true), true),
            (served(Version::V1, true), served(Version::V1, false), false),
        ] {
            assert_eq!(now.outdates(started_for), outdated, "{now:?} after {started_for:?}");
        }
    }

    #[test]
    fn only_paths_of_the_group_change() {
        let path = |text: &str, version| translated(&text.parse().unwrap(), version).map(|uri| uri.to_string());
        let list = "https://k/apis/external-secrets.io/v1/externalsecrets?watch=true";
        let older = "https://k/apis/external-secrets.io/v1beta1/externalsecrets?watch=true";
        assert_eq!(path(list, Version::V1beta1).as_deref(), Some(older));
        assert_eq!(path(list, Version::V1), None);
        for other in [
            older,
            "https://k/api/v1/secrets",
            "/apis/apps/v1/deployments",
            "/apis/generators.external-secrets.io/v1/x",
        ] {
            assert_eq!(path(other, Version::V1beta1), None, "{other}");
        }
    }
}
