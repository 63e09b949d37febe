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
        // invalid_password, invalid_authorization_specification
        "28P01" | "28000" => EngineError::Auth(code),
        // insufficient_privilege, invalid_grant_operation; feature_not_supported is how managed services refuse ALTER ROLE,
        // invalid_parameter_value how password policies do
        "42501" | "0LP01" | "0A000" | "22023" => EngineError::Privilege(code),
        // lock_not_available
        "55P03" => EngineError::Unreachable(format!("{code}: a table that is to be handed over stayed in use")),
        // read_only_sql_transaction
        "25006" => EngineError::Unreachable(format!("{code}: the server is read-only, name the primary")),
        // invalid_catalog_name
        "3D000" => SecretError::Malformed { field: "dbname", expected: "a database that exists" }.into(),
        _ => EngineError::Unreachable(code),
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
}
