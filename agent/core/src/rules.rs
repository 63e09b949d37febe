//! What an ExternalSecret's spec must not say, whatever its sources hold.
//!
//! ESO's webhook and controller refuse these (`externalsecret_validator.go`, and the controller's own checks of
//! templates). Most are refused at admission, by rules in the CRD; here is what those cannot see or afford, and what must
//! not slip through where the CRDs are ESO's.

use std::collections::BTreeMap;

use crate::request::SpecProblem;
use crate::resource::ExternalSecretSpec;
use crate::resource::external_secret::{DeletionPolicy, Template};
use crate::template_from::Part;
use crate::window;

/// The type of Secrets that authenticate as a ServiceAccount.
const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";
/// Which ServiceAccount such a Secret is filled for, by Kubernetes itself.
const SERVICE_ACCOUNT: &str = "kubernetes.io/service-account.name";
/// The type of Secrets that let nodes join the cluster.
const BOOTSTRAP_TOKEN: &str = "bootstrap.kubernetes.io/token";

/// Finds the first rule that a spec breaks.
pub fn check(spec: &ExternalSecretSpec) -> Result<(), SpecProblem> {
    if spec.target.deletion_policy == DeletionPolicy::Retain {
        distinct_keys(spec)?;
    }
    if let Some(count) = spec.sync_windows.as_ref().map(|all| all.windows.len()).filter(|count| *count > window::MOST) {
        return Err(SpecProblem::Invalid {
            field: "spec.syncWindows.windows".to_owned(),
            problem: format!("has {count} entries; use {} at most", window::MOST),
        });
    }
    spec.target.template.as_ref().map_or(Ok(()), template)
}

/// Two values for one key are a mistake, where the policy does not let one of them be absent.
fn distinct_keys(spec: &ExternalSecretSpec) -> Result<(), SpecProblem> {
    let mut seen = BTreeMap::new();
    for (index, data) in spec.data.iter().enumerate() {
        if let Some(first) = seen.insert(&data.secret_key, index) {
            return Err(SpecProblem::Invalid {
                field: format!("spec.data[{index}].secretKey"),
                problem: format!("is {:?}, as that of spec.data[{first}]; name another key", data.secret_key),
            });
        }
    }
    Ok(())
}

/// No template makes credentials of the cluster out of whatever a store holds.
fn template(template: &Template) -> Result<(), SpecProblem> {
    let refuse = |field: String, problem: &str| Err(SpecProblem::Target { field, problem: problem.to_owned() });
    for (index, from) in template.template_from.iter().enumerate() {
        if Part::of(&from.target).is_none() {
            let field = format!("spec.target.template.templateFrom[{index}].target");
            return refuse(field, "is none of Data, Annotations and Labels");
        }
    }
    match template.type_.as_deref() {
        Some(BOOTSTRAP_TOKEN) => refuse(
            "spec.target.template.type".to_owned(),
            "is that of a bootstrap token, which an ExternalSecret must not make; use another type",
        ),
        Some(SERVICE_ACCOUNT_TOKEN) if template.metadata.annotations.contains_key(SERVICE_ACCOUNT) => refuse(
            format!("spec.target.template.metadata.annotations[{SERVICE_ACCOUNT}]"),
            "would have Kubernetes put the token of a ServiceAccount into the Secret; remove it or use another type",
        ),
        Some(SERVICE_ACCOUNT_TOKEN) => {
            let annotates = |index: &usize| Part::of(&template.template_from[*index].target) == Some(Part::Annotations);
            (0..template.template_from.len()).find(annotates).map_or(Ok(()), |index| {
                refuse(
                    format!("spec.target.template.templateFrom[{index}].target"),
                    "must not be Annotations where the type is that of a ServiceAccount's token; use another type",
                )
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn verdict(spec: Value) -> Option<String> {
        check(&serde_json::from_value(spec).expect("a spec")).err().map(|problem| problem.to_string())
    }

    #[expect(clippy::needless_pass_by_value, reason = "a json! literal is what is passed")]
    fn with_template(template: Value) -> Value {
        json!({"target": {"template": template}})
    }

    #[test]
    fn each_rule_names_its_field() {
        let data = |key: &str| json!({"secretKey": key, "remoteRef": {"key": "db"}});
        let twice = json!([data("a"), data("b"), data("a")]);
        let account = json!({"kubernetes.io/service-account.name": "admin"});
        let annotating = json!([{"literal": "a: b", "target": "annotations"}]);
        let windows = json!({"kind": "allow", "windows": vec![json!({"schedule": "@daily", "duration": "1h"}); 101]});
        for (spec, field) in [
            (json!({"syncWindows": windows}), "spec.syncWindows.windows has 101 entries"),
            (json!({"data": twice}), "spec.data[2].secretKey is \"a\", as that of spec.data[0]"),
            (with_template(json!({"templateFrom": [{"literal": "a: b", "target": "Spec"}]})), "templateFrom[0].target"),
            (with_template(json!({"type": BOOTSTRAP_TOKEN})), "spec.target.template.type is that of a bootstrap"),
            (
                with_template(json!({"type": SERVICE_ACCOUNT_TOKEN, "metadata": {"annotations": account}})),
                "annotations[kubernetes.io/service-account.name]",
            ),
            (
                with_template(json!({"type": SERVICE_ACCOUNT_TOKEN, "templateFrom": annotating})),
                "templateFrom[0].target must not be Annotations",
            ),
        ] {
            let said = verdict(spec).unwrap_or_default();
            assert!(said.contains(field), "{said:?} does not name {field:?}");
        }
    }

    #[test]
    fn what_eso_lets_pass_passes() {
        let data =
            json!([{"secretKey": "a", "remoteRef": {"key": "x"}}, {"secretKey": "a", "remoteRef": {"key": "y"}}]);
        for spec in [
            json!({"data": data, "target": {"deletionPolicy": "Merge"}}),
            with_template(json!({"type": SERVICE_ACCOUNT_TOKEN})),
            with_template(json!({"templateFrom": [{"literal": "a: b", "target": "LABELS"}]})),
            with_template(json!({"metadata": {"annotations": {SERVICE_ACCOUNT: "admin"}}})),
        ] {
            assert_eq!(verdict(spec.clone()), None, "{spec}");
        }
    }
}
