//! Two users that take turns and are to be one: what has to be done, given what there is. Nothing here connects.
//!
//! The first user is the model. The second one is a member of it and acts as it from its login on, so nothing that the
//! first owns or was granted, here or in another database, has to be copied, and nothing changes for sessions that are
//! open. What the second user has by itself, from the time of AWS's template or by somebody's hand, would be lost on
//! sessions that act as the first: it passes to the first, where it holds for both and can be revoked from both.

use std::collections::BTreeMap;

use rekey_rotation::engine::EngineError;
use rekey_rotation::plan;

use crate::command::{Command, Holding};

/// The names of two users that take turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The one that there was at first, and that owns what either of them creates.
    pub first: String,
    /// The other one.
    pub second: String,
}

impl Pair {
    /// The pair that these two are, in either order.
    #[must_use]
    pub fn of(one: &str, other: &str) -> Self {
        let (first, second) = if plan::original(other) == one { (one, other) } else { (other, one) };
        Self { first: first.to_owned(), second: second.to_owned() }
    }
}

/// What a server has of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The first user, if there is such a role.
    pub first: Option<Role>,
    /// The second one.
    pub second: Option<Role>,
    /// How the second is a member of the first.
    pub membership: Membership,
    /// Whether the session's user has the second one's rights.
    pub rights: Rights,
    /// Whether the second user owns anything in this database.
    pub owns: bool,
    /// What the second user holds by itself.
    pub holdings: Vec<Holding>,
    /// The session's database, if the second user owns or was granted anything in another one, out of its reach.
    pub only_here: Option<String>,
    /// Whom everybody's sessions act as by database (`ALTER DATABASE … SET role`), where the first user may.
    pub acting: BTreeMap<String, String>,
}

/// Whether the session's user has another role's rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rights {
    /// It does.
    Held,
    /// It does not, but a membership would bring them.
    #[default]
    Borrowable,
    /// It does not in spite of a membership, or would not: it is not to inherit any.
    Withheld,
}

/// Whether one role is a member of another one, by name and not by way of a third.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Membership {
    /// It is not.
    #[default]
    None,
    /// It is, but does not have the other one's rights without asking, or may not act as it.
    Restricted,
    /// It is.
    Full,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// What is a property of the login.
    pub attributes: Attributes,
    /// `ALTER ROLE … SET`.
    pub settings: BTreeMap<Parameter, String>,
}

/// Attributes of a role that count for the user that logged in; the others count for the role that it acts as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Limit of connections, -1 for none.
    pub connections: i32,
    /// When the password ends to be valid.
    pub until: String,
    /// Whether the rights of roles that it is a member of are its own.
    pub inherits: bool,
}

/// Which setting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parameter {
    /// The database that it is for, if it is not for all.
    pub database: Option<String>,
    /// Its name.
    pub name: String,
}

impl Default for Role {
    /// As CREATE ROLE makes one.
    fn default() -> Self {
        let attributes = Attributes { connections: -1, until: "infinity".to_owned(), inherits: true };
        Self { attributes, settings: BTreeMap::new() }
    }
}

/// What makes the two one, with the command that sets a password in its place.
///
/// A role that merely has the second user's name is left alone: whoever may write the secret of a user must not come into
/// another user that way.
pub fn in_step(pair: &Pair, known: &Known, set_password: Command) -> Result<Vec<Command>, EngineError> {
    let role = || pair.second.clone();
    let first = known.first.as_ref().ok_or(EngineError::Unfit(
        "server has no role with the user's name less \"_clone\", which would own what both create; create it",
    ))?;
    let mut commands = Vec::new();
    let new = Role::default();
    let second = match &known.second {
        Some(second) if known.membership != Membership::None => second,
        Some(_) => {
            return Err(EngineError::Unfit(
                "role with the user's name and \"_clone\" is not a member of the user, so it may be somebody else's; \
                 grant it membership if it is this user's, rename it if not",
            ));
        }
        None => {
            commands.push(Command::Create { role: role() });
            &new
        }
    };
    let attributes = Attributes { inherits: true, ..first.attributes.clone() };
    if second.attributes != attributes {
        commands.push(Command::Adjust { role: role(), to: attributes });
    }
    commands.push(set_password);
    if known.membership != Membership::Full {
        commands.push(Command::Join { member: role(), role: pair.first.clone() });
    }
    commands.extend(settings(pair, known, first, second));
    commands.extend(hand_over(pair, known)?);
    Ok(commands)
}

/// Whether the first user has all that the second holds by itself, after the one was given it. What could not be taken
/// from the second is no loss: its sessions act as the first.
pub fn handed_over(known: &Known) -> Result<(), EngineError> {
    if known.holdings.iter().all(|holding| holding.shared) {
        return Ok(());
    }
    Err(EngineError::Privilege(
        "giving the first user what others granted to the second: they have to grant it to the first, or to let the master \
         do so WITH GRANT OPTION"
            .to_owned(),
    ))
}

/// The second user's sessions begin as the first one's do, and act as the first, or as whoever the first acts as; but not
/// in databases where the second may have something of its own, which the first could not use.
fn settings(pair: &Pair, known: &Known, first: &Role, second: &Role) -> Vec<Command> {
    let mut wanted = first.settings.clone();
    // A setting of the second user's own counts more than one of the database, which is repeated where it counts for the
    // first.
    let by_oneself = |database| first.settings.contains_key(&Parameter { database, name: "role".to_owned() });
    for (database, owner) in &known.acting {
        let here = known.only_here.as_ref().is_none_or(|here| here == database);
        if here && !by_oneself(None) && !by_oneself(Some(database.clone())) {
            wanted.insert(Parameter { database: Some(database.clone()), name: "role".to_owned() }, owner.clone());
        }
    }
    let acting = Parameter { database: known.only_here.clone(), name: "role".to_owned() };
    wanted.entry(acting).or_insert_with(|| pair.first.clone());
    let role = || pair.second.clone();
    let surplus = second.settings.keys().filter(|parameter| !wanted.contains_key(parameter));
    let mut commands: Vec<_> =
        surplus.map(|parameter| Command::Reset { role: role(), parameter: parameter.clone() }).collect();
    for (parameter, value) in wanted {
        if second.settings.get(&parameter) != Some(&value) {
            commands.push(Command::Set { role: role(), parameter, value });
        }
    }
    commands
}

/// What the second user has by itself, to the first. It takes the rights of both, which a member of the second has.
fn hand_over(pair: &Pair, known: &Known) -> Result<Vec<Command>, EngineError> {
    let take_over = Command::TakeOver { from: pair.second.clone(), to: pair.first.clone() };
    let mut commands: Vec<_> = known.owns.then_some(take_over).into_iter().collect();
    commands.extend(known.holdings.iter().cloned().map(Command::HandOver));
    match known.rights {
        _ if commands.is_empty() => {}
        Rights::Held => {}
        Rights::Borrowable => {
            commands.insert(0, Command::Borrow { role: pair.second.clone() });
            commands.push(Command::GiveBack { role: pair.second.clone() });
        }
        // To borrow would have no effect, and to give back would end a membership that is not the rotation's.
        Rights::Withheld => {
            return Err(EngineError::Unfit(
                "master does not inherit the rights of roles that it is a member of, which handing over what the second user \
                 has takes; let it (ALTER ROLE … INHERIT, or GRANT … WITH INHERIT TRUE), or name another master",
            ));
        }
    }
    Ok(commands)
}

#[cfg(test)]
mod tests;
