//! A PostgreSQL server, as far as a rotation needs one.

use std::future::Future;

use rekey_rotation::engine::EngineError;
use rekey_rotation::plan;

use crate::command::Command;
use crate::credential::Credential;
use crate::pair::{Known, Pair};

/// Takes logins.
pub trait Server: Sync {
    /// A login that was accepted.
    type Session: Session;

    /// Connects and logs in.
    fn open(&self, credential: &Credential) -> impl Future<Output = Result<Self::Session, EngineError>> + Send;
}

/// A login that was accepted. Whatever is not committed when it ends has not happened.
pub trait Session: Send {
    /// Reads as whom the session began, which needs no privilege.
    fn beginning(&mut self) -> impl Future<Output = Result<Beginning, EngineError>> + Send;

    /// Begins a transaction.
    fn begin(&mut self) -> impl Future<Output = Result<About, EngineError>> + Send;

    /// Looks at two users that take turns.
    fn look_at(&mut self, pair: &Pair) -> impl Future<Output = Result<Known, EngineError>> + Send;

    /// Carries out a command in the transaction.
    fn run(&mut self, command: &Command) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Ends the transaction: all its commands have happened.
    fn commit(&mut self) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Says goodbye.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What a session says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// What the server makes of a new password by itself: `password_encryption`.
    pub encryption: String,
    /// Whether the server replays another one's changes and takes none of its own.
    pub replica: bool,
    /// Whether the session may only read.
    pub read_only: bool,
}

impl About {
    /// Whether passwords can be changed here.
    ///
    /// A server that hashes with MD5 is refused. Its hashes are as good as the password to whoever reads them in a
    /// statement log; and the SCRAM verifier that it would take instead might lock out clients that it was set up for.
    pub fn fit(&self) -> Result<(), EngineError> {
        if self.replica {
            let reason = "the server is a read replica: name the primary, or the cluster's writer endpoint";
            return Err(EngineError::Unreachable(reason.to_owned()));
        }
        if self.read_only {
            let reason = "transactions of this user are read-only: look at default_transaction_read_only; for a user that \
                          is to stay so, let a master change its password (tag rekey:strategy=master)";
            return Err(EngineError::Unreachable(reason.to_owned()));
        }
        if self.encryption != "scram-sha-256" {
            return Err(EngineError::Unfit(
                "server's password_encryption is not scram-sha-256; set that, once all of this user's clients know SCRAM",
            ));
        }
        Ok(())
    }
}

/// As whom a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// Whether it acts as another role than the one that logged in.
    pub acts: bool,
    /// Whether it is set to (`ALTER ROLE … SET role`).
    pub is_to_act: bool,
}

impl Beginning {
    /// Whether the second of two users is the first one to whatever uses the session.
    pub fn fit(self, user: &str) -> Result<(), EngineError> {
        if plan::original(user) != user && self.is_to_act && !self.acts {
            return Err(EngineError::Unfit(
                "second user's session does not act as the first user, although ALTER ROLE … SET role says so: PostgreSQL \
                 12.21, 13.17, 14.14, 15.9, 16.5 and 17.1 ignore that, and before the release after each a pooler's DISCARD \
                 ALL ends it; update the server",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_user_has_to_act_as_it_is_set_to() {
        let fit = |user, acts, is_to_act| Beginning { acts, is_to_act }.fit(user).is_ok();
        assert!(!fit("app_clone", false, true), "a server that ignores it");
        assert!(fit("app_clone", true, true));
        assert!(fit("app_clone", false, false), "as AWS's template left it");
        assert!(fit("app", false, true), "whom the first acts as is not the rotation's");
    }

    #[test]
    fn a_server_that_takes_no_change_or_no_scram_is_refused() {
        let about = About { encryption: "scram-sha-256".to_owned(), replica: false, read_only: false };
        assert_eq!(about.fit(), Ok(()));
        let replica = About { replica: true, read_only: true, ..about.clone() }.fit().unwrap_err();
        assert!(replica.kind().as_str() == "unreachable" && replica.to_string().contains("read replica"));
        let read_only = About { read_only: true, ..about.clone() }.fit().unwrap_err();
        assert!(read_only.to_string().contains("rekey:strategy=master"));
        for encryption in ["md5", "on"] {
            let refused = About { encryption: encryption.to_owned(), ..about.clone() }.fit().unwrap_err();
            assert_eq!(refused.kind().as_str(), "refused");
        }
    }
}
