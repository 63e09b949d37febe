//! Which namespaces a ClusterSecretStore admits.

use std::collections::BTreeMap;

use super::problem::Invalid;
use crate::regexp::Regexp;
use crate::resource::SecretStoreSpec;
use crate::resource::store::StoreCondition;
use crate::selector;

const REGEXES: &str = "spec.conditions[].namespaceRegexes";
const SELECTOR: &str = "spec.conditions[].namespaceSelector";

/// Every namespace without conditions; otherwise those that one part of one condition fits. A namespace whose labels are
/// not known fits no selector.
pub(super) fn admits(
    spec: &SecretStoreSpec,
    namespace: &str,
    labels: Option<&BTreeMap<String, String>>,
) -> Result<bool, Invalid> {
    for condition in &spec.conditions {
        if condition.namespaces.iter().any(|name| name == namespace) {
            return Ok(true);
        }
        for pattern in &condition.namespace_regexes {
            if regexp(pattern)?.is_match(namespace) {
                return Ok(true);
            }
        }
        if let Some(labels) = labels
            && selects(condition, labels)?
        {
            return Ok(true);
        }
    }
    Ok(spec.conditions.is_empty())
}

/// Do the labels of namespaces matter at all?
pub(super) fn ask_for_labels(spec: &SecretStoreSpec) -> bool {
    spec.conditions.iter().any(|condition| condition.namespace_selector.is_some())
}

/// Can all of them be understood? Whoever is admitted by the first never learns of a mistake in the second.
pub(super) fn check(spec: &SecretStoreSpec) -> Result<(), Invalid> {
    for condition in &spec.conditions {
        condition.namespace_regexes.iter().try_for_each(|pattern| regexp(pattern).map(drop))?;
        selects(condition, &BTreeMap::new())?;
    }
    Ok(())
}

fn regexp(pattern: &str) -> Result<Regexp, Invalid> {
    let problem = |error| Invalid::new(REGEXES, format!("has the bad pattern {pattern:?}: {error}"));
    Regexp::parse(pattern).map_err(problem)
}

fn selects(condition: &StoreCondition, labels: &BTreeMap<String, String>) -> Result<bool, Invalid> {
    let Some(selector) = &condition.namespace_selector else { return Ok(false) };
    selector::matches(selector, labels).map_err(|problem| Invalid::new(SELECTOR, problem.to_string()))
}
