//! What to do to the canary secret so that AWS sends "Secret Label Updated".

use std::collections::HashMap;

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// One beat of the canary secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Move AWSCURRENT to the other version; AWSPREVIOUS changes places by itself, so neither version ever is without
    /// a label and can be removed, and no version is created however often this happens.
    Swap {
        /// The version with AWSCURRENT.
        from: String,
        /// The version with AWSPREVIOUS.
        to: String,
    },
    /// Write another version, because there is none to swap with: the first beat of a new canary, or after somebody
    /// removed a label. The write moves AWSCURRENT, so it is a beat as well.
    Write,
}

/// The next beat of a secret with these labels by version.
pub fn next(labels: &HashMap<String, Vec<String>>) -> Beat {
    let holder =
        |label| labels.iter().find(|(_, held)| held.iter().any(|held| held == label)).map(|(id, _)| id.clone());
    match (holder(CURRENT), holder(PREVIOUS)) {
        (Some(from), Some(to)) if from != to => Beat::Swap { from, to },
        _ => Beat::Write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
        pairs.iter().map(|&(version, label)| (version.to_owned(), vec![label.to_owned()])).collect()
    }

    #[test]
    fn two_versions_swap_and_anything_less_is_completed() {
        let two = labels(&[("a", CURRENT), ("b", PREVIOUS), ("c", "mine")]);
        assert_eq!(next(&two), Beat::Swap { from: "a".to_owned(), to: "b".to_owned() });
        for less in [&[][..], &[("a", CURRENT)], &[("b", PREVIOUS)], &[("a", CURRENT), ("c", "mine")]] {
            assert_eq!(next(&labels(less)), Beat::Write);
        }
    }
}
