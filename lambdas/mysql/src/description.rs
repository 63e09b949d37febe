//! An account as the server describes it.

use std::collections::BTreeMap;

use crate::account::Account;
use crate::grants::Grants;
use crate::reader::Reader;
use crate::server::Server;
use crate::verifier::{Plugin, Verifier};

/// All that makes an account what it is, and what its alternate has to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Whose description it is.
    pub account: Account,
    /// Its password, if it authenticates in a way that is known here.
    pub verifier: Option<Verifier>,
    /// Its second password (MySQL), which SHOW CREATE USER does not tell.
    pub second: Option<Verifier>,
    /// On what terms it connects.
    pub terms: Terms,
    /// The roles that it has from the beginning of a session.
    pub default_role: Option<String>,
    /// Whether it is locked. That is never copied: somebody locked this account, not the other.
    pub locked: bool,
    /// What it may do.
    pub grants: Grants,
}

/// On what terms an account connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What follows REQUIRE: `NONE`, `SSL`, `X509` or properties of a certificate.
    pub require: String,
    /// Resource limits by name, those that are not 0.
    pub limits: BTreeMap<String, String>,
    /// The rest: rules for passwords and for failed log-ins.
    pub others: String,
}

/// The limits that both servers know.
const LIMITS: [&str; 4] =
    ["MAX_QUERIES_PER_HOUR", "MAX_UPDATES_PER_HOUR", "MAX_CONNECTIONS_PER_HOUR", "MAX_USER_CONNECTIONS"];
/// MariaDB leaves out what is as usual.
const USUAL_AGE: &str = "PASSWORD EXPIRE DEFAULT";
/// Words that begin a clause after the limits.
const CLAUSES: [&str; 6] =
    ["PASSWORD", "ACCOUNT", "FAILED_LOGIN_ATTEMPTS", "PASSWORD_LOCK_TIME", "COMMENT", "ATTRIBUTE"];

impl Default for Terms {
    fn default() -> Self {
        Self { require: "NONE".to_owned(), limits: BTreeMap::new(), others: USUAL_AGE.to_owned() }
    }
}

impl Terms {
    /// The statement that sets them, all of them: what is left out would stay as it is.
    #[must_use]
    pub fn set(&self, account: &Account, server: Server) -> String {
        let mut limits: BTreeMap<&str, &str> = LIMITS.into_iter().map(|name| (name, "0")).collect();
        let mut others = self.others.clone();
        match server {
            Server::MariaDb(_) => drop(limits.insert("MAX_STATEMENT_TIME", "0")),
            // "As of MySQL 8.0.19" (MySQL's manual, Failed-Login Tracking); 0 is none, and then they are not shown.
            Server::MySql(version) if version >= (8, 0, 19) && !others.contains("FAILED_LOGIN_ATTEMPTS") => {
                others.push_str(" FAILED_LOGIN_ATTEMPTS 0 PASSWORD_LOCK_TIME 0");
            }
            Server::MySql(_) => {}
        }
        limits.extend(self.limits.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let limits: Vec<String> = limits.into_iter().map(|(name, value)| format!("{name} {value}")).collect();
        format!("ALTER USER {account} REQUIRE {} WITH {} {others}", self.require, limits.join(" "))
    }
}

impl Description {
    /// The same with what `mysql.user` keeps as its second password, which is one of the first one's kind.
    #[must_use]
    pub fn with_second(mut self, text: Option<String>) -> Self {
        let plugin = self.verifier.as_ref().map(|verifier| verifier.plugin);
        self.second = plugin.zip(text).map(|(plugin, text)| Verifier { plugin, text });
        self
    }

