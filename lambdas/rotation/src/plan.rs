//! How one secret is rotated: read from its tags and its fields, the same for each step.
//!
//! Rules of AWS's templates: a secret with `masterarn` belongs to two alternating users, `NAME` and `NAME_clone`, that a
//! master sets up; one without changes its own password. The tag `rekey:strategy` chooses otherwise. Nothing here
//! speaks to anybody.

use std::collections::BTreeMap;

use crate::engine::{EngineError, Master};
use crate::secret::{SecretDocument, SecretError};

/// The field that names the master's secret, as in AWS's templates.
pub const MASTER_ARN: &str = "masterarn";
/// The tag that chooses a strategy.
pub const STRATEGY_TAG: &str = "rekey:strategy";
/// The tag that, with the value `true`, has a user taken over that exists and of which nothing else proves that it is the
/// secret's: one that was made by hand, for instance. Each engine's sentences say where it needs that.
pub const ADOPT_TAG: &str = "rekey:adopt";
/// What the second of two alternating users has at the end of its name, as in AWS's templates.
const CLONE: &str = "_clone";

/// A secret's tags.
pub type Tags = BTreeMap<String, String>;

/// How an engine gets from one credential to the next; named in the audit line and in the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// One user, one password: the old one ends when the new one begins. The user changes it itself.
    Single,
    /// The same, but a master changes it, because the user may not.
    ThroughMaster,
    /// Two users take turns: a master sets the password of the one that is not in force, and both stay valid.
    Alternating,
    /// One user with two credentials: the new one is added, the old one ends with the next rotation.
    Dual,
}

impl Strategy {
    /// The name in the tag, in the audit line and in the event.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::ThroughMaster => "master",
            Self::Alternating => "alternating",
            Self::Dual => "dual",
        }
    }
}

/// How one secret is rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The strategy.
    pub strategy: Strategy,
    /// The fields in which a pending version may differ from the version in force.
    pub changes: Vec<String>,
    /// The user of the pending version, where it is another one than the current version's.
    pub next_user: Option<String>,
    /// ARN of the secret of the master that the change is made with; nothing if the secret's own credential does it.
    pub master: Option<String>,
    /// Whether the tag [`ADOPT_TAG`] vouches for the user that is to be changed.
    pub adopt: bool,
}

impl Plan {
    /// The plan for an engine of users and passwords, in the fields `username` and `password`.
    ///
    /// `offered` are the strategies that the engine has, the default first. A strategy that the engine can carry out
    /// with or without a master uses one if the secret names it, so `masterarn` may stay when the strategy changes; but
    /// [`Strategy::Single`] never does.
    pub fn for_password(
        current: &SecretDocument,
        tags: &Tags,
        offered: &'static [Strategy],
    ) -> Result<Self, EngineError> {
        let master = current.text(MASTER_ARN)?.filter(|arn| !arn.is_empty()).map(|arn| arn.to_string());
        let strategy = match tags.get(STRATEGY_TAG) {
            Some(asked) => *offered
                .iter()
                .find(|strategy| strategy.as_str() == asked)
                .ok_or_else(|| EngineError::Strategy { asked: asked.chars().take(40).collect(), offered })?,
            None if master.is_some() && offered.contains(&Strategy::Alternating) => Strategy::Alternating,
            None => offered.first().copied().unwrap_or(Strategy::Single),
        };
        let master = match strategy {
            Strategy::Single => None,
            Strategy::Dual => master,
            Strategy::ThroughMaster | Strategy::Alternating => Some(master.ok_or(SecretError::Missing(MASTER_ARN))?),
        };
        let mut changes = vec!["password".to_owned()];
        let next_user = match strategy {
            Strategy::Alternating => {
                changes.push("username".to_owned());
                Some(alternate(&current.required("username")?))
            }
            Strategy::Single | Strategy::ThroughMaster | Strategy::Dual => None,
        };
        let adopt = tags.get(ADOPT_TAG).is_some_and(|value| value == "true");
        Ok(Self { strategy, changes, next_user, master, adopt })
    }
}

/// The other one of two alternating users.
fn alternate(user: &str) -> String {
    match user.strip_suffix(CLONE) {
        Some(original) if !original.is_empty() => original.to_owned(),
        _ => format!("{user}{CLONE}"),
    }
}

/// The first of two alternating users, whichever of the two that is: the one whose privileges the other one copies.
#[must_use]
pub fn original(user: &str) -> &str {
    user.strip_suffix(CLONE).filter(|original| !original.is_empty()).unwrap_or(user)
}

