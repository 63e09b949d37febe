//! What PostgreSQL and the driver say, as a kind.
//!
//! Only the SQLSTATE is kept: the server's messages name users, databases and hosts.

use rekey_rotation::engine::EngineError;
use rekey_rotation::secret::SecretError;
use rekey_rotation::tls;
use tokio_postgres::error::SqlState;

/// The kind of an error of the driver.
pub fn classify(error: &tokio_postgres::Error) -> EngineError {
    if let Some(state) = error.code() {
        return from_state(state);
    }
    // The driver keeps its kinds to itself; these texts are constants of its `Display`.
    match error.to_string().as_str() {
        "error performing TLS handshake" => EngineError::Tls(tls_reason(error)),
        "authentication error" => EngineError::Auth("the server's way to authenticate failed".to_owned()),
        "error connecting to server" => EngineError::Unreachable("no connection".to_owned()),
        "connection closed" | "error communicating with the server" => {
            EngineError::Unreachable("the connection was cut".to_owned())
        }
        _ => EngineError::Unreachable("the answer made no sense, or is no PostgreSQL server's".to_owned()),
    }
}

fn from_state(state: &SqlState) -> EngineError {
    let code = format!("SQLSTATE {}", state.code());
    match state.code() {
        // invalid_password
        "28P01" => EngineError::Auth(code),
        // invalid_authorization_specification, whatever the password
        "28000" => EngineError::Locked(format!(
            "{code}: the role is set to NOLOGIN, or pg_hba.conf does not let it in from the function's address, or not \
             with the secret's \"ssl\""
        )),
        // insufficient_privilege, invalid_grant_operation; feature_not_supported is how managed services refuse ALTER ROLE,
        // invalid_parameter_value how password policies do
        "42501" | "0LP01" | "0A000" | "22023" => EngineError::Privilege(code),
        // lock_not_available, object_in_use
        "55P03" | "55006" => EngineError::Busy(format!("{code}: a table that is to be handed over stayed in use")),
        // deadlock_detected, serialization_failure; internal_error is how "tuple concurrently updated" is told
        "40P01" | "40001" | "XX000" => EngineError::Busy(format!("{code}: somebody else changes the same role, too")),
        // query_canceled
        "57014" => EngineError::Busy(format!("{code}: the statement was stopped before its end")),
        // too_many_connections
        "53300" => EngineError::Busy(format!("{code}: too many connections")),
        // admin_shutdown, crash_shutdown, cannot_connect_now
        "57P01" | "57P02" | "57P03" => EngineError::Unreachable(format!("{code}: the server is starting or stopping")),
        // read_only_sql_transaction
        "25006" => EngineError::Unreachable(format!("{code}: the server is read-only, name the primary")),
        // invalid_catalog_name
        "3D000" => SecretError::Malformed { field: "dbname", expected: "a database that exists" }.into(),
        _ => EngineError::Failed(code),
    }
}

fn tls_reason(error: &tokio_postgres::Error) -> String {
    if let Some(reason) = tls::reason(error) {
        return reason;
    }
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        if current.to_string() == "server does not support TLS" {
            return "the server does not offer TLS".to_owned();
        }
        cause = current.source();
    }
    "the handshake failed".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_kinds() {
        for (code, kind) in [
            ("28P01", "auth"),
            ("28000", "auth"),
            ("42501", "privilege"),
            ("22023", "privilege"),
            ("55P03", "unreachable"),
            ("25006", "unreachable"),
            ("3D000", "bad-secret"),
            ("53300", "unreachable"),
            ("57P03", "unreachable"),
        ] {
            assert_eq!(from_state(&SqlState::from_code(code)).kind().as_str(), kind, "{code}");
        }
    }

    #[test]
    fn what_to_do_is_about_the_cause() {
        let sentence = |code| from_state(&SqlState::from_code(code)).to_string();
        assert!(!sentence("28000").contains("store the password") && sentence("28000").contains("NOLOGIN"));
        for code in ["40P01", "XX000", "55P03", "57014", "53300", "42601"] {
            assert!(!sentence(code).contains("host and port"), "{code}");
            assert_eq!(from_state(&SqlState::from_code(code)).kind().as_str(), "unreachable", "{code}");
        }
        assert!(sentence("XX000").contains("safe to retry"));
    }
}
