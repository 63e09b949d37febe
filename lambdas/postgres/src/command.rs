//! What a rotation tells a server to do, and the statements that say so.
//!
//! Names are quoted, and passwords leave here as salted SCRAM verifiers, whose alphabet needs no escaping.

use postgres_protocol::escape::{escape_identifier, escape_literal};
use postgres_protocol::password::scram_sha_256;

use crate::credential::Password;
use crate::pair::{Attributes, Parameter};

/// From this version on a membership says whether it gives the role's rights, and whether the role may be acted as.
const MEMBERSHIPS_HAVE_OPTIONS: u32 = 160_000;

/// Parameters that are lists of names, each of which is quoted by itself (variable_is_guc_list_quote of pg_dump).
const LISTS: &[&str] = &["local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces"];

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The session acts as the user that logged in, whatever role its settings chose: that one may change its password.
    ActAsOneself,
    /// A new role that may log in and has no password.
    Create {
        /// Its name.
        role: String,
    },
    /// A role gets other attributes.
    Adjust {
        /// Its name.
        role: String,
        /// What they are to be.
        to: Attributes,
    },
    /// A role gets another password.
    SetPassword {
        /// Its name.
        role: String,
        /// The password, which does not leave in clear.
        password: Password,
    },
    /// A role becomes a member of another one, has its rights and may act as it.
    Join {
        /// The one.
        member: String,
        /// The other one.
        role: String,
    },
    /// The session's user gets a role's rights for the time being.
    Borrow {
        /// The role.
        role: String,
    },
    /// And loses them again.
    GiveBack {
        /// The role.
        role: String,
    },
    /// What a role owns in this database, and the databases that it owns, become another one's.
    TakeOver {
        /// The owner so far.
        from: String,
        /// The new one.
        to: String,
    },
    /// Something that one role holds becomes another one's.
    HandOver(Holding),
    /// A setting of a role's sessions.
    Set {
        /// The role.
        role: String,
        /// Which parameter, and where.
        parameter: Parameter,
        /// Its value, as the catalogue has it.
        value: String,
    },
    /// A role's sessions do without a setting.
    Reset {
        /// The role.
        role: String,
        /// Which parameter, and where.
        parameter: Parameter,
    },
}

/// Statements that the server has written, names quoted: it knows what they are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Gives it to the one.
    pub give: String,
    /// Takes it from the other one, if that is needed and safe.
    pub take: Option<String>,
    /// Whether the one has it already, be it by way of another role.
    pub shared: bool,
}

impl Command {
    /// What is done, for an error: no names.
    #[must_use]
    pub fn purpose(&self) -> &'static str {
        match self {
            Self::ActAsOneself => "acting as the user itself",
            Self::Create { .. } => "creating the second user",
            Self::Adjust { .. } => "copying attributes to the second user",
            Self::SetPassword { .. } => "setting the password",
            Self::Join { .. } => "making the second user a member of the first",
            Self::Borrow { .. } | Self::GiveBack { .. } => "borrowing the second user's rights",
            Self::TakeOver { .. } => "giving the first user what the second one owns",
            Self::HandOver(_) => "giving the first user what was granted to the second",
            Self::Set { .. } | Self::Reset { .. } => "copying settings to the second user",
        }
    }

    /// The statements, for a server of that version (`server_version_num`).
    #[must_use]
    pub fn sql(&self, version: u32) -> String {
        let name = |name: &str| escape_identifier(name);
        let options = |text| if version >= MEMBERSHIPS_HAVE_OPTIONS { text } else { "" };
        match self {
            // Not beyond the transaction: a pooler gives the session to others.
            Self::ActAsOneself => "SET LOCAL ROLE NONE".to_owned(),
            Self::Create { role } => format!("CREATE ROLE {} LOGIN", name(role)),
            Self::Adjust { role, to: Attributes { connections, until, inherits } } => {
                let inherits = if *inherits { "INHERIT" } else { "NOINHERIT" };
                let until = escape_literal(until);
                format!("ALTER ROLE {} {inherits} CONNECTION LIMIT {connections} VALID UNTIL {until}", name(role))
            }
            Self::SetPassword { role, password } => {
                format!("ALTER ROLE {} PASSWORD '{}'", name(role), scram_sha_256(password.expose().as_bytes()))
            }
            Self::Join { member, role } => {
                format!("GRANT {} TO {}{}", name(role), name(member), options(" WITH INHERIT TRUE, SET TRUE"))
            }
            Self::Borrow { role } => {
                format!("GRANT {} TO CURRENT_USER{}", name(role), options(" WITH INHERIT TRUE, SET FALSE"))
            }
            Self::GiveBack { role } => format!("REVOKE {} FROM CURRENT_USER", name(role)),
            Self::TakeOver { from, to } => format!("REASSIGN OWNED BY {} TO {}", name(from), name(to)),
            Self::HandOver(Holding { give, take: None, .. }) => give.clone(),
            Self::HandOver(Holding { give, take: Some(take), .. }) => format!("{give}; {take}"),
            Self::Set { role, parameter, value } => {
                let value = if LISTS.contains(&&*parameter.name) { list(value) } else { escape_literal(value) };
                format!("ALTER ROLE {}{} SET {} TO {value}", name(role), scope(parameter), name(&parameter.name))
            }
            Self::Reset { role, parameter } => {
                format!("ALTER ROLE {}{} RESET {}", name(role), scope(parameter), name(&parameter.name))
            }
        }
    }
}

fn scope(parameter: &Parameter) -> String {
    parameter.database.as_ref().map(|name| format!(" IN DATABASE {}", escape_identifier(name))).unwrap_or_default()
}

/// A list of names as the catalogue has it (`"$user", public`) as a list of literals, which nothing in it can end:
/// whoever may change a user's settings must not write statements of the master.
fn list(text: &str) -> String {
    let mut names = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let (Some(character), Some(last)) = (characters.next(), names.last_mut()) {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => last.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(String::new()),
            _ if !quoted && character.is_whitespace() => {}
            _ => last.push(character),
        }
    }
    names.iter().map(|name| escape_literal(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
