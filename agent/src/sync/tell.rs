//! What a sync tells people: log lines, and Events. Events are published on the side: nobody waits for them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rekey_core::ledger::Applied;
use rekey_core::object::ObjectKey;
use rekey_core::report;
use rekey_core::wanted::Token;
use tracing::{info, warn};

use super::{Syncer, reference};
use crate::state::Task;

/// Added to the condition of an object that has two controllers.
pub(super) const SECOND_CONTROLLER: &str = "another controller refreshes this object, too; stop one of the two";

impl Syncer {
    /// Says once of each source that it is gone for good.
    pub(super) fn tell_missing(&self, task: &Task, tokens: &BTreeMap<String, Token>) {
        let known = |source: &String| match &task.applied {
            Applied::Tokens(applied) => applied.get(source).is_some_and(Token::is_absent),
            Applied::Nothing | Applied::AsOf(_) => false,
        };
        // A search without a match misses nothing in particular.
        let named = task.requests.iter().flat_map(|all| all.iter()).filter(|request| !request.wanted.is_search());
        let named: BTreeSet<String> = named.map(|request| request.wanted.to_string()).collect();
        for source in
            named.into_iter().filter(|source| tokens.get(source).is_some_and(Token::is_absent) && !known(source))
        {
            let policy = task.resource.spec.target.deletion_policy;
            warn!(externalsecret = %task.key, source, ?policy, "source is gone; the deletion policy takes its keys from the target");
            let note = format!(
                "secret does not exist at provider: {source}; deletionPolicy {policy:?} takes its keys from the target"
            );
            self.announce(task, "MissingProviderSecret", note);
        }
    }

    /// Log line and Events of a write.
    pub(super) fn announce_write(
        &self,
        task: &Task,
        tokens: &BTreeMap<String, Token>,
        reason: &'static str,
        adopted: bool,
    ) {
        for (source, token) in tokens {
            info!(externalsecret = %task.key, target = %task.target, source, %token, reason, "secret written");
        }
        if adopted {
            let (events, about) = (self.events.clone(), reference(&task.resource));
            let policy = task.order().policy;
            let note = format!(
                "Secret {} existed without an owner; creationPolicy {policy:?} replaced its data",
                task.target.name
            );
            tokio::spawn(async move { events.warning(&about, "Adopted", "Sync", note).await });
        }
        self.announce(task, reason, format!("secret {}", reason.to_lowercase()));
    }

    pub(super) fn announce_deletion(&self, task: &Task, note: &'static str) {
        self.announce(task, "Deleted", note.to_owned());
    }

    /// Says once for each edit of the object which of its sync windows never open.
    pub(super) fn tell_odd_windows(&self, task: &Task) {
        if task.odd_windows.is_empty() || report::is_spec_synced(&task.resource) {
            return;
        }
        let problems = task.odd_windows.join("; ");
        warn!(externalsecret = %task.key, problems, "sync window cannot be read and never opens");
        let (events, about) = (self.events.clone(), reference(&task.resource));
        let note = format!("{problems}; this window never opens");
        tokio::spawn(async move { events.warning(&about, "InvalidSyncWindow", "Sync", note).await });
    }

    /// Says once that another controller refreshes the object, too: an Event, and a word in the condition. Neither is
    /// written again when the other one overwrites it.
    pub(super) async fn tell_of_second_controller(&self, key: &ObjectKey, now: Timestamp) {
        let news = self
            .state
            .with_object(key, |object| object.others.contest_status_anew(now).then(|| object.resource.clone()));
        let Some(resource) = news.flatten() else { return };
        warn!(externalsecret = %key, "another controller refreshes this object, too; stop one of the two");
        let (events, about) = (self.events.clone(), reference(&resource));
        tokio::spawn(async move {
            events.warning(&about, "SecondController", "Sync", SECOND_CONTROLLER.to_owned()).await;
        });
        let old = resource.status.as_ref();
        let Some(status) = old.and_then(|old| report::with_note(old, Some(SECOND_CONTROLLER), now)) else { return };
        match self.statuses.external_secret(&resource.metadata, old, &status).await {
            Ok(version) => {
                self.state.with_object(key, |object| object.status_written(status, version));
            }
            Err(error) => info!(externalsecret = %key, %error, "condition not written"),
        }
    }

    fn announce(&self, task: &Task, reason: &'static str, note: String) {
        let (events, about) = (self.events.clone(), reference(&task.resource));
        tokio::spawn(async move { events.normal(&about, reason, "Sync", note).await });
    }
}