/// The master's credential, if its secret names the host and the port of the current version: the default of
/// [`Engine::master`](crate::engine::Engine::master). Behind one name and two ports may be two databases.
pub fn at_the_same_place(
    current: &SecretDocument,
    master: Master,
    default_port: Option<u16>,
) -> Result<SecretDocument, EngineError> {
    let here = current.required("host")?;
    match master.document.text("host")? {
        Some(there) if !there.eq_ignore_ascii_case(&here) => Err(EngineError::OtherHost("another \"host\"")),
        Some(_) if port(&master.document, default_port)? != port(current, default_port)? => {
            Err(EngineError::OtherHost("another \"port\""))
        }
        Some(_) => Ok(master.document),
        None => Err(EngineError::OtherHost("no \"host\"")),
    }
}

fn port(document: &SecretDocument, default: Option<u16>) -> Result<Option<u16>, SecretError> {
    Ok(document.port("port")?.or(default))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    const OFFERED: &[Strategy] = &[Strategy::Single, Strategy::ThroughMaster, Strategy::Alternating];

    fn document(text: &str) -> SecretDocument {
        SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap()
    }

    fn plan(text: &str, tag: Option<&str>) -> Result<Plan, EngineError> {
        let tags = tag.map(|tag| (STRATEGY_TAG.to_owned(), tag.to_owned())).into_iter().collect();
        Plan::for_password(&document(text), &tags, OFFERED)
    }

    #[test]
    fn a_masters_arn_means_alternating_users_unless_the_tag_says_otherwise() {
        let alone = r#"{"username":"app"}"#;
        let both = r#"{"username":"app","masterarn":"arn:m"}"#;
        assert_eq!(plan(alone, None).unwrap().strategy, Strategy::Single);
        let alternating = plan(both, None).unwrap();
        assert_eq!(alternating.strategy, Strategy::Alternating);
        assert_eq!(alternating.master.as_deref(), Some("arn:m"));
        assert_eq!(alternating.next_user.as_deref(), Some("app_clone"));
        assert_eq!(alternating.changes, ["password", "username"]);
        assert_eq!(plan(both, Some("single")).unwrap().master, None);
        let master = plan(both, Some("master")).unwrap();
        assert_eq!((master.strategy, master.next_user), (Strategy::ThroughMaster, None));
        assert_eq!(plan(alone, Some("master")).unwrap_err(), SecretError::Missing(MASTER_ARN).into());
        let refused = plan(alone, Some("dual")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "tag rekey:strategy asks for \"dual\"; this function offers single, master, alternating"
        );
    }

    #[test]
    fn nothing_but_true_vouches_for_a_user() {
        for (value, adopt) in [(Some("true"), true), (Some("false"), false), (Some("yes"), false), (None, false)] {
            let tags = value.map(|value| (ADOPT_TAG.to_owned(), value.to_owned())).into_iter().collect();
            assert_eq!(Plan::for_password(&document("{}"), &tags, OFFERED).unwrap().adopt, adopt, "{value:?}");
        }
    }

    #[test]
    fn two_users_take_turns() {
        assert_eq!(alternate("app"), "app_clone");
        assert_eq!(alternate("app_clone"), "app");
        assert_eq!(alternate("_clone"), "_clone_clone");
        assert_eq!((original("app"), original("app_clone"), original("_clone")), ("app", "app", "_clone"));
    }

    #[test]
    fn a_master_is_used_at_its_own_host_and_port_only() {
        let ask = |current: &str, master: &str| {
            let master = Master { document: document(master), tags: Tags::new() };
            at_the_same_place(&document(current), master, Some(5432)).map(drop)
        };
        for (current, master) in [
            (r#"{"host":"db.example"}"#, r#"{"host":"DB.example"}"#),
            (r#"{"host":"h"}"#, r#"{"host":"h","port":5432}"#),
            (r#"{"host":"h","port":"6432"}"#, r#"{"host":"h","port":6432}"#),
        ] {
            assert_eq!(ask(current, master), Ok(()));
        }
        for (current, master) in [
            (r#"{"host":"h"}"#, r#"{"host":"evil"}"#),
            (r#"{"host":"h"}"#, r#"{"username":"m"}"#),
            (r#"{"host":"h","port":5433}"#, r#"{"host":"h"}"#),
            (r#"{"host":"h"}"#, r#"{"host":"h","port":5433}"#),
        ] {
            let error = ask(current, master).unwrap_err();
            assert!(matches!(error, EngineError::OtherHost(_)) && error.kind().as_str() == "bad-secret", "{master}");
        }
    }
}
