//! The decisions of the protocol, without anything that could fail for another reason: labels and documents in, a
//! verdict out. The machine carries them out.

use jiff::Timestamp;
use thiserror::Error;

use crate::diagnostic::StepError;
use crate::plan::{Plan, Strategy};
use crate::secret::{SecretDocument, SecretError};
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
        return Err(StepError::NotPending(version.to_owned()));
    }
    Ok(Standing::Pending)
}

/// Why a pending version can never be put in force. The texts follow "pending version".
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unusable {
    /// It holds what is in force already.
    #[error("holds the current credential")]
    NothingNew,
    /// It is not the current version with another credential.
    #[error("differs from AWSCURRENT in {0:?}, which a rotation never changes")]
    Foreign(Vec<String>),
    /// It is no document.
    #[error("cannot be read ({0})")]
    Unreadable(SecretError),
    /// It holds a credential that the service itself has made and accepts no longer.
    #[error("holds a credential that the service has ended ({0})")]
    Dead(String),
}

/// Whether the pending document is the current one with a new credential, which is what createSecret makes and
/// setSecret may send to the service.
///
/// A host or user that differs would send a credential to a place that whoever wrote AWSCURRENT never named. An equal
/// credential would "rotate" to the old password.
pub fn vet_new(current: &SecretDocument, pending: &SecretDocument, plan: &Plan) -> Result<(), Unusable> {
    if vet_same_place(current, pending, plan)? { Err(Unusable::NothingNew) } else { Ok(()) }
}

/// Whether the pending document differs from the current one in its credential at most, which is what testSecret may
/// log in with. In the preflight of `RotateImmediately=false` the two are the same: then the answer is yes.
pub fn vet_same_place(current: &SecretDocument, pending: &SecretDocument, plan: &Plan) -> Result<bool, Unusable> {
    let differences = current.differences(pending);
    let mut foreign: Vec<String> = differences.iter().filter(|&field| !plan.changes.contains(field)).cloned().collect();
    // Of all names that a user could have, the pending version's is the one that the plan says.
    if let Some(user) = &plan.next_user
        && !differences.is_empty()
        && !pending.text("username").is_ok_and(|pending| pending.is_some_and(|pending| *pending == *user))
    {
        foreign.push("username".to_owned());
    }
    if foreign.is_empty() { Ok(differences.is_empty()) } else { Err(Unusable::Foreign(foreign)) }
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
    /// In a version without labels: accepted if the rotation before was cancelled or abandoned after its change.
    Forgotten,
}

impl Credential {
    /// What is tried, one after the service refused the other. Of two users that take turns only the current one says
    /// whether the secret is what it seems: the others are other users.
    #[must_use]
    pub fn in_order(strategy: Strategy) -> &'static [Self] {
        match strategy {
            Strategy::Alternating => &[Self::Current],
            Strategy::Single | Strategy::ThroughMaster | Strategy::Dual => {
                &[Self::Current, Self::Pending, Self::Previous, Self::Forgotten]
            }
        }
    }

    /// Where it stands, for a sentence.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => CURRENT,
            Self::Pending => PENDING,
            Self::Previous => PREVIOUS,
            Self::Forgotten => "versions without labels",
        }
    }
}

/// The previous password at the current place, if the previous version is for the same user and host.
///
/// Everything but the password comes from the current version, its TLS settings above all. Any older version will do.
#[must_use]
pub fn with_previous_password(current: &SecretDocument, previous: &SecretDocument) -> Option<SecretDocument> {
    let differences = current.differences(previous);
    let moved = differences.iter().any(|field| field == "host" || field == "username");
    if moved || !differences.iter().any(|field| field == "password") {
        return None;
    }
    current.with("password", &previous.required("password").ok()?).ok()
}

/// The credential of the user whose turn it is, at the current place, if the previous version holds it for the same host.
#[must_use]
pub fn of_the_next_user(current: &SecretDocument, previous: &SecretDocument, plan: &Plan) -> Option<SecretDocument> {
    let user = plan.next_user.as_deref()?;
    let moved = current.differences(previous).iter().any(|field| field == "host");
    if moved || *previous.required("username").ok()? != *user {
        return None;
    }
    current.with("username", user).ok()?.with("password", &previous.required("password").ok()?).ok()
}

/// What an older version holds that this rotation may make use of, at the current place: another password of the same user
/// or, of two users that take turns, a password of the one whose turn it is.
#[must_use]
pub fn of_an_older_version(current: &SecretDocument, older: &SecretDocument, plan: &Plan) -> Option<SecretDocument> {
    match plan.strategy {
        Strategy::Alternating => of_the_next_user(current, older, plan),
        Strategy::Single | Strategy::ThroughMaster | Strategy::Dual => with_previous_password(current, older),
    }
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

/// What the label of an [`Attempt`] begins with; its time follows.
const ATTEMPT: &str = "rekey:issuing:";

/// A try to have the service make a credential, written down as a label before it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The version that has the label.
    pub version: String,
    /// The label.
    pub label: String,
    /// When the try began, in whole seconds.
    pub at: Timestamp,
}

