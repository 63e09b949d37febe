//! A search for sources: `dataFrom.find`.

use std::collections::BTreeMap;
use std::fmt;

use crate::identity::{Account, Announced, Region, Service};
use crate::regexp::Regexp;

/// "Every source of this service and region whose name and tags match." What AWS answers decides; here it is only
/// asked which events could change that answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Finder {
    /// The store's service.
    pub service: Service,
    /// The store's region.
    pub region: Region,
    /// Secrets: what the name begins with. Parameters: the levels of the hierarchy that it is below.
    pub path: Option<String>,
    /// What the whole name, a parameter's first slash included, matches somewhere.
    pub name: Option<Regexp>,
    /// Tags that are asked for. No event tells tags, so they rule out none.
    pub tags: BTreeMap<String, String>,
}

impl Finder {
    /// Does the search find a source of that full name? A parameter's first slash belongs to its name.
    #[must_use]
    pub fn finds(&self, name: &str) -> bool {
        let plain = match self.service {
            Service::SecretsManager => name,
            Service::ParameterStore => name.strip_prefix('/').unwrap_or(name),
        };
        self.is_below_path(plain) && self.name.as_ref().is_none_or(|regexp| regexp.is_match(name))
    }

    /// Does the search find a secret with these tags? Of each pair some key has to begin with the key and some value with
    /// the value, not necessarily of one tag: that is how AWS's filters match, and ESO asks for nothing more. (AWS itself
    /// matches the tags of parameters.)
    #[must_use]
    pub fn finds_tagged<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
        let (keys, values): (Vec<&str>, Vec<&str>) = tags.into_iter().unzip();
        let any = |texts: &[&str], begin: &str| texts.iter().any(|text| text.starts_with(begin));
        self.tags.iter().all(|(key, value)| any(&keys, key) && any(&values, value))
    }

    /// Could what happened to this source change what the search finds? `known_account` is the account that it is known
    /// to look in. What the event does not tell (tags, an account, the end of a name) counts as matching.
    #[must_use]
    pub fn matches(&self, announced: &Announced, known_account: Option<&Account>) -> bool {
        let same = |announced: Option<&Account>| announced.is_none_or(|one| known_account.is_none_or(|own| own == one));
        announced.service == self.service
            && announced.region.as_ref().is_none_or(|region| *region == self.region)
            && same(announced.account.as_ref())
            && announced.names().into_iter().any(|name| self.is_below_path(name) && self.is_called(name))
    }

    /// What every name that the search finds begins with, a parameter's without its first slash.
    pub(super) fn filed_path(&self) -> &str {
        let path = self.path.as_deref().unwrap_or_default();
        match self.service {
            Service::SecretsManager => path,
            Service::ParameterStore => path.trim_matches('/'),
        }
    }

    fn is_below_path(&self, name: &str) -> bool {
        let path = self.filed_path();
        match (self.service, name.strip_prefix(path)) {
            (_, None) => false,
            (Service::SecretsManager, Some(_)) => true,
            (Service::ParameterStore, Some(rest)) => path.is_empty() || rest.starts_with('/'),
        }
    }

    /// `/a` and `a` are one parameter here, so either spelling will do.
    fn is_called(&self, name: &str) -> bool {
        let Some(regexp) = &self.name else { return true };
        regexp.is_match(name) || self.service == Service::ParameterStore && regexp.is_match(&format!("/{name}"))
    }
}

