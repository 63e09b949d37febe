//! May this process act for all? The leader opens the gate; every write to Kubernetes and every verdict on a message asks
//! it first.
//!
//! With leader election the gate is open until the lease's deadline, which each renewal moves. A process that was frozen
//! past it finds the gate closed before it does anything. The gate knows neither the lease nor what passes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

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
}
