//! `dataFrom[].rewrite`: other names for what was found.
//!
//! Where two names become one, the one that is later in the alphabet wins; ESO leaves that to chance. The operations
//! come from manifests and the names from AWS, so both are bounded.

mod merge;

use rekey_template::{Env, Input, render};

use crate::pairs::Pairs;
use crate::regexp::Counted;
use crate::resource::external_secret::Rewrite;

/// Operations of one entry.
const OPERATIONS: usize = 64;
/// Bytes of all names together, after each operation. A Secret holds half of that, and no key of more than 253.
const NAMES: usize = 2 * 1024 * 1024;

/// An operation that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct RewriteProblem {
    /// The field that holds it.
    pub field: String,
    /// What is wrong, with names and without values.
    pub problem: String,
}

/// Applies the operations in their order. `field` is where they stand.
pub fn rewrite(field: &str, operations: &[Rewrite], found: Pairs, env: &Env) -> Result<Pairs, RewriteProblem> {
    if operations.len() > OPERATIONS {
        let problem = format!("has {} operations; use {OPERATIONS} at most", operations.len());
        return Err(RewriteProblem { field: field.to_owned(), problem });
    }
    operations.iter().enumerate().try_fold(found, |pairs, (index, operation)| {
        apply(operation, pairs, env)
            .map_err(|(part, problem)| RewriteProblem { field: format!("{field}[{index}].{part}"), problem })
    })
}

/// The part of an operation that failed, and what is wrong with it.
type Failed = (&'static str, String);

/// ESO's order where a manifest that came past the schema has several at once.
fn apply(operation: &Rewrite, pairs: Pairs, env: &Env) -> Result<Pairs, Failed> {
    if let Some(merge) = &operation.merge {
        return merge::merge(merge, pairs);
    }
    if let Some(regexp) = &operation.regexp {
        let source = Counted::parse(&regexp.source, env).map_err(|refused| ("regexp.source", refused.to_string()))?;
        return renamed(pairs, |name, left| {
            let replaced = source.replace_all(name, &regexp.target, left, env);
            let replaced = replaced.map_err(|limit| ("regexp.source", limit.to_string()))?;
            replaced.ok_or_else(|| too_much("regexp.target"))
        });
    }
    if let Some(transform) = &operation.transform {
        return renamed(pairs, |name, left| {
            let input = Input::new([("value", name.as_bytes())]);
            let made = render(&transform.template, &input, env)
                .map_err(|problem| ("transform.template", problem.to_string()))?;
            let name = std::str::from_utf8(&made).map_err(|_| ("transform.template", "makes no text".to_owned()))?;
            if name.len() > left { Err(too_much("transform.template")) } else { Ok(name.to_owned()) }
        });
    }
    Ok(pairs)
}

fn too_much(part: &'static str) -> Failed {
    (part, format!("makes names of more than {NAMES} bytes in all"))
}

/// Gives every value the name that `rename` makes of its own, of at most as many bytes as are left.
fn renamed(pairs: Pairs, mut rename: impl FnMut(&str, usize) -> Result<String, Failed>) -> Result<Pairs, Failed> {
    let mut left = NAMES;
    let named = pairs.into_iter().map(|(name, value)| {
        let name = rename(&name, left)?;
        left = left.saturating_sub(name.len());
        Ok((name, value))
    });
    named.collect()
}

#[cfg(test)]
mod tests;
