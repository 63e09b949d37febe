//! What an account may do, as a set whose elements can be granted and revoked one by one.

use std::collections::BTreeSet;

use crate::account::Account;
use crate::reader::{Reader, parts};

/// One thing that an account may do, in the words of the server. They are in the order in which they are granted: a
/// restriction needs what it restricts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// A privilege on an object. `GRANT OPTION` is one too: it is for the object, not for a single privilege.
    Right {
        /// Such as `` `shop`.* `` or `` PROCEDURE `shop`.`p` ``.
        object: String,
        /// Such as `SELECT` or `` UPDATE (`a`) ``.
        privilege: String,
    },
    /// What has an option of its own: a role, one of MySQL's dynamic privileges, the right to be a proxy.
    Whole {
        /// Such as `` `reader` `` or `BACKUP_ADMIN ON *.*`.
        what: String,
        /// `GRANT` or `ADMIN` if it may be handed on.
        option: Option<&'static str>,
    },
    /// What MySQL's partial revokes take away from a global privilege.
    Restriction {
        /// The database.
        object: String,
        /// The privilege.
        privilege: String,
    },
}

impl Entry {
    /// The statement that gives it to an account that does not have it.
    #[must_use]
    pub fn grant(&self, account: &Account) -> String {
        match self {
            Self::Right { object, privilege } => format!("GRANT {privilege} ON {object} TO {account}"),
            Self::Whole { what, option: None } => format!("GRANT {what} TO {account}"),
            Self::Whole { what, option: Some(option) } => format!("GRANT {what} TO {account} WITH {option} OPTION"),
            Self::Restriction { object, privilege } => format!("REVOKE {privilege} ON {object} FROM {account}"),
        }
    }

    /// The statement that takes it from an account that has it.
    #[must_use]
    pub fn revoke(&self, account: &Account) -> String {
        match self {
            Self::Right { object, privilege } => format!("REVOKE {privilege} ON {object} FROM {account}"),
            Self::Whole { what, .. } => format!("REVOKE {what} FROM {account}"),
            Self::Restriction { object, privilege } => format!("GRANT {privilege} ON {object} TO {account}"),
        }
    }
}

/// All that rows of SHOW GRANTS say about an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// What it may do.
    pub entries: BTreeSet<Entry>,
    /// MariaDB's default role; MySQL tells its own in SHOW CREATE USER.
    pub default_role: Option<String>,
}

impl Grants {
    /// Reads the rows; nothing if one of them is not understood, for a grant that is overlooked is a grant that is lost.
    #[must_use]
    pub fn parse<'a>(rows: impl IntoIterator<Item = &'a str>, account: &Account) -> Option<Self> {
        let mut grants = Self::default();
        for row in rows {
            grants.add(row, account)?;
        }
        Some(grants)
    }

    fn add(&mut self, row: &str, account: &Account) -> Option<()> {
        let mut row = Reader::new(row)?;
        if row.take("SET DEFAULT ROLE") {
            let role = row.until(&["FOR"]).to_owned();
            if row.take("FOR") && grantee(&mut row)? == *account {
                self.default_role = Some(role);
            }
            return Some(());
        }
        let restricts = row.take("REVOKE");
        if !restricts && !row.take("GRANT") {
            return None;
        }
        let end = if restricts { "FROM" } else { "TO" };
        let what = row.until(&["ON", end]);
        let object = if row.take("ON") { Some(row.until(&[end]).to_owned()) } else { None };
        if !row.take(end) || what.is_empty() {
            return None;
        }
        // MariaDB lists what roles of the account may do, too.
        if grantee(&mut row)? != *account {
            return Some(());
        }
        let (may_grant, may_admit) = (row.has("GRANT OPTION"), row.has("ADMIN OPTION"));
        for part in parts(what) {
            let Some(object) = &object else {
                self.entries.insert(Entry::Whole { what: part.to_owned(), option: may_admit.then_some("ADMIN") });
                continue;
            };
            let right = |privilege: &str| Entry::Right { object: object.clone(), privilege: privilege.to_owned() };
            if restricts {
                self.entries.insert(Entry::Restriction { object: object.clone(), privilege: part.to_owned() });
            } else if has_its_own_option(part) {
                let (what, option) = (format!("{part} ON {object}"), may_grant.then_some("GRANT"));
                self.entries.insert(Entry::Whole { what, option });
            } else {
                // USAGE is no privilege at all, but there may be the right to hand on those to come.
                self.entries.extend((part != "USAGE").then(|| right(part)));
                self.entries.extend(may_grant.then(|| right("GRANT OPTION")));
            }
        }
        Some(())
    }

    /// Whether it has that privilege everywhere, or might have it by a role.
    #[must_use]
    pub fn may_have_globally(&self, privilege: &str) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Right { object, privilege: held } => {
                object == "*.*" && (held == privilege || held == "ALL PRIVILEGES")
            }
            Entry::Whole { what, .. } => !what.contains(" ON "),
            Entry::Restriction { .. } => false,
        })
    }
}

