//! Reads the cases. What can stand in one is told in cases/README.md.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_yaml_ng::value::TaggedValue;
use serde_yaml_ng::{Mapping, Value};

/// One example, not yet bound to a namespace.
pub(super) struct Case {
    /// The file it stands in, without `.yaml`.
    pub(super) topic: String,
    pub(super) name: String,
    /// The rules it proves.
    pub(super) proves: Vec<String>,
    /// Who still has to build what it needs.
    pub(super) pending: Option<String>,
    /// Its namespace, where the name matters.
    pub(super) namespace: Option<String>,
    /// The first step stands in the case itself, the others in `then`.
    steps: Vec<Value>,
}

/// Something that happens, and what is to be seen afterwards.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Step {
    /// Secrets by name: a string is created or put as a new version, an object holds parameters of CreateSecret.
    pub(super) secrets: BTreeMap<String, Value>,
    /// Parameters by name: a string is put as a SecureString, an object holds parameters of PutParameter.
    pub(super) parameters: BTreeMap<String, Value>,
    /// Any other calls: `service.Operation: {parameters}`.
    pub(super) aws: Vec<BTreeMap<String, Value>>,
    /// Objects to apply before the ExternalSecret.
    pub(super) apply: Vec<Value>,
    /// The spec of an ExternalSecret `app`.
    pub(super) spec: Option<Value>,
    /// Merge patches of objects.
    pub(super) patch: BTreeMap<String, Value>,
    /// Objects to delete.
    pub(super) delete: Vec<String>,
    /// The API server must refuse what is applied, with these words.
    pub(super) refused: Option<String>,
    /// What objects look like in the end.
    pub(super) expect: BTreeMap<String, Value>,
    /// How often the agent has called an operation about a resource of this namespace during this step.
    pub(super) calls: BTreeMap<String, usize>,
}

impl Step {
    /// Is something expected to be other than before?
    pub(super) fn expects_a_change(&self) -> bool {
        fn in_value(value: &Value) -> bool {
            match value {
                Value::Tagged(tagged) => tagged.tag == "!changed" || in_value(&tagged.value),
                Value::Mapping(fields) => fields.values().any(in_value),
                _ => false,
            }
        }
        self.expect.values().any(in_value)
    }
}

#[derive(Deserialize)]
struct Head {
    case: String,
    proves: Vec<String>,
    pending: Option<String>,
    namespace: Option<String>,
    #[serde(default)]
    then: Vec<Value>,
}

/// All cases of a folder.
pub(super) fn load(folder: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let topic = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path)?;
        let read: Vec<Mapping> = serde_yaml_ng::from_str(&text).with_context(|| format!("read {topic}.yaml"))?;
        for (number, case) in read.into_iter().enumerate() {
            cases.push(Case::read(&topic, case).with_context(|| format!("read case {} of {topic}.yaml", number + 1))?);
        }
    }
    cases.sort_by(|one, other| (&one.topic, &one.name).cmp(&(&other.topic, &other.name)));
    let twice = cases.windows(2).find(|pair| pair[0].name == pair[1].name);
    ensure!(twice.is_none(), "two cases have one name: {}", twice.map_or("", |pair| pair[0].name.as_str()));
    Ok(cases)
}

impl Case {
    fn read(topic: &str, mut case: Mapping) -> Result<Self> {
        let mut head = Mapping::new();
        for key in ["case", "proves", "pending", "namespace", "then"] {
            if let Some(value) = case.remove(key) {
                head.insert(key.into(), value);
            }
        }
        let head: Head = serde_yaml_ng::from_value(Value::Mapping(head))?;
        let steps: Vec<Value> = [Value::Mapping(case)].into_iter().chain(head.then).collect();
        let case = Self {
            topic: topic.to_owned(),
            name: head.case,
            proves: head.proves,
            pending: head.pending,
            namespace: head.namespace,
            steps,
        };
        case.steps("check").with_context(|| case.name.clone())?;
        Ok(case)
    }

    /// The steps in a namespace.
    pub(super) fn steps(&self, namespace: &str) -> Result<Vec<Step>> {
        let bound = self.steps.iter().map(|step| bound(step, namespace));
        bound
            .enumerate()
            .map(|(number, step)| serde_yaml_ng::from_value(step).with_context(|| format!("step {}", number + 1)))
            .collect()
    }

    /// Do its name or its file's contain these words?
    pub(super) fn is_called(&self, words: &str) -> bool {
        self.name.contains(words) || self.topic.contains(words)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.topic, self.name)
    }
}

/// `<ns>` in any text stands for the namespace.
fn bound(value: &Value, namespace: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("<ns>", namespace)),
        Value::Sequence(items) => Value::Sequence(items.iter().map(|item| bound(item, namespace)).collect()),
        Value::Mapping(fields) => {
            Value::Mapping(fields.iter().map(|(key, value)| (bound(key, namespace), bound(value, namespace))).collect())
        }
        Value::Tagged(tagged) => {
            Value::Tagged(Box::new(TaggedValue { tag: tagged.tag.clone(), value: bound(&tagged.value, namespace) }))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
