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
    commands.extend(
        // In the opposite order of granting.
        held.difference(wanted).rev().map(|entry| Command::Revoke { account: account.clone(), entry: entry.clone() }),
    );
    commands.extend(
        wanted.difference(held).map(|entry| Command::Grant { account: account.clone(), entry: entry.clone() }),
    );
    if copy.default_role != original.default_role {
        commands.push(Command::DefaultRole { account: account.clone(), roles: original.default_role.clone() });
    }
    commands
}
