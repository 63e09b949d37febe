//! Reads cases. A case is a mapping: its name, the rules it proves, what its table asks for besides, and its steps, the first
//! of which stands in the case itself and the others in `then`.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_yaml_ng::value::TaggedValue;
use serde_yaml_ng::{Mapping, Value};

/// What a case of one table says beside its name and its steps.
pub trait Head: DeserializeOwned + Clone {
    /// Its fields.
    const FIELDS: &'static [&'static str];
}

/// One example, not yet bound to a namespace.
#[derive(Clone)]
pub struct Case<H> {
    /// The file it stands in, without `.yaml`.
    pub topic: String,
    pub name: String,
    /// The rules it proves.
    pub proves: Vec<String>,
    /// Who still has to build what it needs.
    pub pending: Option<String>,
    pub head: H,
    steps: Vec<Value>,
}

#[derive(Deserialize)]
struct Common {
    case: String,
    proves: Vec<String>,
    pending: Option<String>,
    #[serde(default)]
    then: Vec<Value>,
}

/// All cases of a folder, each with steps that can be read as `S`.
pub fn load<H: Head, S: DeserializeOwned>(folder: &Path) -> Result<Vec<Case<H>>> {
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
            let case = Case::<H>::read(&topic, case);
            let case = case.with_context(|| format!("read case {} of {topic}.yaml", number + 1))?;
            case.steps::<S>(&[]).with_context(|| case.name.clone())?;
            cases.push(case);
        }
    }
    cases.sort_by(|one, other| (&one.topic, &one.name).cmp(&(&other.topic, &other.name)));
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    ensure!(twice.is_none(), "two cases have one name: {}", twice.map_or("", |pair| pair[0]));
    Ok(cases)
}

impl<H: Head> Case<H> {
    fn read(topic: &str, mut case: Mapping) -> Result<Self> {
        let mut taken = |fields: &[&str]| {
            let taken = fields.iter().filter_map(|field| Some(((*field).into(), case.remove(field)?)));
            Value::Mapping(taken.collect())
        };
        let common: Common = serde_yaml_ng::from_value(taken(&["case", "proves", "pending", "then"]))?;
        let head: H = serde_yaml_ng::from_value(taken(H::FIELDS))?;
        Ok(Self {
            topic: topic.to_owned(),
            name: common.case,
            proves: common.proves,
            pending: common.pending,
            head,
            steps: [Value::Mapping(case)].into_iter().chain(common.then).collect(),
        })
    }

    /// The steps, with each `(from, to)` replaced in all their texts.
    pub fn steps<S: DeserializeOwned>(&self, bindings: &[(&str, &str)]) -> Result<Vec<S>> {
        let bound = self.steps.iter().map(|step| bound(step, bindings));
        bound
            .enumerate()
            .map(|(number, step)| serde_yaml_ng::from_value(step).with_context(|| format!("step {}", number + 1)))
            .collect()
    }

    /// Do its name or its file's contain these words?
    pub fn is_called(&self, words: &str) -> bool {
        self.name.contains(words) || self.topic.contains(words)
    }
}

impl<H> fmt::Display for Case<H> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.topic, self.name)
    }
}

fn bound(value: &Value, bindings: &[(&str, &str)]) -> Value {
    match value {
        Value::String(text) => {
            Value::String(bindings.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to)))
        }
        Value::Sequence(items) => Value::Sequence(items.iter().map(|item| bound(item, bindings)).collect()),
        Value::Mapping(fields) => {
            Value::Mapping(fields.iter().map(|(key, value)| (bound(key, bindings), bound(value, bindings))).collect())
        }
        Value::Tagged(tagged) => {
            Value::Tagged(Box::new(TaggedValue { tag: tagged.tag.clone(), value: bound(&tagged.value, bindings) }))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
