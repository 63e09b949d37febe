//! What a workload's pods have got, remembered on the workload itself.
//!
//! One annotation of the workload's own metadata (not the template's, whose every change is a rollout). It survives
//! `kubectl apply`, Argo CD and Flux, which leave alone what they did not write, and it dies with the workload.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::content::Content;
use super::follow::Started;
use super::hash::ALGORITHM;
use super::hook::EntryMacs;
use super::resource::ResourceName;

/// The annotation that holds the state.
pub const ANNOTATION: &str = "rekey.dev/applied";

/// Bytes that the hashes may take in the annotation. All annotations of an object together may have 256 KiB, and the hashes
/// share the write with the restart.
const ROOM: usize = 128 << 10;

/// What an entry takes beside its name: the hash, the kind, and what JSON puts around them.
const ENTRY: usize = 85;

/// Contents, as hashes, by resource.
pub type Hashes = BTreeMap<ResourceName, Content>;

/// The state of one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Counts the writes. A state with a lower number than one seen before has come back (`kubectl rollout undo`
    /// restores the annotations that a revision had) and says nothing about the pods.
    pub serial: u64,
    /// When we restarted it last, to the second.
    pub restarted: Option<Timestamp>,
    /// The data that the pods have got. A resource that is missing has not been seen yet.
    pub hashes: Hashes,
    /// Of a CronJob that hooks name: the entries of their Secrets in that data.
    pub entries: BTreeMap<ResourceName, EntryMacs>,
    /// How often a CronJob was run.
    pub runs: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    key_id: String,
    algorithm: String,
    uid: String,
    serial: u64,
    /// In seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    restarted_at: Option<i64>,
    hashes: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    started: Option<Started>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    entries: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "is_none")]
    runs: u64,
}

/// The part of the text that is read for itself: what is wrong with it is no reason to forget the hashes.
#[derive(Deserialize)]
struct Record {
    uid: String,
    started: Started,
}

