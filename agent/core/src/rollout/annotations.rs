//! The annotations of Stakater Reloader that say what restarts a workload, read as Stakater reads them.
//!
//! One deliberate difference: a list item is a regular expression anchored as a whole, so `a|b` means exactly `a` or
//! `b`. A bad item is kept for a report and disturbs neither the other items nor other workloads.

mod names;

use std::collections::BTreeMap;

use self::names::Names;
use super::mistake::Mistake;
use super::options::Options;
use super::resource::ResourceKind;

/// Annotations as Kubernetes objects carry them.
pub type Annotations = BTreeMap<String, String>;

/// What restarts one workload, for one kind of resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Triggers {
    named: Names,
    exclude: Names,
    bad: Vec<Mistake>,
    search: bool,
    auto: bool,
}

impl Triggers {
    /// Reads the annotations of a workload and of its pod template.
    ///
    /// The workload's own annotations are used as soon as they hold any one key of the set, even an empty one;
    /// otherwise the template's are. The two are never mixed, except that the exclude list is always the workload's.
    #[must_use]
    pub fn read(kind: ResourceKind, options: &Options, workload: &Annotations, template: &Annotations) -> Self {
        let keys = &options.keys;
        let set = [keys.named(kind), &keys.search, &keys.auto, keys.auto_of(kind)];
        let chosen = if set.iter().any(|key| workload.contains_key(*key)) { workload } else { template };
        let value = |key: &str| chosen.get(key).map(String::as_str);

        let autos = [value(&keys.auto), value(keys.auto_of(kind))];
        let unsaid = autos.iter().all(|auto| auto.is_none_or(str::is_empty));
        let (named, exclude) = (keys.named(kind), kind.exclude_annotation());
        let mut bad = Vec::new();
        Self {
            named: Names::patterns(named, chosen.get(named), &mut bad),
            exclude: Names::plain(exclude, workload.get(exclude), &mut bad),
            search: is_true(value(&keys.search)),
            auto: autos.into_iter().any(parse_bool) || (options.auto_all && unsaid),
            bad,
        }
    }

    /// Whether anything at all can restart the workload.
    #[must_use]
    pub fn any(&self) -> bool {
        self.auto || self.search || !self.named.is_empty()
    }

    /// Whether every referenced resource restarts it.
    #[must_use]
    pub fn auto(&self) -> bool {
        self.auto
    }

    /// Whether referenced resources that say they match restart it.
    #[must_use]
    pub fn search(&self) -> bool {
        self.search
    }

    /// Whether the name stands in the exclude list.
    #[must_use]
    pub fn excludes(&self, name: &str) -> bool {
        self.exclude.matches(name)
    }

    /// Whether an item of the list of names matches.
    #[must_use]
    pub fn names(&self, name: &str) -> bool {
        self.named.matches(name)
    }

    /// The items of the list that are plain names.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.named.literals()
    }

    /// Whether an item can match names that stand nowhere, so that each name has to be tried.
    #[must_use]
    pub fn has_patterns(&self) -> bool {
        self.named.has_patterns()
    }

    /// The items that are no regular expressions, in the order of the list, and where a list is too long.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.bad
    }
}

/// `search`, `match` and `ignore` ask for exactly this text.
#[must_use]
pub fn is_true(value: Option<&str>) -> bool {
    value == Some("true")
}

