//! Which messages are held, and until when each is hidden from others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::queue::VISIBILITY;

/// While so many are held, no more are received: all that are held can be extended in time, and those that wait in the
/// queue are not counted as received.
const MOST: usize = 2000;
/// How much of their hiding must be left.
const EXTEND_BELOW: Duration = Duration::from_secs(15);

/// Messages that are being worked on, by receipt. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Holding(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Each with the time until which it is hidden.
    held: Mutex<HashMap<String, Instant>>,
    /// One is held no more.
    removed: Notify,
}

impl Holding {
    /// A message that was received at `received` is being worked on.
    pub fn add(&self, receipt: String, received: Instant) {
        self.lock().insert(receipt, received + VISIBILITY);
    }

    /// It is not any more.
    pub(super) fn remove(&self, receipt: &str) {
        self.lock().remove(receipt);
        self.0.removed.notify_one();
    }

    /// Returns when more may be received. One at a time may wait for that.
    pub(super) async fn room(&self) {
        while self.lock().len() >= MOST {
            self.0.removed.notified().await;
        }
    }

    /// Those whose hiding ends soon.
    pub(super) fn to_extend(&self, now: Instant) -> Vec<String> {
        let held = self.lock();
        let soon = held.iter().filter(|(_, until)| **until < now + EXTEND_BELOW);
        soon.map(|(receipt, _)| receipt.clone()).collect()
    }

    /// The queue hides it until then.
    pub(super) fn extended(&self, receipt: &str, until: Instant) {
        if let Some(held) = self.lock().get_mut(receipt) {
            *held = until;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn a_held_message_is_extended_before_it_shows_up_again_and_until_that_succeeds() {
        let (holding, start) = (Holding::default(), Instant::now());
        holding.add("a".to_owned(), start);
        assert!(holding.to_extend(start + Duration::from_secs(14)).is_empty());
        assert_eq!(holding.to_extend(start + Duration::from_secs(16)), ["a"]);
        assert_eq!(holding.to_extend(start + Duration::from_secs(21)), ["a"], "the queue has not said that it did it");
        holding.extended("a", start + Duration::from_secs(51));
        assert!(holding.to_extend(start + Duration::from_secs(21)).is_empty(), "it was just extended");
        holding.remove("a");
        holding.extended("a", start);
        assert!(holding.to_extend(start + Duration::from_mins(1)).is_empty());
    }

    #[tokio::test]
    async fn there_is_room_again_when_one_of_too_many_is_done() {
        let holding = Holding::default();
        let there_is_room = async || timeout(Duration::from_millis(50), holding.room()).await.is_ok();
        (1..MOST).for_each(|n| holding.add(n.to_string(), Instant::now()));
        assert!(there_is_room().await);
        holding.add("last".to_owned(), Instant::now());
        assert!(!there_is_room().await);
        let waiting = tokio::spawn({
            let holding = holding.clone();
            async move { holding.room().await }
        });
        tokio::task::yield_now().await;
        holding.remove("last");
        timeout(Duration::from_secs(5), waiting).await.expect("it still waits").unwrap();
    }
}