impl Attempt {
    /// A try that begins now.
    #[must_use]
    pub fn now(version: &str) -> Self {
        let at = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { version: version.to_owned(), label: format!("{ATTEMPT}{at}"), at }
    }
}

/// The tries that the labels tell of, the first one first.
#[must_use]
pub fn attempts(secret: &Description) -> Vec<Attempt> {
    let labels = secret.labels.iter().flat_map(|(version, labels)| labels.iter().map(move |label| (version, label)));
    let mut attempts: Vec<Attempt> = labels
        .filter_map(|(version, label)| {
            let at = label.strip_prefix(ATTEMPT)?.parse().ok()?;
            Some(Attempt { version: version.clone(), label: label.clone(), at })
        })
        .collect();
    attempts.sort_by_key(|attempt| attempt.at);
    attempts
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

    fn single() -> Plan {
        Plan {
            strategy: Strategy::Single,
            changes: vec!["password".to_owned()],
            next_user: None,
            master: None,
            adopt: false,
        }
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
        assert!(matches!(standing(&secret(labels), "v9"), Err(StepError::NotPending(_))));
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
        assert!(vet_new(&current, &pending, &single()).is_ok());
        assert!(matches!(vet_new(&current, &current, &single()), Err(Unusable::NothingNew)));
        assert!(vet_same_place(&current, &current, &single()).unwrap(), "the preflight");
        for other in [
            r#"{"host":"evil","username":"u","password":"new","note":"n"}"#,
            r#"{"host":"h","username":"other","password":"new","note":"n"}"#,
            r#"{"host":"h","username":"u","password":"new"}"#,
            r#"{"host":"h","username":"u","password":"new","note":"n","ssl":false}"#,
        ] {
            assert!(matches!(vet_new(&current, &document(other), &single()), Err(Unusable::Foreign(_))));
            assert!(matches!(vet_same_place(&current, &document(other), &single()), Err(Unusable::Foreign(_))));
        }
    }

    #[test]
    fn of_two_users_the_pending_one_is_the_other_one() {
        let plan = Plan {
            strategy: Strategy::Alternating,
            changes: vec!["password".to_owned(), "username".to_owned()],
            next_user: Some("u_clone".to_owned()),
            master: Some("arn:m".to_owned()),
            adopt: false,
        };
        let current = document(r#"{"username":"u","password":"old"}"#);
        let pending = |user: &str| current.with("password", "new").unwrap().with("username", user).unwrap();
        assert!(vet_new(&current, &pending("u_clone"), &plan).is_ok());
        for other in ["u", "root", ""] {
            assert!(matches!(vet_new(&current, &pending(other), &plan), Err(Unusable::Foreign(_))), "{other}");
        }
        assert!(vet_same_place(&current, &current, &plan).unwrap());
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
    fn the_next_user_is_known_by_the_previous_version_alone() {
        let plan = Plan { strategy: Strategy::Alternating, next_user: Some("u_clone".to_owned()), ..single() };
        let current = document(r#"{"host":"h","username":"u","password":"new","sslrootcert":"now"}"#);
        let next = |text: &str| of_the_next_user(&current, &document(text), &plan).map(|next| next.expose().to_owned());
        assert_eq!(
            next(r#"{"host":"h","username":"u_clone","password":"old","ssl":false}"#).unwrap(),
            r#"{"host":"h","username":"u_clone","password":"old","sslrootcert":"now"}"#
        );
        assert_eq!(next(r#"{"host":"h","username":"u","password":"old"}"#), None, "another user");
        assert_eq!(next(r#"{"host":"h2","username":"u_clone","password":"old"}"#), None, "another host");
        assert_eq!(next(r#"{"host":"h","username":"u_clone"}"#), None);
    }

    #[test]
    fn the_label_moves_from_exactly_where_it_is() {
        let pending = secret(&[("v1", &["AWSCURRENT"]), ("v2", &["AWSPENDING"])]);
        assert_eq!(promotion(&pending, "v2").unwrap(), Promotion::Move { from: "v1".to_owned() });
        let done = secret(&[("v1", &["AWSPREVIOUS"]), ("v2", &["AWSCURRENT", "AWSPENDING"])]);
        assert_eq!(promotion(&done, "v2").unwrap(), Promotion::Done { previous: Some("v1".to_owned()) });
        assert!(matches!(promotion(&secret(&[("v2", &["AWSPENDING"])]), "v2"), Err(StepError::NoCurrent)));
    }

    #[test]
    fn tries_to_make_a_credential_are_read_from_the_labels_they_left() {
        let own = Attempt::now("v1");
        let found = attempts(&secret(&[
            ("v0", &["AWSPREVIOUS", "rekey:issuing:2026-01-01T00:00:00Z", "rekey:issuing:soon", "mine"]),
            ("v1", &["AWSCURRENT", &own.label]),
        ]));
        assert_eq!(found.len(), 2);
        assert_eq!((&*found[0].version, found[0].at.as_second()), ("v0", 1_767_225_600));
        assert_eq!(found[1], own);
    }
}
