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
    const TYPED_AUTO: &str = "secret.reloader.stakater.com/auto";
    const OTHER_AUTO: &str = "configmap.reloader.stakater.com/auto";
    const SEARCH: &str = "reloader.stakater.com/search";
    const EXCLUDE: &str = "secrets.exclude.reloader.stakater.com/reload";
    const PLAIN: Flags = Flags { ignore: false, matched: false };
    const IGNORE: Flags = Flags { ignore: true, matched: true };
    const MATCH: Flags = Flags { ignore: false, matched: true };

    fn pod(containers: &serde_json::Value) -> References {
        References::of(&serde_json::from_value::<PodSpec>(json!({ "containers": containers })).unwrap())
    }

    fn triggers(workload: &[(&str, &str)], template: &[(&str, &str)]) -> Triggers {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Triggers::read(ResourceKind::Secret, &Options::default(), &map(workload), &map(template))
    }

    /// The rows are those of Stakater Reloader's decision order. Its first one, the kinds that are left alone, is the book's.
    #[test]
    fn rows_of_the_decision_order() {
        // `used` is referenced by the second container, `other` is not referenced.
        let references = pod(&json!([{"name": "one"}, {"name": "two", "envFrom": [{"secretRef": {"name": "used"}}]}]));
        for (row, workload, template, name, flags, expected) in [
            ("2: the resource says ignore", &[(AUTO, "true")][..], &[][..], "used", IGNORE, Err(Reason::Ignored)),
            ("2: also if it is named", &[(NAMED, "other")], &[], "other", IGNORE, Err(Reason::Ignored)),
            (
                "3: the template speaks for a workload that says nothing",
                &[],
                &[(AUTO, "true")],
                "used",
                PLAIN,
                Ok("two"),
            ),
            (
                "3: an empty key on the workload silences it",
                &[(AUTO, "")],
                &[(AUTO, "true")],
                "used",
                PLAIN,
                Err(Reason::NotAsked),
            ),
            ("3: the template may search", &[], &[(SEARCH, "true")], "used", MATCH, Ok("two")),
            ("3: the template may name", &[], &[(NAMED, "other")], "other", PLAIN, Ok("one")),
            (
                "4: an excluded name beats auto",
                &[(AUTO, "true"), (EXCLUDE, "used")],
                &[],
                "used",
                PLAIN,
                Err(Reason::Excluded),
            ),
            ("4: and the list", &[(NAMED, "other"), (EXCLUDE, "other")], &[], "other", PLAIN, Err(Reason::Excluded)),
            ("4: and the template", &[(EXCLUDE, "used")], &[(AUTO, "true")], "used", PLAIN, Err(Reason::Excluded)),
            (
                "4: on the template it is never seen",
                &[],
                &[(AUTO, "true"), (EXCLUDE, "used")],
                "used",
                PLAIN,
                Ok("two"),
            ),
            ("5: a named one needs no reference", &[(NAMED, "other")], &[], "other", PLAIN, Ok("one")),
            ("5: its user carries the marker", &[(NAMED, "used")], &[], "used", PLAIN, Ok("two")),
            ("5: another name", &[(NAMED, "other")], &[], "used", PLAIN, Err(Reason::NotAsked)),
            ("5: the list and auto", &[(NAMED, "other"), (AUTO, "true")], &[], "used", PLAIN, Ok("two")),
            ("5: auto and the list", &[(NAMED, "other"), (AUTO, "true")], &[], "other", PLAIN, Ok("one")),
            ("6: search and match", &[(SEARCH, "true")], &[], "used", MATCH, Ok("two")),
            ("6: search without match", &[(SEARCH, "true")], &[], "used", PLAIN, Err(Reason::NotAsked)),
            ("6: search needs a reference", &[(SEARCH, "true")], &[], "other", MATCH, Err(Reason::NotReferenced)),
            ("6: no search", &[(SEARCH, "false")], &[], "used", MATCH, Err(Reason::NotAsked)),
            ("7: auto", &[(AUTO, "true")], &[], "used", PLAIN, Ok("two")),
            ("7: typed auto", &[(TYPED_AUTO, "true")], &[], "used", PLAIN, Ok("two")),
            ("7: one of the two", &[(AUTO, "false"), (TYPED_AUTO, "true")], &[], "used", PLAIN, Ok("two")),
            ("7: auto of another kind", &[(OTHER_AUTO, "true")], &[], "used", PLAIN, Err(Reason::NotAsked)),
            ("7: auto needs a reference", &[(AUTO, "true")], &[], "other", PLAIN, Err(Reason::NotReferenced)),
            ("7: auto beside search", &[(SEARCH, "true"), (AUTO, "true")], &[], "used", PLAIN, Ok("two")),
            ("7: no auto", &[(AUTO, "false")], &[], "used", PLAIN, Err(Reason::NotAsked)),
            ("8: nothing is asked", &[], &[], "used", MATCH, Err(Reason::NotAsked)),
        ] {
            let triggers = triggers(workload, template);
            assert_eq!(decide(&triggers, &references, &ResourceName::secret(name), flags), expected, "{row}");
        }
    }

    #[test]
    fn a_workload_without_containers_is_never_restarted() {
        let triggers = triggers(&[(NAMED, "s")], &[]);
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
