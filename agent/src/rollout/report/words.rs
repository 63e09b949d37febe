//! The sentences of Events and alerts.

use std::time::Duration;

use rekey_core::rollout::follow::{News, Told};
use rekey_core::rollout::resource::ResourceName;
use rekey_core::rollout::workload::{Standing, WorkloadKind};

/// `Secret db, ConfigMap settings`.
fn resources(names: &[ResourceName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{} {}", name.kind.as_str(), name.name)).collect();
    names.join(", ")
}

/// What keeps the pods from being replaced; nothing, if nothing does.
pub(super) fn held(standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::OnDelete => {
            Some("its update strategy is OnDelete: its pods keep the old data until somebody deletes them")
        }
        Standing::Paused => Some("it is paused: its pods keep the old data until it is resumed"),
        Standing::Usual | Standing::Suspended | Standing::Finished | Standing::Deleted => None,
    }
}

/// A write failed.
pub(super) fn failed(names: &[ResourceName]) -> String {
    format!("not restarted, though the data of {} changed; trying again", resources(names))
}

/// What became of a restart, for those outside the cluster: why in one word, for what a controller says besides it may be the
/// words of a webhook about the template.
pub(super) fn outside(news: &News) -> String {
    let word = |why: &String| why.split_once(": ").map_or(why.as_str(), |(word, _)| word).to_owned();
    let told = match &news.told {
        Told::Stuck(why) => Told::Stuck(word(why)),
        Told::Failed(why) => Told::Failed(word(why)),
        told => told.clone(),
    };
    here(&News { told, ..news.clone() })
}

/// What became of a restart, on the workload itself.
pub(super) fn here(news: &News) -> String {
    let data = format!("the new data of {}", resources(&news.started.resources));
    match &news.told {
        Told::Restarted => format!("restarted: the data of {} changed", resources(&news.started.resources)),
        Told::Live { took } if news.workload.kind == WorkloadKind::Job => {
            format!("finished with {data}{}", after(*took, "the change"))
        }
        Told::Live { took } => format!("every pod has {data}{}", after(*took, "the change")),
        Told::Stuck(why) => format!("the rollout of {data} is stuck: {why}"),
        Told::Failed(why) => format!("it failed with {data}: {why}"),
        Told::Superseded => format!("the rollout of {data} was superseded by another one"),
    }
}

/// The same on an ExternalSecret that produces one of the Secrets.
pub(super) fn there(news: &News, secret: &ResourceName) -> String {
    let workload = format!("{} {}", news.workload.kind.as_str(), news.workload.object.name);
    match &news.told {
        Told::Restarted => format!("{workload} is restarted with the new value"),
        Told::Live { took } => {
            format!("the value is live in {workload}{}", after(*took, &format!("Secret {} changed", secret.name)))
        }
        Told::Stuck(why) => format!("the rollout of {workload} is stuck: {why}"),
        Told::Failed(why) => format!("{workload} failed with the new value: {why}"),
        Told::Superseded => format!("the rollout of {workload} was superseded by another one"),
    }
}

fn after(took: Option<Duration>, what: &str) -> String {
    took.map_or_else(String::new, |took| format!(", {:.1} s after {what}", took.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rekey_core::object::ObjectKey;
    use rekey_core::rollout::follow::Started;
    use rekey_core::rollout::workload::WorkloadKey;

    use super::*;

    #[test]
    fn says_what_became_of_a_restart() {
        let took = Some(Duration::from_millis(2345));
        let resources = vec![ResourceName::secret("db"), ResourceName::config_map("settings")];
        for (kind, told, expected_here, expected_there) in [
            (
                WorkloadKind::Deployment,
                Told::Restarted,
                "restarted: the data of Secret db, ConfigMap settings changed",
                "Deployment api is restarted with the new value",
            ),
            (
                WorkloadKind::Deployment,
                Told::Live { took },
                "every pod has the new data of Secret db, ConfigMap settings, 2.3 s after the change",
                "the value is live in Deployment api, 2.3 s after Secret db changed",
            ),
            (
                WorkloadKind::Job,
                Told::Live { took: None },
                "finished with the new data of Secret db, ConfigMap settings",
                "the value is live in Job api",
            ),
            (
                WorkloadKind::StatefulSet,
                Told::Stuck("late".to_owned()),
                "the rollout of the new data of Secret db, ConfigMap settings is stuck: late",
                "the rollout of StatefulSet api is stuck: late",
            ),
            (
                WorkloadKind::Job,
                Told::Failed("BackoffLimitExceeded".to_owned()),
                "it failed with the new data of Secret db, ConfigMap settings: BackoffLimitExceeded",
                "Job api failed with the new value: BackoffLimitExceeded",
            ),
        ] {
            let started = Started { since: Timestamp::UNIX_EPOCH, generation: 2, resources: resources.clone() };
            let workload = WorkloadKey { kind, object: ObjectKey::new("shop", "api") };
            let news = News { workload, uid: "u".to_owned(), started, told };
            assert_eq!(here(&news), expected_here);
            assert_eq!(there(&news, &resources[0]), expected_there);
        }
    }

    #[test]
    fn outside_the_cluster_a_reason_is_one_word() {
        let started =
            Started { since: Timestamp::UNIX_EPOCH, generation: 2, resources: vec![ResourceName::secret("db")] };
        let workload = WorkloadKey { kind: WorkloadKind::Deployment, object: ObjectKey::new("shop", "api") };
        let news = |told| News { workload: workload.clone(), uid: "u".to_owned(), started: started.clone(), told };
        for (told, expected) in [
            (
                Told::Stuck("FailedCreate: denied: TOKEN=hunter2".to_owned()),
                "the rollout of the new data of Secret db is stuck: FailedCreate",
            ),
            (
                Told::Stuck("2 of 3 are new".to_owned()),
                "the rollout of the new data of Secret db is stuck: 2 of 3 are new",
            ),
            (
                Told::Failed("DeadlineExceeded: hunter2".to_owned()),
                "it failed with the new data of Secret db: DeadlineExceeded",
            ),
            (Told::Live { took: None }, "every pod has the new data of Secret db"),
        ] {
            assert_eq!(outside(&news(told)), expected);
        }
    }

    #[test]
    fn only_what_holds_pods_back_is_told() {
        assert!(held(Standing::OnDelete).is_some_and(|text| text.contains("OnDelete")));
        assert!(held(Standing::Paused).is_some_and(|text| text.contains("resumed")));
        assert_eq!(held(Standing::Usual), None);
    }
}
