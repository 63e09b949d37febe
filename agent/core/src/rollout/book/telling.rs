//! What there is to tell people, once each.

use jiff::Timestamp;

use super::{Book, Entry};
use crate::rollout::follow::News;
use crate::rollout::mistake::Mistake;
use crate::rollout::workload::WorkloadKey;

/// A workload in whose annotations something stands that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// The workload.
    pub workload: WorkloadKey,
    /// Its uid.
    pub uid: String,
    /// What stands there.
    pub mistakes: Vec<Mistake>,
}

impl Book {
    /// What there is to tell of restarts that were carried out.
    pub fn news(&mut self, now: Timestamp) -> Vec<News> {
        let mut news = Vec::new();
        if !self.complete {
            return news;
        }
        self.followed.ripen(now);
        while let Some(key) = self.followed.pop() {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let look = entry.follow.look(&entry.workload, now);
            news.extend(look.news);
            self.wake_for_hooks(&key);
            if let Some(again) = look.again {
                self.followed.at(key, again);
            }
        }
        news
    }

    /// What cannot be understood and was not told yet.
    pub fn mistakes(&mut self) -> Vec<Misread> {
        if !self.complete {
            return Vec::new();
        }
        let misread = std::mem::take(&mut self.misread).into_iter().filter_map(|key| {
            let Entry { workload, crowded, .. } = self.entries.get(&key)?;
            let mut mistakes = workload.mistakes();
            mistakes.extend(crowded.then_some(Mistake::Crowd));
            (!mistakes.is_empty()).then(|| Misread { uid: workload.uid.clone(), workload: key, mistakes })
        });
        misread.collect()
    }
}