/// The last restart of ours that the annotation records. The key of the hashes does not matter to it.
#[must_use]
pub fn started(text: &str, uid: &str) -> Option<Started> {
    let record: Record = serde_json::from_str(text).ok()?;
    (record.uid == uid).then_some(record.started)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_none(runs: &u64) -> bool {
    *runs == 0
}

impl State {
    /// Reads the annotation. It yields nothing when it was written for another key, algorithm or workload (a manifest
    /// copied together with its annotations) or is unreadable: all of these are a first sight. So is a single
    /// unreadable hash, for its resource.
    #[must_use]
    pub fn parse(text: &str, key_id: &str, uid: &str) -> Option<Self> {
        let text: Text = serde_json::from_str(text).ok()?;
        if text.key_id != key_id || text.algorithm != ALGORITHM || text.uid != uid {
            return None;
        }
        let entry = |(name, mac): (&String, &String)| Some((ResourceName::parse(name)?, Content::parse(mac)?));
        let macs = |(name, macs): (&String, &String)| Some((ResourceName::parse(name)?, EntryMacs::parse(macs)));
        Some(Self {
            serial: text.serial,
            restarted: text.restarted_at.and_then(|at| Timestamp::from_second(at).ok()),
            hashes: text.hashes.iter().filter_map(entry).collect(),
            entries: text.entries.iter().filter_map(macs).collect(),
            runs: text.runs,
        })
    }

    /// The hashes for which the annotation has room, if that is not all of them: first of all those of names that are
    /// `standing` in the workload. The others are remembered by this process alone.
    #[must_use]
    pub fn shortened(&self, standing: impl FnOnce() -> Vec<ResourceName>) -> Option<Hashes> {
        let size = |name: &ResourceName| name.name.len() + ENTRY;
        if self.hashes.keys().map(size).sum::<usize>() <= ROOM {
            return None;
        }
        let standing = standing();
        let (first, others): (Vec<_>, Vec<_>) =
            self.hashes.iter().partition(|(name, _)| standing.binary_search(name).is_ok());
        let mut taken = 0;
        let fits = first.into_iter().chain(others).take_while(|(name, _)| {
            taken += size(name);
            taken <= ROOM
        });
        Some(fits.map(|(name, content)| (name.clone(), *content)).collect())
    }

    /// The annotation's text, without a record of a restart.
    #[must_use]
    pub fn render(&self, key_id: &str, uid: &str) -> String {
        self.render_with(key_id, uid, None)
    }

    /// The annotation's text, with the record of the last restart.
    #[must_use]
    pub fn render_with(&self, key_id: &str, uid: &str, started: Option<&Started>) -> String {
        let hashes = self.hashes.iter().map(|(name, mac)| (name.to_string(), mac.to_string())).collect();
        let text = Text {
            key_id: key_id.to_owned(),
            algorithm: ALGORITHM.to_owned(),
            uid: uid.to_owned(),
            serial: self.serial,
            restarted_at: self.restarted.map(Timestamp::as_second),
            hashes,
            started: started.cloned(),
            entries: self.entries.iter().map(|(name, macs)| (name.to_string(), macs.to_string())).collect(),
            runs: self.runs,
        };
        // Strings and numbers always serialise.
        serde_json::to_string(&text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(digit: char) -> Content {
        Content::parse(&digit.to_string().repeat(64)).unwrap()
    }

    fn state() -> State {
        State {
            serial: 3,
            restarted: Some(Timestamp::from_second(1_800_000_000).unwrap()),
            hashes: [(ResourceName::secret("a"), mac('1')), (ResourceName::secret("b"), mac('2'))].into(),
            ..State::default()
        }
    }

    #[test]
    fn goes_there_and_back() {
        let text = state().render("key", "uid");
        assert_eq!(State::parse(&text, "key", "uid"), Some(state()));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["keyId"], "key");
        assert_eq!(json["algorithm"], "hmac-sha256");
        assert_eq!(json["hashes"]["Secret/a"], "1".repeat(64));
        assert_eq!(json["restartedAt"], 1_800_000_000);
        let never = State { restarted: None, ..state() };
        assert_eq!(State::parse(&never.render("key", "uid"), "key", "uid"), Some(never));
    }

    #[test]
    fn what_hooks_need_stands_only_where_there_are_hooks() {
        assert!(!state().render("key", "uid").contains("entries") && !state().render("key", "uid").contains("runs"));
        let entries = [(ResourceName::secret("a"), EntryMacs::parse("k:1 l:2"))].into();
        let state = State { entries, runs: 7, ..state() };
        assert_eq!(State::parse(&state.render("key", "uid"), "key", "uid"), Some(state));
    }

    #[test]
    fn an_unknown_key_algorithm_or_workload_and_nonsense_are_a_first_sight() {
        let text = state().render("key", "uid");
        assert_eq!(State::parse(&text, "other", "uid"), None);
        assert_eq!(State::parse(&text, "key", "other"), None);
        assert_eq!(State::parse(&text.replace("hmac-sha256", "hmac-sha3"), "key", "uid"), None);
        for nonsense in ["", "{}", "null", "[]", "{\"keyId\":\"key\"}"] {
            assert_eq!(State::parse(nonsense, "key", "uid"), None, "{nonsense}");
        }
    }

    #[test]
    fn the_last_restart_is_recorded_beside_the_hashes() {
        let text = r#"{"since":"2026-11-23T07:00:00Z","generation":3,"for":["Secret/a"]}"#;
        let restarted = Started::parse(text).unwrap();
        let text = state().render_with("key", "uid", Some(&restarted));
        assert_eq!(State::parse(&text, "key", "uid"), Some(state()));
        assert_eq!(started(&text, "uid"), Some(restarted));
        assert_eq!(started(&text, "other"), None, "a copy");
        assert_eq!(started(&state().render("key", "uid"), "uid"), None);
        let odd = text.replace("2026-11-23", "yesterday");
        assert_eq!((State::parse(&odd, "key", "uid"), started(&odd, "uid")), (Some(state()), None));
    }

    #[test]
    fn an_unreadable_entry_leaves_the_others_alone() {
        let text = state().render("key", "uid").replace(&"2".repeat(64), "short").replace("Secret/b", "Banana/b");
        let parsed = State::parse(&text, "key", "uid").unwrap();
        assert_eq!(parsed.hashes.into_keys().collect::<Vec<_>>(), [ResourceName::secret("a")]);
    }
}
