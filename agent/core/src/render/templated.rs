//! `target.template`: from values to the data and metadata of the target.
//!
//! The order is ESO's, and what comes later wins: the values (where they are merged), `templateFrom` in its order, `data`,
//! `metadata.labels`, `metadata.annotations`.

use std::collections::BTreeMap;
use std::fmt::Display;

use rekey_template::{Env, Input, render, yaml};
use zeroize::Zeroizing;

use super::{Ingredients, RenderProblem, Rendered};
use crate::decode;
use crate::pairs::Pairs;
use crate::resource::external_secret::{DecodingStrategy, MergePolicy, Template};
use crate::template_from::{Form, Part};
use crate::value::SecretValue;

pub(super) fn templated(
    template: &Template,
    ingredients: &Ingredients<'_>,
    fetched: Pairs,
) -> Result<Rendered, RenderProblem> {
    let input = Input::new(fetched.iter().map(|(key, value)| (key.as_str(), value.expose())));
    let mut target = Target {
        env: ingredients.env,
        run: |field: &str, text: &str| render(text, &input, ingredients.env).map_err(|problem| failed(field, problem)),
        data: Pairs::new(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    };
    for from in ingredients.templates.as_ref().map_err(Clone::clone)? {
        let text = utf8(&from.field, &from.text)?;
        match &from.form {
            Form::Value(key) => target.value(&from.field, text, key, from.part, from.decoding)?,
            Form::KeysAndValues => target.keys_and_values(&from.field, text, from.part, from.decoding)?,
        }
    }
    let metadata = &template.metadata;
    for (name, part, texts) in [
        ("data", Part::Data, &template.data),
        ("metadata.labels", Part::Labels, &metadata.labels),
        ("metadata.annotations", Part::Annotations, &metadata.annotations),
    ] {
        for (key, text) in texts {
            let field = format!("spec.target.template.{name}[{key}]");
            target.value(&field, text, key, part, DecodingStrategy::None)?;
        }
    }
    let Target { data: made, labels, annotations, .. } = target;
    drop(input);
    // A template that makes no data leaves the values as they are; one that does replaces them unless it merges.
    let replaces = !template.data.is_empty() || !template.template_from.is_empty();
    let mut data = if replaces && template.merge_policy == MergePolicy::Replace { Pairs::new() } else { fetched };
    data.extend(made);
    Ok(Rendered { data, type_: template.type_.clone(), labels, annotations, finalizers: metadata.finalizers.clone() })
}

/// What the templates have made so far.
struct Target<'a, R> {
    env: &'a Env,
    run: R,
    data: Pairs,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl<R: Fn(&str, &str) -> Result<Zeroizing<Vec<u8>>, RenderProblem>> Target<'_, R> {
    /// Renders the value of one key.
    fn value(
        &mut self,
        field: &str,
        text: &str,
        key: &str,
        part: Part,
        decoding: DecodingStrategy,
    ) -> Result<(), RenderProblem> {
        let output = (self.run)(field, text)?;
        let value = decode::decode(&SecretValue::new(output.to_vec()), decoding)
            .map_err(|problem| failed(field, format!("key {key:?}: {problem}")))?;
        self.put(field, key.to_owned(), value, part)
    }

    /// Renders a YAML map of keys and values. A key that does not stand in the template is made of values, perhaps: no
    /// error may quote it, neither one of ours nor one of the API server.
    fn keys_and_values(
        &mut self,
        field: &str,
        text: &str,
        part: Part,
        decoding: DecodingStrategy,
    ) -> Result<(), RenderProblem> {
        let output = (self.run)(field, text)?;
        let pairs = yaml::strings(&output, self.env).map_err(|problem| failed(field, problem))?;
        for (key, value) in pairs {
            let name = if text.contains(&key) { format!("key {key:?}") } else { "a key that it makes".to_owned() };
            let problem = |problem: &dyn Display| failed(field, format!("{name}: {problem}"));
            if matches!(part, Part::Data) && !is_key(&key) {
                return Err(problem(
                    &"it is none for a Secret: those have 1 to 253 of a-z, A-Z, 0-9, '-', '_' and '.'",
                ));
            }
            let value = decode::decode(&SecretValue::new(value.as_bytes().to_vec()), decoding)
                .map_err(|error| problem(&error))?;
            self.put(field, key, value, part)?;
        }
        Ok(())
    }

    fn put(&mut self, field: &str, key: String, value: SecretValue, part: Part) -> Result<(), RenderProblem> {
        let metadata = match part {
            Part::Data => {
                self.data.insert(key, value);
                return Ok(());
            }
            Part::Labels => &mut self.labels,
            Part::Annotations => &mut self.annotations,
        };
        metadata.insert(key, utf8(field, &value)?.to_owned());
        Ok(())
    }
}

/// What Kubernetes takes for a key of a Secret (apimachinery, `IsConfigMapKey`).
fn is_key(key: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=253).contains(&key.len()) && key.bytes().all(is_plain) && key != "." && !key.starts_with("..")
}

fn utf8<'a>(field: &str, value: &'a SecretValue) -> Result<&'a str, RenderProblem> {
    std::str::from_utf8(value.expose()).map_err(|_| failed(field, "is not UTF-8 text"))
}

fn failed(field: &str, problem: impl Display) -> RenderProblem {
    RenderProblem::Template { field: field.to_owned(), problem: problem.to_string() }
}
