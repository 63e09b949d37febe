//! What a master has a server do, strategy by strategy. Each can be cut off anywhere and made again.

use rekey_rotation::engine::EngineError;
use rekey_rotation::plan::{self, Plan};

use crate::account::Account;
use crate::command::Command;
use crate::credential::Credential;
use crate::description::Description;
use crate::error::OTHER_PLUGIN;
use crate::server::Server;
use crate::session::{Namesake, Session};
use crate::sync::in_step;
use crate::verifier::Verifier;

/// What the secret's versions say, all for the same place.
#[derive(Clone, Copy)]
pub struct Versions<'a> {
    /// The credential that was accepted.
    pub own: &'a Credential,
    /// The one that is to be.
    pub pending: &'a Credential,
    /// The previous one, if it is that of the user whose turn it is.
    pub previous: Option<&'a Credential>,
    /// Whether the secret's owner vouches for the user whose turn it is.
    pub adopt: bool,
}

/// A master sets the user's password.
pub async fn set(session: &mut impl Session, account: &Account, versions: Versions<'_>) -> Result<(), EngineError> {
    let there = describe(session, account).await?;
    only(session, &there, verifier(&there)?, versions).await
}

/// A master adds a password to the user's own, which stays valid.
pub async fn add(
    session: &mut impl Session,
    account: &Account,
    Versions { own, pending, .. }: Versions<'_>,
) -> Result<(), EngineError> {
    two_passwords(session.facts().server)?;
    let there = describe(session, account).await?;
    let until_now = verifier(&there)?;
    let is_first = |credential: &Credential| {
        let hidden = || EngineError::Privilege("SELECT on mysql.user, to see which password is set".to_owned());
        is(&there, credential).ok_or_else(hidden)
    };
    // An earlier try got this far: to retain once more would drop the other one.
    if is_first(pending)? {
        return Ok(());
    }
    let set = |credential: &Credential, retain| -> Result<Command<'static>, EngineError> {
        let verifier = until_now.renewed(&credential.password)?;
        Ok(Command::Set { account: account.clone(), verifier, retain })
    };
    // Somebody moved AWSCURRENT back by hand: what is in force becomes the first password again, to be retained.
    if !is_first(own)? {
        session.run(&set(own, false)?).await?;
    }
    session.run(&set(pending, true)?).await
}

/// A master sets the password of the user whose turn it is, and makes that user first if it has to, like the original in
/// everything but name and password.
///
/// The password comes last: until then whoever still uses the one before the current one is left alone.
pub async fn alternate(
    session: &mut impl Session,
    current: &Account,
    versions: Versions<'_>,
) -> Result<(), EngineError> {
    let server = session.facts().server;
    let next = current.of(&versions.pending.user);
    within(Some(&next.user), server.longest_name())?;
    undisputed(session, current, &next.user).await?;
    let source = source(session, current).await?;
    let model = verifier(&source)?;
    let there = session.describe(&next).await?;
    if let Some(there) = &there {
        ours(there, versions)?;
    }
    if source.account != next {
        if there.is_none() {
            let verifier = model.renewed(&versions.pending.password)?;
            session.run(&Command::Create { account: next.clone(), verifier }).await?;
        }
        bring_in_step(session, &source, &next).await?;
    }
    match there {
        Some(there) => only(session, &there, model, versions).await,
        // It was made with its password: PASSWORD HISTORY would refuse the same one.
        None => Ok(()),
    }
}

/// Proves what can be proven without a change: that the master sees the user, may change users at all, and finds no
/// obstacle in the other user's account.
pub async fn rehearse(
    session: &mut impl Session,
    plan: &Plan,
    current: &Account,
    versions: Versions<'_>,
) -> Result<(), EngineError> {
    alone(session, current, versions.own).await?;
    let server = session.facts().server;
    within(plan.next_user.as_deref(), server.longest_name())?;
    let source = source(session, current).await?;
    verifier(&source)?;
    if let Some(next) = &plan.next_user {
        undisputed(session, current, next).await?;
        if let Some(next) = session.describe(&current.of(next)).await? {
            ours(&next, versions)?;
            if next.locked {
                return Err(EngineError::Locked("the user whose turn it is next".to_owned()));
            }
        }
    }
    let master = session.facts().account.clone();
    let may = session.describe(&master).await?.is_none_or(|master| master.grants.may_have_globally("CREATE USER"));
    if may { Ok(()) } else { Err(EngineError::Privilege("CREATE USER on *.*".to_owned())) }
}

/// Refuses a server on which an account has one password only.
pub fn two_passwords(server: Server) -> Result<(), EngineError> {
    if server.has_dual_passwords() {
        return Ok(());
    }
    Err(EngineError::Unfit(
        "server gives no account a second password, which MySQL does from 8.0.14 on and MariaDB does not; choose another \
         strategy with the tag rekey:strategy",
    ))
}

/// Refuses an alternate user's name that is too long.
pub fn within(name: Option<&str>, limit: usize) -> Result<(), EngineError> {
    if name.is_some_and(|name| name.chars().count() > limit) { Err(EngineError::LongName(limit)) } else { Ok(()) }
}

