//! One watch: list, follow, and after a break find out what disappeared meanwhile.

use std::collections::HashSet;
use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff as Pacing;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Resource, ResourceExt};
use rand::RngExt;
use rekey_core::backoff::Backoff;
use rekey_core::object::ObjectKey;
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::lists::{Awaited, Lists};
use super::part::Part;

/// What a watch shows.
pub enum Seen<K> {
    /// The object is there, as given.
    There(K),
    /// The object is gone. Cluster-wide kinds have an empty namespace.
    Gone(ObjectKey),
}

/// Whether a cluster has a kind at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Every cluster does, or the agent would not watch it.
    Certain,
    /// Its CRD may be absent, may come, and may go. While it is absent there are no objects.
    Uncertain,
}

/// Follows every part of a kind. The first lists are made one after the other, because a page of each is held meanwhile.
/// Returns when the first part ends.
pub async fn follow_all<K>(
    parts: Vec<Part<K>>,
    presence: Presence,
    handle: impl Fn(Seen<K>),
    lists: Lists,
    shutdown: CancellationToken,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    K::DynamicType: Default,
{
    let mut before: Option<Awaited> = None;
    let each = parts.into_iter().map(|part| {
        let (before, handle, lists, shutdown) =
            (before.replace(part.awaited.clone()), &handle, lists.clone(), shutdown.clone());
        async move {
            if let Some(before) = before {
                let _ = shutdown.run_until_cancelled(lists.one_shown(&before)).await;
            }
            follow(part, presence, handle, lists, shutdown).await;
        }
    });
    each.collect::<FuturesUnordered<_>>().next().await;
}

/// Follows one part of a kind. `lists` is told when the first list is in, or when it is known that there is none.
pub async fn follow<K>(
    Part { api, config, awaited }: Part<K>,
    presence: Presence,
    mut handle: impl FnMut(Seen<K>),
    lists: Lists,
    shutdown: CancellationToken,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    K::DynamicType: Default,
{
    let (kind, namespace) = (awaited.kind, awaited.namespace.as_deref());
    let begin = || watcher(api.clone(), config.clone()).backoff(Pauses(0)).boxed();
    let mut stream = begin();
    let mut known: HashSet<ObjectKey> = HashSet::new();
    let mut listed: HashSet<ObjectKey> = HashSet::new();
    let mut absent = false;
    loop {
        let event = tokio::select! {
            () = shutdown.cancelled() => return,
            event = stream.next() => event,
        };
        match event {
            None => return,
            Some(Err(error)) if presence == Presence::Uncertain && is_absent(&error) => {
                if !std::mem::replace(&mut absent, true) {
                    info!(kind, namespace, "the cluster has no such kind; it is watched as soon as it has");
                }
                for gone in known.drain() {
                    handle(Seen::Gone(gone));
                }
                lists.shown(&awaited);
                if matches!(error, watcher::Error::WatchStartFailed(_)) {
                    // It would go on from where it was, and never show again what has just been forgotten.
                    let _ = shutdown.run_until_cancelled(sleep(Pauses::first())).await;
                    stream = begin();
                }
            }
            // The error may quote the object that could not be read, and that may be a Secret.
            Some(Err(error)) => {
                warn!(kind, namespace, problem = problem(&error), "watch interrupted; it will be resumed");
            }
            Some(Ok(Event::Init)) => listed.clear(),
            Some(Ok(Event::InitApply(object))) => {
                listed.insert(key_of(&object));
                handle(Seen::There(object));
            }
            Some(Ok(Event::InitDone)) => {
                for gone in known.difference(&listed) {
                    handle(Seen::Gone(gone.clone()));
                }
                known = std::mem::take(&mut listed);
                if std::mem::take(&mut absent) {
                    info!(kind, namespace, "the cluster has this kind now; it is watched");
                }
                lists.shown(&awaited);
            }
            Some(Ok(Event::Apply(object))) => {
                known.insert(key_of(&object));
                handle(Seen::There(object));
            }
            Some(Ok(Event::Delete(object))) => {
                let key = key_of(&object);
                known.remove(&key);
                handle(Seen::Gone(key));
            }
        }
    }
}

/// The pauses before a broken watch is resumed. A watch that shows something begins anew.
struct Pauses(u32);

impl Pauses {
    fn first() -> Duration {
        Self(0).next().unwrap_or_default()
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0 = self.0.saturating_add(1);
        Some(Backoff::WATCH.wait(self.0, rand::rng().random_range(0.0..=1.0)))
    }
}

impl Pacing for Pauses {
    fn reset(&mut self) {
        self.0 = 0;
    }
}

fn key_of(object: &impl Resource) -> ObjectKey {
    ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any())
}

fn is_absent(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 404,
        _ => false,
    }
}

fn problem(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => {
            format!("{} ({}): {}", status.reason, status.code, status.message)
        }
        watcher::Error::WatchError(status) => format!("{} ({})", status.reason, status.code),
        watcher::Error::InitialListFailed(_) => "the list failed".to_owned(),
        watcher::Error::WatchStartFailed(_) => "the watch did not start".to_owned(),
        watcher::Error::WatchFailed(_) => "the connection broke".to_owned(),
        watcher::Error::NoResourceVersion => "the list has no resourceVersion".to_owned(),
    }
}

#[cfg(test)]
mod tests;
