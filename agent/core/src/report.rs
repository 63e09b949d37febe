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

/// Is the status that of the object as it is now? (Releases of ESO up to 0.9 hashed the metadata with MD5.)
#[must_use]
pub fn is_spec_synced(object: &ExternalSecret) -> bool {
    let synced = object.status.as_ref().and_then(|status| status.synced_resource_version.as_deref());
    let Some((generation, noted)) = synced.and_then(|version| version.split_once('-')) else { return false };
    let (metadata, empty) = (&object.metadata, BTreeMap::new());
    let (labels, annotations) =
        (metadata.labels.as_ref().unwrap_or(&empty), metadata.annotations.as_ref().unwrap_or(&empty));
    generation == metadata.generation.unwrap_or_default().to_string()
        && hash::is_of_metadata(noted, labels, annotations)
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
    /// There is no Secret to merge into.
    Missing,
}

impl Refreshed {
    const ALL: [Self; 4] = [Self::Synced, Self::Retained, Self::Deleted, Self::Missing];

    /// Reason and message of the condition.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Refreshed::Synced => ("SecretSynced", "secret synced"),
            Refreshed::Retained => ("SecretSynced", "secret retained due to DeletionPolicy=Retain"),
            Refreshed::Deleted => ("SecretDeleted", "secret deleted due to DeletionPolicy=Delete"),
            Refreshed::Missing => ("SecretMissing", "secret will not be created due to CreationPolicy=Merge"),
        }
    }
}

/// A refresh that succeeded.
#[derive(Clone, Debug)]
pub struct Refresh<'a> {
    /// What it did.
    pub what: Refreshed,
    /// The object's version that it was about.
    pub object_version: String,
    /// The Secret, if there is one that was written or is as it should be.
    pub bound: Option<&'a str>,
    /// What its sources were.
    pub tokens: &'a BTreeMap<String, Token>,
    /// When it began.
    pub started: Timestamp,
    /// What people should know besides.
    pub note: Option<&'a str>,
}

/// The status after a refresh that succeeded. The binding names the last Secret that was written, and is never cleared.
#[must_use]
pub fn synced(old: Option<&ExternalSecretStatus>, refresh: Refresh<'_>, now: Timestamp) -> ExternalSecretStatus {
    let (reason, message) = refresh.what.texts();
    let bound = refresh.bound.map(|name| Binding { name: name.to_owned() });
    let tokens = refresh.tokens.iter().map(|(key, token)| (key.clone(), token.to_string())).collect();
    ExternalSecretStatus {
        refresh_time: Some(Time(refresh.started)),
        synced_resource_version: Some(refresh.object_version),
        conditions: vec![ready(old, true, reason, noted(message, refresh.note), now)],
        binding: bound.or_else(|| old?.binding.clone()),
        source_versions: Some(SourceVersions { refresh_time: rfc3339(refresh.started), tokens }),
    }
}

/// What a status says of the last refresh; nothing where that failed. Messages of other releases of ESO differ, their
/// reasons do not.
#[must_use]
pub fn last_refresh(status: Option<&ExternalSecretStatus>) -> Option<Refreshed> {
    let ready = ready_condition(status).filter(|ready| ready.status == "True")?;
    let (reason, message) = (ready.reason.as_deref()?, ready.message.as_deref().unwrap_or_default());
    let said = |what: &Refreshed| what.texts().0 == reason && message.starts_with(what.texts().1);
    let by_reason = |what: &Refreshed| what.texts().0 == reason;
    Refreshed::ALL.into_iter().find(said).or_else(|| Refreshed::ALL.into_iter().find(by_reason))
}

/// A status that says what people should know besides; `None` if it does so already, or is that of a failure.
#[must_use]
pub fn with_note(old: &ExternalSecretStatus, note: Option<&str>, now: Timestamp) -> Option<ExternalSecretStatus> {
    let known = ready_condition(Some(old)).filter(|ready| ready.status == "True")?;
    let (reason, message) = last_refresh(Some(old))?.texts();
    let message = noted(message, note);
    let same = known.message.as_ref() == Some(&message);
    (!same)
        .then(|| ExternalSecretStatus { conditions: vec![ready(Some(old), true, reason, message, now)], ..old.clone() })
}

fn noted(message: &str, note: Option<&str>) -> String {
    note.map_or_else(|| message.to_owned(), |note| format!("{message}; {note}"))
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

/// Bytes of a condition's message.
const LONGEST_MESSAGE: usize = 4096;

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
        message: Some(clipped(message)),
        last_transition_time: Some(since.unwrap_or(Time(now))),
    }
}

/// As much of a text as people read. It may quote what a manifest says, and that may be a megabyte, with which the
/// object would not be stored.
fn clipped(mut text: String) -> String {
    if text.len() > LONGEST_MESSAGE {
        text.truncate(text.floor_char_boundary(LONGEST_MESSAGE));
        text.push('…');
    }
    text
}

/// A time as the API server stores it: whole seconds, UTC.
fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_no_longer_than_people_read() {
        let message = |text: String| condition(None, false, "R", text, at(0)).message.unwrap_or_default();
        assert_eq!(message("short".to_owned()), "short");
        let long = message("é".repeat(1 << 20));
        assert!(long.len() < 4100 && long.ends_with("é…"), "{} bytes", long.len());
        let old = failed(None, "x".repeat(9000), at(0));
        assert_eq!(failed(old.as_ref(), "x".repeat(9000), at(1)), None, "it says that already");
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_123 + second * 1000).expect("in range")
    }

    fn tokens() -> BTreeMap<String, Token> {
        [("SecretsManager/eu-west-1/db#AWSCURRENT".to_owned(), Token::from_stored("arn#v1"))].into()
    }

    fn refresh(tokens: &BTreeMap<String, Token>) -> Refresh<'_> {
        let object_version = "1-x".to_owned();
        Refresh { what: Refreshed::Synced, object_version, bound: Some("db"), tokens, started: at(0), note: None }
    }

    fn through_the_api(status: &ExternalSecretStatus) -> ExternalSecretStatus {
        let json = serde_json::to_string(status).expect("a status");
        serde_json::from_str(&json).expect("a status")
    }

    #[test]
    fn what_was_written_is_believed_when_it_is_read_back() {
        let status = synced(None, refresh(&tokens()), at(1));
        assert_eq!(applied(Some(&through_the_api(&status))), Applied::Tokens(tokens()));
    }

    #[test]
    fn tokens_are_not_believed_after_another_controllers_refresh() {
        let mut status = synced(None, refresh(&tokens()), at(1));
        status.refresh_time = Some(Time(at(60)));
        assert_eq!(applied(Some(&status)), Applied::AsOf(at(60)));
        status.source_versions = None;
        assert_eq!(applied(Some(&status)), Applied::AsOf(at(60)));
        assert_eq!(applied(None), Applied::Nothing);
    }

    #[test]
    fn a_failure_keeps_what_was_applied_and_is_written_once() {
        let good = synced(None, refresh(&tokens()), at(1));
        let bad = failed(Some(&good), "could not get secret data from provider".to_owned(), at(5)).expect("a change");
        assert_eq!((bad.refresh_time.clone(), bad.source_versions.clone()), (good.refresh_time, good.source_versions));
        assert_eq!(bad.conditions[0].last_transition_time, Some(Time(at(5))));
        assert_eq!(failed(Some(&bad), "could not get secret data from provider".to_owned(), at(9)), None);
        let other = failed(Some(&bad), "another cause".to_owned(), at(9)).expect("a change");
        assert_eq!(other.conditions[0].last_transition_time, Some(Time(at(5))), "the status did not flip");
    }
}
