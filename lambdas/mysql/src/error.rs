//! What MySQL, MariaDB and the driver say, as a kind.
//!
//! Only the error's number is kept: the server's messages name users, databases and hosts.

use std::io;

use mysql_async::{DriverError, Error, IoError};
use rekey_rotation::engine::EngineError;
use rekey_rotation::secret::SecretError;
use rekey_rotation::tls;

/// The kind of an error while connecting and logging in.
pub fn while_logging_in(error: &Error) -> EngineError {
    match error {
        Error::Server(error) => match error.code {
            // ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR
            code @ (1045 | 1698) => EngineError::Auth(format!("error {code}")),
            code => from_code(code),
        },
        error => from_driver(error),
    }
}

/// The kind of an error of a statement.
pub fn of_statement(error: &Error) -> EngineError {
    match error {
        Error::Server(error) => match error.code {
            // ER_INCORRECT_CURRENT_PASSWORD: the one that REPLACE names is not the first one.
            code @ 3891 => EngineError::Auth(format!("error {code}")),
            // Past the log-in, access is denied to what the statement is about.
            code @ (1045 | 1698) => EngineError::Privilege(format!("error {code}")),
            code => from_code(code),
        },
        error => from_driver(error),
    }
}

fn from_code(code: u16) -> EngineError {
    let number = format!("error {code}");
    let with = |what: &str| format!("{number}: {what}");
    match code {
        // ER_ACCOUNT_HAS_BEEN_LOCKED of MySQL and of MariaDB; MySQL's and MariaDB's lock after too many failed log-ins
        3118 | 4151 => EngineError::Locked(with("the account is locked")),
        3955 | 4150 => EngineError::Locked(with("too many log-ins failed")),
        // ER_MUST_CHANGE_PASSWORD, ER_MUST_CHANGE_PASSWORD_LOGIN
        1820 | 1862 => EngineError::Locked(with("the password has expired")),
        // ER_HOST_NOT_PRIVILEGED, ER_HOST_IS_BLOCKED
        1130 => EngineError::Unreachable(with("no account may connect from the function's address")),
        1129 => EngineError::Unreachable(with("the function's address is blocked, FLUSH HOSTS unblocks it")),
        // ER_SECURE_TRANSPORT_REQUIRED
        3159 => EngineError::Tls(with("the server demands TLS, take \"ssl\": false out of the secret")),
        // ER_BAD_DB_ERROR
        1049 => SecretError::Malformed { field: "dbname", expected: "a database that exists" }.into(),
        // Access denied to a database, table, column or routine; CREATE USER, SUPER or the like is needed; GRANT may
        // not create users; another's password may not be set; a role may not be granted
        1044 | 1142 | 1143 | 1370 | 1227 | 1410 | 1132 | 1131 | 1698 | 1959 | 3530 | 3619 | 3879 => {
            EngineError::Privilege(number)
        }
        // ER_OPTION_PREVENTS_STATEMENT, ER_READ_ONLY_MODE, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
        1290 => EngineError::Unreachable(with(
            "one of the server's options forbids it: read-only, for which the primary is to be named, or \
             strict_password_validation, which takes no verifiers",
        )),
        1836 | 1792 => EngineError::Unreachable(with(READ_ONLY)),
        // ER_NOT_VALID_PASSWORD
        1819 => EngineError::Policy(number),
        // ER_CREDENTIALS_CONTRADICT_TO_HISTORY
        3638 => EngineError::Unfit(REUSED),
        // ER_SET_PASSWORD_AUTH_PLUGIN, ER_PLUGIN_IS_NOT_LOADED, ER_NOT_SUPPORTED_AUTH_MODE, ER_SERVER_IS_IN_SECURE_AUTH_MODE
        1699 | 1524 | 1251 | 1275 => EngineError::Unfit(OTHER_PLUGIN),
        // ER_MISSING_CURRENT_PASSWORD: the one in force is the second one, and only a master may make it the first again
        3892 => EngineError::Privilege(with("the account is set to PASSWORD REQUIRE CURRENT")),
        // ER_SERVER_SHUTDOWN
        1053 => EngineError::Unreachable(with("the server is shutting down")),
        // ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED
        1040 | 1203 | 1226 => EngineError::Busy(with("too many connections or queries")),
        // ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK
        1205 | 1213 => EngineError::Busy(with("somebody else changes users, too")),
        // ER_QUERY_INTERRUPTED, ER_QUERY_TIMEOUT, ER_STATEMENT_TIMEOUT of MariaDB
        1317 | 3024 | 1969 => EngineError::Busy(with("the statement was stopped before its end")),
        // ER_CANNOT_USER, ER_PASSWORD_NO_MATCH
        1396 | 1133 => EngineError::Busy(with("the user was made or dropped meanwhile")),
        _ => EngineError::Failed(number),
    }
}

