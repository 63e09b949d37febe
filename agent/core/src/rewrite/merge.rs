//! `rewrite[].merge`: the members of several JSON objects, joined.

use std::collections::BTreeMap;

use super::Failed;
use crate::json::{Html, Json};
use crate::pairs::Pairs;
use crate::resource::external_secret::{ConflictPolicy, MergeStrategy, PriorityPolicy, RewriteMerge};

/// Bytes of all values together, where a copy was added to them. A Secret holds half of that.
const VALUES: usize = 2 * 1024 * 1024;
/// As many names are told in an error.
const NAMED: usize = 16;

/// The members of all objects.
#[derive(Default)]
struct Joined {
    members: BTreeMap<String, Json>,
    /// Names that more than one object has.
    conflicts: Vec<String>,
}

pub(super) fn merge(operation: &RewriteMerge, mut pairs: Pairs) -> Result<Pairs, Failed> {
    let Joined { members, conflicts } = join(operation, &pairs)?;
    if operation.conflict_policy == ConflictPolicy::Error && !conflicts.is_empty() {
        let named: Vec<_> = conflicts.iter().take(NAMED).map(String::as_str).collect();
        let problem = format!(
            "merge failed with conflicts: {}; rename them, or set conflictPolicy Ignore and name in priority who wins",
            named.join(", ")
        );
        return Err(("merge", problem));
    }
    match operation.strategy {
        MergeStrategy::Extract => Ok(members.into_iter().map(|(name, value)| (name, value.value())).collect()),
        MergeStrategy::JSON if operation.into.is_empty() => {
            Err(("merge.into", "is empty; strategy JSON needs the key that is to hold the joined object".to_owned()))
        }
        MergeStrategy::JSON => {
            pairs.insert(operation.into.clone(), Json::Object(members).encode(Html::Plain));
            if pairs.values().map(|value| value.expose().len()).sum::<usize>() > VALUES {
                return Err(("merge", format!("makes values of more than {VALUES} bytes in all")));
            }
            Ok(pairs)
        }
    }
}

fn join(operation: &RewriteMerge, pairs: &Pairs) -> Result<Joined, Failed> {
    let mut joined = Joined::default();
    let others = pairs.keys().filter(|key| !operation.priority.contains(key));
    for key in others.chain(&operation.priority) {
        let Some(value) = pairs.get(key) else {
            if operation.priority_policy == PriorityPolicy::IgnoreNotFound {
                continue;
            }
            let problem = format!("key {key:?} is not there; remove it or set priorityPolicy IgnoreNotFound");
            return Err(("merge.priority", problem));
        };
        let members = match Json::parse(value.expose()) {
            Some(Json::Object(members)) => members,
            // Go decodes it into an empty map.
            Some(Json::Null) => BTreeMap::new(),
            _ => return Err(("merge", format!("the value of key {key:?} is not a JSON object"))),
        };
        for (name, value) in members {
            if joined.members.contains_key(&name) {
                joined.conflicts.push(name.clone());
            }
            joined.members.insert(name, value);
        }
    }
    Ok(joined)
}
