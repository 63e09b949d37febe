//! Tells things on the side: nobody waits for it. What concerns one workload is told in its order.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use rekey_core::rollout::workload::WorkloadKey;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long the end of the agent waits for what is still to be told.
const LAST: Duration = Duration::from_secs(3);

/// What is being told, the last of each workload.
#[derive(Default)]
pub(super) struct Aside(Mutex<HashMap<WorkloadKey, JoinHandle<()>>>);

impl Aside {
    /// Tells this when all before it is told.
    pub fn tell(&self, about: &WorkloadKey, telling: impl Future<Output = ()> + Send + 'static) {
        let mut last = self.lock();
        last.retain(|_, task| !task.is_finished());
        let before = last.remove(about);
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                // If that ended in a panic, it has ended.
                let _ = before.await;
            }
            telling.await;
        });
        last.insert(about.clone(), task);
    }

    /// Waits until all is told, though not for ever.
    pub async fn finish(&self) {
        let tasks: Vec<_> = self.lock().drain().map(|(_, task)| task).collect();
        // Events are not worth more, and alerts have their own end.
        let _ = timeout(LAST, join_all(tasks)).await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WorkloadKey, JoinHandle<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rekey_core::object::ObjectKey;
    use rekey_core::rollout::workload::WorkloadKind;

    use super::*;

    #[tokio::test]
    async fn one_workload_is_told_of_in_order_and_another_does_not_wait() {
        let key = |name| WorkloadKey { kind: WorkloadKind::Deployment, object: ObjectKey::new("shop", name) };
        let (aside, told) = (Aside::default(), Arc::new(Mutex::new(Vec::new())));
        let say = |what: &'static str, after: u64| {
            let told = Arc::clone(&told);
            async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                told.lock().unwrap().push(what);
            }
        };
        aside.tell(&key("api"), say("restarted", 100));
        aside.tell(&key("api"), say("live", 0));
        aside.tell(&key("web"), say("other", 0));
        aside.finish().await;
        assert_eq!(*told.lock().unwrap(), ["other", "restarted", "live"]);
    }
}