/// Go's `strconv.ParseBool`; what it refuses is false.
fn parse_bool(value: Option<&str>) -> bool {
    matches!(value, Some("1" | "t" | "T" | "true" | "TRUE" | "True"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTO: &str = "reloader.stakater.com/auto";
    const SEARCH: &str = "reloader.stakater.com/search";
    const NAMED: &str = "secret.reloader.stakater.com/reload";
    const TYPED_AUTO: &str = "secret.reloader.stakater.com/auto";
    const EXCLUDE: &str = "secrets.exclude.reloader.stakater.com/reload";

    fn map(pairs: &[(&str, &str)]) -> Annotations {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn read(workload: &[(&str, &str)], template: &[(&str, &str)]) -> Triggers {
        Triggers::read(ResourceKind::Secret, &Options::default(), &map(workload), &map(template))
    }

    #[test]
    fn auto_is_gos_parse_bool_and_the_typed_one_is_ored() {
        for value in ["1", "t", "T", "true", "TRUE", "True"] {
            assert!(read(&[(AUTO, value)], &[]).auto(), "{value}");
            assert!(read(&[(TYPED_AUTO, value)], &[]).auto(), "{value}");
        }
        for value in ["0", "f", "false", "False", "", "yes", " true", "tRUE"] {
            assert!(!read(&[(AUTO, value)], &[]).auto(), "{value:?}");
        }
        assert!(read(&[(AUTO, "false"), (TYPED_AUTO, "true")], &[]).auto());
    }

    #[test]
    fn those_that_say_nothing_follow_all_if_the_installation_says_so() {
        let all = Options { auto_all: true, ..Options::default() };
        let auto = |kind, pairs: &[(&str, &str)]| Triggers::read(kind, &all, &map(pairs), &map(&[])).auto();
        for (pairs, secrets, config_maps) in [
            (&[][..], true, true),
            (&[(AUTO, ""), (TYPED_AUTO, "")], true, true),
            (&[(AUTO, "false")], false, false),
            (&[(TYPED_AUTO, "false")], false, true),
            (&[(TYPED_AUTO, "nonsense")], false, true),
            (&[(AUTO, "false"), (TYPED_AUTO, "true")], true, false),
        ] {
            assert_eq!(auto(ResourceKind::Secret, pairs), secrets, "{pairs:?}");
            assert_eq!(auto(ResourceKind::ConfigMap, pairs), config_maps, "{pairs:?}");
        }
    }

    #[test]
    fn search_is_exactly_true() {
        for (value, expected) in [("true", true), ("True", false), ("1", false), ("", false)] {
            assert_eq!(read(&[(SEARCH, value)], &[]).search(), expected, "{value:?}");
        }
    }

    #[test]
    fn the_template_speaks_only_if_the_workload_holds_no_key_of_the_set() {
        assert!(read(&[], &[(AUTO, "true")]).auto());
        assert!(read(&[("unrelated", "x")], &[(AUTO, "true")]).auto());
        for key in [NAMED, SEARCH, AUTO, TYPED_AUTO] {
            assert!(!read(&[(key, "")], &[(AUTO, "true")]).auto(), "an empty {key} selects the workload's set");
        }
        // A key of another kind selects nothing, and neither does the exclude list.
        assert!(read(&[("configmap.reloader.stakater.com/auto", "true")], &[(AUTO, "true")]).auto());
        assert!(read(&[(EXCLUDE, "a")], &[(AUTO, "true")]).auto());
    }

    #[test]
    fn the_exclude_list_is_literal_and_only_the_workloads() {
        let triggers = read(&[(EXCLUDE, " one , t.o")], &[(AUTO, "true"), (EXCLUDE, "three")]);
        for (name, expected) in [("one", true), ("t.o", true), ("two", false), ("three", false)] {
            assert_eq!(triggers.excludes(name), expected, "{name}");
        }
    }

    #[test]
    fn names_are_regular_expressions_anchored_as_a_whole() {
        for (list, name, expected) in [
            ("db", "db", true),
            ("db", "db-2", false),
            ("db", "my-db", false),
            (" db , cache ", "cache", true),
            ("db,", "", false),
            ("", "db", false),
            ("a|b", "a", true),
            ("a|b", "ax", false),
            ("a|b", "xb", false),
            ("db-.*", "db-main", true),
            ("db-[0-9]+", "db-42", true),
            ("db-[0-9]+", "db-x", false),
            ("my.app", "my-app", true),
            ("(?i)DB", "db", true),
            (r"db-\d+", "db-42", true),
            (r"db\.main", "db-main", false),
            (r"\Qa.b\E", "a.b", true),
            (r"\Qa.b\E", "a-b", false),
            ("^db$", "db", true),
            // Split at the comma, as Stakater does, so neither half means what was meant.
            ("x{1,2}", "xx", false),
        ] {
            assert_eq!(read(&[(NAMED, list)], &[]).names(name), expected, "{list:?} on {name:?}");
        }
    }

    #[test]
    fn a_bad_item_is_reported_and_the_others_still_work() {
        let triggers = read(&[(NAMED, "good, [bad, a)|(b, (?x)c #, also.good")], &[]);
        let item = |mistake: &Mistake| match mistake {
            Mistake::Pattern { item, .. } => item.clone(),
            _ => String::new(),
        };
        let bad: Vec<String> = triggers.mistakes().iter().map(item).collect();
        assert_eq!(bad, ["[bad", "a)|(b", "(?x)c #"]);
        assert!(triggers.names("good") && triggers.names("also-good"));
        for name in ["a", "b", "c"] {
            assert!(!triggers.names(name), "{name}");
        }
        let text = triggers.mistakes()[0].to_string();
        assert!(text.contains("[bad") && text.contains(NAMED) && !text.contains('\n'), "{text}");
    }

    #[test]
    fn a_pattern_that_would_take_megabytes_is_refused() {
        let triggers = read(&[(NAMED, "((a{99}){99}){99}")], &[]);
        assert_eq!(triggers.mistakes().len(), 1);
    }
}
