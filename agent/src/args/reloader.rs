//! Stakater Reloader's flags, in its spelling and with its meaning, so that what a team passes to it can be passed on
//! (<https://github.com/stakater/Reloader>, `internal/pkg/options/flags.go` and `internal/pkg/cmd/reloader.go`).
//!
//! What it takes in silence and then does not do is an error here.

use clap::ValueEnum;
use rekey_core::rollout::keys::Keys;
use rekey_core::rollout::options::{Batch, Creation, Options, Strategy};
use rekey_core::rollout::pace::Limits;
use rekey_core::rollout::resource::ResourceKind;
use rekey_core::rollout::scope::Scope;
use rekey_core::rollout::workload::WorkloadKind;
use rekey_core::selector::Requirements;

use super::names;

/// The flags.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Rollouts, with Stakater Reloader's names")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag for itself")]
pub struct Reloader {
    /// Whether workloads that say nothing follow every Secret and ConfigMap that they reference.
    #[arg(long, env = "REKEY_AUTO_RELOAD_ALL", default_value = "false", value_parser = boolean,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    auto_reload_all: bool,

    /// How pods are made to be replaced. A workload that carries the marker of one strategy keeps that strategy.
    #[arg(long, env = "REKEY_RELOAD_STRATEGY", value_enum, default_value_t = ReloadStrategy::Default)]
    reload_strategy: ReloadStrategy,

    /// Whether workloads are restarted when a Secret or ConfigMap appears that they follow.
    #[arg(long, env = "REKEY_RELOAD_ON_CREATE", default_value = "false", value_parser = word,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    reload_on_create: bool,

    /// Whether workloads are restarted when a Secret or ConfigMap goes away that they follow.
    #[arg(long, env = "REKEY_RELOAD_ON_DELETE", default_value = "false", value_parser = word,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    reload_on_delete: bool,

    /// Whether what appeared while no agent ran counts too. Only with --reload-on-create. What changed while no agent ran
    /// always counts.
    #[arg(long, env = "REKEY_SYNC_AFTER_RESTART", default_value = "false", value_parser = boolean,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    sync_after_restart: bool,

    /// Whether Argo Rollouts are restarted too. Their CRD may come later.
    #[arg(long = "is-Argo-Rollouts", env = "REKEY_IS_ARGO_ROLLOUTS", default_value = "false", value_parser = word,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    is_argo_rollouts: bool,

    /// The same as --leader-elect.
    #[arg(long, env = "REKEY_ENABLE_HA", default_value = "false", value_parser = boolean,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    enable_ha: bool,

    /// Restart workloads of these namespaces only; ExternalSecrets are synced everywhere, or where --watch-namespaces says.
    /// Default: KUBERNETES_NAMESPACE if that is set, else all.
    #[arg(long, env = "REKEY_NAMESPACES", value_delimiter = ',')]
    namespaces: Vec<String>,

    /// See `namespaces`.
    #[arg(long, env = "KUBERNETES_NAMESPACE", hide = true)]
    kubernetes_namespace: Option<String>,

    /// Restart no workloads of these namespaces.
    #[arg(long, env = "REKEY_NAMESPACES_TO_IGNORE", value_delimiter = ',')]
    namespaces_to_ignore: Vec<String>,

    /// Restart workloads of namespaces with such labels only. Where --namespaces names some, they alone count.
    #[arg(long, env = "REKEY_NAMESPACE_SELECTOR", value_parser = clap::value_parser!(Requirements))]
    namespace_selector: Vec<Requirements>,

    /// Look at Secrets and ConfigMaps with such labels only.
    #[arg(long, env = "REKEY_RESOURCE_LABEL_SELECTOR", value_parser = clap::value_parser!(Requirements))]
    resource_label_selector: Vec<Requirements>,

    /// The kind whose changes restart nothing.
    #[arg(long, env = "REKEY_RESOURCES_TO_IGNORE", value_enum, ignore_case = true)]
    resources_to_ignore: Option<Resources>,

    /// Kinds of workload that are left alone.
    #[arg(long, env = "REKEY_IGNORED_WORKLOAD_TYPES", value_enum, value_delimiter = ',', ignore_case = true)]
    ignored_workload_types: Vec<Ignorable>,

    /// Whether Jobs that have finished are run again, as Stakater Reloader does.
    #[arg(long, env = "REKEY_RERUN_FINISHED_JOBS", default_value = "false", value_parser = boolean,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    rerun_finished_jobs: bool,

