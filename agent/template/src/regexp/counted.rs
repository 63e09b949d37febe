//! Expressions that come from one namespace of many: what they cost counts.

use std::rc::Rc;

use regex::bytes::Regex;

use super::replace::Replacement;
use super::{Malformed, Regexp};
use crate::{Env, Error};

/// Compiled sizes that are tried, in bytes.
const SIZES: [usize; 4] = [4 << 10, 16 << 10, 64 << 10, 1 << 20];

/// A compiled expression, each use of which draws on the limits of an object.
#[derive(Clone)]
pub struct Counted {
    compiled: Rc<Regex>,
    /// What a search costs for each byte.
    cost: usize,
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is none.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The object has had its share.
    #[error(transparent)]
    Limit(#[from] Error),
}

impl Counted {
    /// Compiles an expression of Go's as small as it can be, because a search may take as long as it is large for each
    /// byte.
    pub fn parse(source: &str, env: &Env) -> Result<Self, Refused> {
        for size in SIZES {
            env.budget().read(4 * size + 16 * source.len())?;
            match Regexp::compile(source, size) {
                Ok(compiled) => return Ok(Self { compiled: Rc::new(compiled), cost: size / 64 }),
                Err(Malformed::TooLarge) => {}
                Err(malformed) => return Err(malformed.into()),
            }
        }
        Err(Malformed::TooLarge.into())
    }

    /// It is about to search a text.
    pub(crate) fn about_to_search(&self, text: &[u8], env: &Env) -> Result<Rc<Regex>, Error> {
        env.budget().read(text.len().saturating_mul(self.cost))?;
        Ok(Rc::clone(&self.compiled))
    }

    /// The text with each match replaced, as Go's `ReplaceAllString` does: in `replacement`, `$1`, `${1}`, `$name` and
    /// `${name}` stand for groups, or for nothing where there is no such group. `None` if it gets longer than `longest`.
    pub fn replace_all(
        &self,
        text: &str,
        replacement: &str,
        longest: usize,
        env: &Env,
    ) -> Result<Option<String>, Error> {
        let compiled = self.about_to_search(text.as_bytes(), env)?;
        let mut out = Vec::new();
        let push = |part: &[u8]| {
            out.extend_from_slice(part);
            if out.len() > longest { Err(()) } else { Ok(()) }
        };
        let replacement = Replacement::expanded(&compiled, replacement.as_bytes());
        let made = replacement.apply(&compiled, text.as_bytes(), push);
        Ok(made.ok().and_then(|()| String::from_utf8(out).ok()))
    }
}
