//! The decisions of the protocol, without anything that could fail for another reason: labels and documents in, a
//! verdict out. The machine carries them out.

use crate::diagnostic::StepError;
use crate::engine::Strategy;
use crate::secret::SecretDocument;
use crate::vault::{CURRENT, Description, PENDING, PREVIOUS};

/// Where the rotation's version stands when a step begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is being prepared: the step has work to do.
    Pending,
    /// It is in force: an earlier try got to the end. Only what follows the label's move may be left to do.
    Current,
}

/// Whether the step may go on at all.
pub fn standing(secret: &Description, version: &str) -> Result<Standing, StepError> {
    if secret.rotation_enabled == Some(false) {
        return Err(StepError::RotationDisabled);
    }
    if !secret.labels.contains_key(version) {
        return Err(StepError::UnknownVersion);
    }
    if secret.has(version, CURRENT) {
        return Ok(Standing::Current);
    }
    if !secret.has(version, PENDING) {
        return Err(StepError::NotPending);
    }
    Ok(Standing::Pending)
}

/// Whether the pending document is the current one with a new credential, which is what createSecret makes and
/// setSecret may send to the service.
///
/// A host or user that differs would send a credential to a place that whoever wrote AWSCURRENT never named. An equal
/// credential would "rotate" to the old password.
pub fn vet_new(current: &SecretDocument, pending: &SecretDocument, strategy: Strategy) -> Result<(), StepError> {
    vet_same_place(current, pending, strategy)?;
    if current.differences(pending).is_empty() { Err(StepError::NothingNew) } else { Ok(()) }
}

/// Whether the pending document differs from the current one in its credential at most, which is what testSecret may
/// log in with: in the preflight of `RotateImmediately=false` the two are the same.
pub fn vet_same_place(current: &SecretDocument, pending: &SecretDocument, strategy: Strategy) -> Result<(), StepError> {
    let mut foreign = current.differences(pending);
    foreign.retain(|field| !strategy.may_change().contains(&field.as_str()));
    if foreign.is_empty() { Ok(()) } else { Err(StepError::Foreign(foreign)) }
}

/// A credential that the service may accept while setSecret runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// In force according to the labels: accepted unless an earlier try got past the change.
    Current,
    /// Accepted if an earlier try got past the change.
    Pending,
    /// Accepted if AWSCURRENT was moved by hand and the service was not told.
    Previous,
}

impl Credential {
    /// What to try after the service refused this one.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Current => Some(Self::Pending),
            Self::Pending => Some(Self::Previous),
            Self::Previous => None,
        }
    }
}

/// The previous password at the current place, if the previous version is for the same user and host.
///
/// Everything but the password comes from the current version, its TLS settings above all.
#[must_use]
pub fn with_previous_password(current: &SecretDocument, previous: &SecretDocument) -> Option<SecretDocument> {
    let differences = current.differences(previous);
    let moved = differences.iter().any(|field| field == "host" || field == "username");
    if moved || !differences.iter().any(|field| field == "password") {
        return None;
    }
    current.with("password", &previous.required("password").ok()?).ok()
}

/// What finishSecret has to do about AWSCURRENT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promotion {
    /// Move it from exactly that version.
    Move {
        /// The version that has it now.
        from: String,
    },
    /// Nothing: it is on the rotation's version already.
    Done {
        /// The version that was in force before, if the labels still tell.
        previous: Option<String>,
    },
}

