//! The record of a restart of ours, which stands on what it restarted: what it was for and since when that was known.

use jiff::Timestamp;
use kube::core::DynamicObject;
use serde::{Deserialize, Serialize};

use crate::rollout::resource::ResourceName;
use crate::rollout::workload::{Workload, WorkloadKind};

/// The annotation of a Job that was created by a restart. Everything else has the record within its state.
pub const ANNOTATION: &str = "rekey.dev/started-for";

/// A restart of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Text", from = "Text")]
pub struct Started {
    /// When the change was seen that it is for; when it was decided, where nobody saw that.
    pub since: Timestamp,
    /// The generation of the workload that it made: whoever changes the workload afterwards makes a later one. 0 for a Job.
    pub generation: i64,
    /// The resources that changed, in order.
    pub resources: Vec<ResourceName>,
}

#[derive(Serialize, Deserialize)]
struct Text {
    since: Timestamp,
    generation: i64,
    #[serde(rename = "for")]
    resources: Vec<String>,
}

impl From<Started> for Text {
    fn from(started: Started) -> Self {
        let Started { since, generation, resources } = started;
        Self { since, generation, resources: resources.iter().map(ToString::to_string).collect() }
    }
}

impl From<Text> for Started {
    /// A kind that is not known any more, or not yet, is left out.
    fn from(text: Text) -> Self {
        let resources = text.resources.iter().filter_map(|name| ResourceName::parse(name)).collect();
        Self { since: text.since, generation: text.generation, resources }
    }
}

impl Started {
    /// The record of the restart that is next, of the workload as it is, for these resources.
    #[must_use]
    pub fn next(workload: &Workload, resources: &[ResourceName], since: Timestamp) -> Self {
        let generation = match workload.key.kind {
            WorkloadKind::CronJob | WorkloadKind::Job => 0,
            _ => workload.progress.generation + 1,
        };
        Self { since, generation, resources: resources.to_vec() }
    }

    /// The same restart, after a write of ours that leaves the template alone and makes another generation: the end of a
    /// pause.
    #[must_use]
    pub fn resumed(&self, workload: &Workload) -> Self {
        Self { generation: workload.progress.generation + 1, ..self.clone() }
    }

    /// Whether it is the same restart: no two are for changes that were seen at the same time.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.since == other.since
    }

    /// Names it among the restarts of its workload.
    #[must_use]
    pub fn name(&self) -> String {
        self.since.as_nanosecond().to_string()
    }

    /// Reads an annotation; nothing if it is no record.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Records it on a Job that it creates.
    pub fn put_on(&self, job: &mut DynamicObject) {
        let annotations = job.metadata.annotations.get_or_insert_default();
        annotations.insert(ANNOTATION.to_owned(), self.render());
    }

    /// The annotation's text.
    #[must_use]
    pub fn render(&self) -> String {
        // Strings and numbers always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_there_and_back() {
        let started = Started {
            since: "2026-11-23T07:00:00.123Z".parse().unwrap(),
            generation: 3,
            resources: vec![ResourceName::config_map("a"), ResourceName::secret("b")],
        };
        let text = r#"{"since":"2026-11-23T07:00:00.123Z","generation":3,"for":["ConfigMap/a","Secret/b"]}"#;
        assert_eq!(started.render(), text);
        assert_eq!(Started::parse(text), Some(started.clone()));
        let odd = text.replace("ConfigMap/a", "Banana/a");
        assert_eq!(Started::parse(&odd).unwrap().resources, started.resources[1..]);
        for nonsense in ["", "{}", "null", "[]", "true"] {
            assert_eq!(Started::parse(nonsense), None, "{nonsense}");
        }
    }
}
