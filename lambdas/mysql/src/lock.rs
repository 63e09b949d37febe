//! The lock by which one rotation at a time looks at a user and changes it.
//!
//! Lambda may run a step twice at once, and what a master does depends on what it has seen: between the look and the
//! change nobody else may act. The server keeps the lock for a session and ends it with the session, however that ends.

use std::fmt::Write as _;

use rekey_rotation::plan;
use ring::digest::{SHA256, digest};

/// For how long the lock is waited for. Whoever has it needs a second at most.
pub const WAIT_SECONDS: u64 = 10;

/// How long the server waits for the next statement of a session that may have the lock. It does not hear of it when a
/// function is killed, and would keep the lock for hours.
pub const IDLE_SECONDS: u64 = 30;

/// What is said if the lock is not to be had, or the user was changed by whoever had it before.
pub const TAKEN: &str = "another rotation of the same user is at work";

/// The name of a user's lock, the same for both of two users that take turns, and for all the hosts that they may come
/// from.
///
/// It is `CONCAT('rekey:', LEFT(SHA2(user, 256), 40))`: the names of locks have 64 characters at most and do not tell
/// upper from lower case, while those of users do.
#[must_use]
pub fn name(user: &str) -> String {
    let hash = digest(&SHA256, plan::original(user).as_bytes());
    let mut name = "rekey:".to_owned();
    for byte in hash.as_ref().iter().take(20) {
        // Writing into a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_user_s_own_fits_and_does_not_show_the_user() {
        // printf app | sha256sum
        assert_eq!(name("app"), "rekey:a172cedcae47474b615c54d510a5d84a8dea3032");
        assert_eq!(name("app_clone"), name("app"), "they are changed together");
        assert_ne!(name("App"), name("app"), "the servers take them for two users");
        assert!(name(&"u".repeat(80)).len() <= 64);
    }
}
