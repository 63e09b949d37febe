//! Why a message leads to nothing, in words that can be logged: they never quote the body, but for the kind of event.

/// Longest part of a sender's words that is kept.
const QUOTED: usize = 64;

/// Why a message was ignored or is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Malformed: no JSON object, or one whose fields have other types than an event's.
    #[error("the message is not an EventBridge event in JSON")]
    NotAnEvent,
    /// Malformed: a field that this kind of event always has is not there, or empty.
    #[error("the event has no {0}")]
    Missing(&'static str),
    /// Malformed: a field holds something that it never holds.
    #[error("the event's {0} cannot be read")]
    Invalid(&'static str),
    /// Ignored: an event of a kind that Rekey does not know.
    #[error("events {detail_type:?} from {source_name:?} mean nothing to Rekey")]
    UnknownKind {
        /// The event's source, cut after 64 characters.
        source_name: String,
        /// The event's detail-type, cut after 64 characters.
        detail_type: String,
    },
    /// Ignored: the API call that it reports was refused.
    #[error("the call failed, so nothing changed")]
    CallFailed,
    /// Ignored: the call or action never changes what a version yields.
    #[error("this action changes no value")]
    ChangesNothing,
    /// Ignored: only AWSPENDING moved, which nobody should use yet.
    #[error("only AWSPENDING moved; the version is not in use yet")]
    Pending,
    /// Ignored: the topic's question whether it may send; people answer it, never a message.
    #[error("an SNS subscription message; confirm the subscription by hand")]
    Subscription,
}

impl Reason {
    pub(super) fn unknown_kind(source: &str, detail_type: &str) -> Self {
        let cut = |text: &str| text.chars().take(QUOTED).collect();
        Self::UnknownKind { source_name: cut(source), detail_type: cut(detail_type) }
    }
}