/// Refuses a user whose password is that of several accounts: one of them is changed, and whoever comes from the hosts of
/// another one would be locked out. An account that merely has the same name is left alone.
pub async fn alone(session: &mut impl Session, account: &Account, own: &Credential) -> Result<(), EngineError> {
    let namesakes = session.namesakes(&account.user).await?;
    let has_it = |verifier: &Verifier| verifier.matches(&own.password) == Some(true);
    let shares = |(other, verifier): &Namesake| other != account && verifier.as_ref().is_some_and(has_it);
    if namesakes.iter().any(shares) { Err(EngineError::Unfit(SEVERAL)) } else { Ok(()) }
}

const SEVERAL: &str = "user has accounts for several host patterns with the same password, of which a rotation changes only \
                       the one that it logs in to; keep one account (RENAME USER, DROP USER), or give each a password and \
                       a secret of its own";

/// Refuses to let two users take turns for hosts at which one of them is somebody else.
///
/// From there the log-in would reach the other account, if its pattern is the more special one; and if ours is, whoever
/// used the other account would reach ours.
async fn undisputed(session: &mut impl Session, current: &Account, next: &str) -> Result<(), EngineError> {
    for user in [current.user.as_str(), next] {
        let is_elsewhere =
            |(other, _): &Namesake| !other.host.eq_ignore_ascii_case(&current.host) && other.may_share_hosts(current);
        if session.namesakes(user).await?.iter().any(is_elsewhere) {
            return Err(EngineError::Unfit(DISPUTED));
        }
    }
    Ok(())
}

const DISPUTED: &str = "one of the two users that take turns has an account for another host pattern, too, which a log-in \
                        from some of the hosts may reach instead; rename or drop that account (SELECT User, Host FROM \
                        mysql.user shows it), or choose another strategy with the tag rekey:strategy";

/// Refuses an account that merely has the name of the user whose turn it is.
fn ours(next: &Description, versions: Versions<'_>) -> Result<(), EngineError> {
    let known = [Some(versions.pending), versions.previous];
    let proven = known.into_iter().flatten().any(|credential| is(next, credential) == Some(true));
    if proven || versions.adopt { Ok(()) } else { Err(EngineError::Stranger) }
}

/// Whether that is the account's first password; nothing if the server does not show what it keeps.
fn is(account: &Description, credential: &Credential) -> Option<bool> {
    account.verifier.as_ref().and_then(|verifier| verifier.matches(&credential.password))
}

/// The account that the other one copies: the first of the two, or the current one if there is no first.
async fn source(session: &mut impl Session, current: &Account) -> Result<Description, EngineError> {
    let original = current.of(plan::original(&current.user));
    match session.describe(&original).await? {
        Some(original) => Ok(original),
        None => describe(session, current).await,
    }
}

async fn describe(session: &mut impl Session, account: &Account) -> Result<Description, EngineError> {
    let gone =
        || EngineError::Unreachable("the user is gone; create it again with the password of AWSCURRENT".to_owned());
    session.describe(account).await?.ok_or_else(gone)
}

fn verifier(description: &Description) -> Result<&Verifier, EngineError> {
    description.verifier.as_ref().ok_or(EngineError::Unfit(OTHER_PLUGIN))
}

/// Looks again after the changes: what one statement does to another's privileges is the server's to say.
async fn bring_in_step(session: &mut impl Session, source: &Description, next: &Account) -> Result<(), EngineError> {
    for _ in 0..2 {
        let commands = in_step(source, &describe(session, next).await?);
        if commands.is_empty() {
            return Ok(());
        }
        for command in &commands {
            session.run(command).await?;
        }
    }
    match in_step(source, &describe(session, next).await?).as_slice() {
        [] => Ok(()),
        left => Err(EngineError::Privilege(format!("{} grants of the original user could not be copied", left.len()))),
    }
}

/// Gives the account the one password that it is to have, kept like the model's: a second one, from the time when the
/// strategy was another, stays valid when the first one is set.
async fn only(
    session: &mut impl Session,
    there: &Description,
    model: &Verifier,
    versions: Versions<'_>,
) -> Result<(), EngineError> {
    let account = &there.account;
    // Once the new password is set a replay may find nothing left to do: what is to end ends before that, unless it is,
    // or may be, what logged in, which a crash in between must not lock out.
    let logged_in = |second: &Verifier| second.matches(&versions.own.password) != Some(false);
    let (before, after) = (there.second.as_ref().is_some_and(|it| !logged_in(it)), there.second.is_some());
    let discard = Command::Discard { account: account.clone() };
    if before {
        session.run(&discard).await?;
    }
    // PASSWORD HISTORY would refuse the one that is set.
    if is(there, versions.pending) != Some(true) {
        let verifier = model.renewed(&versions.pending.password)?;
        session.run(&Command::Set { account: account.clone(), verifier, retain: false }).await?;
    }
    if after && !before { session.run(&discard).await } else { Ok(()) }
}