    /// Whether CronJobs that are suspended are run, as Stakater Reloader does.
    #[arg(long, env = "REKEY_RUN_SUSPENDED_CRON_JOBS", default_value = "false", value_parser = boolean,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    run_suspended_cron_jobs: bool,

    /// Is logged in any case: one JSON object a line.
    #[arg(long, env = "REKEY_LOG_FORMAT", default_value = "", value_parser = ["", "json"])]
    pub log_format: String,

    #[command(flatten)]
    names: Names,

    /// What Rekey does without.
    #[command(flatten)]
    pub without: Without,
}

/// The names of the annotations.
#[derive(clap::Args, Clone, Debug)]
struct Names {
    /// Annotation of workloads: follow every Secret and ConfigMap that is referenced.
    #[arg(long = "auto-annotation", env = "REKEY_AUTO_ANNOTATION",
          default_value_t = Keys::default().auto, value_parser = annotation)]
    auto: String,

    /// Annotation of workloads: follow every Secret that is referenced.
    #[arg(long = "secret-auto-annotation", env = "REKEY_SECRET_AUTO_ANNOTATION",
          default_value_t = Keys::default().secret_auto, value_parser = annotation)]
    secret_auto: String,

    /// Annotation of workloads: follow every ConfigMap that is referenced.
    #[arg(long = "configmap-auto-annotation", env = "REKEY_CONFIGMAP_AUTO_ANNOTATION",
          default_value_t = Keys::default().config_map_auto, value_parser = annotation)]
    config_map_auto: String,

    /// Annotation of workloads: follow the Secrets of this list.
    #[arg(long = "secret-annotation", env = "REKEY_SECRET_ANNOTATION",
          default_value_t = Keys::default().secret, value_parser = annotation)]
    secret: String,

    /// Annotation of workloads: follow the ConfigMaps of this list.
    #[arg(long = "configmap-annotation", env = "REKEY_CONFIGMAP_ANNOTATION",
          default_value_t = Keys::default().config_map, value_parser = annotation)]
    config_map: String,

    /// Annotation of workloads: follow what is referenced and carries --search-match-annotation.
    #[arg(long = "auto-search-annotation", env = "REKEY_AUTO_SEARCH_ANNOTATION",
          default_value_t = Keys::default().search, value_parser = annotation)]
    search: String,

    /// Annotation of Secrets and ConfigMaps: restart the workloads that search.
    #[arg(long = "search-match-annotation", env = "REKEY_SEARCH_MATCH_ANNOTATION",
          default_value_t = Keys::default().matched, value_parser = annotation)]
    matched: String,

    /// Annotation of Secrets and ConfigMaps: restart nothing.
    #[arg(long = "ignore-annotation", env = "REKEY_IGNORE_ANNOTATION",
          default_value_t = Keys::default().ignore, value_parser = annotation)]
    ignore: String,

    /// Annotation of Deployments: how long they stay paused after a change.
    #[arg(long = "pause-deployment-annotation", env = "REKEY_PAUSE_DEPLOYMENT_ANNOTATION",
          default_value_t = Keys::default().pause_period, value_parser = annotation)]
    pause_period: String,

    /// Annotation of Deployments: when they were paused.
    #[arg(long = "pause-deployment-time-annotation", env = "REKEY_PAUSE_DEPLOYMENT_TIME_ANNOTATION",
          default_value_t = Keys::default().paused_at, value_parser = annotation)]
    paused_at: String,
}

/// What Rekey does without. It takes these flags where they ask for nothing.
#[derive(clap::Args, Clone, Debug)]
pub struct Without {
    /// SecretProviderClasses.
    #[arg(long, hide = true, default_value = "false", value_parser = no_csi,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub enable_csi_integration: bool,

    /// Go's profiler.
    #[arg(long, hide = true, default_value = "false", value_parser = no_pprof,
          action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub enable_pprof: bool,

    /// Where it would listen.
    #[arg(long, hide = true, default_value = ":6060", value_parser = no_pprof_addr)]
    pub pprof_addr: String,
}

/// See [`Reloader::reload_strategy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReloadStrategy {
    /// Rekey's own: annotations.
    Default,
    /// A variable in the container that uses the resource, with the SHA-1 of its data.
    EnvVars,
    /// An annotation on the pod template.
    Annotations,
}

/// See [`Reloader::resources_to_ignore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Resources {
    /// Secrets.
    Secrets,
    /// ConfigMaps.
    #[value(name = "configmaps")]
    ConfigMaps,
}

