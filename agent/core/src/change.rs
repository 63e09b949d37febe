//! What a message from the queue says: a change, a heartbeat, nothing of interest, or nothing that can be read.
//!
//! A change is a hint. It carries no value and is trusted for none: at worst a forged one makes the agent look at AWS.
//! Parsing opens no URL, confirms no subscription, and takes a heartbeat from a service's own envelope only. A body of
//! any size is read once, and what is not needed of it is skipped, not kept.

mod envelope;
mod native;
mod reason;
mod trail;

use jiff::Timestamp;

use crate::identity::{Account, Announced, Region, Service};

pub use reason::Reason;

use envelope::{Envelope, Unwrapped};

/// Names of secrets that exist to be changed on a schedule. With a slash before it, of parameters.
const CANARY: &str = "rekey/canary/";

/// What a message said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A source may have a new version.
    Change(Change),
    /// The pipe delivers.
    Heartbeat(Heartbeat),
    /// Readable, and nothing to act on: delete it.
    Ignored(Reason),
    /// Not an event, or one that lacks what its kind needs: leave it to the DLQ.
    Malformed(Reason),
}

/// "This source may have a new version."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The event's id, the same in each delivery of it; never empty.
    pub event_id: String,
    /// When it happened, by AWS's clock. Most kinds of event give it in whole seconds, cut off.
    pub at: Timestamp,
    /// The source.
    pub announced: Announced,
    /// What happened to it.
    pub what: What,
}

/// What happened to a source, as far as the event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A secret's label moved to this version. AWSPREVIOUS moves with AWSCURRENT and is not announced.
    Label {
        /// The version that has the label now.
        version_id: String,
        /// The label, such as AWSCURRENT.
        label: String,
    },
    /// There may be another value under any selector: a parameter was created, written or labelled, or a secret
    /// changed in a way whose outcome the event does not tell.
    Written,
    /// Only its tags changed.
    Tagged,
    /// It is gone or scheduled to go.
    Deleted,
    /// It is no longer scheduled to go.
    Restored,
}

/// A canary moved, and its service told us itself: events of that service get through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Whose events.
    pub service: Service,
    /// In which account.
    pub account: Account,
    /// In which region.
    pub region: Region,
    /// When the event was sent.
    pub at: Timestamp,
}

/// Reads the body of a message: an event as EventBridge delivers it, or one in an SNS notification. Never panics, and
/// no part of its answer holds a value of a secret.
#[must_use]
pub fn parse(body: &str) -> Parsed {
    match envelope::unwrap(body) {
        Unwrapped::Envelope(envelope) => read(&envelope),
        // An event in a notification, once; nobody nests deeper, and a forger should not be able to.
        Unwrapped::Notification(inner) => match envelope::unwrap(&inner) {
            Unwrapped::Envelope(envelope) => read(&envelope),
            Unwrapped::Notification(_) => Parsed::Malformed(Reason::NotAnEvent),
            Unwrapped::Done(parsed) => parsed,
        },
        Unwrapped::Done(parsed) => parsed,
    }
}

fn read(envelope: &Envelope<'_>) -> Parsed {
    const TRAIL: [&str; 2] = ["AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"];
    let parsed = match (envelope.source.as_str(), envelope.detail_type.as_str()) {
        ("aws.secretsmanager", "Secret Label Updated") => native::secret_label(envelope),
        ("aws.ssm", "Parameter Store Change") => native::parameter_change(envelope),
        ("aws.ssm", "Parameter Store Policy Action") => native::parameter_policy(envelope),
        ("rekey.rotation", "Rekey Secret Rotated") => native::rotated(envelope),
        ("aws.secretsmanager", kind) if TRAIL.contains(&kind) => trail::secret(envelope),
        ("aws.ssm", kind) if TRAIL.contains(&kind) => trail::parameter(envelope),
        (source, kind) => Ok(Parsed::Ignored(Reason::unknown_kind(source, kind))),
    };
    parsed.unwrap_or_else(Parsed::Malformed)
}

#[cfg(test)]
mod tests;
