//! Who holds the places of writes. A namespace whose writes hang for long must leave places to the others, however many
//! workloads it has.

use std::collections::HashMap;

use super::Write;

/// The writes that are under way in each namespace: those that failed before have places of their own.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<(String, bool), usize>);

impl Places {
    /// Whether a namespace may take one of the places that are free: it may have as many as it leaves. So one alone has half of
    /// them at most, two have a third each, and there is always one left for another.
    pub fn has_one_for(&self, namespace: &str, retrying: bool, free: usize) -> bool {
        self.0.get(&(namespace.to_owned(), retrying)).copied().unwrap_or_default() < free
    }

    /// This write begins.
    pub fn take(&mut self, write: &Write) {
        *self.0.entry(place(write)).or_default() += 1;
    }

    /// It has ended.
    pub fn give_back(&mut self, write: &Write) {
        let place = place(write);
        if let Some(held) = self.0.get_mut(&place) {
            *held -= 1;
            if *held == 0 {
                self.0.remove(&place);
            }
        }
    }
}

fn place(write: &Write) -> (String, bool) {
    (write.workload.object.namespace.clone(), write.retrying)
}
