//! New random text where no service takes part: keys that sign sessions or tokens, passwords of things that read the
//! secret themselves.
//!
//! A secret that is no JSON is replaced as a whole, in one that is a JSON object one field: `password`, unless the tag
//! `rekey:field` names another one. Everything else in the text stays as it is. How the text is made follows the variables
//! of AWS's templates (`PASSWORD_LENGTH`, `EXCLUDE_CHARACTERS` and so on), for all secrets of the function.
//!
//! There is nobody to log in to, so a rotation proves no more than that the pending version differs from the current one
//! in that one value, which the protocol checks at each step.

use rekey_rotation::engine::{Change, Engine, EngineError, Issue};
use rekey_rotation::plan::{Plan, Strategy, Tags};
use rekey_rotation::secret::{SecretDocument, SecretError, WHOLE};
use zeroize::Zeroizing;

/// The tag that names the field to rotate. A tag, because one function serves many secrets.
const FIELD_TAG: &str = "rekey:field";
/// The field without that tag.
const FIELD: &str = "password";

/// Random text.
#[derive(Clone, Copy, Debug)]
pub struct Generic;

impl Engine for Generic {
    fn name(&self) -> &'static str {
        "generic"
    }

    /// What begins like an object has to be one: half an object, taken for text, would be replaced as a whole.
    ///
    /// Empty text is none either; it is also what the vault makes of a binary secret.
    fn parse(&self, text: Zeroizing<String>) -> Result<SecretDocument, SecretError> {
        if text.is_empty() || text.trim_start().starts_with('{') {
            SecretDocument::parse(text)
        } else {
            Ok(SecretDocument::plain(text))
        }
    }

    fn plan(&self, current: &SecretDocument, tags: &Tags) -> Result<Plan, EngineError> {
        let default = if current.is_plain() { WHOLE } else { FIELD };
        let field = tags.get(FIELD_TAG).map_or(default, String::as_str);
        if !current.holds_text(field) {
            return Err(SecretError::NoText.into());
        }
        let plan = Plan::for_password(current, tags, &[Strategy::Single])?;
        Ok(Plan { changes: vec![field.to_owned()], ..plan })
    }

    async fn issue(&self, issue: &Issue<'_>) -> Result<SecretDocument, EngineError> {
        let mut next = issue.current.clone();
        for field in &issue.plan.changes {
            next = next.with(field, &issue.passwords.generate()?)?;
        }
        Ok(next)
    }

    async fn login(&self, _credential: &SecretDocument) -> Result<(), EngineError> {
        Ok(())
    }

    async fn change(&self, _change: &Change<'_>) -> Result<(), EngineError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
