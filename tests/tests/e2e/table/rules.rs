//! Every rule has its proof, and no case proves what is no rule.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rekey_tests::repository;
use serde::Deserialize;

use super::case::Case;

/// What a rule says, and where no case can show it, which test does.
#[derive(Deserialize)]
#[serde(untagged)]
enum Rule {
    ByCase(#[expect(dead_code, reason = "it is for people")] String),
    ByTest {
        #[expect(dead_code, reason = "it is for people")]
        says: String,
        /// `path/to/file.rs name_of_the_test`.
        test: String,
        #[expect(dead_code, reason = "it is for people")]
        because: String,
    },
}

/// Chapters of rules by name.
type Rules = BTreeMap<String, BTreeMap<String, Rule>>;

/// # Panics
/// If a rule of this file is proved neither by a case nor by a test that exists, or a case proves what is no rule.
pub fn check<H>(file: &Path, cases: &[Case<H>]) {
    let text = std::fs::read_to_string(file).unwrap();
    let chapters: Rules = serde_yaml_ng::from_str(&text).unwrap();
    let rules: BTreeMap<&String, &Rule> = chapters.values().flatten().collect();
    assert_eq!(rules.len(), chapters.values().map(BTreeMap::len).sum::<usize>(), "two rules have one name");
    let proved: BTreeSet<&String> = cases.iter().flat_map(|case| &case.proves).collect();

    let lawless: Vec<String> = cases.iter().filter(|case| case.proves.is_empty()).map(ToString::to_string).collect();
    assert!(lawless.is_empty(), "these cases prove nothing: {lawless:#?}");
    let unknown: Vec<_> = proved.iter().filter(|name| !rules.contains_key(**name)).collect();
    assert!(unknown.is_empty(), "cases name these rules, which do not exist: {unknown:#?}");
    let unproved: Vec<_> = rules
        .iter()
        .filter(|(name, rule)| match rule {
            Rule::ByCase(_) => !proved.contains(**name),
            Rule::ByTest { test, .. } => !exists(test),
        })
        .map(|(name, _)| name)
        .collect();
    assert!(unproved.is_empty(), "{} rules have no proof: {unproved:#?}", unproved.len());
}

fn exists(test: &str) -> bool {
    let (path, name) = test.split_once(' ').unwrap_or_default();
    let source = std::fs::read_to_string(repository().join(path)).unwrap_or_default();
    source.contains(&format!("fn {name}("))
}
