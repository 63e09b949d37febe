//! Everything that this function ever has a server do, and the statements for it.
//!
//! Statements that a master runs hold a verifier in place of the password, so that no log of the server's can hold the
//! password. MySQL lets a user change its own password only with the password itself; there its logs hold a verifier all
//! the same, for the server rewrites such statements before it logs them (MySQL's manual, Passwords and Logging; the
//! switch is `--log-raw`).

use std::fmt;

use zeroize::Zeroizing;

use crate::account::{Account, literal};
use crate::description::Terms;
use crate::grants::Entry;
use crate::server::Server;
use crate::verifier::{Verifier, native};

/// A password that is not shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password<'a>(pub &'a str);

impl fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// One change. Each can be repeated without another effect, but for [`Command::Replace`] and [`Command::Set`] where they
/// retain: repeated, they would retain the new password and drop the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// The session's user replaces its password. MySQL refuses if the old one is not the account's first password any
    /// more, which tells a repetition; elsewhere an account has no other than the one that logged in.
    Replace {
        /// The password to be replaced.
        old: Password<'a>,
        /// The password in its place.
        new: Password<'a>,
        /// Whether the old one stays valid as the account's second password, in place of the second one until then.
        retain: bool,
    },
    /// The session's user sets its first password, whatever it is, and leaves the second one alone.
    Reset {
        /// The password.
        new: Password<'a>,
    },
    /// Creates an account that may do nothing, unless there is one.
    Create {
        /// The account.
        account: Account,
        /// Its password: an account without one would be open to everybody.
        verifier: Verifier,
    },
    /// Sets an account's first password.
    Set {
        /// The account.
        account: Account,
        /// Its password.
        verifier: Verifier,
        /// Whether the one until then stays valid as the second.
        retain: bool,
    },
    /// Ends an account's second password.
    Discard {
        /// The account.
        account: Account,
    },
    /// Sets on what terms an account connects.
    Terms {
        /// The account.
        account: Account,
        /// The terms.
        terms: Terms,
    },
    /// Lets an account do something.
    Grant {
        /// The account.
        account: Account,
        /// What.
        entry: Entry,
    },
    /// Lets an account do something no longer.
    Revoke {
        /// The account.
        account: Account,
        /// What.
        entry: Entry,
    },
    /// Sets the roles that an account has from the beginning of a session.
    DefaultRole {
        /// The account.
        account: Account,
        /// The roles, or none.
        roles: Option<String>,
    },
}

impl Command<'_> {
    /// The statement in that server's language.
    #[must_use]
    pub fn statement(&self, server: Server) -> Zeroizing<String> {
        let retaining = |retain: bool| if retain { " RETAIN CURRENT PASSWORD" } else { "" };
        let own = |new: Password<'_>| match server {
            Server::MariaDb(_) => format!("SET PASSWORD = '{}'", native(new.0)),
            Server::MySql(_) => format!("ALTER USER CURRENT_USER() IDENTIFIED BY {}", *literal(new.0)),
        };
        Zeroizing::new(match self {
            Self::Replace { old, new, retain } if server.verifies_replaced_password() => {
                format!("{} REPLACE {}{}", own(*new), *literal(old.0), retaining(*retain))
            }
            Self::Replace { new, .. } | Self::Reset { new } => own(*new),
            Self::Create { account, verifier } => {
                format!("CREATE USER IF NOT EXISTS {account} {}", identified(server, verifier))
            }
            Self::Set { account, verifier, retain } => match server {
                Server::MariaDb(_) => format!("SET PASSWORD FOR {account} = {}", *literal(&verifier.text)),
                Server::MySql(_) => {
                    format!("ALTER USER {account} {}{}", identified(server, verifier), retaining(*retain))
                }
            },
            Self::Discard { account } => format!("ALTER USER {account} DISCARD OLD PASSWORD"),
            Self::Terms { account, terms } => terms.set(account, server),
            Self::Grant { account, entry } => entry.grant(account),
            Self::Revoke { account, entry } => entry.revoke(account),
            Self::DefaultRole { account, roles } => {
                let roles = roles.as_deref().unwrap_or("NONE");
                match server {
                    Server::MariaDb(_) => format!("SET DEFAULT ROLE {roles} FOR {account}"),
                    Server::MySql(_) => format!("ALTER USER {account} DEFAULT ROLE {roles}"),
                }
            }
        })
    }
}

