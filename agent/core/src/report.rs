//! The status of an ExternalSecret: what it proves when it is read, and what it says when it is written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use crate::hash;
use crate::ledger::Applied;
use crate::resource::status::Binding;
use crate::resource::{Condition, ExternalSecret, ExternalSecretStatus, SourceVersions};
use crate::wanted::Token;

/// The condition type that ESO writes and `kubectl get` shows.
pub const READY: &str = "Ready";

/// `status.syncedResourceVersion` for the object as it is: its generation, and a hash of its labels and annotations.
#[must_use]
pub fn synced_resource_version(object: &ExternalSecret) -> String {
    object_version(&object.metadata)
}

/// What a status is about: the generation, and a hash of labels and annotations. It moves when somebody edits the object,
/// and not when its status is written.
#[must_use]
pub fn object_version(metadata: &ObjectMeta) -> String {
    let empty = BTreeMap::new();
    format!(
        "{}-{}",
        metadata.generation.unwrap_or_default(),
        hash::metadata(metadata.labels.as_ref().unwrap_or(&empty), metadata.annotations.as_ref().unwrap_or(&empty))
    )
}

/// Is the status that of the object as it is now?
#[must_use]
pub fn is_spec_synced(object: &ExternalSecret) -> bool {
    object.status.as_ref().and_then(|status| status.synced_resource_version.as_ref())
        == Some(&synced_resource_version(object))
}

/// What a status proves about the target. Tokens count only beside the refreshTime that they were written with: after
/// a refresh by another controller they are history.
#[must_use]
pub fn applied(status: Option<&ExternalSecretStatus>) -> Applied {
    let Some(status) = status.filter(|status| status.synced_resource_version.is_some()) else {
        return Applied::Nothing;
    };
    let Some(refreshed) = &status.refresh_time else { return Applied::Nothing };
    match &status.source_versions {
        Some(versions) if versions.refresh_time == rfc3339(refreshed.0) => Applied::Tokens(
            versions.tokens.iter().map(|(key, token)| (key.clone(), Token::from_stored(token))).collect(),
        ),
        _ => Applied::AsOf(refreshed.0),
    }
}

/// What a refresh that succeeded did; the texts of the condition are ESO's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The target is as asked for.
    Synced,
    /// The sources yield no key, and the target was kept.
    Retained,
    /// The sources yield no key, and the target was deleted.
    Deleted,
}

impl Refreshed {
    /// Reason and message of the condition.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Refreshed::Synced => ("SecretSynced", "secret synced"),
            Refreshed::Retained => ("SecretSynced", "secret retained due to DeletionPolicy=Retain"),
            Refreshed::Deleted => ("SecretDeleted", "secret deleted due to DeletionPolicy=Delete"),
        }
    }
}

/// The status after a refresh that succeeded.
#[must_use]
pub fn synced(
    old: Option<&ExternalSecretStatus>,
    what: Refreshed,
    object_version: String,
    target: &str,
    tokens: &BTreeMap<String, Token>,
    started: Timestamp,
    now: Timestamp,
) -> ExternalSecretStatus {
    let (reason, message) = what.texts();
    ExternalSecretStatus {
        refresh_time: Some(Time(started)),
        synced_resource_version: Some(object_version),
        conditions: vec![ready(old, true, reason, message.to_owned(), now)],
        binding: Some(Binding { name: target.to_owned() }),
        source_versions: Some(SourceVersions {
            refresh_time: rfc3339(started),
            tokens: tokens.iter().map(|(key, token)| (key.clone(), token.to_string())).collect(),
        }),
    }
}

/// Does a status say that the sources yielded no key, so that the target was deleted, or left as it was?
#[must_use]
pub fn yielded_nothing(status: Option<&ExternalSecretStatus>) -> bool {
    let said = |what: Refreshed| {
        let (reason, message) = what.texts();
        ready_condition(status).is_some_and(|ready| {
            ready.status == "True"
                && ready.reason.as_deref() == Some(reason)
                && ready.message.as_deref() == Some(message)
        })
    };
    said(Refreshed::Deleted) || said(Refreshed::Retained)
}