impl fmt::Display for Finder {
    /// `SecretsManager/us-east-1 path="prod/" name="^db" tags={"team": "a"}`, quoted so that different searches differ.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.region)?;
        if let Some(path) = &self.path {
            write!(f, " path={path:?}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " name={:?}", name.as_str())?;
        }
        if !self.tags.is_empty() {
            write!(f, " tags={:?}", self.tags)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "111111111111";

    fn region() -> Region {
        Region::parse("eu-west-1").expect("a region")
    }

    fn finder(service: Service, path: Option<&str>, name: Option<&str>) -> Finder {
        let name = name.map(|name| Regexp::parse(name).expect("an expression"));
        Finder { service, region: region(), path: path.map(ToOwned::to_owned), name, tags: BTreeMap::new() }
    }

    fn event(service: Service, name: &str) -> Announced {
        let account = Account::parse(ACCOUNT).ok();
        Announced::new(service, None, Some(name), account, Some(region())).expect("a source")
    }

    #[test]
    fn names_and_paths_are_matched_as_aws_and_eso_match_them() {
        use Service::{ParameterStore, SecretsManager};
        for (service, path, name, matching, others) in [
            (SecretsManager, None, None, &["db", "prod/db"][..], &[][..]),
            (SecretsManager, None, Some("db"), &["db", "prod/db-1"], &["cache"]),
            (SecretsManager, None, Some("^db$"), &["db"], &["prod/db"]),
            (SecretsManager, Some("prod"), None, &["prod/db", "production"], &["dev/prod"]),
            (SecretsManager, Some("prod/"), Some("[0-9]$"), &["prod/db1"], &["prod/db", "dev/db1"]),
            (SecretsManager, Some(""), Some("^x"), &["x"], &["ax"]),
            (ParameterStore, Some("/a"), None, &["/a/b", "a/b", "/a/b/c"], &["/ab/c", "/a", "/b/a"]),
            (ParameterStore, Some("/a/"), None, &["/a/b"], &["/b"]),
            (ParameterStore, Some("/"), Some("^/x"), &["/x", "x", "/x/y"], &["/y/x"]),
        ] {
            let finder = finder(service, path, name);
            for (names, expected) in [(matching, true), (others, false)] {
                for name in names {
                    assert_eq!(finder.matches(&event(service, name), None), expected, "{finder:?} and {name}");
                }
            }
        }
    }

    #[test]
    fn an_arn_matches_by_its_name_with_or_without_what_may_be_a_suffix() {
        let arn = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:db-AbCdEf";
        let event = Announced::new(Service::SecretsManager, Some(arn), None, None, None).expect("a source");
        assert!(finder(Service::SecretsManager, None, Some("^db$")).matches(&event, None));
        assert!(finder(Service::SecretsManager, None, Some("^db-AbCdEf$")).matches(&event, None));
        assert!(!finder(Service::SecretsManager, None, Some("^cache$")).matches(&event, None));
    }

    #[test]
    fn another_service_region_or_account_is_none_of_its_business_and_an_unknown_one_may_be() {
        let finder = finder(Service::SecretsManager, None, None);
        let mut event = event(Service::SecretsManager, "db");
        let (own, other) = (Account::parse(ACCOUNT).expect("an account"), Account::parse("222222222222").ok());
        assert!(finder.matches(&event, Some(&own)));
        assert!(!finder.matches(&event, other.as_ref()));
        event.region = Region::parse("us-east-1").ok();
        assert!(!finder.matches(&event, None));
        (event.region, event.account) = (None, None);
        assert!(finder.matches(&event, other.as_ref()));
        event.service = Service::ParameterStore;
        assert!(!finder.matches(&event, None));
    }

    #[test]
    fn tags_rule_out_no_event_and_match_as_aws_s_filters_do() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let tags = BTreeMap::from([pair("a", "1"), pair("b", "2")]);
        let finder = Finder { tags, ..finder(Service::SecretsManager, None, None) };
        assert!(finder.matches(&event(Service::SecretsManager, "anything"), None));
        for (tags, expected) in [
            (&[("a", "1"), ("b", "2"), ("c", "3")][..], true),
            (&[("a", "2"), ("b", "1")], true),
            (&[("ab", "12"), ("bc", "23")], true),
            (&[("a", "1")], false),
            (&[("a", "1"), ("b", "1")], false),
            (&[("A", "1"), ("b", "2")], false),
            (&[], false),
        ] {
            assert_eq!(finder.finds_tagged(tags.iter().copied()), expected, "{tags:?}");
        }
    }

    #[test]
    fn what_is_found_is_told_by_the_full_name() {
        use Service::{ParameterStore, SecretsManager};
        for (service, path, name, found, expected) in [
            (SecretsManager, Some("prod"), Some("db$"), "production/db", true),
            (SecretsManager, Some("prod"), Some("^db"), "prod/db", false),
            (SecretsManager, None, Some(""), "anything", true),
            (ParameterStore, Some("/a"), Some("^/a/b"), "/a/b", true),
            (ParameterStore, Some("/a/"), Some("^a/b"), "/a/b", false),
            (ParameterStore, None, Some("^plain$"), "plain", true),
            (ParameterStore, Some("/a"), None, "/ab", false),
        ] {
            assert_eq!(finder(service, path, name).finds(found), expected, "{path:?} {name:?} {found}");
        }
    }
}
