//! Those who are told of rollouts: the readers of Events, alerts, logs and numbers.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use rekey_core::rollout::follow::{News, Told};
use rekey_core::rollout::resource::ResourceName;
use rekey_core::rollout::workload::WorkloadKey;
use tracing::{debug, info, warn};

use super::origin::{self, Origin};
use super::words;
use crate::alert::{Alert, Alerts, Changed, Named, Outcome};
use crate::cluster::event::{Events, Kind};
use crate::metrics::{Metrics, RolloutOutcome};

/// See the module's head.
#[derive(Clone, Default)]
pub struct Audience {
    /// Where Events go; nowhere, if there is nothing.
    pub events: Option<Events>,
    /// Where alerts go; nowhere, if there is nothing.
    pub alerts: Option<Alerts>,
    /// Where rollouts are counted.
    pub metrics: Metrics,
}

impl Audience {
    /// An Event about a workload.
    pub(super) async fn event(&self, about: &ObjectReference, kind: Kind, reason: &str, note: String) {
        if let Some(events) = &self.events {
            events.publish(about, kind, reason, "Reload", note).await;
        }
    }

    /// An alert about a workload.
    pub(super) fn alert(
        &self,
        key: &WorkloadKey,
        result: Outcome,
        note: &str,
        changed: Vec<Changed<'_>>,
        took: Option<Duration>,
    ) {
        let Some(alerts) = &self.alerts else { return };
        let seconds = took.map(|took| took.as_secs_f64());
        let (text, workload, at) = (format!("{key}: {note}"), Named::of(key), Timestamp::now());
        alerts.send(Alert { text, result, workload, changed, seconds, at });
    }

    /// Tells everybody what became of a restart, unless the Event shows that another process has told it already.
    pub(super) async fn tell(&self, news: &News, origins: &[Origin]) {
        let News { workload: key, uid, started, told } = news;
        let (kind, reason, there, outcome, counted) = match told {
            Told::Restarted => (Kind::Normal, "Reloaded", None, Outcome::Restarted, RolloutOutcome::Restarted),
            Told::Live { .. } => (Kind::Normal, "RolloutDone", Some("ValueLive"), Outcome::Live, RolloutOutcome::Live),
            Told::Stuck(_) => {
                (Kind::Warning, "RolloutStuck", Some("RolloutStuck"), Outcome::Stuck, RolloutOutcome::Stuck)
            }
            Told::Failed(_) => {
                (Kind::Warning, "RolloutFailed", Some("RolloutFailed"), Outcome::Failed, RolloutOutcome::JobFailed)
            }
            Told::Superseded => {
                self.metrics.rollout(RolloutOutcome::Superseded);
                return info!(workload = %key.object, kind = key.kind.as_str(), "rollout superseded by another one");
            }
        };
        let identity = format!("{}-{uid}-{}", reason.to_lowercase(), started.name());
        if !self.once(&reference(key, uid), kind, reason, words::here(news), identity).await {
            return debug!(workload = %key.object, kind = key.kind.as_str(), reason, "told already");
        }
        self.metrics.rollout(counted);
        if *told == Told::Restarted {
            self.metrics.reloaded(key, true);
        }
        let took = self.log(news, origins);
        self.alert(key, outcome, &words::outside(news), origin::changed(&started.resources, origins), took);
        let Some(there) = there else { return };
        for Origin { resource, object, .. } in origins {
            let owner = object.uid.as_deref().unwrap_or_default();
            let identity = format!("{}-{owner}-{uid}-{}", there.to_lowercase(), started.name());
            self.once(object, kind, there, words::there(news, resource), identity).await;
        }
    }

    /// A line for each source, and how long it took.
    fn log(&self, news: &News, origins: &[Origin]) -> Option<Duration> {
        let (workload, kind) = (&news.workload.object, news.workload.kind.as_str());
        match news.told {
            Told::Restarted => {
                let name = |resource: &ResourceName| format!("{}/{}", workload.namespace, resource.name);
                let secret = news.started.resources.iter().map(name).collect::<Vec<_>>().join(",");
                origin::each(origins, |source, token| {
                    info!(%workload, kind, secret, source, token, "rollout started");
                });
                None
            }
            Told::Live { took } => {
                if let Some(took) = took {
                    self.metrics.live(took);
                }
                let seconds = took.map(|took| took.as_secs_f64());
                origin::each(origins, |source, token| info!(%workload, kind, source, token, seconds, "rollout done"));
                took
            }
            Told::Stuck(_) | Told::Failed(_) | Told::Superseded => {
                let note = words::here(news);
                origin::each(origins, |source, token| warn!(%workload, kind, source, token, note, "rollout not done"));
                None
            }
        }
    }

    /// Whether it was told now, and not before.
    async fn once(&self, about: &ObjectReference, kind: Kind, reason: &str, note: String, identity: String) -> bool {
        match &self.events {
            Some(events) => events.once(about, kind, reason, "Reload", note, identity).await,
            None => true,
        }
    }
}

pub(super) fn reference(key: &WorkloadKey, uid: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some(key.kind.api_version().to_owned()),
        kind: Some(key.kind.as_str().to_owned()),
        namespace: Some(key.object.namespace.clone()),
        name: Some(key.object.name.clone()),
        uid: Some(uid.to_owned()),
        ..ObjectReference::default()
    }
}