/// The status after a failure: what was applied before stays true. `None` if it says so already.
#[must_use]
pub fn failed(old: Option<&ExternalSecretStatus>, message: String, now: Timestamp) -> Option<ExternalSecretStatus> {
    let condition = ready(old, false, "SecretSyncedError", message, now);
    let same = |known: &Condition| known.message == condition.message && known.status == condition.status;
    if ready_condition(old).is_some_and(same) {
        return None;
    }
    Some(ExternalSecretStatus { conditions: vec![condition], ..old.cloned().unwrap_or_default() })
}

/// The Ready condition of a status.
#[must_use]
pub fn ready_condition(status: Option<&ExternalSecretStatus>) -> Option<&Condition> {
    status?.conditions.iter().find(|condition| condition.type_ == READY)
}

fn ready(old: Option<&ExternalSecretStatus>, ok: bool, reason: &str, message: String, now: Timestamp) -> Condition {
    condition(ready_condition(old), ok, reason, message, now)
}

/// A Ready condition whose transition time moves only when its status does.
#[must_use]
pub fn condition(old: Option<&Condition>, ok: bool, reason: &str, message: String, now: Timestamp) -> Condition {
    let status = if ok { "True" } else { "False" };
    let since = old.filter(|known| known.status == status).and_then(|known| known.last_transition_time.clone());
    Condition {
        type_: READY.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: Some(since.unwrap_or(Time(now))),
    }
}

/// A time as the API server stores it: whole seconds, UTC.
fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_123 + second * 1000).expect("in range")
    }

    fn tokens() -> BTreeMap<String, Token> {
        [("SecretsManager/eu-west-1/db#AWSCURRENT".to_owned(), Token::from_stored("arn#v1"))].into()
    }

    fn through_the_api(status: &ExternalSecretStatus) -> ExternalSecretStatus {
        let json = serde_json::to_string(status).expect("a status");
        serde_json::from_str(&json).expect("a status")
    }

    #[test]
    fn what_was_written_is_believed_when_it_is_read_back() {
        let status = synced(None, Refreshed::Synced, "1-x".to_owned(), "db", &tokens(), at(0), at(1));
        assert_eq!(applied(Some(&through_the_api(&status))), Applied::Tokens(tokens()));
    }

    #[test]
    fn tokens_are_not_believed_after_another_controllers_refresh() {
        let mut status = synced(None, Refreshed::Synced, "1-x".to_owned(), "db", &tokens(), at(0), at(1));
        status.refresh_time = Some(Time(at(60)));
        assert_eq!(applied(Some(&status)), Applied::AsOf(at(60)));
        status.source_versions = None;
        assert_eq!(applied(Some(&status)), Applied::AsOf(at(60)));
        assert_eq!(applied(None), Applied::Nothing);
    }

    #[test]
    fn a_failure_keeps_what_was_applied_and_is_written_once() {
        let good = synced(None, Refreshed::Synced, "1-x".to_owned(), "db", &tokens(), at(0), at(1));
        let bad = failed(Some(&good), "could not get secret data from provider".to_owned(), at(5)).expect("a change");
        assert_eq!((bad.refresh_time.clone(), bad.source_versions.clone()), (good.refresh_time, good.source_versions));
        assert_eq!(bad.conditions[0].last_transition_time, Some(Time(at(5))));
        assert_eq!(failed(Some(&bad), "could not get secret data from provider".to_owned(), at(9)), None);
        let other = failed(Some(&bad), "another cause".to_owned(), at(9)).expect("a change");
        assert_eq!(other.conditions[0].last_transition_time, Some(Time(at(5))), "the status did not flip");
    }
}
