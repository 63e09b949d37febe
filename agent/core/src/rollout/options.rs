//! What an installation can choose about rollouts. The names and meanings of the flags behind it are Stakater
//! Reloader's where it has them.

use std::collections::BTreeSet;

use super::keys::Keys;
use super::pace::Limits;
use super::scope::Scope;
use super::workload::WorkloadKind;

/// How a workload's pod template is made to differ, which replaces its pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// One annotation on the template that says what the last restart was for.
    #[default]
    Annotations,
    /// A variable in the container that uses the resource, one for each resource, with Stakater's plain SHA-1.
    Variables,
}

/// What happens when a resource appears that a workload waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Creation {
    /// Nothing: its data is the baseline.
    #[default]
    Ignored,
    /// The workloads that were there before it are restarted, if this process saw it appear (`--reload-on-create`).
    Restarts,
    /// The same for what appeared while no agent ran (`--sync-after-restart` besides), on workloads that waited for it by name then.
    RestartsLate,
}

/// What runs to an end, and is run again only where somebody asks for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Jobs that have finished are run again, as with Stakater Reloader.
    pub finished_jobs: bool,
    /// CronJobs that are suspended are run, as with Stakater Reloader.
    pub suspended_cron_jobs: bool,
}

/// The choices of one installation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The names of the annotations.
    pub keys: Keys,
    /// The strategy for workloads that carry no marker yet; one that carries a marker keeps that kind.
    pub strategy: Strategy,
    /// Workloads that say nothing follow everything they reference (`--auto-reload-all`).
    pub auto_all: bool,
    /// The namespaces and resources that are looked at.
    pub scope: Scope,
    /// What happens when a resource appears.
    pub creation: Creation,
    /// A resource that goes away restarts its workloads (`--reload-on-delete`).
    pub on_delete: bool,
    /// Kinds of workload that are left alone (`--ignored-workload-types`).
    pub ignored: BTreeSet<WorkloadKind>,
    /// What is run though it has ended or is suspended.
    pub batch: Batch,
    /// The limits on restarts.
    pub limits: Limits,
}
