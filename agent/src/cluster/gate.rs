//! Who may write: every write to Kubernetes goes through a [`Writer`], and a writer asks its [`Gate`] first.
//!
//! With leader election the gate is open until the lease's deadline, which each renewal moves. A process that was frozen
//! past it finds the gate closed before it writes anything. What had passed the gate when the process froze is refused by
//! the API server, for it carries a resourceVersion, or creates what exists by then. The same holds after a machine was
//! suspended, which the process's clock does not count: until its next renewal, 2 s later, finds the lease taken.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::error::{Action, ClusterError, TIME_LIMIT, unguarded};

/// May this process write? Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Open until then; without a lock it is always open.
    until: Option<Arc<Mutex<Option<Instant>>>>,
}

impl Gate {
    /// For an agent that is the only one: it is always open.
    #[must_use]
    pub fn open() -> Self {
        Self { until: None }
    }

    /// For one of several: closed until the first [`Gate::open_until`].
    #[must_use]
    pub fn closed() -> Self {
        Self { until: Some(Arc::default()) }
    }

    /// Is it open at this moment?
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.until.as_ref().is_none_or(|until| lock(until).is_some_and(|until| Instant::now() < until))
    }

    /// Opens it until a moment; the holder of the lease alone does that.
    pub fn open_until(&self, deadline: Instant) {
        if let Some(until) = &self.until {
            *lock(until) = Some(deadline);
        }
    }

    /// Closes it at once.
    pub fn close(&self) {
        if let Some(until) = &self.until {
            *lock(until) = None;
        }
    }
}

fn lock(until: &Mutex<Option<Instant>>) -> MutexGuard<'_, Option<Instant>> {
    until.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client whose writes pass a gate. All that writes to Kubernetes is made of one. The lease and the key of the rollout
/// hashes are not: they are there before any gate opens, and the API server decides their races.
#[derive(Clone)]
pub struct Writer {
    client: kube::Client,
    gate: Gate,
}

impl Writer {
    /// Writes as this client while this gate is open.
    #[must_use]
    pub fn new(client: kube::Client, gate: Gate) -> Self {
        Self { client, gate }
    }

    /// What its writes pass.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.gate.clone()
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
        unguarded(TIME_LIMIT, action, object, future).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_is_open_until_its_deadline_and_for_all_its_clones() {
        let (gate, now) = (Gate::closed(), Instant::now());
        let clone = gate.clone();
        assert!(!clone.is_open(), "nobody has the lease yet");
        gate.open_until(now + Duration::from_mins(1));
        assert!(clone.is_open());
        gate.open_until(now);
        assert!(!clone.is_open(), "its time has come");
        gate.open_until(now + Duration::from_mins(1));
        gate.close();
        assert!(!clone.is_open());
        assert!(Gate::open().is_open());
    }

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
        assert_eq!(past, ["error", "gate", "hash_key", "lease"]);
    }
}
