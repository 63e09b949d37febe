//! Semantic versions, as the Go package Masterminds/semver reads and compares them.

mod constraint;
mod version;

use std::rc::Rc;

use super::Table;
use crate::Error;
use crate::run::Run;
use crate::value::{Text, Value};

use constraint::Constraints;
use version::Version;

pub(super) fn add(table: &mut Table) {
    table.add("semver", |text: Text| version(&text).map(|version| Value::Object(Rc::new(version))));
    table.add("semverCompare", |run: &Run<'_>, constraints: Text, text: Text| {
        run.read(constraints.len().saturating_mul(64))?;
        let constraints = constraints.utf8().and_then(Constraints::parse);
        let constraints = constraints.ok_or_else(|| Error::Failed("improper constraint of versions".to_owned()))?;
        Ok::<_, Error>(constraints.allow(&version(&text)?))
    });
}

fn version(text: &Text) -> Result<Version, Error> {
    text.utf8().and_then(Version::parse).ok_or_else(|| Error::Failed("invalid semantic version".to_owned()))
}
