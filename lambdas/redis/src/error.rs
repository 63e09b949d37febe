//! What the server and the driver say, as a kind.
//!
//! Only the error's code, its first word, is kept: what follows may name users, keys and files.

use redis::{ErrorKind, RedisError};
use rekey_rotation::engine::EngineError;
use rekey_rotation::tls;

use crate::server::Saved;

/// What a credential's refusal is: the answer to AUTH.
pub fn refusal(error: &RedisError) -> EngineError {
    match code(error).as_deref() {
        Some("WRONGPASS") => EngineError::Auth("WRONGPASS: the password is wrong, or the user is off".to_owned()),
        Some("ERR") if mentions(error, "wrong number of arguments") => EngineError::Unfit(
            "server is older than Redis 6, which brought users, or set up as if: there is one password, and a change would \
             lock clients out; update the server",
        ),
        Some("ERR") => EngineError::Unreachable("ERR: too many clients, or no Redis server".to_owned()),
        _ => classify("auth", error),
    }
}

/// Why a server does not tell its role to somebody whose log-in it accepted, if it does not; else the outer error.
pub fn role_untold(error: &RedisError) -> Result<EngineError, EngineError> {
    match code(error).as_deref() {
        Some("NOPERM") => Ok(classify("hello", error)),
        Some("ERR") if mentions(error, "unknown command") => Ok(EngineError::Unfit(
            "server does not know HELLO, which tells whether it is a primary; name the server itself, not through a proxy, \
             and do not rename the command",
        )),
        _ => Err(classify("hello", error)),
    }
}

/// The kind of an error of that command, past the log-in.
pub fn classify(command: &str, error: &RedisError) -> EngineError {
    if let Some(reason) = tls::reason(error) {
        return EngineError::Tls(reason);
    }
    match code(error).as_deref() {
        Some("NOPERM") => EngineError::Privilege(format!(
            "NOPERM; allow +{command} with ACL SETUSER, or name the secret of an admin in \"masterarn\""
        )),
        Some("READONLY") => replica(),
        Some(code) => EngineError::Unreachable(code.to_owned()),
        None if error.is_timeout() => EngineError::Unreachable("no answer in time".to_owned()),
        None if error.kind() == ErrorKind::Io => EngineError::Unreachable("the connection was cut".to_owned()),
        None => nonsense(),
    }
}

/// Whether the server has no aclfile to write to.
pub fn no_acl_file(error: &RedisError) -> bool {
    mentions(error, "not configured to use an ACL file")
}

/// Why the access list was not written, if the server is not set up to write it or the user may not. Any other reason is
/// an error: then a restart would bring back a list that the server was meant to keep.
pub fn not_saved(command: &str, error: &RedisError) -> Result<Saved, EngineError> {
    let reason = match code(error).as_deref() {
        Some("NOPERM") => format!("the user may not: NOPERM for {command}"),
        Some("ERR") if mentions(error, "without a config file") => {
            "the server was started with neither an aclfile nor a configuration file".to_owned()
        }
        Some("ERR") if mentions(error, "unknown") => format!("the server has no {command}"),
        Some("ERR") => return Err(EngineError::Unreachable(format!("the server failed to write its file, {command}"))),
        _ => return Err(classify(command, error)),
    };
    Ok(Saved::No(reason))
}

/// Codes do not tell these refusals apart; the texts are constants of the server's source (acl.c, config.c).
fn mentions(error: &RedisError, text: &str) -> bool {
    error.detail().is_some_and(|detail| detail.contains(text))
}

/// A server that a change must not be made at.
pub fn replica() -> EngineError {
    EngineError::Unreachable("the server is a replica, name the primary".to_owned())
}

/// An answer of another shape than the command's.
pub fn nonsense() -> EngineError {
    EngineError::Unreachable("the answer made no sense, or is no Redis server's".to_owned())
}

/// The code that a server put before its message, if it looks like one.
fn code(error: &RedisError) -> Option<String> {
    let code = error.code()?;
    let plain = code.len() <= 16 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    Some(if plain { code } else { "an unknown error" }.to_owned())
}
