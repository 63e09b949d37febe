//! Who is told of rollouts, as the command line says.

use crate::alert::Alerts;
use crate::args::telling::{BadTarget, Telling};
use crate::metrics::Metrics;
use crate::post::Posts;

/// See the module's head.
pub(super) struct Told {
    pub metrics: Metrics,
    pub alerts: Option<Alerts>,
    /// In place of restarts.
    pub webhook: Option<Posts>,
}

impl Told {
    pub fn of(telling: &Telling, metrics: Metrics) -> Result<Self, BadTarget> {
        let alerts = telling.alerts(variable)?.map(|target| Alerts {
            posts: Posts::new("alert", target.address, target.proxy.as_ref(), metrics.clone()),
            info: target.info,
            text_alone: target.text_alone,
        });
        let webhook = telling.webhook()?.map(|address| Posts::new("webhook", address, None, metrics.clone()));
        Ok(Self { metrics, alerts, webhook })
    }
}

/// A variable of the process.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
