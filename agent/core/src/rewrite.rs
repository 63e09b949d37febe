//! `dataFrom[].rewrite`: other names for what was found.
//!
//! Where two names become one, the one that is later in the alphabet wins; ESO leaves that to chance. The operations
//! come from manifests and the names from AWS, so both are bounded, and draw on what rendering the object may cost.

mod merge;

use rekey_template::{Env, Input, render};

use crate::pairs::{self, Pairs};
use crate::regexp::Regexp;
use crate::resource::external_secret::{Rewrite, RewriteRegexp};

/// Operations of one entry.
const OPERATIONS: usize = 64;
/// Bytes of a name between two operations. A key of a Secret has 253 at most.
const LONGEST_NAME: usize = 64 * 1024;
/// To compile an expression takes as long as to search so many bytes for it.
const COMPILING: usize = 256;

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

fn failed(part: &'static str, problem: &impl ToString) -> Failed {
    (part, problem.to_string())
}

/// ESO's order where a manifest that came past the schema has several at once.
fn apply(operation: &Rewrite, pairs: Pairs, env: &Env) -> Result<Pairs, Failed> {
    if let Some(merge) = &operation.merge {
        env.read(pairs::size(&pairs)).map_err(|problem| failed("merge", &problem))?;
        return merge::merge(merge, pairs);
    }
    if let Some(RewriteRegexp { source, target }) = &operation.regexp {
        let source = Regexp::parse(source).map_err(|problem| failed("regexp.source", &problem))?;
        let search = |bytes: usize| {
            let cost = source.cost().saturating_mul(bytes);
            env.read(cost).map_err(|problem| failed("regexp.source", &problem))
        };
        search(COMPILING)?;
        return renamed(pairs, |name| {
            search(name.len())?;
            let replaced = source.replace_all(name, target, LONGEST_NAME, env);
            let name = replaced
                .map_err(|problem| failed("regexp.source", &problem))?
                .ok_or_else(|| failed("regexp.target", &format!("makes a name longer than {LONGEST_NAME} bytes")))?;
            env.make(name.len()).map_err(|problem| failed("regexp.target", &problem))?;
            Ok(name)
        });
    }
    if let Some(transform) = &operation.transform {
        return renamed(pairs, |name| {
            let input = Input::new([("value", name.as_bytes())]);
            let made =
                render(&transform.template, &input, env).map_err(|problem| failed("transform.template", &problem))?;
            let name = std::str::from_utf8(&made).map_err(|_| failed("transform.template", &"makes no text"))?;
            Ok(name.to_owned())
        });
    }
    Ok(pairs)
}

fn renamed<E>(pairs: Pairs, mut rename: impl FnMut(&str) -> Result<String, E>) -> Result<Pairs, E> {
    pairs.into_iter().map(|(name, value)| Ok((rename(&name)?, value))).collect()
}

#[cfg(test)]
mod tests;
