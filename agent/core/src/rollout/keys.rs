//! The names of the annotations that rollouts read, as Stakater Reloader has them and lets people rename them.

use super::resource::ResourceKind;

/// The annotations' names. Each is a flag of Stakater Reloader (`--auto-annotation` and so on); what has no flag there
/// has a fixed name here too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// On a workload: follow every referenced resource of every kind.
    pub auto: String,
    /// On a workload: follow every referenced Secret.
    pub secret_auto: String,
    /// On a workload: follow every referenced ConfigMap.
    pub config_map_auto: String,
    /// On a workload: the list of Secrets that restart it, referenced or not.
    pub secret: String,
    /// On a workload: the list of ConfigMaps that restart it, referenced or not.
    pub config_map: String,
    /// On a workload: follow the referenced resources that carry [`Keys::matched`].
    pub search: String,
    /// On a resource: it restarts the workloads that search.
    pub matched: String,
    /// On a resource: it never restarts anything.
    pub ignore: String,
    /// On a Deployment: how long it stays paused after a change, so that later changes join the same rollout.
    pub pause_period: String,
    /// On a Deployment: when it was paused by us, which makes the pause ours to end.
    pub paused_at: String,
}

impl Default for Keys {
    fn default() -> Self {
        let key = |text: &str| text.to_owned();
        Self {
            auto: key("reloader.stakater.com/auto"),
            secret_auto: key("secret.reloader.stakater.com/auto"),
            config_map_auto: key("configmap.reloader.stakater.com/auto"),
            secret: key("secret.reloader.stakater.com/reload"),
            config_map: key("configmap.reloader.stakater.com/reload"),
            search: key("reloader.stakater.com/search"),
            matched: key("reloader.stakater.com/match"),
            ignore: key("reloader.stakater.com/ignore"),
            pause_period: key("deployment.reloader.stakater.com/pause-period"),
            paused_at: key("deployment.reloader.stakater.com/paused-at"),
        }
    }
}

impl Keys {
    /// The annotation with the list of names that restart a workload whether it references them or not.
    #[must_use]
    pub fn named(&self, kind: ResourceKind) -> &str {
        match kind {
            ResourceKind::ConfigMap => &self.config_map,
            ResourceKind::Secret => &self.secret,
        }
    }

    /// The annotation that follows all referenced resources of one kind.
    #[must_use]
    pub fn auto_of(&self, kind: ResourceKind) -> &str {
        match kind {
            ResourceKind::ConfigMap => &self.config_map_auto,
            ResourceKind::Secret => &self.secret_auto,
        }
    }
}
