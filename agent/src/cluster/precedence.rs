//! Who goes first where both want the API server: what pods need, before what people read.
//!
//! Conditions and Events cost the API server more than a target does. Written at once, those of one rotation delay its restarts,
//! and those of a thousand the targets that are still to come.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// So long nothing that pods need is to be written before people are told. A restart follows its target in less.
const QUIET: Duration = Duration::from_millis(5);
/// People are told after this long in any case: while changes never end, that leaves room for a hundred Events and conditions a
/// second.
const PATIENCE: Duration = Duration::from_millis(100);

/// See the module's head. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Precedence(watch::Sender<Urgent>);

/// Writes that pods need.
#[derive(Clone, Copy, Debug, Default)]
struct Urgent {
    under_way: usize,
    /// When the last one ended.
    ended: Option<Instant>,
}

/// One of them, while it is under way.
pub(super) struct UnderWay<'a>(&'a Precedence);

impl Precedence {
    /// Something begins that pods need.
    pub fn begin(&self) -> UnderWay<'_> {
        self.0.send_modify(|urgent| urgent.under_way += 1);
        UnderWay(self)
    }

    /// Returns when people may be told.
    pub async fn quiet(&self) {
        let mut urgent = self.0.subscribe();
        let quiet = async {
            loop {
                let Urgent { under_way, ended } = *urgent.borrow_and_update();
                let pause = async {
                    match ended {
                        _ if under_way > 0 => std::future::pending().await,
                        Some(ended) => sleep_until(ended + QUIET).await,
                        None => {}
                    }
                };
                tokio::select! {
                    biased;
                    // The sender is ours, so there is no error.
                    _ = urgent.changed() => {}
                    () = pause => return,
                }
            }
        };
        tokio::select! {
            () = quiet => {}
            () = sleep(PATIENCE) => {}
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|urgent| {
            urgent.under_way -= 1;
            urgent.ended = Some(Instant::now());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn people_are_told_at_once_or_when_it_is_quiet_or_when_it_takes_too_long() {
        let (precedence, start) = (Precedence::default(), Instant::now());
        precedence.quiet().await;
        assert!(start.elapsed() < QUIET, "nothing was ever written");
        let target = precedence.begin();
        let then = async {
            sleep(Duration::from_millis(20)).await;
            drop(target);
            let restart = precedence.begin();
            sleep(Duration::from_millis(20)).await;
            drop(restart);
        };
        let told = async {
            precedence.quiet().await;
            start.elapsed()
        };
        let ((), told) = tokio::join!(then, told);
        assert!(told >= Duration::from_millis(40) + QUIET && told < PATIENCE, "{told:?}: the target, and its restart");
        let (_hangs, start) = (precedence.begin(), Instant::now());
        precedence.quiet().await;
        assert!(start.elapsed() >= PATIENCE);
    }
}