/// Only where somebody changed the password by hand: a rotation makes a new one, and sets it once.
pub const REUSED: &str = "server refuses a password that the account had before (PASSWORD HISTORY, PASSWORD REUSE INTERVAL); \
                          lift that until the rotation has ended (ALTER USER … PASSWORD HISTORY 0 PASSWORD REUSE INTERVAL \
                          0 DAY), or store the password in force as a new AWSCURRENT and start a new rotation";

/// What no server of this kind says.
pub const NONSENSE: &str = "the answer made no sense, or is no MySQL server's";

/// Why a replica is of no use.
pub const READ_ONLY: &str = "the server is read-only, name the primary";

fn from_driver(error: &Error) -> EngineError {
    match error {
        Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            EngineError::Tls("the server does not offer TLS".to_owned())
        }
        Error::Driver(DriverError::CleartextPluginDisabled) => EngineError::Unfit(
            "server asks for the password in clear text, as it does for IAM, PAM and LDAP accounts; rotate it where it \
             is kept, or let the account authenticate by caching_sha2_password or mysql_native_password",
        ),
        Error::Driver(DriverError::UnknownAuthPlugin { .. } | DriverError::MysqlOldPasswordDisabled) => {
            EngineError::Unfit(OTHER_PLUGIN)
        }
        Error::Io(IoError::Tls(error)) => {
            EngineError::Tls(tls::reason(error).unwrap_or_else(|| "it could not be set up".to_owned()))
        }
        Error::Io(IoError::Io(error)) => match tls::reason(error) {
            Some(reason) => EngineError::Tls(reason),
            None => EngineError::Unreachable(from_io(error.kind()).to_owned()),
        },
        _ => EngineError::Unreachable(NONSENSE.to_owned()),
    }
}

/// An account that is not for passwords, or for those of a kind that is not known here.
pub const OTHER_PLUGIN: &str = "account does not authenticate by a plugin that this function knows; let it use \
                                caching_sha2_password (MySQL) or mysql_native_password";

fn from_io(kind: io::ErrorKind) -> &'static str {
    use io::ErrorKind as Kind;
    match kind {
        Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
            "the connection was cut"
        }
        Kind::Other | Kind::InvalidData => NONSENSE,
        _ => "no connection",
    }
}

#[cfg(test)]
mod tests {
    use mysql_async::ServerError;

    use super::*;

    fn server(code: u16) -> Error {
        Error::Server(ServerError { code, message: "for 'app'@'db.example'".to_owned(), state: "HY000".to_owned() })
    }

    #[test]
    fn codes_have_their_kinds_and_messages_are_not_repeated() {
        for (code, kind) in [
            (1045, "auth"),
            (1698, "auth"),
            (3118, "auth"),
            (4151, "auth"),
            (1820, "auth"),
            (1862, "auth"),
            (1044, "privilege"),
            (1227, "privilege"),
            (1049, "bad-secret"),
            (1290, "unreachable"),
            (1040, "unreachable"),
            (1129, "unreachable"),
            (1130, "unreachable"),
            (1819, "setup"),
            (2000, "unreachable"),
        ] {
            let error = while_logging_in(&server(code));
            assert_eq!(error.kind().as_str(), kind, "{code}");
            assert!(!error.to_string().contains("db.example"), "{error}");
        }
        assert_eq!(of_statement(&server(1045)).kind().as_str(), "privilege");
        assert_eq!(
            of_statement(&server(3891)),
            EngineError::Auth("error 3891".to_owned()),
            "REPLACE names another one"
        );
        assert_eq!(of_statement(&server(3892)).kind().as_str(), "privilege", "REPLACE is missing");
    }

    #[test]
    fn host_and_port_are_doubted_only_where_they_may_be_the_cause() {
        for code in [1040, 1205, 1213, 1317, 1396, 1064, 2000] {
            let error = of_statement(&server(code));
            assert_eq!(error.kind().as_str(), "unreachable", "{code}");
            assert!(!error.to_string().contains("host and port"), "{error}");
        }
        assert!(while_logging_in(&server(1130)).to_string().contains("the function's address"));
        assert_eq!(of_statement(&server(1524)), EngineError::Unfit(OTHER_PLUGIN));
        assert_eq!(of_statement(&server(3638)), EngineError::Unfit(REUSED));
    }

    #[test]
    fn tls_is_found_beneath_the_driver_s_errors() {
        let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let error = while_logging_in(&Error::Io(IoError::Io(io::Error::other(expired))));
        assert_eq!(error, EngineError::Tls("the certificate has expired".to_owned()));
        let error = while_logging_in(&Error::Driver(DriverError::NoClientSslFlagFromServer));
        assert_eq!(error, EngineError::Tls("the server does not offer TLS".to_owned()));
    }
}
