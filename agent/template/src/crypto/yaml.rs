//! `toYaml`, `fromYaml`.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::functions::Table;
use crate::run::Run;
use crate::value::{DEEPEST, Of, Text, Value};
use crate::yaml::{self, Data};
use crate::{Error, limits};

pub(super) fn add(table: &mut Table) {
    table.add("toYaml", to_yaml);
    table.add("fromYaml", from_yaml);
}

/// A value as YAML; nothing for one that YAML cannot hold, as in the operator.
fn to_yaml(run: &Run<'_>, value: Value) -> Result<Text, Error> {
    let text = data(run, &value, 0)?.and_then(|data| yaml::write(&data));
    let text = text.map(|text| Text::from(text.as_str())).unwrap_or_default();
    run.steps((text.len() / limits::STEP) as u64)?;
    Ok(text)
}

/// A map from YAML; of one that is none, an entry `Error` says why.
fn from_yaml(run: &Run<'_>, text: Text) -> Result<Value, Error> {
    let problem = match yaml::read(&text, run.env()).and_then(Data::into_json) {
        Err(yaml::Error::Cost(problem)) => return Err(problem),
        Ok(Data::Null) => return value(run, Data::Map(BTreeMap::new())),
        Ok(map @ Data::Map(_)) => return value(run, map),
        Ok(other) => {
            let kind = match other {
                Data::Bool(_) => "bool",
                Data::Whole(_) | Data::Float(_) => "number",
                Data::List(_) => "array",
                _ => "string",
            };
            format!(
                "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
            )
        }
        Err(error) => format!("error converting YAML to JSON: {error}"),
    };
    value(run, Data::Map([("Error".to_owned(), Data::Text(Zeroizing::new(problem)))].into()))
}

/// Numbers are floats, as Go's JSON has it.
#[expect(clippy::cast_precision_loss, reason = "as Go converts")]
fn value(run: &Run<'_>, data: Data) -> Result<Value, Error> {
    Ok(match data {
        Data::Null => Value::Nil,
        Data::Bool(truth) => Value::Bool(truth),
        Data::Whole(number) => Value::Float(number as f64),
        Data::Float(number) => Value::Float(number),
        Data::Text(text) => Value::Text(run.text(text.as_str())?),
        Data::List(items) => {
            let items = items.into_iter().map(|item| value(run, item)).collect::<Result<_, _>>()?;
            Value::List(run.list(Of::Any, items)?)
        }
        Data::Map(entries) => {
            let entries = entries.into_iter().map(|(key, item)| Ok((run.text(key)?, value(run, item)?)));
            Value::Dict(run.dict(Of::Any, entries.collect::<Result<_, Error>>()?)?)
        }
    })
}

/// What JSON makes of a value; nothing if it cannot.
fn data(run: &Run<'_>, value: &Value, depth: usize) -> Result<Option<Data>, Error> {
    if depth > DEEPEST {
        return Ok(None);
    }
    run.steps(1)?;
    let text = |text: &Text| -> Result<Data, Error> {
        run.make(text.len())?;
        Ok(Data::Text(text.lossy()))
    };
    Ok(Some(match value {
        Value::Nil => Data::Null,
        Value::Bool(truth) => Data::Bool(*truth),
        Value::Int(_, number) => Data::Whole((*number).into()),
        Value::Float(number) => Data::Float(*number),
        Value::Text(bytes) => text(bytes)?,
        Value::List(items) => {
            let items = items.iter().map(|item| data(run, item, depth + 1));
            let Some(items) = items.collect::<Result<_, _>>()? else { return Ok(None) };
            Data::List(items)
        }
        Value::Dict(dict) => {
            let mut entries = BTreeMap::new();
            for (key, item) in dict.entries().iter() {
                let Some(item) = data(run, item, depth + 1)? else { return Ok(None) };
                entries.insert(key.lossy().as_str().to_owned(), item);
            }
            Data::Map(entries)
        }
        Value::Object(object) => return data(run, &object.json(), depth + 1),
    }))
}
