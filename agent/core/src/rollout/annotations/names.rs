//! The lists of names in annotations. Whoever may write one shares the agent with everybody else, so what a list can cost
//! has an end: it is looked up rather than searched, and read as far as its limits go.

use std::collections::BTreeSet;

use super::Mistake;
use crate::regexp::Regexp;

/// Names in one list.
const NAMES: usize = 1_000;
/// Regular expressions in one list, good or bad. Each is tried on every name of the namespace.
const PATTERNS: usize = 64;
/// Bytes of all its regular expressions, compiled.
const COMPILED: usize = 256 << 10;
/// Characters of an item that are told.
const TOLD: usize = 100;

/// A list of names and regular expressions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    literals: BTreeSet<String>,
    patterns: Vec<Regexp>,
}

impl Names {
    /// Reads the list in this annotation, whose items are regular expressions. What is wrong with it is added to `mistakes`.
    pub fn patterns(annotation: &str, list: Option<&String>, mistakes: &mut Vec<Mistake>) -> Self {
        let mut names = Self::default();
        let (mut patterns, mut compiled) = (0, 0);
        for item in items(list) {
            let plain = is_plain(item);
            patterns += usize::from(!plain);
            let regexp = (!plain && patterns <= PATTERNS).then(|| Regexp::whole(item));
            compiled += regexp.iter().flatten().map(Regexp::size).sum::<usize>();
            if patterns > PATTERNS || compiled > COMPILED || names.literals.len() >= NAMES {
                mistakes.push(too_long(annotation, item));
                break;
            }
            match regexp {
                None => {
                    names.literals.insert(item.to_owned());
                }
                Some(Ok(regexp)) => names.patterns.push(regexp),
                Some(Err(malformed)) => mistakes.push(Mistake::Pattern {
                    annotation: annotation.to_owned(),
                    item: told(item),
                    reason: malformed.to_string(),
                }),
            }
        }
        names
    }

    /// The same of a list whose items are names and nothing else.
    pub fn plain(annotation: &str, list: Option<&String>, mistakes: &mut Vec<Mistake>) -> Self {
        let mut names = Self::default();
        for item in items(list) {
            if names.literals.len() >= NAMES {
                mistakes.push(too_long(annotation, item));
                break;
            }
            names.literals.insert(item.to_owned());
        }
        names
    }

    pub fn is_empty(&self) -> bool {
        self.literals.is_empty() && self.patterns.is_empty()
    }

    pub fn matches(&self, name: &str) -> bool {
        self.literals.contains(name) || self.patterns.iter().any(|pattern| pattern.is_match(name))
    }

    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.literals.iter().map(String::as_str)
    }

    pub fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }
}

/// Most items are plain names, for which a comparison is enough.
fn is_plain(item: &str) -> bool {
    item.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The trimmed items of a comma list, without empty ones: those match no name.
fn items(list: Option<&String>) -> impl Iterator<Item = &str> {
    list.map(String::as_str).unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn too_long(annotation: &str, item: &str) -> Mistake {
    Mistake::List { annotation: annotation.to_owned(), item: told(item), names: NAMES, patterns: PATTERNS }
}

fn told(item: &str) -> String {
    item.chars().take(TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(items: impl IntoIterator<Item = String>) -> (Names, Vec<Mistake>) {
        let mut mistakes = Vec::new();
        let list = items.into_iter().collect::<Vec<_>>().join(",");
        (Names::patterns("a", Some(&list), &mut mistakes), mistakes)
    }

    #[test]
    fn a_list_is_read_as_far_as_its_limits_go_and_that_is_told_once() {
        let (names, mistakes) = read((0..50_000).map(|number| format!("name-{number}")));
        assert!(names.matches("name-0") && names.matches("name-999") && !names.matches("name-1000"));
        assert_eq!(mistakes.len(), 1);
        assert!(mistakes[0].to_string().contains("\"name-1000\""), "{}", mistakes[0]);

        let (names, mistakes) = read((0..600).map(|number| format!("p{number}.*")));
        assert!(names.matches("p63-x") && names.patterns.len() == PATTERNS && mistakes.len() == 1, "{mistakes:?}");

        // The largest that there are.
        let (names, mistakes) = read((0..600).map(|_| ".{200}".to_owned()));
        assert!(names.patterns.len() <= 1 && mistakes.len() == 1, "{mistakes:?}");

        let (names, mistakes) = read((0..600).map(|_| "[".to_owned()).chain(["good".to_owned()]));
        assert!(names.is_empty() && mistakes.len() == PATTERNS + 1);

        let mut mistakes = Vec::new();
        let list = (0..50_000).map(|number| format!("name.{number}")).collect::<Vec<_>>().join(",");
        let names = Names::plain("a", Some(&list), &mut mistakes);
        assert!(names.matches("name.999") && !names.matches("name.1000") && mistakes.len() == 1);
    }

    #[test]
    fn of_a_long_item_the_beginning_is_told() {
        let (_, mistakes) = read(["[é".repeat(10_000)]);
        assert!(mistakes[0].to_string().chars().count() < 400, "{}", mistakes[0]);
    }
}
