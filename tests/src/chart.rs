//! infra/chart, rendered by the real helm without a cluster.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cache::{Cache, RunDir, write_private};
use crate::process::Spec;
use crate::progress::Progress;
use crate::tools;

/// A queue that nobody has.
pub const QUEUE_URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/rekey";

/// See the module's head.
pub struct Chart {
    helm: PathBuf,
    run: RunDir,
}

impl Chart {
    /// Installs helm if it is missing.
    pub async fn open() -> Result<Self> {
        let cache = Cache::open()?;
        Ok(Self { helm: tools::helm(&cache, &Progress::stderr()).await?, run: RunDir::create(&cache)? })
    }

    /// `helm template` with `values`: every object. They say nothing of the queue and of CRDs unless they ask for something.
    ///
    /// # Errors
    /// What helm says against them.
    pub async fn render(&self, release: &str, namespace: &str, values: &Value) -> Result<Vec<Value>> {
        let text = self.text(release, namespace, values).await?;
        let documents = serde_yaml_ng::Deserializer::from_str(&text);
        let objects = documents.map(|document| Value::deserialize(document).context("read what helm rendered"));
        objects.filter(|object| !matches!(object, Ok(Value::Null))).collect()
    }

    /// The same as text, with its comments.
    pub async fn text(&self, release: &str, namespace: &str, values: &Value) -> Result<String> {
        let mut all = json!({"queueUrl": QUEUE_URL, "crds": {"install": false}});
        for (name, value) in values.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        let folder = self.run.join("helm")?;
        let file = folder.join(format!("{}.json", crate::random_word(12)));
        write_private(&file, &all.to_string())?;
        Spec::new("helm template", &self.helm, folder.join("log"))
            .args(["template", release, "infra/chart", "--namespace", namespace, "--values"])
            .arg(&file)
            .directory(crate::repository())
            .hide_env("HELM_")
            .env("HOME", &folder)
            .stdout()
            .await
    }
}

/// The one object of this kind whose name ends like this.
#[must_use]
pub fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    let is_it = |object: &&Value| {
        object["kind"] == kind && object["metadata"]["name"].as_str().is_some_and(|found| found.ends_with(name))
    };
    objects.iter().find(is_it)
}
