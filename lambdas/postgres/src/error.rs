//! What PostgreSQL and the driver say, as a kind.
//!
//! Only the SQLSTATE is kept: the server's messages name users, databases and hosts.

use rekey_rotation::engine::EngineError;
use rekey_rotation::secret::SecretError;
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
        // insufficient_privilege; feature_not_supported is how managed services refuse ALTER ROLE
        "42501" | "0A000" => EngineError::Privilege(code),
        // read_only_sql_transaction
        "25006" => EngineError::Unreachable(format!("{code}: the server is read-only, name the primary")),
        // invalid_catalog_name
        "3D000" => SecretError::Malformed { field: "dbname", expected: "a database that exists" }.into(),
        _ => EngineError::Unreachable(code),
    }
}

/// Why TLS failed, from rustls, whose texts name no host; the certificate's names are left out.
fn tls_reason(error: &tokio_postgres::Error) -> String {
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        let inner = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let rustls = inner.and_then(|e| e.downcast_ref::<rustls::Error>()).or_else(|| current.downcast_ref());
        if let Some(rustls) = rustls {
            return match rustls {
                rustls::Error::InvalidCertificate(why) => certificate_reason(why).to_owned(),
                rustls::Error::AlertReceived(alert) => format!("the server ended it: {alert:?}"),
                _ => "the handshake failed".to_owned(),
            };
        }
        if current.to_string() == "server does not support TLS" {
            return "the server does not offer TLS".to_owned();
        }
        cause = current.source();
    }
    "the handshake failed".to_owned()
}

fn certificate_reason(why: &rustls::CertificateError) -> &'static str {
    use rustls::CertificateError as Why;
    match why {
        Why::UnknownIssuer => "the certificate's issuer is not trusted",
        Why::NotValidForName | Why::NotValidForNameContext { .. } => "the certificate is for another host name",
        Why::Expired | Why::ExpiredContext { .. } => "the certificate has expired",
        Why::NotValidYet | Why::NotValidYetContext { .. } => "the certificate is not valid yet",
        _ => "the certificate is not acceptable",
    }
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
            ("25006", "unreachable"),
            ("3D000", "bad-secret"),
            ("53300", "unreachable"),
            ("57P03", "unreachable"),
        ] {
            assert_eq!(from_state(&SqlState::from_code(code)).kind().as_str(), kind, "{code}");
        }
    }
}
