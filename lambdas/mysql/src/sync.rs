//! What makes one account like another, but for its name and password. Nothing here speaks to a server.

use crate::command::Command;
use crate::description::Description;

/// The changes that make `copy` like `original`; none if it is.
///
/// First goes what the original does not have: taken away later, it could take something with it that the original has
/// (`ALL PRIVILEGES` is such a thing).
#[must_use]
pub fn in_step(original: &Description, copy: &Description) -> Vec<Command<'static>> {
    let account = &copy.account;
    let (wanted, held) = (&original.grants.entries, &copy.grants.entries);
    let mut commands = Vec::new();
    if copy.terms != original.terms {
        commands.push(Command::Terms { account: account.clone(), terms: original.terms.clone() });
    }
    // In the opposite order of granting.
    for entry in held.iter().rev().filter(|entry| !wanted.contains(entry)) {
        commands.push(Command::Revoke { account: account.clone(), entry: entry.clone() });
    }
    for entry in wanted.difference(held) {
        commands.push(Command::Grant { account: account.clone(), entry: entry.clone() });
    }
    if copy.default_role != original.default_role {
        commands.push(Command::DefaultRole { account: account.clone(), roles: original.default_role.clone() });
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::description::Terms;
    use crate::grants::Grants;
    use crate::server::Server;

    fn description(account: &Account, rows: &[&str]) -> Description {
        let grants = Grants::parse(rows.iter().copied(), account).unwrap();
        let (terms, verifier) = (Terms::default(), None);
        Description {
            account: account.clone(),
            verifier,
            second: None,
            terms,
            default_role: None,
            locked: false,
            grants,
        }
    }

    #[test]
    fn what_must_go_goes_before_what_must_come_and_restrictions_come_last() {
        let app = Account::parse("app@%").unwrap();
        let copy = app.of("copy");
        let original = description(
            &app,
            &[
                "GRANT SELECT, INSERT ON *.* TO `app`@`%`",
                "REVOKE INSERT ON `hr`.* FROM `app`@`%`",
                "GRANT `r` TO `app`@`%`",
            ],
        );
        let held = description(
            &copy,
            &["GRANT ALL PRIVILEGES ON `a`.* TO `copy`@`%`", "GRANT `r` TO `copy`@`%` WITH ADMIN OPTION"],
        );
        let server = Server::MySql((8, 4, 0));
        let statements: Vec<String> =
            in_step(&original, &held).iter().map(|command| command.statement(server).to_string()).collect();
        assert_eq!(
            statements,
            [
                "REVOKE `r` FROM 'copy'@'%'",
                "REVOKE ALL PRIVILEGES ON `a`.* FROM 'copy'@'%'",
                "GRANT INSERT ON *.* TO 'copy'@'%'",
                "GRANT SELECT ON *.* TO 'copy'@'%'",
                "GRANT `r` TO 'copy'@'%'",
                "REVOKE INSERT ON `hr`.* FROM 'copy'@'%'",
            ]
        );
        assert_eq!(in_step(&original, &Description { account: copy, ..original.clone() }), []);
    }
}
