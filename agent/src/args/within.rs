//! Where the agent works: everywhere, or in some namespaces, with rights there alone.

use rekey_core::extent::{Asked, Contradiction, Extent};
use rekey_core::rollout::scope::Scope;

use super::names;

/// The flags.
#[derive(clap::Args, Clone, Debug)]
pub struct Within {
    /// Look at these namespaces only, and write in no others: names with commas. Roles in each of them do then in place of a
    /// ClusterRole. ClusterExternalSecrets are left alone, and so is the status of ClusterSecretStores. A namespace that
    /// cannot be read is left out until it can be. Default: all.
    #[arg(long, env = "REKEY_WATCH_NAMESPACES", value_delimiter = ',')]
    watch_namespaces: Vec<String>,

    /// Whether ClusterSecretStores are read (true), or left alone with the ExternalSecrets that use one (false).
    #[arg(long, env = "REKEY_CLUSTER_STORES", default_value_t = true, action = clap::ArgAction::Set)]
    cluster_stores: bool,

    /// Whether ClusterExternalSecrets are served (true), or left alone (false). Default: true without --watch-namespaces.
    #[arg(long, env = "REKEY_CLUSTER_EXTERNAL_SECRETS", action = clap::ArgAction::Set)]
    cluster_external_secrets: Option<bool>,
}

impl Within {
    /// What they choose, if that goes with where workloads are to be restarted.
    pub fn extent(&self, rollouts: &Scope) -> Result<Extent, Contradiction> {
        Extent::of(Asked {
            namespaces: &names(&self.watch_namespaces),
            cluster_stores: self.cluster_stores,
            cluster_external_secrets: self.cluster_external_secrets,
            rollouts,
        })
    }

    /// Are ClusterExternalSecrets served?
    #[must_use]
    pub fn repeats(&self, extent: &Extent) -> bool {
        self.cluster_external_secrets.unwrap_or(true) && extent.is_whole()
    }
}
