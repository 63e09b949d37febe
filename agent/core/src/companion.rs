//! Companion mode: External Secrets Operator makes the targets, and is told when to.
//!
//! It is told by its own annotation for that: `external-secrets.io/force-sync` is set to something that says what changed, and
//! any new value makes ESO refresh the object. Whether it has is read from the object: ESO writes down which labels and
//! annotations it has acted upon, so that no clock is needed for the proof. Where it writes that in another way (before
//! 0.10), its refreshTime has to be past the second in which it was told.

use jiff::Timestamp;

use crate::cluster_external_secret::FORCE_SYNC;
use crate::report;
use crate::resource::ExternalSecret;
use crate::wanted::Token;

/// One source of an object, as AWS has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What is there.
    pub token: Token,
    /// When it last changed, if AWS says.
    pub changed: Option<Timestamp>,
    /// The last event about it, if there was one.
    pub event: Option<String>,
    /// Is it known to be in the target?
    pub applied: bool,
}

impl Source {
    /// What ESO is told: the version of a secret; of anything else the event, or the token where nobody announced it.
    fn marker(&self) -> String {
        let version = self.token.version_id().map(str::to_owned);
        version.or_else(|| self.event.clone()).unwrap_or_else(|| self.token.to_string())
    }
}

/// What is to be done for an object whose sources are these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// ESO has them: it was told before, and has refreshed since.
    Nothing,
    /// ESO was told, and has not refreshed since.
    Wait(String),
    /// Tell it this.
    Tell(String),
}

/// Decides. `None` of `sources` are known to be in the target where another agent told ESO, or this one before it started.
#[must_use]
pub fn step(object: &ExternalSecret, sources: &[Source], now: Timestamp) -> Step {
    // ESO reads all of an object's sources at once, so that the last change stands for all before it.
    let moved = sources.iter().filter(|source| !source.applied);
    let Some(newest) = moved.max_by_key(|source| source.changed) else { return Step::Nothing };
    let marker = newest.marker();
    if told(object) != Some(&marker) {
        return Step::Tell(marker);
    }
    if !report::is_spec_synced(object) {
        return Step::Wait(marker);
    }
    let refreshed = object.status.as_ref().and_then(|status| status.refresh_time.as_ref());
    let since =
        refreshed.zip(newest.changed).is_none_or(|(refreshed, changed)| refreshed.0.as_second() >= changed.as_second());
    // It was there before, was replaced, and is there again.
    if since { Step::Nothing } else { Step::Tell(format!("{marker} {}", now.as_second())) }
}

/// Has ESO refreshed an object since it was told this, at that time by our clock?
#[must_use]
pub fn has_followed(object: &ExternalSecret, marker: &str, told_at: Timestamp) -> bool {
    let refreshed = object.status.as_ref().and_then(|status| status.refresh_time.as_ref());
    // It keeps whole seconds: what is within the same one may have begun before.
    let later = refreshed.is_some_and(|refreshed| refreshed.0.as_second() > told_at.as_second());
    later || (told(object).is_some_and(|value| value == marker) && report::is_spec_synced(object))
}

fn told(object: &ExternalSecret) -> Option<&String> {
    object.metadata.annotations.as_ref()?.get(FORCE_SYNC)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_000, 0);

    fn at(second: i64) -> Timestamp {
        Timestamp::new(second, 500_000_000).expect("a time")
    }

    /// An object with this annotation, refreshed at that second; `synced`: with the annotation as it is.
    fn object(told: Option<&str>, refreshed: i64, synced: bool) -> ExternalSecret {
        let annotations = told.map(|told| json!({ FORCE_SYNC: told }));
        let mut object: ExternalSecret = serde_json::from_value(json!({
            "metadata": {"name": "db", "generation": 1, "annotations": annotations}, "spec": {},
            "status": {"refreshTime": Timestamp::new(refreshed, 0).expect("a time").to_string()},
        }))
        .expect("an ExternalSecret");
        let version = if synced { report::synced_resource_version(&object) } else { "1-older".to_owned() };
        object.status.get_or_insert_default().synced_resource_version = Some(version);
        object
    }

    fn secret(version: &str, changed: i64) -> Source {
        let token = Token::of_secret("arn:aws:secretsmanager:a:b:secret:c-AbCdEf", version);
        Source { token, changed: Some(at(changed)), event: Some("event".to_owned()), applied: false }
    }

    fn tell(marker: &str) -> Step {
        Step::Tell(marker.to_owned())
    }

    #[test]
    fn eso_is_told_the_version_of_what_changed_last() {
        let untouched = object(None, 900, true);
        assert_eq!(step(&untouched, &[secret("v1", 950)], NOW), tell("v1"));
        assert_eq!(step(&untouched, &[secret("v1", 950), secret("v2", 960), secret("v3", 10)], NOW), tell("v2"));
        let applied = Source { applied: true, ..secret("v2", 960) };
        assert_eq!(step(&untouched, &[secret("v1", 950), applied.clone()], NOW), tell("v1"));
        assert_eq!(step(&untouched, &[applied], NOW), Step::Nothing);
    }

    #[test]
    fn of_a_parameter_it_is_told_the_event() {
        let parameter = Source { token: Token::of_parameter(3, at(950)), ..secret("", 950) };
        assert_eq!(step(&object(None, 900, true), std::slice::from_ref(&parameter), NOW), tell("event"));
        let unannounced = Source { event: None, ..parameter };
        assert_eq!(
            step(&object(None, 900, true), std::slice::from_ref(&unannounced), NOW),
            tell(&unannounced.token.to_string())
        );
    }

    #[test]
    fn after_a_restart_it_is_not_told_again() {
        let source = [secret("v1", 950)];
        assert_eq!(step(&object(Some("v1"), 900, false), &source, NOW), Step::Wait("v1".to_owned()));
        assert_eq!(step(&object(Some("v1"), 950, true), &source, NOW), Step::Nothing);
        assert_eq!(step(&object(Some("v0"), 950, true), &source, NOW), tell("v1"), "it was told of another one");
    }

    #[test]
    fn a_version_that_comes_back_is_news() {
        assert_eq!(step(&object(Some("v1"), 900, true), &[secret("v1", 950)], NOW), tell("v1 1000"));
    }

    #[test]
    fn a_refresh_counts_if_it_certainly_began_later() {
        let told_at = at(950);
        assert!(has_followed(&object(Some("v1"), 950, true), "v1", told_at), "ESO says which annotation it has seen");
        assert!(!has_followed(&object(Some("v1"), 950, false), "v1", told_at), "it may have begun before");
        assert!(has_followed(&object(Some("v1"), 951, false), "v1", told_at));
        assert!(!has_followed(&object(Some("v2"), 950, true), "v1", told_at), "the annotation is another one");
    }
}
