//! The Job of a hook: what is put into it, and how it is known.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Container;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::backoff::after;
use crate::object::ObjectKey;
use crate::rollout::workload::{Restartable as _, Standing};

/// How often a hook's command is tried.
pub const ATTEMPTS: u32 = 5;

/// How long all attempts together may take, in seconds; the pauses between them are two and a half minutes. It has an
/// end whatever happens (an image that cannot be pulled, a command that hangs), because others wait for that.
const DEADLINE: u64 = 600;

/// How long a hook's Job may take from its creation until it is reported to have ended: its deadline, and what its pods need
/// to end. Nobody waits longer, even if it is never reported: it may be deleted while the watch of Jobs is broken, or held
/// back by a queue of Jobs, for which its deadline stands still.
pub const LONGEST: Duration = Duration::from_secs(DEADLINE + ENDING);

/// For its pods to end, in seconds.
const ENDING: u64 = 60;

/// The variable that names the Secret. A Job that has it is a hook's.
const SECRET: &str = "REKEY_SECRET";

/// The variable that names the keys that changed, with commas between them.
const CHANGED_KEYS: &str = "REKEY_CHANGED_KEYS";

/// What a hook's Job is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The Secret that changed.
    pub secret: String,
    /// Those of its keys that were added, changed or removed; all, if that is not known.
    pub changed_keys: Vec<String>,
}

impl Run {
    /// Makes the manifest of a Job a hook's: its containers get the variables, in the place of any of the same names, and
    /// it has its limits where the template sets none.
    pub fn equip(&self, job: &mut DynamicObject) {
        let Some(spec) = job.data["spec"].as_object_mut() else { return };
        spec.entry("backoffLimit").or_insert(json!(ATTEMPTS - 1));
        spec.entry("activeDeadlineSeconds").or_insert(json!(DEADLINE));
        for list in ["initContainers", "containers"] {
            let containers = job.data.pointer_mut(&format!("/spec/template/spec/{list}")).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten() {
                let others = container["env"].as_array().into_iter().flatten();
                let others = others.filter(|variable| variable["name"] != SECRET && variable["name"] != CHANGED_KEYS);
                // First, so that others may refer to them.
                let ours = [(SECRET, self.secret.clone()), (CHANGED_KEYS, self.changed_keys.join(","))];
                let ours = ours.map(|(name, value)| json!({ "name": name, "value": value }));
                container["env"] = ours.into_iter().chain(others.cloned()).collect();
            }
        }
    }
}

/// A hook's Job, as far as anybody waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookJob {
    /// Its name.
    pub key: ObjectKey,
    /// The CronJob that it was made from.
    pub cron_job: String,
    /// The Secret for which it was made.
    pub secret: String,
    /// Whether it has succeeded, or failed and is not tried again.
    pub ended: bool,
    /// When it is waited for no longer, whatever becomes of it.
    pub until: Timestamp,
}

impl HookJob {
    /// Reads a Job; nothing if it is not a hook's.
    #[must_use]
    pub fn read(job: &Job) -> Option<Self> {
        let metadata = &job.metadata;
        let owner = metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))?;
        let spec = job.spec.as_ref()?;
        let pod = spec.template.spec.as_ref()?;
        let secret = pod.containers.first().and_then(told)?;
        (owner.kind == "CronJob").then_some(())?;
        let deadline = spec.active_deadline_seconds.map_or(DEADLINE, i64::unsigned_abs);
        let longest = Duration::from_secs(deadline.saturating_add(ENDING));
        Some(Self {
            key: ObjectKey::new(metadata.namespace.as_deref()?, metadata.name.as_deref()?),
            cron_job: owner.name.clone(),
            secret,
            ended: job.standing() == Standing::Finished,
            until: after(metadata.creation_timestamp.as_ref()?.0, longest),
        })
    }
}

fn told(container: &Container) -> Option<String> {
    container.env.iter().flatten().find(|variable| variable.name == SECRET)?.value.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        Run { secret: "s".to_owned(), changed_keys: vec!["a".to_owned(), "b".to_owned()] }
    }

    fn equipped(spec: &Value) -> Value {
        let mut job = serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap();
        run().equip(&mut job);
        job.data["spec"].take()
    }

    #[test]
    fn every_container_is_told_and_the_limits_are_set() {
        let other = json!({"name": "OTHER", "value": "$(REKEY_SECRET)"});
        let spec = equipped(&json!({"template": {"spec": {
            "initContainers": [{"name": "i"}],
            "containers": [{"name": "c", "env": [{"name": "REKEY_SECRET", "value": "mine"}, other]}],
        }}}));
        assert_eq!((&spec["backoffLimit"], &spec["activeDeadlineSeconds"]), (&json!(4), &json!(600)));
        let told =
            [json!({"name": "REKEY_SECRET", "value": "s"}), json!({"name": "REKEY_CHANGED_KEYS", "value": "a,b"})];
        let pod = &spec["template"]["spec"];
        assert_eq!(pod["initContainers"][0]["env"], json!(told));
        assert_eq!(pod["containers"][0]["env"], json!([told[0], told[1], other]));
    }

    #[test]
    fn limits_of_the_template_stay() {
        let spec = equipped(&json!({"backoffLimit": 0, "activeDeadlineSeconds": 9}));
        assert_eq!((&spec["backoffLimit"], &spec["activeDeadlineSeconds"]), (&json!(0), &json!(9)));
    }

    fn job(owner: &str, env: &Value, conditions: &Value) -> Option<HookJob> {
        let job = json!({
            "metadata": {"namespace": "ns", "name": "c-1", "creationTimestamp": "2026-11-23T07:00:00Z", "ownerReferences": [
                {"apiVersion": "batch/v1", "kind": owner, "name": "c", "uid": "u", "controller": true}]},
            "spec": {"template": {"spec": {"containers": [{"name": "c", "env": env}]}}},
            "status": {"conditions": conditions},
        });
        HookJob::read(&serde_json::from_value(job).unwrap())
    }

    #[test]
    fn a_job_of_a_hook_is_known_by_its_owner_and_its_variable() {
        let env = json!([{"name": "REKEY_SECRET", "value": "s"}]);
        let read = job("CronJob", &env, &json!([])).unwrap();
        assert_eq!((read.key.to_string().as_str(), read.cron_job.as_str(), read.secret.as_str()), ("ns/c-1", "c", "s"));
        assert_eq!(read.until.to_string(), "2026-11-23T07:11:00Z");
        assert_eq!(job("CronJob", &json!([]), &json!([])), None, "a scheduled one");
        assert_eq!(job("Workflow", &env, &json!([])), None);
    }

    #[test]
    fn it_has_ended_when_a_condition_says_so() {
        let env = json!([{"name": "REKEY_SECRET", "value": "s"}]);
        let ended = |conditions: Value| job("CronJob", &env, &conditions).unwrap().ended;
        let condition = |kind: &str, status: &str| json!([{"type": kind, "status": status}]);
        assert!(!ended(json!([])) && !ended(condition("Complete", "False")));
        assert!(!ended(condition("FailureTarget", "True")), "its pods are still ending");
        assert!(ended(condition("Complete", "True")) && ended(condition("Failed", "True")));
    }
}