fn identified(server: Server, verifier: &Verifier) -> String {
    let text = literal(&verifier.text);
    match server {
        Server::MariaDb(_) => format!("IDENTIFIED BY PASSWORD {}", *text),
        Server::MySql(_) => format!("IDENTIFIED WITH '{}' AS {}", verifier.plugin.name(), *text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::Plugin;

    const MYSQL: Server = Server::MySql((8, 4, 0));
    const OLD_MYSQL: Server = Server::MySql((8, 0, 11));
    const MARIADB: Server = Server::MariaDb((10, 11, 19));

    fn account() -> Account {
        Account::parse("o'app@10.%").unwrap()
    }

    fn verifier(plugin: Plugin, text: &str) -> Verifier {
        Verifier { plugin, text: text.to_owned() }
    }

    /// MySQL's statements were never run: there is no MySQL here. They follow its manual's ALTER USER.
    #[test]
    fn a_user_of_mysql_replaces_its_password_by_compare_and_swap() {
        let replace = |retain| Command::Replace { old: Password("o'ld"), new: Password("n\\ew"), retain };
        assert_eq!(
            *replace(true).statement(MYSQL),
            r"ALTER USER CURRENT_USER() IDENTIFIED BY 'n\\ew' REPLACE 'o''ld' RETAIN CURRENT PASSWORD"
        );
        assert_eq!(
            *replace(false).statement(MYSQL),
            r"ALTER USER CURRENT_USER() IDENTIFIED BY 'n\\ew' REPLACE 'o''ld'"
        );
        assert_eq!(*replace(false).statement(OLD_MYSQL), r"ALTER USER CURRENT_USER() IDENTIFIED BY 'n\\ew'");
        let reset = Command::Reset { new: Password("x") };
        assert_eq!(*reset.statement(MYSQL), "ALTER USER CURRENT_USER() IDENTIFIED BY 'x'");
        let shown = format!("{:?}", replace(true));
        assert_eq!(shown, "Replace { old: Password(…), new: Password(…), retain: true }");
    }

    #[test]
    fn a_master_s_statements_hold_a_verifier_and_no_password() {
        let set = |plugin, text, retain| Command::Set { account: account(), verifier: verifier(plugin, text), retain };
        assert_eq!(
            *set(Plugin::CachingSha2, "$A$005$x", true).statement(MYSQL),
            "ALTER USER 'o''app'@'10.%' IDENTIFIED WITH 'caching_sha2_password' AS '$A$005$x' RETAIN CURRENT PASSWORD"
        );
        assert_eq!(
            *set(Plugin::Native, "*9F", false).statement(MYSQL),
            "ALTER USER 'o''app'@'10.%' IDENTIFIED WITH 'mysql_native_password' AS '*9F'"
        );
        assert_eq!(*set(Plugin::Native, "*9F", false).statement(MARIADB), "SET PASSWORD FOR 'o''app'@'10.%' = '*9F'");
        let create = Command::Create { account: account(), verifier: verifier(Plugin::Native, "*9F") };
        assert_eq!(
            *create.statement(MARIADB),
            "CREATE USER IF NOT EXISTS 'o''app'@'10.%' IDENTIFIED BY PASSWORD '*9F'"
        );
        assert_eq!(
            *create.statement(MYSQL),
            "CREATE USER IF NOT EXISTS 'o''app'@'10.%' IDENTIFIED WITH 'mysql_native_password' AS '*9F'"
        );
        let discard = Command::Discard { account: account() };
        assert_eq!(*discard.statement(MYSQL), "ALTER USER 'o''app'@'10.%' DISCARD OLD PASSWORD");
    }

    #[test]
    fn a_user_of_mariadb_sends_a_verifier_of_its_own_password_too() {
        let replace = Command::Replace { old: Password("old"), new: Password("hunter2"), retain: false };
        assert_eq!(*replace.statement(MARIADB), "SET PASSWORD = '*58815970BE77B3720276F63DB198B1FA42E5CC02'");
    }

    #[test]
    fn roles_have_a_syntax_for_each_server() {
        let role = |roles: Option<&str>| Command::DefaultRole { account: account(), roles: roles.map(str::to_owned) };
        assert_eq!(*role(Some("`r`@`%`")).statement(MYSQL), "ALTER USER 'o''app'@'10.%' DEFAULT ROLE `r`@`%`");
        assert_eq!(*role(Some("`r`")).statement(MARIADB), "SET DEFAULT ROLE `r` FOR 'o''app'@'10.%'");
        assert_eq!(*role(None).statement(MARIADB), "SET DEFAULT ROLE NONE FOR 'o''app'@'10.%'");
    }
}
