//! Label selectors as Kubernetes means them: for namespaces that a store's conditions admit, or that a
//! ClusterExternalSecret covers; as a text, for what rollouts look at.

mod requirements;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Expression, ParseExpressionError, Selector, SelectorExt};

pub use requirements::{Requirements, RequirementsError};

/// A selector that Kubernetes would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorProblem {
    /// There is no such operator.
    #[error("has an unknown operator; use In, NotIn, Exists or DoesNotExist")]
    Operator,
    /// `In` and `NotIn` compare with something.
    #[error("has no values for the key {0:?}; In and NotIn need at least one")]
    NoValues(String),
    /// `Exists` and `DoesNotExist` compare with nothing.
    #[error("has values for the key {0:?}; Exists and DoesNotExist take none")]
    NeedlessValues(String),
}

/// Does a selector fit these labels? An empty one fits everything; all of its parts have to fit. `NotIn` and
/// `DoesNotExist` fit where the label is missing (apimachinery, `LabelSelectorAsSelector`).
pub fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> Result<bool, SelectorProblem> {
    for requirement in selector.match_expressions.iter().flatten() {
        let has_values = requirement.values.as_ref().is_some_and(|values| !values.is_empty());
        match requirement.operator.as_str() {
            "In" | "NotIn" if !has_values => return Err(SelectorProblem::NoValues(requirement.key.clone())),
            "Exists" | "DoesNotExist" if has_values => {
                return Err(SelectorProblem::NeedlessValues(requirement.key.clone()));
            }
            _ => {}
        }
        let expression: Result<Expression, ParseExpressionError> = requirement.clone().try_into();
        if !expression.map_err(|_| SelectorProblem::Operator)?.matches(labels) {
            return Ok(false);
        }
    }
    let equal: Selector = selector.match_labels.clone().unwrap_or_default().into_iter().collect();
    Ok(equal.matches(labels))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(selector: serde_json::Value) -> Result<bool, SelectorProblem> {
        let labels = BTreeMap::from([("team".to_owned(), "a".to_owned()), ("env".to_owned(), "prod".to_owned())]);
        matches(&serde_json::from_value(selector).expect("a selector"), &labels)
    }

    fn expression(operator: &str, key: &str, values: &[&str]) -> serde_json::Value {
        json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})
    }

    #[test]
    fn all_parts_have_to_fit() {
        for (selector, fit) in [
            (json!({}), true),
            (json!({"matchLabels": {"team": "a"}}), true),
            (json!({"matchLabels": {"team": "a", "env": "test"}}), false),
            (json!({"matchLabels": {"absent": "a"}}), false),
            (expression("In", "team", &["b", "a"]), true),
            (expression("In", "team", &["b"]), false),
            (expression("In", "absent", &["b"]), false),
            (expression("NotIn", "team", &["b"]), true),
            (expression("NotIn", "team", &["a"]), false),
            (expression("NotIn", "absent", &["a"]), true),
            (expression("Exists", "team", &[]), true),
            (expression("Exists", "absent", &[]), false),
            (expression("DoesNotExist", "team", &[]), false),
            (expression("DoesNotExist", "absent", &[]), true),
            (
                json!({"matchLabels": {"team": "a"}, "matchExpressions": [{"key": "env", "operator": "In", "values": ["x"]}]}),
                false,
            ),
        ] {
            assert_eq!(fits(selector.clone()), Ok(fit), "{selector}");
        }
    }

    #[test]
    fn what_kubernetes_refuses_is_refused() {
        assert_eq!(fits(expression("In", "team", &[])), Err(SelectorProblem::NoValues("team".to_owned())));
        assert_eq!(fits(expression("Exists", "team", &["a"])), Err(SelectorProblem::NeedlessValues("team".to_owned())));
        assert_eq!(fits(expression("Like", "team", &["a"])), Err(SelectorProblem::Operator));
    }
}
