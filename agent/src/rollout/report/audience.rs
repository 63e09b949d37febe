//! Those who are told of rollouts: the readers of Events, alerts, logs and numbers.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use rekey_core::rollout::follow::{News, Told};
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
    /// An Event about a workload, on the side.
    pub(super) fn event(&self, key: &WorkloadKey, uid: &str, kind: Kind, reason: &'static str, note: String) {
        let Some(events) = self.events.clone() else { return };
        let about = reference(key, uid);
        tokio::spawn(async move { events.publish(&about, kind, reason, "Reload", note).await });
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
            Told::Live { .. } => (Kind::Normal, "RolloutDone", "ValueLive", Outcome::Live, RolloutOutcome::Live),
            Told::Stuck(_) => (Kind::Warning, "RolloutStuck", "RolloutStuck", Outcome::Stuck, RolloutOutcome::Stuck),
            Told::Failed(_) => {
                (Kind::Warning, "RolloutFailed", "RolloutFailed", Outcome::Failed, RolloutOutcome::JobFailed)
            }
            Told::Superseded => {
                self.metrics.rollout(RolloutOutcome::Superseded);
                return info!(workload = %key.object, kind = key.kind.as_str(), "rollout superseded by another one");
            }
        };
        let note = words::here(news);
        let identity = format!("{}-{uid}-{}", reason.to_lowercase(), started.name());
        if !self.once(&reference(key, uid), kind, reason, note.clone(), identity).await {
            return debug!(workload = %key.object, kind = key.kind.as_str(), reason, "told already");
        }
        self.metrics.rollout(counted);
        let took = self.log(news, origins);
        self.alert(key, outcome, &note, origin::changed(&started.resources, origins), took);
        for Origin { resource, object, .. } in origins {
            let owner = object.uid.as_deref().unwrap_or_default();
            let identity = format!("{}-{owner}-{uid}-{}", there.to_lowercase(), started.name());
            self.once(object, kind, there, words::there(news, resource), identity).await;
        }
    }

    fn log(&self, news: &News, origins: &[Origin]) -> Option<Duration> {
        let (workload, kind) = (&news.workload.object, news.workload.kind.as_str());
        let Told::Live { took } = news.told else {
            let note = words::here(news);
            origin::each(origins, |source, token| warn!(%workload, kind, source, token, note, "rollout not done"));
            return None;
        };
        if let Some(took) = took {
            self.metrics.live(took);
        }
        let seconds = took.map(|took| took.as_secs_f64());
        origin::each(origins, |source, token| info!(%workload, kind, source, token, seconds, "rollout done"));
        took
    }

    /// Whether it was told now, and not before.
    async fn once(&self, about: &ObjectReference, kind: Kind, reason: &str, note: String, identity: String) -> bool {
        match &self.events {
            Some(events) => events.once(about, kind, reason, "Reload", note, identity).await,
            None => true,
        }
    }
}

fn reference(key: &WorkloadKey, uid: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some(key.kind.api_version().to_owned()),
        kind: Some(key.kind.as_str().to_owned()),
        namespace: Some(key.object.namespace.clone()),
        name: Some(key.object.name.clone()),
        uid: Some(uid.to_owned()),
        ..ObjectReference::default()
    }
}