    /// Reads what SHOW CREATE USER and SHOW GRANTS answer; nothing if it is not understood.
    #[must_use]
    pub fn parse(account: &Account, created: &str, grants: Grants) -> Option<Self> {
        let mut text = Reader::new(created)?;
        if !text.take("CREATE USER") {
            return None;
        }
        text.until(&["IDENTIFIED", "DEFAULT", "REQUIRE", "WITH", "PASSWORD", "ACCOUNT"]);
        let verifiers = if text.take("IDENTIFIED") { verifiers(&mut text)? } else { Vec::new() };
        let verifier = verifiers.into_iter().next();
        let next = |first: &[&'static str]| [first, &CLAUSES].concat();
        let mut default_role = grants.default_role.clone();
        if text.take("DEFAULT ROLE") {
            default_role = Some(text.until(&next(&["REQUIRE", "WITH"])).to_owned());
        }
        let mut terms = Terms::default();
        if text.take("REQUIRE") {
            text.until(&next(&["WITH"])).clone_into(&mut terms.require);
        }
        if text.take("WITH") {
            let mut limits = Reader::new(text.until(&CLAUSES))?;
            while let (Some(name), Some(value)) = (limits.name(), limits.name()) {
                terms.limits.insert(name, value);
            }
        }
        let mut others = Vec::new();
        let mut locked = false;
        while !text.is_empty() {
            if text.take("ACCOUNT LOCK") {
                locked = true;
            } else if !text.take("ACCOUNT UNLOCK") {
                let word = CLAUSES.into_iter().find(|word| text.take(word))?;
                let clause = format!("{word} {}", text.until(&CLAUSES));
                // A comment is about this account, not about the other.
                if !["COMMENT", "ATTRIBUTE"].contains(&word) {
                    others.push(clause);
                }
            }
        }
        if !others.iter().any(|clause| clause.starts_with("PASSWORD EXPIRE")) {
            others.insert(0, USUAL_AGE.to_owned());
        }
        terms.others = others.join(" ");
        Some(Self { account: account.clone(), verifier, second: None, terms, default_role, locked, grants })
    }
}

/// Reads what follows IDENTIFIED: those of MariaDB's alternatives that are known here.
fn verifiers(text: &mut Reader<'_>) -> Option<Vec<Verifier>> {
    if text.take("BY PASSWORD") {
        return Some(vec![Verifier { plugin: Plugin::Native, text: text.name()? }]);
    }
    if !text.take("WITH") && !text.take("VIA") {
        return None;
    }
    let mut found = Vec::new();
    loop {
        let plugin = Plugin::parse(&text.name()?);
        let stored = if text.take("AS") || text.take("USING") { text.name()? } else { String::new() };
        found.extend(plugin.map(|plugin| Verifier { plugin, text: stored }));
        if !text.take("OR") {
            return Some(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Description> {
        Description::parse(&Account::parse("app@%").unwrap(), text, Grants::default())
    }

    /// As MariaDB 10.11 writes it.
    #[test]
    fn mariadb_s_account_is_read_and_set_again() {
        let read = read(
            "CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*9F75' REQUIRE ISSUER '/C=a''b' SUBJECT '/CN=WITH' WITH \
             MAX_USER_CONNECTIONS 7 MAX_STATEMENT_TIME 1.500000 ACCOUNT LOCK PASSWORD EXPIRE INTERVAL 30 DAY",
        );
        let read = read.unwrap();
        assert_eq!(read.verifier, Some(Verifier { plugin: Plugin::Native, text: "*9F75".to_owned() }));
        assert!(read.locked);
        assert_eq!(
            read.terms.set(&read.account, Server::MariaDb((10, 11, 6))),
            "ALTER USER 'app'@'%' REQUIRE ISSUER '/C=a''b' SUBJECT '/CN=WITH' WITH MAX_CONNECTIONS_PER_HOUR 0 \
             MAX_QUERIES_PER_HOUR 0 MAX_STATEMENT_TIME 1.500000 MAX_UPDATES_PER_HOUR 0 MAX_USER_CONNECTIONS 7 \
             PASSWORD EXPIRE INTERVAL 30 DAY"
        );
    }

    #[test]
    fn what_mariadb_leaves_out_is_as_usual() {
        let read =
            read("CREATE USER `app`@`%` IDENTIFIED VIA unix_socket OR mysql_native_password USING '*9F75'").unwrap();
        assert_eq!((read.terms, read.locked, read.default_role), (Terms::default(), false, None));
        assert_eq!(read.verifier.unwrap().text, "*9F75");
    }

    /// As MySQL 8.0's manual shows it, with a salt that needs escaping.
    #[test]
    fn mysql_s_account_is_read() {
        let read = read(
            "CREATE USER `app`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '$A$005$it\\'s\\\\salt' DEFAULT ROLE \
             `r`@`%`,`s`@`%` REQUIRE SSL PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT PASSWORD REUSE \
             INTERVAL DEFAULT PASSWORD REQUIRE CURRENT DEFAULT FAILED_LOGIN_ATTEMPTS 4 PASSWORD_LOCK_TIME 2 ATTRIBUTE \
             '{\"team\": \"ACCOUNT LOCK\"}'",
        )
        .unwrap();
        assert_eq!(read.verifier.unwrap().text, r"$A$005$it's\salt");
        assert_eq!(read.default_role.as_deref(), Some("`r`@`%`,`s`@`%`"));
        assert_eq!(read.terms.require, "SSL");
        assert!(!read.locked);
        assert_eq!(
            read.terms.others,
            "PASSWORD EXPIRE DEFAULT PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT PASSWORD REQUIRE CURRENT \
             DEFAULT FAILED_LOGIN_ATTEMPTS 4 PASSWORD_LOCK_TIME 2"
        );
    }

    #[test]
    fn what_is_not_understood_is_no_description() {
        for text in ["DROP USER x", "CREATE USER `a`@`%` IDENTIFIED SOMEHOW", "CREATE USER `a`@`%` REQUIRE NONE 'x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
