//! What an ExternalSecret asks AWS for: which sources, and what of them. The [`Token`] says which version of that it
//! got.

mod selector;
mod token;

use std::borrow::Cow;
use std::fmt;

use crate::identity::{Account, Announced, Region, Service, SourceRef};
use crate::index::Finder;
use crate::store::Identity;

pub use selector::{CURRENT, Selector};
pub use token::Token;

/// Some sources under one selector, asked for by one identity: what a single read answers, and what the ledger keeps
/// its books on. The identity counts because two accounts can have secrets of one name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Wanted {
    /// Who asks.
    pub identity: Identity,
    /// Which secrets or parameters.
    pub sources: Sources,
    /// What of them.
    pub selector: Selector,
}

/// Which sources are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sources {
    /// The one of that name.
    Named(SourceRef),
    /// Every one that a search finds, however many.
    Matching(Finder),
}

impl Wanted {
    /// A named source under a selector.
    #[must_use]
    pub fn named(identity: Identity, source: SourceRef, selector: Selector) -> Self {
        Self { identity, sources: Sources::Named(source), selector }
    }

    /// What a search finds, each source at the version that is in use (ESO knows no other).
    #[must_use]
    pub fn matching(identity: Identity, finder: Finder) -> Self {
        let selector = Selector::from_version(finder.service, None);
        Self { identity, sources: Sources::Matching(finder), selector }
    }

    /// The named source; `None` of a search.
    #[must_use]
    pub fn source(&self) -> Option<&SourceRef> {
        match &self.sources {
            Sources::Named(source) => Some(source),
            Sources::Matching(_) => None,
        }
    }

    /// Is it a search?
    #[must_use]
    pub fn is_search(&self) -> bool {
        matches!(self.sources, Sources::Matching(_))
    }

    /// Do tags decide what this yields?
    #[must_use]
    pub fn depends_on_tags(&self) -> bool {
        let searched = matches!(&self.sources, Sources::Matching(finder) if !finder.tags.is_empty());
        searched || self.selector == Selector::Tags
    }

    /// Does AWS send an event by itself whenever what this yields changes? It sends none for tags, nor for a secret that
    /// is deleted, which changes what a search finds and is all that can happen to a fixed version.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        !self.is_search() && !self.depends_on_tags() && !self.selector.is_fixed()
    }
}

impl Sources {
    /// The service that keeps them.
    #[must_use]
    pub fn service(&self) -> Service {
        match self {
            Self::Named(source) => source.service,
            Self::Matching(finder) => finder.service,
        }
    }

    /// Where they are.
    #[must_use]
    pub fn region(&self) -> Cow<'_, Region> {
        match self {
            Self::Named(source) => source.effective_region(),
            Self::Matching(finder) => Cow::Borrowed(&finder.region),
        }
    }

    /// The account that owns them, where the name tells.
    #[must_use]
    pub fn account(&self) -> Option<Account> {
        match self {
            Self::Named(source) => source.account(),
            Self::Matching(_) => None,
        }
    }

    /// Could an event be about one of them? `known` is the account that they were found in.
    #[must_use]
    pub fn concerned_by(&self, announced: &Announced, known: Option<&Account>) -> bool {
        match self {
            Self::Named(source) => announced.concerns(source, known),
            Self::Matching(finder) => finder.matches(announced, known),
        }
    }
}

impl fmt::Display for Wanted {
    /// The key under `status.sourceVersions.tokens`, and the `source` field of the log:
    /// `SecretsManager/us-east-1/prod/db#AWSCURRENT`, `tags of …`, `find in SecretsManager/us-east-1 path="prod/"`. No two
    /// wanted things of one object share it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.sources, &self.selector) {
            (Sources::Named(source), Selector::Tags) => write!(f, "tags of {source}")?,
            (Sources::Named(source), selector) => write!(f, "{source}#{selector}")?,
            (Sources::Matching(finder), _) => write!(f, "find in {finder}")?,
        }
        match &self.identity {
            Identity::Agent => Ok(()),
            other => write!(f, "@{other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::regexp::Regexp;

    fn region() -> Region {
        Region::parse("eu-west-1").expect("a region")
    }

    fn named(selector: Selector) -> Wanted {
        let source = SourceRef { service: Service::SecretsManager, region: region(), key: "prod/db".to_owned() };
        Wanted::named(Identity::Agent, source, selector)
    }

    fn search(tags: BTreeMap<String, String>) -> Wanted {
        let name = Some(Regexp::parse("^\"db").expect("an expression"));
        let (service, path) = (Service::SecretsManager, Some("prod/".to_owned()));
        Wanted::matching(Identity::Agent, Finder { service, region: region(), path, name, tags })
    }

    #[test]
    fn each_wanted_thing_has_a_name_of_its_own() {
        let tags = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        for (wanted, name) in [
            (named(Selector::Stage(CURRENT.to_owned())), "SecretsManager/eu-west-1/prod/db#AWSCURRENT"),
            (named(Selector::Stage("tags".to_owned())), "SecretsManager/eu-west-1/prod/db#tags"),
            (named(Selector::Tags), "tags of SecretsManager/eu-west-1/prod/db"),
            (search(BTreeMap::new()), r#"find in SecretsManager/eu-west-1 path="prod/" name="^\"db""#),
            (search(tags), r#"find in SecretsManager/eu-west-1 path="prod/" name="^\"db" tags={"team": "a"}"#),
        ] {
            assert_eq!(wanted.to_string(), name);
        }
    }

    #[test]
    fn only_values_of_named_sources_change_with_an_event_each_time() {
        let tags = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        assert!(named(Selector::Stage(CURRENT.to_owned())).is_announced());
        assert!(!named(Selector::Tags).is_announced() && named(Selector::Tags).depends_on_tags());
        assert!(!search(BTreeMap::new()).is_announced() && !search(BTreeMap::new()).depends_on_tags());
        assert!(search(tags).depends_on_tags());
    }
}