/// MySQL's dynamic privileges are spelt with underscores, the others with spaces.
fn has_its_own_option(privilege: &str) -> bool {
    privilege == "PROXY" || (privilege.contains('_') && !privilege.contains('('))
}

fn grantee(row: &mut Reader<'_>) -> Option<Account> {
    let user = row.name()?;
    let host = if row.symbol('@') { row.name()? } else { String::new() };
    Some(Account { user, host })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> Account {
        Account::parse("app@127.0.0.%").unwrap()
    }

    fn statements(rows: &[&str]) -> Vec<String> {
        let clone = app().of("clone");
        Grants::parse(rows.iter().copied(), &app()).unwrap().entries.iter().map(|entry| entry.grant(&clone)).collect()
    }

    /// Rows of MariaDB 10.11, with a grant of a role of the account's.
    #[test]
    fn mariadb_s_grants_become_statements_for_another_account() {
        let rows = [
            "GRANT `r1` TO `app`@`127.0.0.%`",
            "GRANT `r2` TO `app`@`127.0.0.%` WITH ADMIN OPTION",
            "GRANT PROCESS, DELETE HISTORY ON *.* TO `app`@`127.0.0.%` IDENTIFIED BY PASSWORD '*9F75CEF7FD0C75DC' REQUIRE \
             SSL WITH MAX_USER_CONNECTIONS 7",
            "GRANT SELECT, INSERT ON `shop`.* TO `app`@`127.0.0.%` WITH GRANT OPTION",
            "GRANT SELECT (`a`), UPDATE (`a`, `b_c`) ON `shop`.`t` TO `app`@`127.0.0.%`",
            "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `app`@`127.0.0.%`",
            "GRANT USAGE ON *.* TO `r1`",
            "GRANT SELECT ON `secret`.* TO `r1`",
            "SET DEFAULT ROLE `r1` FOR `app`@`127.0.0.%`",
        ];
        let to = "'clone'@'127.0.0.%'";
        let expected = [
            format!("GRANT DELETE HISTORY ON *.* TO {to}"),
            format!("GRANT PROCESS ON *.* TO {to}"),
            format!("GRANT EXECUTE ON PROCEDURE `shop`.`p` TO {to}"),
            format!("GRANT GRANT OPTION ON `shop`.* TO {to}"),
            format!("GRANT INSERT ON `shop`.* TO {to}"),
            format!("GRANT SELECT ON `shop`.* TO {to}"),
            format!("GRANT SELECT (`a`) ON `shop`.`t` TO {to}"),
            format!("GRANT UPDATE (`a`, `b_c`) ON `shop`.`t` TO {to}"),
            format!("GRANT `r1` TO {to}"),
            format!("GRANT `r2` TO {to} WITH ADMIN OPTION"),
        ];
        assert_eq!(statements(&rows), expected);
        assert_eq!(Grants::parse(rows, &app()).unwrap().default_role.as_deref(), Some("`r1`"));
    }

    /// Rows as MySQL 8.0's manual shows them.
    #[test]
    fn mysql_s_dynamic_privileges_roles_and_partial_revokes_are_kept() {
        let rows = [
            "GRANT USAGE ON *.* TO `app`@`127.0.0.%` WITH GRANT OPTION",
            "GRANT BACKUP_ADMIN,XA_RECOVER_ADMIN ON *.* TO `app`@`127.0.0.%` WITH GRANT OPTION",
            "GRANT PROXY ON ``@`` TO `app`@`127.0.0.%`",
            "GRANT `r1`@`%`,`r2`@`localhost` TO `app`@`127.0.0.%`",
            "REVOKE INSERT, UPDATE ON `mysql`.* FROM `app`@`127.0.0.%`",
        ];
        let to = "'clone'@'127.0.0.%'";
        let expected = [
            format!("GRANT GRANT OPTION ON *.* TO {to}"),
            format!("GRANT BACKUP_ADMIN ON *.* TO {to} WITH GRANT OPTION"),
            format!("GRANT PROXY ON ``@`` TO {to}"),
            format!("GRANT XA_RECOVER_ADMIN ON *.* TO {to} WITH GRANT OPTION"),
            format!("GRANT `r1`@`%` TO {to}"),
            format!("GRANT `r2`@`localhost` TO {to}"),
            format!("REVOKE INSERT ON `mysql`.* FROM {to}"),
            format!("REVOKE UPDATE ON `mysql`.* FROM {to}"),
        ];
        assert_eq!(statements(&rows), expected);
    }

    #[test]
    fn a_row_that_is_not_understood_is_not_skipped() {
        for row in ["DENY SELECT ON x.* TO `app`@`127.0.0.%`", "GRANT SELECT ON `x", "GRANT SELECT ON x.*"] {
            assert_eq!(Grants::parse([row], &app()), None, "{row}");
        }
        assert_eq!(Grants::parse(["GRANT USAGE ON *.* TO `app`@`127.0.0.%`"], &app()), Some(Grants::default()));
    }
}
