//! What kind of server answers, and what that kind can do.

use crate::account::Account;

/// MySQL (Aurora too) or MariaDB, with its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// MySQL and Aurora MySQL.
    MySql(Version),
    /// MariaDB.
    MariaDb(Version),
}

/// Major, minor, patch.
pub type Version = (u16, u16, u16);

/// What a session learns when it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Who answers.
    pub server: Server,
    /// The account that was logged in to. It need not have the name that was given: there are anonymous accounts and
    /// proxies.
    pub account: Account,
    /// Whether the server is to take no changes: a replica, or an Aurora reader.
    pub read_only: bool,
}

impl Server {
    /// From what `VERSION()` answers, such as `8.0.39`, `9.1.0-log` or `10.11.6-MariaDB-log`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        // MariaDB pretended to be MySQL 5.5.5 for the sake of old replicas.
        let digits = text.strip_prefix("5.5.5-").unwrap_or(text);
        let mut numbers = digits.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let version = (next(), next(), next());
        if text.to_ascii_lowercase().contains("mariadb") { Self::MariaDb(version) } else { Self::MySql(version) }
    }

    /// Whether it knows the statements and the tables by which accounts are described and changed here: MySQL from 5.7,
    /// MariaDB from 10.4 (its manual, ALTER USER: password expiry and locks; before, its passwords were kept in another
    /// column of `mysql.user`).
    #[must_use]
    pub fn is_known(self) -> bool {
        match self {
            Self::MySql(version) => version >= (5, 7, 0),
            Self::MariaDb(version) => version >= (10, 4, 0),
        }
    }

    /// Whether an account can have two passwords. "As of MySQL 8.0.14" (MySQL's manual, Dual Password Support).
    #[must_use]
    pub fn has_dual_passwords(self) -> bool {
        matches!(self, Self::MySql(version) if version >= (8, 0, 14))
    }

    /// Whether a user that changes its own password can name the one that it replaces. "As of MySQL 8.0.13" (MySQL's
    /// manual, Password Verification-Required Policy).
    #[must_use]
    pub fn verifies_replaced_password(self) -> bool {
        matches!(self, Self::MySql(version) if version >= (8, 0, 13))
    }

    /// How many characters a user's name may have.
    #[must_use]
    pub fn longest_name(self) -> usize {
        match self {
            Self::MySql(_) => LONGEST_MYSQL_NAME,
            Self::MariaDb(_) => LONGEST_MARIADB_NAME,
        }
    }
}

/// MySQL's manual, Account User Names and Passwords.
pub const LONGEST_MYSQL_NAME: usize = 32;
/// MariaDB's manual, Identifier Names.
pub const LONGEST_MARIADB_NAME: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_so_that_9_comes_after_8() {
        for (text, server) in [
            ("8.0.39", Server::MySql((8, 0, 39))),
            ("9.1.0-log", Server::MySql((9, 1, 0))),
            ("8.0.mysql_aurora.3.05.2", Server::MySql((8, 0, 0))),
            ("10.11.19-MariaDB-0+deb12u1-log", Server::MariaDb((10, 11, 19))),
            ("5.5.5-10.6.14-MariaDB-log", Server::MariaDb((10, 6, 14))),
        ] {
            assert_eq!(Server::parse(text), server, "{text}");
        }
        for (text, is_known) in [
            ("10.3.39-MariaDB-log", false),
            ("5.5.5-10.3.39-MariaDB", false),
            ("10.4.0-MariaDB", true),
            ("5.6.51", false),
            ("5.7.mysql_aurora.2.11.2", true),
        ] {
            assert_eq!(Server::parse(text).is_known(), is_known, "{text}");
        }
        assert!(Server::MySql((9, 0, 0)).has_dual_passwords() && Server::MySql((8, 4, 0)).has_dual_passwords());
        for without in [Server::MySql((8, 0, 13)), Server::MySql((5, 7, 44)), Server::MariaDb((11, 4, 0))] {
            assert!(!without.has_dual_passwords(), "{without:?}");
        }
    }
}
