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
        self.put(field, key.to_owned(), &SecretValue::new(output.to_vec()), part, decoding)
    }

    /// Renders a YAML map of keys and values.
    fn keys_and_values(
        &mut self,
        field: &str,
        text: &str,
        part: Part,
        decoding: DecodingStrategy,
    ) -> Result<(), RenderProblem> {
        let output = (self.run)(field, text)?;
        let pairs = yaml::strings(&output, self.env).map_err(|problem| failed(field, problem))?;
        pairs.into_iter().try_for_each(|(key, value)| {
            self.put(field, key, &SecretValue::new(value.as_bytes().to_vec()), part, decoding)
        })
    }

    fn put(
        &mut self,
        field: &str,
        key: String,
        value: &SecretValue,
        part: Part,
        decoding: DecodingStrategy,
    ) -> Result<(), RenderProblem> {
        let value =
            decode::decode(value, decoding).map_err(|problem| failed(field, format!("key {key:?}: {problem}")))?;
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

fn utf8<'a>(field: &str, value: &'a SecretValue) -> Result<&'a str, RenderProblem> {
    std::str::from_utf8(value.expose()).map_err(|_| failed(field, "is not UTF-8 text"))
}

fn failed(field: &str, problem: impl Display) -> RenderProblem {
    RenderProblem::Template { field: field.to_owned(), problem: problem.to_string() }
}
