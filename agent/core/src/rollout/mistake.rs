//! What somebody wrote into an annotation of a workload that cannot be understood. It is told on that workload, and
//! everything else that stands on it works.

/// An annotation, or a part of one, that counts as if it were not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// A list item is no regular expression.
    #[error("{item:?} in the annotation {annotation} is not a regular expression and matches nothing: {reason}")]
    Pattern {
        /// The annotation that holds it.
        annotation: String,
        /// The item as it was written.
        item: String,
        /// What is wrong with it, in one line.
        reason: String,
    },
    /// A list is longer than any that somebody means.
    #[error(
        "the annotation {annotation} is read up to {item:?}: it holds more than {names} names, more than {patterns} regular \
         expressions, or such as take too much memory"
    )]
    List {
        /// The annotation that holds it.
        annotation: String,
        /// The first item that does not count.
        item: String,
        /// How many names it may hold.
        names: usize,
        /// How many regular expressions.
        patterns: usize,
    },
    /// More resources can restart the workload than its annotation has room for.
    #[error(
        "the annotation {} has no room for all resources that restart this workload; what changes of the others while no \
         agent runs restarts nothing",
        super::state::ANNOTATION
    )]
    Crowd,
    /// The period of pauses is no duration.
    #[error("the annotation {annotation} is ignored, restarts are not paused: {reason}")]
    Period {
        /// The annotation that holds it.
        annotation: String,
        /// What is wrong with it, in one line.
        reason: String,
    },
}
