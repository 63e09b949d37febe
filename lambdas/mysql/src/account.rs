//! Accounts as MySQL names them, and the only place where text becomes part of a statement.
//!
//! Statements about accounts take no parameters. A literal is safe under what every session pins before it is used
//! (`sql_mode` without NO_BACKSLASH_ESCAPES and ANSI_QUOTES, the character set utf8mb4): see [`crate::driver`].

use std::fmt;

use zeroize::Zeroizing;

/// A user and the pattern of hosts that it may come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// The name, which tells upper from lower case.
    pub user: String,
    /// The pattern, `%` for every host.
    pub host: String,
}

impl Account {
    /// From what `CURRENT_USER()` answers. A name may hold an `@`, a host never does.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (user, host) = text.rsplit_once('@')?;
        Some(Self { user: user.to_owned(), host: host.to_owned() })
    }

    /// The account of that user with the same pattern of hosts.
    #[must_use]
    pub fn of(&self, user: &str) -> Self {
        Self { user: user.to_owned(), host: self.host.clone() }
    }

    /// Whether a client may exist whose host both patterns are for. Said to be so unless the beginnings or the ends of
    /// the two rule it out: netmasks and escapes are not worked out, and a host has an address and a name at once.
    #[must_use]
    pub fn may_share_hosts(&self, other: &Self) -> bool {
        let (one, other) = (self.host.to_ascii_lowercase(), other.host.to_ascii_lowercase());
        let is_plain = |host: &str| !host.contains(['_', '\\', '/', ':']);
        let is_named = |host: &str| host.contains(char::is_alphabetic);
        if !is_plain(&one) || !is_plain(&other) || is_named(&one) != is_named(&other) {
            return true;
        }
        let ends = |host: &str| -> (String, String) {
            let (head, tail) = (host.split('%').next(), host.rsplit('%').next());
            (head.unwrap_or_default().to_owned(), tail.unwrap_or_default().to_owned())
        };
        let ((head, tail), (other_head, other_tail)) = (ends(&one), ends(&other));
        (head.starts_with(&other_head) || other_head.starts_with(&head))
            && (tail.ends_with(&other_tail) || other_tail.ends_with(&tail))
    }
}

/// As it stands in a statement.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", *literal(&self.user), *literal(&self.host))
    }
}

/// A text as a literal.
#[must_use]
pub fn literal(text: &str) -> Zeroizing<String> {
    // Room for everything at once: a buffer that grows leaves unwiped copies behind.
    let mut quoted = Zeroizing::new(String::with_capacity(2 * text.len() + 2));
    quoted.push('\'');
    for character in text.chars() {
        if character == '\'' || character == '\\' {
            quoted.push(character);
        }
        quoted.push(character);
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_a_literal() {
        assert_eq!(*literal("p"), "'p'");
        assert_eq!(*literal("o'; DROP USER x; -- \\"), "'o''; DROP USER x; -- \\\\'");
        assert_eq!(*literal("\\' \u{1F511}\n"), "'\\\\'' \u{1F511}\n'");
    }

    #[test]
    fn an_account_ends_at_the_last_at_sign() {
        let account = Account::parse("a@b@10.0.%").unwrap();
        assert_eq!((&*account.user, &*account.host), ("a@b", "10.0.%"));
        assert_eq!(account.of("c'").to_string(), "'c'''@'10.0.%'");
        assert_eq!(Account::parse("nobody"), None);
    }

    #[test]
    fn patterns_are_apart_only_where_no_client_can_match_both() {
        for (one, other, may_share) in [
            ("%", "10.%", true),
            ("10.%", "10.1.%", true),
            ("10.0.%", "10.1.%", false),
            ("10.0.0.1", "10.0.0.11", false),
            ("10.0.0.0/255.255.0.0", "192.168.%", true),
            ("2001:db8::%", "10.%", true),
            ("10.%", "localhost", true),
            ("%.example", "10.%", true),
            ("%.a.example", "%.b.example", false),
            ("%.A.example", "w.a.EXAMPLE", true),
            ("a_b.example", "a-b.example", true),
            ("%", "", true),
        ] {
            let account = |host: &str| Account { user: "app".to_owned(), host: host.to_owned() };
            assert_eq!(account(one).may_share_hosts(&account(other)), may_share, "{one} {other}");
            assert_eq!(account(other).may_share_hosts(&account(one)), may_share, "{other} {one}");
        }
    }
}
