//! One ExternalSecret as the agent remembers it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rekey_core::backoff::after;
use rekey_core::ledger::{Applied, Policy, Window};
use rekey_core::object::ObjectKey;
use rekey_core::plan;
use rekey_core::report::{self, Refreshed};
use rekey_core::request::{self, Request, SpecProblem};
use rekey_core::resource::external_secret::{CreationPolicy, StoreRef};
use rekey_core::resource::{ExternalSecret, ExternalSecretStatus};
use rekey_core::store::{Rules, StoreProblem};
use rekey_core::template_from::TemplateSource;
use rekey_core::wanted::{Token, Wanted};
use rekey_core::window::Windows;

use super::targets::Marks;
use super::world::World;
use super::{Others, Tally, Task};

/// With this annotation set to `events`, an object with `refreshInterval: 0` follows events, without any polling.
const REFRESH_ANNOTATION: &str = "rekey.dev/refresh";

/// See the module's head.
#[derive(Clone)]
pub struct Object {
    /// The object as the watch last showed it, with the status that this agent last wrote.
    pub resource: Arc<ExternalSecret>,
    /// What it asks for, or why that cannot be told.
    pub requests: Result<Arc<Vec<Request>>, SpecProblem>,
    /// What its target holds, by its status.
    pub applied: Applied,
    /// What this process has put into its target, until the status says it.
    pub(super) written: Option<BTreeMap<String, Token>>,
    /// After failures, until something changes.
    retry: Option<Retry>,
    /// When its sources were last compared with AWS.
    pub checked: Option<Timestamp>,
    /// Was its pipe proven then? `None` before that, and while it is being compared.
    pub checked_proven: Option<bool>,
    /// The marks that its last sync left on its target; `None` before this process has synced it.
    pub(super) left: Option<Marks>,
    /// Was its target found to be otherwise, by a comparison?
    pub(super) overdue: bool,
    /// When its sources may be followed.
    windows: Windows,
    /// Its syncs so far.
    pub tally: Tally,
    /// Who else writes it or its target.
    pub others: Others,
    key: ObjectKey,
    all_follow_events: bool,
}

/// An object that failed and is to be tried again.
#[derive(Clone, Copy, Debug)]
struct Retry {
    /// In a row, and with nothing changed between them.
    failures: u32,
    /// When it failed last.
    since: Timestamp,
    /// Not before this time.
    at: Timestamp,
}

impl Object {
    pub(super) fn new(resource: ExternalSecret, all_follow_events: bool) -> Option<Self> {
        let metadata = &resource.metadata;
        let key = ObjectKey::new(metadata.namespace.as_deref()?, metadata.name.as_deref()?);
        Some(Self {
            applied: report::applied(resource.status.as_ref()),
            written: None,
            requests: Ok(Arc::default()),
            retry: None,
            checked: None,
            checked_proven: None,
            left: None,
            overdue: false,
            windows: Windows::default(),
            tally: Tally::default(),
            others: Others::new(request::policy(&resource.spec).unwrap_or(Policy::OnChange)),
            key,
            all_follow_events,
            resource: Arc::new(resource),
        })
    }

