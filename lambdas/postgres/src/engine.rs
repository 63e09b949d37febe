//! PostgreSQL as an engine: logging in, and changing one's own password.

use postgres_protocol::escape::escape_identifier;
use postgres_protocol::password::scram_sha_256;
use rekey_rotation::engine::{Change, Engine, EngineError};
use rekey_rotation::plan::{Plan, Strategy, Tags};
use rekey_rotation::secret::SecretDocument;

use crate::connection::Connection;
use crate::credential::{Credential, ENGINE};

/// PostgreSQL, single user.
pub struct Postgres;

impl Engine for Postgres {
    fn name(&self) -> &'static str {
        ENGINE
    }

    fn plan(&self, current: &SecretDocument, tags: &Tags) -> Result<Plan, EngineError> {
        Credential::read(current)?;
        Plan::for_password(current, tags, &[Strategy::Single])
    }

    async fn login(&self, credential: &SecretDocument) -> Result<(), EngineError> {
        let connection = Connection::open(&Credential::read(credential)?).await?;
        let answer = connection.run("SELECT 1").await;
        connection.close().await;
        answer
    }

    async fn change(&self, change: &Change<'_>) -> Result<(), EngineError> {
        let to = Credential::read(change.pending)?;
        let connection = Connection::open(&Credential::read(change.using)?).await?;
        let answer = connection.run(&change_password(&to)).await;
        connection.close().await;
        // Only the log-in may answer "auth": past it, the credential was accepted.
        match answer {
            Err(EngineError::Auth(code)) => Err(EngineError::Privilege(code)),
            answer => answer,
        }
    }
}

/// The statements that set the password.
///
/// The server gets a salted SCRAM verifier made here, so the password is in no statement log, and the verifier's
/// alphabet needs no escaping. SET ROLE NONE undoes an `ALTER ROLE … SET role`, under which the session would act as
/// the shared owner and might not change the user that logged in.
fn change_password(to: &Credential) -> String {
    let verifier = scram_sha_256(to.password.as_bytes());
    format!("SET ROLE NONE; ALTER USER {} PASSWORD '{verifier}'", escape_identifier(&to.user))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn the_statement_quotes_the_user_and_holds_no_password() {
        let text = r#"{"host":"h","username":"o'brien\"; DROP","password":"hunter2-é'"}"#;
        let document = SecretDocument::parse(Zeroizing::new(text.to_owned())).unwrap();
        let statements = change_password(&Credential::read(&document).unwrap());
        let verifier =
            statements.strip_prefix(r#"SET ROLE NONE; ALTER USER "o'brien""; DROP" PASSWORD 'SCRAM-SHA-256$4096:"#);
        let verifier = verifier.and_then(|rest| rest.strip_suffix('\'')).expect(&statements);
        assert!(verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=$:".contains(&byte)));
        assert!(!statements.contains("hunter2"));
    }
}
