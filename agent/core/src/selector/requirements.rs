//! Label selectors as a text: Kubernetes' own (apimachinery, `labels.Parse`), and the forms that Stakater Reloader takes
//! besides, `key:value` for `key=value`, and `*` for any value.
//!
//! Comparisons of numbers with `<` and `>` are not read: kubectl offers none either.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use kube::core::{Expression, SelectorExt};

/// The requirements of a selector. All have to be fulfilled; none is no restriction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements(Vec<Expression>);

/// A text that is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequirementsError {
    /// A requirement has no known form.
    #[error("{0:?} is no requirement; write key, !key, key=value, key!=value, key in (a,b) or key notin (a,b)")]
    Form(String),
    /// A key or value has characters that no label has.
    #[error("{0:?} cannot be part of a label")]
    Characters(String),
}

impl Requirements {
    /// Whether labels fulfil all of them.
    #[must_use]
    pub fn fit(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels))
    }

    /// Whether labels make no difference.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Self> for Requirements {
    /// Those of all.
    fn from_iter<T: IntoIterator<Item = Self>>(all: T) -> Self {
        Self(all.into_iter().flat_map(|one| one.0).collect())
    }
}

impl FromStr for Requirements {
    type Err = RequirementsError;

    fn from_str(text: &str) -> Result<Self, RequirementsError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        split(text).into_iter().map(|part| requirement(part.trim())).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Requirements {
    /// As Kubernetes spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.0.iter().enumerate() {
            write!(f, "{}{requirement}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// The parts between commas that stand in no brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    for (index, character) in text.char_indices() {
        match character {
            '(' => inside = true,
            ')' => inside = false,
            ',' if !inside => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn requirement(text: &str) -> Result<Expression, RequirementsError> {
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Expression::DoesNotExist(label_key(key)?));
    }
    if let Some((head, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let values: BTreeSet<String> = values.split(',').map(label_value).collect::<Result<_, _>>()?;
        return match head.split_whitespace().collect::<Vec<_>>()[..] {
            [key, "in"] => Ok(Expression::In(label_key(key)?, values)),
            [key, "notin"] => Ok(Expression::NotIn(label_key(key)?, values)),
            _ => Err(RequirementsError::Form(text.to_owned())),
        };
    }
    // The longer ones first: each holds a shorter one.
    for (operator, equal) in [("!=", false), ("==", true), ("=", true), (":", true)] {
        let Some((key, value)) = text.split_once(operator) else { continue };
        let key = label_key(key)?;
        return Ok(match value.trim() {
            "*" if equal => Expression::Exists(key),
            value if equal => Expression::Equal(key, label_value(value)?),
            value => Expression::NotEqual(key, label_value(value)?),
        });
    }
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(RequirementsError::Form(text.to_owned()));
    }
    Ok(Expression::Exists(label_key(text)?))
}

fn label_key(text: &str) -> Result<String, RequirementsError> {
    match text.trim() {
        "" => Err(RequirementsError::Form(text.to_owned())),
        key => characters(key, |character| matches!(character, '-' | '_' | '.' | '/')),
    }
}

/// The empty one is a value, too.
fn label_value(text: &str) -> Result<String, RequirementsError> {
    characters(text.trim(), |character| matches!(character, '-' | '_' | '.'))
}

fn characters(text: &str, others: impl Fn(char) -> bool) -> Result<String, RequirementsError> {
    if text.chars().all(|character| character.is_ascii_alphanumeric() || others(character)) {
        Ok(text.to_owned())
    } else {
        Err(RequirementsError::Characters(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn fits_what_kubernetes_fits() {
        let labels = labels(&[("team", "a"), ("example.com/env", "prod"), ("empty", "")]);
        for (text, expected) in [
            ("", true),
            (" ", true),
            ("team", true),
            ("absent", false),
            ("!team", false),
            ("! absent", true),
            ("team=a", true),
            (" team == a ", true),
            ("team=b", false),
            ("team!=b", true),
            ("team != a", false),
            ("absent!=a", true),
            ("empty=", true),
            ("team=", false),
            ("team in (a,b)", true),
            ("team in(b)", false),
            ("team notin ( b , c )", true),
            ("team notin (a)", false),
            ("absent notin (a)", true),
            ("empty in (,x)", true),
            ("team=a,example.com/env in (prod,test),!absent", true),
            ("team=a,example.com/env in (test)", false),
            // Stakater Reloader's.
            ("team:a", true),
            ("team:b", false),
            ("team:*", true),
            ("team=*", true),
            ("absent:*", false),
            ("team:a,example.com/env:*", true),
        ] {
            let requirements: Requirements = text.parse().expect(text);
            assert_eq!(requirements.fit(&labels), expected, "{text:?}");
            let again: Requirements = requirements.to_string().parse().expect(text);
            assert_eq!(again, requirements, "{requirements}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in [
            ",",
            "team,",
            "=a",
            ":a",
            "!",
            "te am",
            "team in",
            "team in (a",
            "team like (a)",
            "in (a)",
            "team in (a b)",
            "team>1",
            "team=a b",
            "tä=x",
            "team=a/b",
            "team=a=b",
            "team!=*",
            "a:b:c",
        ] {
            assert!(text.parse::<Requirements>().is_err(), "{text:?}");
        }
        let error = "team like (a)".parse::<Requirements>().expect_err("an unknown operator").to_string();
        assert!(error.contains("team like (a)") && error.contains("notin"), "{error}");
    }
}