/// See [`Reloader::ignored_workload_types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ignorable {
    /// Jobs.
    Jobs,
    /// CronJobs.
    #[value(name = "cronjobs")]
    CronJobs,
}

impl Reloader {
    /// Whether several agents elect the one that works.
    #[must_use]
    pub fn elects(&self) -> bool {
        self.enable_ha
    }

    /// What they choose.
    #[must_use]
    pub fn options(&self, limits: Limits) -> Options {
        let argo = (!self.is_argo_rollouts).then_some(WorkloadKind::Rollout);
        let ignored = self.ignored_workload_types.iter().map(|kind| match kind {
            Ignorable::Jobs => WorkloadKind::Job,
            Ignorable::CronJobs => WorkloadKind::CronJob,
        });
        Options {
            keys: self.names.keys(),
            strategy: match self.reload_strategy {
                ReloadStrategy::Default | ReloadStrategy::Annotations => Strategy::Annotations,
                ReloadStrategy::EnvVars => Strategy::Variables,
            },
            auto_all: self.auto_reload_all,
            scope: self.scope(),
            creation: match (self.reload_on_create, self.sync_after_restart) {
                (false, _) => Creation::Ignored,
                (true, false) => Creation::Restarts,
                (true, true) => Creation::RestartsLate,
            },
            on_delete: self.reload_on_delete,
            ignored: ignored.chain(argo).collect(),
            batch: Batch { finished_jobs: self.rerun_finished_jobs, suspended_cron_jobs: self.run_suspended_cron_jobs },
            limits,
        }
    }

    fn scope(&self) -> Scope {
        let mut namespaces = names(&self.namespaces);
        if namespaces.is_empty() {
            namespaces = names(self.kubernetes_namespace.as_slice());
        }
        let selectors = if namespaces.is_empty() { self.namespace_selector.as_slice() } else { &[] };
        let ignored = self.resources_to_ignore.map(|kind| match kind {
            Resources::Secrets => ResourceKind::Secret,
            Resources::ConfigMaps => ResourceKind::ConfigMap,
        });
        Scope {
            namespaces,
            namespaces_to_ignore: names(&self.namespaces_to_ignore),
            namespace_labels: selectors.iter().cloned().collect(),
            resource_labels: self.resource_label_selector.iter().cloned().collect(),
            resources_to_ignore: ignored.into_iter().collect(),
        }
    }
}

impl Names {
    fn keys(&self) -> Keys {
        Keys {
            auto: self.auto.clone(),
            secret_auto: self.secret_auto.clone(),
            config_map_auto: self.config_map_auto.clone(),
            secret: self.secret.clone(),
            config_map: self.config_map.clone(),
            search: self.search.clone(),
            matched: self.matched.clone(),
            ignore: self.ignore.clone(),
            pause_period: self.pause_period.clone(),
            paused_at: self.paused_at.clone(),
        }
    }
}

/// What Go's `strconv.ParseBool` reads.
fn boolean(text: &str) -> Result<bool, &'static str> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false"),
    }
}

/// A flag whose value Stakater Reloader compares with the word `true`; any other value is off there, also `True`.
fn word(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err("write true or false, exactly"),
    }
}

fn annotation(text: &str) -> Result<String, &'static str> {
    let name = text.rsplit('/').next().unwrap_or_default();
    let is_fit = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
    if name.is_empty() || name.len() > 63 || !text.chars().all(is_fit) || text.matches('/').count() > 1 {
        return Err("is no name of an annotation; write one like reloader.stakater.com/auto");
    }
    Ok(text.to_owned())
}

fn no_csi(text: &str) -> Result<bool, &'static str> {
    absent(text, "Rekey does not follow SecretProviderClasses: leave the flag out, or set it to false")
}

fn no_pprof(text: &str) -> Result<bool, &'static str> {
    absent(text, "Rekey is not written in Go and has no pprof: leave the flag out, or set it to false")
}

fn no_pprof_addr(text: &str) -> Result<String, &'static str> {
    match text {
        "" | ":6060" => Ok(text.to_owned()),
        _ => Err("Rekey is not written in Go and has no pprof: leave the flag out"),
    }
}

fn absent(text: &str, remedy: &'static str) -> Result<bool, &'static str> {
    if boolean(text)? { Err(remedy) } else { Ok(false) }
}

#[cfg(test)]
mod tests;
