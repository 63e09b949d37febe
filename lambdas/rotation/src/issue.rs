//! The next credential of a secret with user and password, made from the current version without speaking to anybody.

use crate::engine::{EngineError, Issue};
use crate::secret::SecretDocument;

/// The current version with a new password and, where two users take turns, the other user.
pub fn password(issue: &Issue<'_>) -> Result<SecretDocument, EngineError> {
    let password = issue.passwords.generate()?;
    let next = issue.current.with("password", &password)?;
    match &issue.plan.next_user {
        Some(user) => Ok(next.with("username", user)?),
        None => Ok(next),
    }
}
