//! Rendering, out of the way of everything else.
//!
//! What most objects ask for takes less than a millisecond, and is rendered where it is asked for. But a manifest may want
//! an RSA key, or thousands of look-ups, and take about a second for it: so long a worker thread of the runtime would
//! serve nobody else. So each object gets a glance first; what needs more is begun anew on a thread that may be blocked,
//! and waits for its turn there among its likes only.

use std::sync::Arc;

use jiff::Timestamp;
use rekey_core::render::{self, Env, Ingredients, Outcome, OwnMetadata, RenderProblem};
use rekey_core::request::Request;
use rekey_core::resource::ExternalSecret;
use rekey_core::template_from::Resolved;
use tokio::sync::Semaphore;

use super::SyncError;
use crate::provider::Answer;

/// Threads that may be blocked by it at a time.
const SLOW: usize = 2;

/// Where objects are rendered. Clones share the threads.
#[derive(Clone)]
pub struct Rendering(Arc<Semaphore>);

/// All that a target is made of.
pub(super) struct Recipe {
    pub resource: Arc<ExternalSecret>,
    pub requests: Arc<Vec<Request>>,
    /// One for each request; nothing for what is gone.
    pub answers: Vec<Option<Arc<Answer>>>,
    pub templates: Result<Vec<Resolved>, RenderProblem>,
}

impl Default for Rendering {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SLOW)))
    }
}

impl Rendering {
    pub(super) async fn render(&self, recipe: Recipe) -> Result<Outcome, SyncError> {
        let (now, seed) = (Timestamp::now(), rand::random());
        if let Some(outcome) = recipe.glance(now, seed) {
            return Ok(outcome?);
        }
        // It is never closed. The thread gives the place back, for it works on even if nobody waits any more.
        let place = Arc::clone(&self.0).acquire_owned().await;
        let rendering = tokio::task::spawn_blocking(move || {
            let outcome = recipe.render(&Env::new(now, seed));
            drop(place);
            outcome
        });
        Ok(rendering.await.map_err(|_| SyncError::Panicked)??)
    }
}

impl Recipe {
    /// Nothing if it takes longer.
    fn glance(&self, now: Timestamp, seed: [u8; 32]) -> Option<Result<Outcome, RenderProblem>> {
        let env = Env::glance(now, seed);
        let outcome = self.render(&env);
        (!env.is_spent()).then_some(outcome)
    }

    fn render(&self, env: &Env) -> Result<Outcome, RenderProblem> {
        let metadata = &self.resource.metadata;
        let own = OwnMetadata {
            labels: metadata.labels.clone().unwrap_or_default(),
            annotations: metadata.annotations.clone().unwrap_or_default(),
        };
        let ingredients = Ingredients { spec: &self.resource.spec, own: &own, templates: &self.templates, env };
        let payloads = self.answers.iter().map(|answer| answer.as_ref().map(|answer| &answer.payload));
        render::render(&ingredients, self.requests.iter().zip(payloads))
    }
}

#[cfg(test)]
mod tests {
    use rekey_core::identity::{Region, Service};
    use rekey_core::ledger::Known;
    use rekey_core::render::Payload;
    use rekey_core::request;
    use rekey_core::store::{AwsStore, Identity, Retry};
    use rekey_core::wanted::Token;
    use serde_json::json;

    use super::*;

    /// An object whose template is this, and what it is made of.
    fn recipe(template: &str) -> Recipe {
        let resource: ExternalSecret = serde_json::from_value(json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "db"},
            "spec": {
                "secretStoreRef": {"name": "aws"}, "data": [{"secretKey": "k", "remoteRef": {"key": "db"}}],
                "target": {"template": {"data": {"made": template}}},
            },
        }))
        .unwrap();
        let store = Arc::new(AwsStore {
            service: Service::SecretsManager,
            region: Region::parse("eu-west-1").unwrap(),
            prefix: String::new(),
            identity: Identity::Agent,
            retry: Retry::default(),
        });
        let payload = Payload::Value { text: Some("value".to_owned().into()), binary: None };
        let known = Known::of_source(Token::from_stored("1"), None, None);
        Recipe {
            requests: Arc::new(request::requests(&resource.spec, |_| Ok(Arc::clone(&store))).unwrap()),
            resource: Arc::new(resource),
            answers: vec![Some(Arc::new(Answer { known, account: None, payload }))],
            templates: Ok(Vec::new()),
        }
    }

    fn made(outcome: Result<Outcome, SyncError>) -> usize {
        let Outcome::Write(rendered) = outcome.unwrap() else { panic!("nothing is written") };
        rendered.data["made"].expose().len()
    }

    #[tokio::test]
    async fn what_takes_long_keeps_neither_the_thread_nor_those_that_do_not() {
        let rendering = Rendering::default();
        let slow: Vec<_> = (0..2 * SLOW)
            .map(|_| {
                let rendering = rendering.clone();
                tokio::spawn(async move { rendering.render(recipe("{{ bcrypt .k }}")).await })
            })
            .collect();
        // Each of them has had its glance when this one is done with its own.
        tokio::task::yield_now().await;
        assert_eq!(rendering.0.available_permits(), 0);
        assert_eq!(made(rendering.render(recipe("{{ .k }}")).await), "value".len());
        assert!(slow.iter().all(|slow| !slow.is_finished()));
        for slow in slow {
            assert_eq!(made(slow.await.unwrap()), 60);
        }
        assert_eq!(rendering.0.available_permits(), SLOW);
    }

    #[tokio::test]
    async fn what_does_not_fit_anywhere_says_so() {
        let problem = Rendering::default().render(recipe("{{ range until 195000 }}{{ end }}{{ bcrypt .k }}")).await;
        let problem = problem.unwrap_err().to_string();
        assert!(problem.contains("spec.target.template.data[made]: it takes more than 200000 steps"), "{problem}");
    }
}
