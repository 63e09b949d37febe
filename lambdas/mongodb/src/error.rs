//! What MongoDB and the driver say, as a kind.
//!
//! Only the server's code is kept: its messages name users, databases and hosts, and so do the driver's.

use mongodb::error::{Error, ErrorKind};
use rekey_rotation::engine::EngineError;
use rekey_rotation::secret::SecretError;
use rekey_rotation::tls;

/// The kind of an error of the driver.
pub fn classify(error: &Error) -> EngineError {
    match &*error.kind {
        ErrorKind::Command(refused) => from_code(refused.code),
        ErrorKind::Authentication { .. } => EngineError::Auth("the log-in failed".to_owned()),
        ErrorKind::ServerSelection { .. } => {
            EngineError::Unreachable("no answer, or no server of MongoDB's".to_owned())
        }
        ErrorKind::InvalidTlsConfig { .. } => EngineError::Tls("TLS could not be set up".to_owned()),
        ErrorKind::IncompatibleServer { .. } => EngineError::Unreachable("the server is too old".to_owned()),
        ErrorKind::Io(cause) => match tls::reason(cause.as_ref()) {
            Some(reason) => EngineError::Tls(reason),
            None => EngineError::Unreachable("the connection was cut".to_owned()),
        },
        _ => EngineError::Unreachable("the answer made no sense".to_owned()),
    }
}

/// Of the server's error codes those that mean something to a rotation.
fn from_code(number: i32) -> EngineError {
    let code = format!("code {number}");
    match number {
        // AuthenticationFailed, MechanismUnavailable
        18 | 334 => EngineError::Auth(code),
        // Unauthorized
        13 => EngineError::Privilege(code),
        // UserNotFound, InvalidNamespace
        11 | 73 => {
            SecretError::Malformed { field: "dbname", expected: "the database that the user is defined in" }.into()
        }
        // NotWritablePrimary, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary, PrimarySteppedDown
        10_107 | 13_435 | 13_436 | 189 => {
            EngineError::Unreachable(format!("{code}: the server is read-only, name the primary"))
        }
        // LockTimeout, WriteConflict, ExceededTimeLimit, MaxTimeMSExpired, Interrupted, LockBusy; a user that was made
        // meanwhile has no name among the codes
        24 | 112 | 262 | 50 | 11_601 | 46 | 51_003 => EngineError::Busy(code),
        // ShutdownInProgress, InterruptedAtShutdown
        91 | 11_600 => EngineError::Unreachable(format!("{code}: the server is shutting down")),
        _ => EngineError::Failed(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_kinds() {
        for (code, kind) in [
            (18, "auth"),
            (334, "auth"),
            (13, "privilege"),
            (11, "bad-secret"),
            (10_107, "unreachable"),
            (13_435, "unreachable"),
            (91, "unreachable"),
            (112, "unreachable"),
            (51_003, "unreachable"),
        ] {
            assert_eq!(from_code(code).kind().as_str(), kind, "{code}");
        }
        assert!(from_code(10_107).to_string().contains("name the primary"));
    }
}
