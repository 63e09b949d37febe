//! Every write to Kubernetes goes through a [`Writer`], and a writer asks its [`Gate`] first.
//!
//! What had passed the gate when the process froze is refused by the API server, for it carries a resourceVersion, or
//! creates what exists by then. The same holds after a machine was suspended, which the process's clock does not count:
//! until its next renewal, 2 s later, finds the lease taken.

use std::fmt;
use std::future::Future;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rekey_core::resource::Version;

use super::error::{Action, ClusterError, TIME_LIMIT, unguarded};
use super::precedence::Precedence;
use crate::gate::Gate;

/// A client whose writes pass a gate. All that writes to Kubernetes is made of one. The lease and the key of the rollout
/// hashes are not: they are there before any gate opens, and the API server decides their races.
#[derive(Clone)]
pub struct Writer {
    client: kube::Client,
    gate: Gate,
    version: Version,
    precedence: Precedence,
}

impl Writer {
    /// Writes as this client while this gate is open.
    #[must_use]
    pub fn new(client: kube::Client, gate: Gate) -> Self {
        Self { client, gate, version: Version::V1, precedence: Precedence::default() }
    }

    /// The same for a cluster that serves this version of `external-secrets.io`, as the client does.
    #[must_use]
    pub fn speaking(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// What its writes pass.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// The version that objects of the group, and references to them, have to name.
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Makes an object's owners name that version. The rest of the agent knows v1 alone.
    pub(super) fn sign(&self, metadata: &mut ObjectMeta) {
        for owner in metadata.owner_references.iter_mut().flatten() {
            if owner.api_version == Version::V1.api_version() {
                self.version.api_version().clone_into(&mut owner.api_version);
            }
        }
    }

    pub(super) fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Runs one call that writes, if the gate is open.
    pub(super) async fn write<T>(
        &self,
        action: Action,
        object: impl fmt::Display,
        future: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ClusterError> {
        if !self.gate.is_open() {
            return Err(ClusterError::NotLeader { action, object: object.to_string() });
        }
        let _under_way = self.precedence.begin();
        unguarded(TIME_LIMIT, action, object, future).await
    }

    /// The same for what people read, which lets what pods need go first.
    pub(super) async fn tell<T>(
        &self,
        action: Action,
        object: impl fmt::Display,
        future: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ClusterError> {
        self.precedence.quiet().await;
        if !self.gate.is_open() {
            return Err(ClusterError::NotLeader { action, object: object.to_string() });
        }
        unguarded(TIME_LIMIT, action, object, future).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_gate_stops_a_write_before_it_is_sent() {
        let client = kube::Client::try_from(kube::Config::new("http://127.0.0.1:9".parse().unwrap())).unwrap();
        let writer = Writer::new(client, Gate::closed());
        let mut sent = false;
        let write = async {
            sent = true;
            Ok(())
        };
        let error = writer.write(Action::Update, "secret shop/db", write).await.unwrap_err();
        assert!(!sent);
        assert!(error.is_transient() && error.is_not_leader(), "{error}");
    }

    #[test]
    fn nothing_but_the_lease_and_the_hash_key_is_written_past_a_gate() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster");
        let mut past: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file() && std::fs::read_to_string(path).unwrap().contains("unguarded("))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        past.sort();
        // `error` has it, and reads with it.
        assert_eq!(past, ["error", "hash_key", "lease", "writer"]);
    }
}
