//! What the controller of a workload says about how its rollout goes on, in the words of its status. No data stands there.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;

use crate::rollout::workload::Rollout;

/// Characters of a reason that are kept.
const LONGEST: usize = 400;

/// How a rollout goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// As it should, as far as is known.
    #[default]
    Usual,
    /// Somebody holds it half-way, and it goes on when they let it.
    Held,
    /// It does not get on, for this reason: a word, or what stands for one, and after a colon what its controller says of it.
    Failing(String),
}

impl Health {
    /// A Deployment reports both a rollout that does not get on within its deadline and pods that cannot be created
    /// (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status>).
    #[must_use]
    pub fn of_deployment(deployment: &Deployment) -> Self {
        let conditions = deployment.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let failing = conditions.into_iter().find(|condition| {
            matches!(
                (condition.type_.as_str(), condition.status.as_str()),
                ("ReplicaFailure", "True") | ("Progressing", "False")
            )
        });
        failing
            .map_or(Self::Usual, |condition| Self::failing(condition.reason.as_deref(), condition.message.as_deref()))
    }

    /// A StatefulSet reports nothing; one with a partition replaces a part of its pods, until somebody moves the partition
    /// (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#partitions>).
    #[must_use]
    pub fn of_stateful_set(set: &StatefulSet) -> Self {
        let rolling = set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref()?.rolling_update.as_ref());
        let partition = rolling.and_then(|rolling| rolling.partition).unwrap_or_default();
        if partition > 0 { Self::Held } else { Self::Usual }
    }

    /// A Job that has failed has a condition that says why
    /// (<https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions>).
    #[must_use]
    pub fn of_job(job: &Job) -> Self {
        let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let failed = conditions.into_iter().find(|condition| condition.type_ == "Failed" && condition.status == "True");
        failed.map_or(Self::Usual, |condition| Self::failing(condition.reason.as_deref(), condition.message.as_deref()))
    }

    /// An Argo Rollout has a phase and a message (<https://argo-rollouts.readthedocs.io/en/stable/features/specification/>).
    /// It is paused at each step of a canary that waits for a person or for time.
    #[must_use]
    pub fn of_rollout(rollout: &Rollout) -> Self {
        let Some(status) = &rollout.status else { return Self::Usual };
        match status.phase.as_deref() {
            Some("Paused") => Self::Held,
            Some("Degraded") => Self::failing(Some("Degraded"), status.message.as_deref()),
            _ => Self::Usual,
        }
    }

    fn failing(reason: Option<&str>, message: Option<&str>) -> Self {
        let given = |text: Option<&'_ str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let mut text = given(reason).unwrap_or_else(|| "its controller does not say why".to_owned());
        text.extend(given(message).map(|message| format!(": {message}")));
        Self::Failing(text.chars().take(LONGEST).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read<T: serde::de::DeserializeOwned>(spec: &Value, status: &Value) -> T {
        serde_json::from_value(json!({"metadata": {}, "spec": spec, "status": status})).unwrap()
    }

    fn failing(text: &str) -> Health {
        Health::Failing(text.to_owned())
    }

    #[test]
    fn a_deployment_says_why_it_does_not_get_on() {
        let spec = json!({"selector": {}, "template": {}});
        let deadline = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                              "message": "ReplicaSet \"app-1\" has timed out progressing."});
        let quota =
            json!({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"});
        let fine = json!({"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"});
        let paused = json!({"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused"});
        let silent = json!({"type": "Progressing", "status": "False"});
        let wordless = json!({"type": "Progressing", "status": "False", "reason": "", "message": "hm: no"});
        for (conditions, expected) in [
            (json!([]), Health::Usual),
            (json!([fine, paused]), Health::Usual),
            (json!([{"type": "Available", "status": "False"}, fine]), Health::Usual),
            (json!([deadline]), failing("ProgressDeadlineExceeded: ReplicaSet \"app-1\" has timed out progressing.")),
            (json!([fine, quota]), failing("FailedCreate: exceeded quota")),
            (json!([silent]), failing("its controller does not say why")),
            (json!([wordless]), failing("its controller does not say why: hm: no")),
        ] {
            let deployment: Deployment = read(&spec, &json!({"conditions": conditions}));
            assert_eq!(Health::of_deployment(&deployment), expected, "{conditions}");
        }
    }

    #[test]
    fn a_partition_holds_a_stateful_set() {
        for (strategy, expected) in [
            (json!({}), Health::Usual),
            (json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}), Health::Usual),
            (json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}), Health::Held),
        ] {
            let set: StatefulSet = read(
                &json!({"selector": {}, "serviceName": "a", "template": {}, "updateStrategy": strategy}),
                &json!({"replicas": 1}),
            );
            assert_eq!(Health::of_stateful_set(&set), expected, "{strategy}");
        }
    }

    #[test]
    fn a_job_that_failed_says_why() {
        let failed =
            json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"});
        for (conditions, expected) in [
            (json!([]), Health::Usual),
            (json!([{"type": "Complete", "status": "True"}]), Health::Usual),
            (json!([{"type": "Failed", "status": "False"}]), Health::Usual),
            (json!([failed]), failing("BackoffLimitExceeded: too often")),
        ] {
            let job: Job = read(&json!({"template": {}}), &json!({"conditions": conditions}));
            assert_eq!(Health::of_job(&job), expected, "{conditions}");
        }
    }

    #[test]
    fn an_argo_rollout_has_a_phase() {
        for (status, expected) in [
            (json!({}), Health::Usual),
            (json!({"phase": "Progressing", "message": "more replicas need to be updated"}), Health::Usual),
            (json!({"phase": "Paused", "message": "CanaryPauseStep"}), Health::Held),
            (
                json!({"phase": "Degraded", "message": "ProgressDeadlineExceeded"}),
                failing("Degraded: ProgressDeadlineExceeded"),
            ),
        ] {
            let rollout: Rollout = read(&json!({}), &status);
            assert_eq!(Health::of_rollout(&rollout), expected, "{status}");
        }
    }

    #[test]
    fn a_reason_has_an_end() {
        let Health::Failing(text) = Health::failing(Some("é"), Some(&"é".repeat(5000))) else { unreachable!() };
        assert_eq!(text.chars().count(), LONGEST);
    }
}
