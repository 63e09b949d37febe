//! In which account an identity looks: for people who wonder why something is not found.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rekey_core::identity::Account;
use rekey_core::store::Identity;
use rekey_core::wanted::Wanted;

use super::{Answer, ReadProblem};

/// Identities that are remembered.
const REMEMBERED: usize = 1000;

/// The accounts that answers came from.
#[derive(Clone, Default)]
pub(super) struct Accounts {
    known: Arc<Mutex<HashMap<Identity, Account>>>,
}

impl Accounts {
    /// Takes note of the account that an answer comes from, and adds it to what is not found.
    pub fn place(&self, wanted: &Wanted, answer: Result<Answer, ReadProblem>) -> Result<Answer, ReadProblem> {
        let named = wanted.sources.account();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(answer) => {
                // An ARN may be of any account; a name is of the identity's own.
                if let (None, Some(account)) = (named, &answer.account)
                    && (known.len() < REMEMBERED || known.contains_key(&wanted.identity))
                {
                    known.insert(wanted.identity.clone(), account.clone());
                }
                Ok(answer)
            }
            Err(ReadProblem::NotFound { action, mut place, message }) => {
                if let Some(account) = named.as_ref().or_else(|| known.get(&wanted.identity)) {
                    place = format!("{place} of account {account}");
                }
                Err(ReadProblem::NotFound { action, place, message })
            }
            Err(problem) => Err(problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use rekey_core::identity::Service;
    use rekey_core::ledger::Known;
    use rekey_core::render::Payload;
    use rekey_core::wanted::{Selector, Token};

    use super::*;
    use crate::provider::testing::{ACCOUNT, arn, wanted};

    #[test]
    fn what_is_not_found_says_where_it_was_looked_for() {
        let named = |key: &str| wanted(Service::SecretsManager, key, Selector::Tags);
        let missing =
            || ReadProblem::NotFound { action: "a", place: "eu-west-1".to_owned(), message: "no such".to_owned() };
        let accounts = Accounts::default();
        let text = |wanted: &Wanted| accounts.place(wanted, Err(missing())).expect_err("missing").to_string();
        assert_eq!(text(&named("x")), "a: Secret does not exist: not found in eu-west-1: no such");
        let found = |account: &str| Answer {
            known: Known::of_source(Token::absent(), None, None),
            account: Account::parse(account).ok(),
            payload: Payload::Value { text: None, binary: None },
        };
        assert!(accounts.place(&named(&arn("y")), Ok(found("999999999999"))).is_ok());
        assert!(!text(&named("x")).contains("account"), "an ARN may be of any account");
        assert!(accounts.place(&named("y"), Ok(found(ACCOUNT))).is_ok());
        assert!(text(&named("x")).contains("not found in eu-west-1 of account 123456789012"));
        let other = arn("z").replace(ACCOUNT, "888888888888");
        assert!(text(&named(&other)).contains("of account 888888888888"));
    }
}