/// What to do about AWSCURRENT.
pub fn promotion(secret: &Description, version: &str) -> Result<Promotion, StepError> {
    match secret.holder(CURRENT) {
        None => Err(StepError::NoCurrent),
        Some(current) if current == version => {
            Ok(Promotion::Done { previous: secret.holder(PREVIOUS).map(str::to_owned) })
        }
        Some(current) => Ok(Promotion::Move { from: current.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn secret(labels: &[(&str, &[&str])]) -> Description {
        let labels = labels
            .iter()
            .map(|(version, labels)| ((*version).to_owned(), labels.iter().map(|&label| label.to_owned()).collect()))
            .collect();
        Description { rotation_enabled: Some(true), labels, ..Description::default() }
    }

    fn document(text: &str) -> SecretDocument {
        SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap()
    }

    #[test]
    fn a_step_goes_on_only_with_a_version_that_is_pending_or_in_force() {
        let labels: &[(&str, &[&str])] =
            &[("v1", &["AWSCURRENT"]), ("v2", &["AWSPENDING"]), ("v0", &["AWSPREVIOUS"]), ("v9", &["mine"])];
        assert_eq!(standing(&secret(labels), "v2").unwrap(), Standing::Pending);
        assert_eq!(standing(&secret(labels), "v1").unwrap(), Standing::Current);
        assert!(matches!(standing(&secret(labels), "v9"), Err(StepError::NotPending)));
        assert!(matches!(standing(&secret(labels), "v3"), Err(StepError::UnknownVersion)));
        let both = secret(&[("v2", &["AWSCURRENT", "AWSPENDING"])]);
        assert_eq!(standing(&both, "v2").unwrap(), Standing::Current);
    }

    #[test]
    fn rotation_must_not_be_switched_off_but_may_be_unmentioned() {
        let mut labels = secret(&[("v2", &["AWSPENDING"])]);
        labels.rotation_enabled = Some(false);
        assert!(matches!(standing(&labels, "v2"), Err(StepError::RotationDisabled)));
        labels.rotation_enabled = None;
        assert!(standing(&labels, "v2").is_ok());
    }

    #[test]
    fn a_pending_version_may_differ_in_the_password_alone() {
        let current = document(r#"{"host":"h","username":"u","password":"old","note":"n"}"#);
        let pending = current.with("password", "new").unwrap();
        assert!(vet_new(&current, &pending, Strategy::Single).is_ok());
        assert!(matches!(vet_new(&current, &current, Strategy::Single), Err(StepError::NothingNew)));
        assert!(vet_same_place(&current, &current, Strategy::Single).is_ok());
        for other in [
            r#"{"host":"evil","username":"u","password":"new","note":"n"}"#,
            r#"{"host":"h","username":"other","password":"new","note":"n"}"#,
            r#"{"host":"h","username":"u","password":"new"}"#,
            r#"{"host":"h","username":"u","password":"new","note":"n","ssl":false}"#,
        ] {
            assert!(matches!(vet_new(&current, &document(other), Strategy::Single), Err(StepError::Foreign(_))));
            assert!(matches!(vet_same_place(&current, &document(other), Strategy::Single), Err(StepError::Foreign(_))));
        }
    }

    #[test]
    fn the_previous_password_is_used_at_the_current_place_only() {
        let current = document(r#"{"host":"h","username":"u","password":"new","sslrootcert":"now"}"#);
        let previous = document(r#"{"username":"u","host":"h","password":"old","ssl":false}"#);
        let fallback = with_previous_password(&current, &previous).unwrap();
        assert_eq!(fallback.expose(), r#"{"host":"h","username":"u","password":"old","sslrootcert":"now"}"#);
        let elsewhere = document(r#"{"username":"u","host":"h2","password":"old"}"#);
        assert!(with_previous_password(&current, &elsewhere).is_none());
        assert!(with_previous_password(&current, &current).is_none());
    }

    #[test]
    fn the_label_moves_from_exactly_where_it_is() {
        let pending = secret(&[("v1", &["AWSCURRENT"]), ("v2", &["AWSPENDING"])]);
        assert_eq!(promotion(&pending, "v2").unwrap(), Promotion::Move { from: "v1".to_owned() });
        let done = secret(&[("v1", &["AWSPREVIOUS"]), ("v2", &["AWSCURRENT", "AWSPENDING"])]);
        assert_eq!(promotion(&done, "v2").unwrap(), Promotion::Done { previous: Some("v1".to_owned()) });
        assert!(matches!(promotion(&secret(&[("v2", &["AWSPENDING"])]), "v2"), Err(StepError::NoCurrent)));
    }
}