    /// Namespace and name.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        self.key.clone()
    }

    /// The Secret it produces.
    #[must_use]
    pub fn target(&self) -> ObjectKey {
        ObjectKey::new(&self.key.namespace, self.resource.target_name())
    }

    /// What it asks for; nothing where its spec is in error.
    pub fn wanted(&self) -> impl Iterator<Item = &Wanted> {
        self.requests.iter().flat_map(|requests| requests.iter()).map(|request| &request.wanted)
    }

    /// When it follows its sources. A spec in error is retried, so its policy hardly matters.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let policy = request::policy(&self.resource.spec).unwrap_or(Policy::OnChange);
        let annotations = self.resource.metadata.annotations.as_ref();
        let asks = annotations.and_then(|all| all.get(REFRESH_ANNOTATION)).is_some_and(|value| value == "events");
        if policy == Policy::Once && (asks || self.all_follow_events) {
            return Policy::Periodic(std::time::Duration::ZERO);
        }
        policy
    }

    /// May its sources be followed at this time?
    pub(super) fn window(&self, now: Timestamp) -> Window {
        self.windows.at(now)
    }

    /// Is the status that of the object as it is now?
    #[must_use]
    pub fn spec_synced(&self) -> bool {
        report::is_spec_synced(&self.resource)
    }

    /// Is its target as it left it, if that is valid (or not there: `None`)?
    pub(super) fn is_as_left(&self, target: Option<bool>) -> bool {
        plan::is_as_left(self.policy_of_target(), report::last_refresh(self.resource.status.as_ref()), target)
    }

    /// Can it be that only its target stands in its way: it must not be written, or is not there?
    pub(super) fn waits_for_target(&self) -> bool {
        self.is_failing() || report::last_refresh(self.resource.status.as_ref()) == Some(Refreshed::Missing)
    }

    pub(super) fn policy_of_target(&self) -> CreationPolicy {
        self.resource.spec.target.creation_policy
    }

    /// Does its status say that it is not Ready?
    #[must_use]
    pub fn is_failing(&self) -> bool {
        report::ready_condition(self.resource.status.as_ref()).is_some_and(|ready| ready.status == "False")
    }

    /// Does it belong to another controller, by its store's class or provider?
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(&self.requests, Err(SpecProblem::Store(problem)) if problem.is_foreign())
    }

    /// Failures in a row, with nothing changed between them.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.retry.map_or(0, |retry| retry.failures)
    }

    /// It failed, and is to be tried again after `wait`.
    pub fn failed(&mut self, now: Timestamp, wait: Duration) {
        self.retry = Some(Retry { failures: self.failures() + 1, since: now, at: after(now, wait) });
    }

    /// Something changed that may make it succeed: it may be tried at once.
    pub fn forget_failures(&mut self) {
        self.retry = None;
    }

    /// After a failure: not before this time. A clock that was set back since does not count.
    #[must_use]
    pub fn retry_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.retry.filter(|retry| retry.since <= now).map(|retry| retry.at).filter(|at| *at > now)
    }

    /// Remembers what was applied, as it was written to the status, and the object's version since.
    pub fn synced(
        &mut self,
        tokens: BTreeMap<String, Token>,
        status: ExternalSecretStatus,
        version: String,
        now: Timestamp,
    ) {
        self.applied = Applied::Tokens(tokens);
        self.retry = None;
        self.overdue = false;
        // A comparison is never put off by a sync, so that the objects of a store keep being due together.
        self.checked.get_or_insert(now);
        self.status_written(status, version);
    }

    /// Another controller has put these into the target.
    pub fn followed(&mut self, tokens: BTreeMap<String, Token>) {
        self.applied = Applied::Tokens(tokens);
        self.retry = None;
    }

    /// Remembers the status that was written, and the object's version since, so that neither the next decision nor the
    /// next write need wait for the watch.
    pub fn status_written(&mut self, status: ExternalSecretStatus, version: String) {
        let known = self.resource.metadata.resource_version.as_deref();
        if is_older(Some(&version), known) {
            // The watch was faster, and shows what became of it since.
            return;
        }
        let resource = Arc::make_mut(&mut self.resource);
        resource.status = Some(status);
        resource.metadata.resource_version = Some(version);
    }

    /// Takes over what the watch shows. Returns whether the object has to be looked at: its spec or metadata changed,
    /// or somebody else refreshed it: another controller, or, while this instance is a standby, the leader.
    pub(super) fn replace_resource(&mut self, mut new: Arc<ExternalSecret>, leads: bool, now: Timestamp) -> bool {
        let edited = report::synced_resource_version(&new) != report::synced_resource_version(&self.resource);
        let version = |object: &ExternalSecret| object.metadata.resource_version.clone();
        let (known, shown) = (version(&self.resource), version(&new));
        if !edited && new.metadata.uid == self.resource.metadata.uid && is_older(shown.as_deref(), known.as_deref()) {
            // An echo from before our own write of its status.
            return false;
        }
        let refreshed = |object: &ExternalSecret| object.status.as_ref().and_then(|status| status.refresh_time.clone());
        let refreshed_elsewhere = refreshed(&new) > refreshed(&self.resource);
        if refreshed_elsewhere {
            if let Some(at) = refreshed(&new).filter(|_| leads) {
                self.others.refreshed(at.0, now);
            }
            self.applied = report::applied(new.status.as_ref());
            self.written = None;
        }
        if known.is_some() && known == shown {
            // What we wrote, which the API server keeps with coarser times.
            Arc::make_mut(&mut new).status.clone_from(&self.resource.status);
        }
        self.resource = new;
        if edited {
            self.retry = None;
        }
        edited || refreshed_elsewhere
    }

    /// Works out what it asks for, with the world as it is now. Returns whether that is something else than before.
    pub(super) fn resolve(&mut self, world: &World, rules: &Rules) -> bool {
        let around = world.around(rules, &self.key.namespace);
        let answer = |one| (one, world.resolve(one, &around).map(Arc::new));
        // Each once, however many entries name it.
        let answers: BTreeMap<&StoreRef, _> = stores(&self.resource).into_iter().map(answer).collect();
        let answer = |one: &StoreRef| answers.get(one).cloned().unwrap_or(Err(StoreProblem::Unnamed));
        // Whose object it is comes before what is wrong with it: another controller's is left alone.
        let mut problems = answers.values().filter_map(|answer| answer.as_ref().err());
        let resolved = match problems.find(|problem| problem.is_foreign()) {
            Some(problem) => Err(problem.clone().into()),
            None => request::policy(&self.resource.spec)
                .and_then(|_| request::requests(&self.resource.spec, answer))
                .map(Arc::new),
        };
        self.windows = Windows::new(self.resource.spec.sync_windows.as_ref());
        let changed = resolved != self.requests;
        if changed {
            self.retry = None;
            // Events that came while the sources were not known went to nobody.
            self.checked = None;
        }
        self.requests = resolved;
        changed
    }

    pub(super) fn task(&self, rivals: Vec<String>) -> Task {
        Task {
            rivals,
            odd_windows: self.windows.problems().to_vec(),
            others: self.others.clone(),
            resource: Arc::clone(&self.resource),
            requests: self.requests.clone(),
            applied: self.applied.clone(),
            key: self.key(),
            target: self.target(),
        }
    }

    /// The ConfigMaps and Secrets that its templates stand in.
    pub(super) fn template_sources(&self) -> BTreeSet<TemplateSource> {
        TemplateSource::of(self.resource.spec.target.template.as_ref(), &self.key.namespace)
    }

    /// The stores that it names.
    pub(super) fn stores(&self) -> BTreeSet<&StoreRef> {
        stores(&self.resource)
    }
}

/// Is a resourceVersion certainly older than another? Those that are no numbers are not compared.
fn is_older(version: Option<&str>, than: Option<&str>) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
    matches!((number(version), number(than)), (Some(version), Some(than)) if version < than)
}

/// Every store that an object names.
fn stores(resource: &ExternalSecret) -> BTreeSet<&StoreRef> {
    let spec = &resource.spec;
    let own = spec.data.iter().map(|data| &data.source_ref).chain(spec.data_from.iter().map(|from| &from.source_ref));
    let named = own.flatten().filter_map(|own| own.store_ref.as_ref());
    std::iter::once(&spec.secret_store_ref).filter(|reference| !reference.name.is_empty()).chain(named).collect()
}
