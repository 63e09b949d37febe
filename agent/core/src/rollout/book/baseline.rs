//! Which workloads lack a record of a Secret that is about to be written.

use jiff::Timestamp;

use super::Book;
use crate::object::ObjectKey;
use crate::rollout::resource::ResourceKey;
use crate::rollout::workload::WorkloadKey;

/// The workloads whose state lacks a Secret that is about to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unrecorded {
    /// Those that will be written shortly.
    pub waiting: Vec<WorkloadKey>,
    /// Those whose last write failed.
    pub failing: Vec<WorkloadKey>,
}

impl Book {
    /// The workloads that a change of this Secret would restart and whose state does not know it yet. They are made due.
    pub fn unrecorded(&mut self, target: &ObjectKey, now: Timestamp) -> Unrecorded {
        let target = ResourceKey::secret(target.clone());
        let name = target.local();
        let mut unrecorded = Unrecorded::default();
        let Some(flags) = self.resources.flags(&target) else { return unrecorded };
        for key in self.interest.workloads(&target, &self.entries) {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let workload = &entry.workload;
            let asked = workload.container_for(&name, flags).is_some();
            let ever = self.reach.has_namespace(&key.object.namespace) && !workload.has_ended(self.options.batch);
            let no_room = entry.crowded && entry.memory.applied().contains_key(&name);
            if !asked || !ever || no_room || workload.recorded().contains_key(&name) || entry.memory.rewrite_waits(now)
            {
                continue;
            }
            entry.memory.hurry();
            if entry.failures > 0 {
                unrecorded.failing.push(key);
            } else {
                self.queue.push(key.clone());
                unrecorded.waiting.push(key);
            }
        }
        unrecorded
    }
}
