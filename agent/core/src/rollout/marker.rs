//! What on a pod template says that it was restarted, and for what: an annotation or variables of its containers, both
//! in the form that Stakater Reloader gives them.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde::{Deserialize, Serialize};

use super::content::Content;
use super::options::Strategy;
use super::resource::ResourceName;
use super::stakater;

/// The annotation on the pod template.
pub const ANNOTATION: &str = "reloader.stakater.com/last-reloaded-from";

/// What the last restart was for. Field names and order are Stakater's; the hash is ours, or Stakater's SHA-1 when that
/// wrote it. It says what happened; what was applied is in the state, which knows all resources and not only the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    /// `SECRET` or `CONFIGMAP`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The resource's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The hash of its data.
    pub hash: String,
    /// The container that uses it; always one.
    pub container_refs: Vec<String>,
    /// When the restart was decided, in seconds since 1970.
    pub observed_at: i64,
}

impl Marker {
    /// The marker of a restart, later than `previous`: two restarts never look the same, for the second would be none.
    #[must_use]
    pub fn new(
        resource: &ResourceName,
        namespace: &str,
        content: Content,
        container: &str,
        now: Timestamp,
        previous: Option<&Self>,
    ) -> Self {
        let marker = Self {
            kind: resource.kind.marker_type().to_owned(),
            name: resource.name.clone(),
            namespace: namespace.to_owned(),
            hash: match content {
                Content::Data(mac) => mac.to_string(),
                Content::Gone => stakater::DELETED.to_owned(),
            },
            container_refs: vec![container.to_owned()],
            observed_at: now.as_second(),
        };
        match previous {
            Some(previous) if *previous == marker => Self { observed_at: marker.observed_at + 1, ..marker },
            _ => marker,
        }
    }

    /// When the restart was, if the number is a time.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.observed_at).ok()
    }

    /// Reads the annotation; nothing if it is not a marker.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The annotation's text.
    #[must_use]
    pub fn render(&self) -> String {
        // Strings and numbers always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A variable of a container that stands for a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The container.
    pub container: String,
    /// The variable's name.
    pub name: String,
    /// Its value; nothing if it is to be removed.
    pub value: Option<String>,
}

/// The markers on a pod template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markers {
    /// The annotation.
    pub annotation: Option<Marker>,
    /// The variables, in the order of the containers.
    pub variables: Vec<Variable>,
}

impl Markers {
    /// Reads a pod template.
    #[must_use]
    pub fn of(template: &PodTemplateSpec) -> Self {
        let annotations = template.metadata.as_ref().and_then(|metadata| metadata.annotations.as_ref());
        let annotation = annotations.and_then(|annotations| annotations.get(ANNOTATION));
        let containers = template.spec.iter().flat_map(|pod| &pod.containers);
        let variables = containers.flat_map(|container| {
            let ours = container.env.iter().flatten().filter(|variable| stakater::is_variable(&variable.name));
            ours.map(|variable| Variable {
                container: container.name.clone(),
                name: variable.name.clone(),
                value: variable.value.clone(),
            })
        });
        Self { annotation: annotation.and_then(|text| Marker::parse(text)), variables: variables.collect() }
    }

    /// How the workload is restarted: as it was before, else as the installation says.
    #[must_use]
    pub fn strategy(&self, otherwise: Strategy) -> Strategy {
        match self {
            Self { variables, .. } if !variables.is_empty() => Strategy::Variables,
            Self { annotation: Some(_), .. } => Strategy::Annotations,
            _ => otherwise,
        }
    }

    /// The variable of this name, in the first container that has it.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.name == name)
    }

    /// Whether a resource that is gone restarts the workload, where such a loss counts. An annotation can always say it; of
    /// variables there has to be one to take away.
    #[must_use]
    pub fn can_lose(&self, resource: &ResourceName, otherwise: Strategy) -> bool {
        self.strategy(otherwise) == Strategy::Annotations || self.variable(&stakater::variable(resource)).is_some()
    }

    /// When the last restart was, if a marker says so.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        self.annotation.as_ref().and_then(Marker::at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_stakaters_form() {
        let mac = Content::parse(&"a".repeat(64)).unwrap();
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let marker = Marker::new(&ResourceName::secret("db"), "ns", mac, "app", now, None);
        let hash = "a".repeat(64);
        assert_eq!(
            marker.render(),
            format!(
                "{{\"type\":\"SECRET\",\"name\":\"db\",\"namespace\":\"ns\",\"hash\":\"{hash}\",\
                 \"containerRefs\":[\"app\"],\"observedAt\":1700000000}}"
            )
        );
        assert_eq!(Marker::parse(&marker.render()), Some(marker.clone()));

        let again = Marker::new(&ResourceName::secret("db"), "ns", mac, "app", now, Some(&marker));
        assert_ne!(again.render(), marker.render());
    }

    #[test]
    fn what_never_had_a_variable_cannot_lose_it() {
        let variable = Variable { container: "c".to_owned(), name: "STAKATER_DB_SECRET".to_owned(), value: None };
        let markers = Markers { variables: vec![variable], ..Markers::default() };
        let (db, other) = (ResourceName::secret("db"), ResourceName::secret("other"));
        for (markers, resource, strategy, can) in [
            (&markers, &db, Strategy::Annotations, true),
            (&markers, &other, Strategy::Annotations, false),
            (&Markers::default(), &db, Strategy::Variables, false),
            (&Markers::default(), &db, Strategy::Annotations, true),
        ] {
            assert_eq!(markers.can_lose(resource, strategy), can, "{markers:?} {resource}");
        }
    }

    #[test]
    fn what_is_no_marker_is_none() {
        for text in ["", "{}", "true", "[1]"] {
            assert_eq!(Marker::parse(text), None, "{text}");
        }
    }
}
