//! Whether a change of one resource restarts one workload: Stakater Reloader's decision order, first hit wins.

use super::annotations::{self, Annotations, Triggers};
use super::keys::Keys;
use super::references::References;
use super::resource::ResourceName;

/// What a resource says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// It never restarts anything.
    pub ignore: bool,
    /// It restarts the workloads that search.
    pub matched: bool,
}

impl Flags {
    /// Reads a resource's annotations.
    #[must_use]
    pub fn read(resource: &Annotations, keys: &Keys) -> Self {
        let is_true = |key: &str| annotations::is_true(resource.get(key).map(String::as_str));
        Self { ignore: is_true(&keys.ignore), matched: is_true(&keys.matched) }
    }
}

/// Why a change does not restart a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The resource says `ignore`.
    Ignored,
    /// The workload excludes it by name.
    Excluded,
    /// No annotation of the workload asks for it.
    NotAsked,
    /// The workload follows what it references, and does not reference it.
    NotReferenced,
    /// The workload has no containers.
    NoContainers,
}

/// Decides for one resource and one workload: the container that carries the marker, or the reason why not. `triggers`
/// are those of the resource's kind.
///
/// # Errors
/// The [`Reason`] of the first row that says no.
pub fn decide<'a>(
    triggers: &Triggers,
    references: &'a References,
    resource: &ResourceName,
    flags: Flags,
) -> Result<&'a str, Reason> {
    if flags.ignore {
        return Err(Reason::Ignored);
    }
    if triggers.excludes(&resource.name) {
        return Err(Reason::Excluded);
    }
    let Some(first) = references.first_container() else { return Err(Reason::NoContainers) };
    let container = references.container_of(resource);
    if triggers.names(&resource.name) {
        return Ok(container.unwrap_or(first));
    }
    if triggers.auto() || (triggers.search() && flags.matched) {
        return container.ok_or(Reason::NotReferenced);
    }
    Err(Reason::NotAsked)
}

/// The same for a resource of which only the name is known: what could not restart the workload whatever it said about
/// itself, has no place in the workload's state.
///
/// # Errors
/// The [`Reason`] of the first row that says no.
pub fn conceive<'a>(
    triggers: &Triggers,
    references: &'a References,
    resource: &ResourceName,
) -> Result<&'a str, Reason> {
    decide(triggers, references, resource, Flags { ignore: false, matched: true })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::PodSpec;
    use serde_json::json;

    use super::*;
    use crate::rollout::options::Options;
    use crate::rollout::resource::ResourceKind;

    const NAMED: &str = "secret.reloader.stakater.com/reload";
    const AUTO: &str = "reloader.stakater.com/auto";
    const SEARCH: &str = "reloader.stakater.com/search";
    const EXCLUDE: &str = "secrets.exclude.reloader.stakater.com/reload";
    const PLAIN: Flags = Flags { ignore: false, matched: false };
    const IGNORE: Flags = Flags { ignore: true, matched: true };
    const MATCH: Flags = Flags { ignore: false, matched: true };

    fn pod(containers: &serde_json::Value) -> References {
        References::of(&serde_json::from_value::<PodSpec>(json!({ "containers": containers })).unwrap())
    }

    #[test]
    fn rows_of_the_decision_order() {
        // `used` is referenced by the second container, `other` is not referenced.
        let references = pod(&json!([{"name": "one"}, {"name": "two", "envFrom": [{"secretRef": {"name": "used"}}]}]));
        for (workload, name, flags, expected) in [
            (&[][..], "used", MATCH, Err(Reason::NotAsked)),
            (&[(AUTO, "true")], "used", PLAIN, Ok("two")),
            (&[(AUTO, "true")], "other", PLAIN, Err(Reason::NotReferenced)),
            (&[(AUTO, "true")], "used", IGNORE, Err(Reason::Ignored)),
            (&[(AUTO, "true"), (EXCLUDE, "used")], "used", PLAIN, Err(Reason::Excluded)),
            (&[(AUTO, "false")], "used", PLAIN, Err(Reason::NotAsked)),
            (&[(NAMED, "other")], "other", PLAIN, Ok("one")),
            (&[(NAMED, "used")], "used", PLAIN, Ok("two")),
            (&[(NAMED, "other")], "used", PLAIN, Err(Reason::NotAsked)),
            (&[(NAMED, "other")], "other", IGNORE, Err(Reason::Ignored)),
            (&[(NAMED, "other"), (EXCLUDE, "other")], "other", PLAIN, Err(Reason::Excluded)),
            (&[(NAMED, "other"), (AUTO, "true")], "used", PLAIN, Ok("two")),
            (&[(NAMED, "other"), (AUTO, "true")], "other", PLAIN, Ok("one")),
            (&[(SEARCH, "true")], "used", PLAIN, Err(Reason::NotAsked)),
            (&[(SEARCH, "true")], "used", MATCH, Ok("two")),
            (&[(SEARCH, "true")], "other", MATCH, Err(Reason::NotReferenced)),
            (&[(SEARCH, "false")], "used", MATCH, Err(Reason::NotAsked)),
            (&[(SEARCH, "true"), (AUTO, "true")], "used", PLAIN, Ok("two")),
        ] {
            let workload: Annotations = workload.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let triggers = Triggers::read(ResourceKind::Secret, &Options::default(), &workload, &Annotations::new());
            assert_eq!(
                decide(&triggers, &references, &ResourceName::secret(name), flags),
                expected,
                "{workload:?} {name} {flags:?}"
            );
        }
    }

    #[test]
    fn a_workload_without_containers_is_never_restarted() {
        let named = Annotations::from([(NAMED.to_owned(), "s".to_owned())]);
        let triggers = Triggers::read(ResourceKind::Secret, &Options::default(), &named, &Annotations::new());
        assert_eq!(decide(&triggers, &pod(&json!([])), &ResourceName::secret("s"), PLAIN), Err(Reason::NoContainers));
    }

    #[test]
    fn flags_are_exactly_true() {
        for (value, expected) in [("true", true), ("True", false), ("1", false), ("", false)] {
            let keys = Keys::default();
            let resource: Annotations =
                [&keys.ignore, &keys.matched].map(|key| (key.to_owned(), value.to_owned())).into();
            assert_eq!(Flags::read(&resource, &keys), Flags { ignore: expected, matched: expected }, "{value:?}");
        }
    }
}
