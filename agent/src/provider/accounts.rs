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
