//! An application as a team would deploy it: a namespace with a SecretStore, ExternalSecrets, and Deployments that use
//! the Secrets.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use rekey_core::resource::ExternalSecret;
use serde_json::{Value, json};

use crate::aws::{Aws, REGION};
use crate::eventually::eventually;
use crate::manifests::apply;
use crate::postgres::Postgres;
use crate::stack::Stack;

/// A namespace with two SecretStores: `aws` for Secrets Manager, `parameters` for Parameter Store.
pub struct App {
    /// Its namespace.
    pub namespace: String,
    /// The administrator's client.
    pub client: kube::Client,
}

/// The role of an application in PostgreSQL and the secret that holds its password.
pub struct DatabaseUser {
    /// The role; its database has the same name.
    pub role: String,
    /// The secret's name.
    pub secret: String,
    /// The secret's ARN.
    pub arn: String,
    /// The password as it was at first.
    pub first_password: String,
}

impl App {
    /// Creates the namespace `namespace` and its stores, which read as the agent itself. They belong to the class of the shared
    /// agent: one that runs beside it with a class of its own leaves them alone, and so makes no call that a test counts.
    pub async fn create(stack: &Stack, namespace: &str) -> Result<Self> {
        let client = stack.kubernetes.client().await?;
        let app = Self { namespace: namespace.to_owned(), client };
        app.apply(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}")).await?;
        for (name, service) in [("aws", "SecretsManager"), ("parameters", "ParameterStore")] {
            app.apply(&format!(
                "apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {{name: {name}}}
spec: {{controller: default, provider: {{aws: {{service: {service}, region: {REGION}}}}}}}"
            ))
            .await?;
        }
        Ok(app)
    }

    /// `kubectl apply` in the application's namespace.
    pub async fn apply(&self, yaml: &str) -> Result<()> {
        apply(&self.client, &self.namespace, yaml).await
    }

    /// A Deployment named `name` with these annotations, whose container takes its environment from the Secret `secret`.
    pub async fn deployment(&self, name: &str, annotations: &str, secret: &str) -> Result<()> {
        self.apply(&format!(
            "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, annotations: {annotations}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
      - {{name: app, image: registry.example/app:1, envFrom: [{{secretRef: {{name: {secret}}}}}]}}"
        ))
        .await
    }

    /// An ExternalSecret `name` that produces the Secret `name` with one key, `value`, from `key` in `store`.
    pub async fn external_secret(&self, name: &str, store: &str, key: &str, property: Option<&str>) -> Result<()> {
        let property = property.map(|path| format!(", property: {path}")).unwrap_or_default();
        self.apply(&format!(
            "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: {name}}}
spec:
  secretStoreRef: {{name: {store}}}
  data: [{{secretKey: value, remoteRef: {{key: '{key}'{property}}}}}]"
        ))
        .await
    }

    /// Waits until the Secret `name` holds `expected` under `key`.
    pub async fn holds(&self, name: &str, key: &str, expected: &str, timeout: Duration) -> Result<Secret> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        eventually(&format!("Secret {name} to hold the new value"), timeout, async || {
            let secret = secrets.get(name).await?;
            let held = secret.data.as_ref().and_then(|data| data.get(key)).context("the key is not there")?;
            ensure!(held.0 == expected.as_bytes(), "it holds another value");
            Ok(secret)
        })
        .await
    }

    /// The Secret `name`.
    pub async fn secret(&self, name: &str) -> Result<Secret> {
        Ok(Api::<Secret>::namespaced(self.client.clone(), &self.namespace).get(name).await?)
    }

    /// The ExternalSecret `name`.
    pub async fn object(&self, name: &str) -> Result<ExternalSecret> {
        Ok(Api::<ExternalSecret>::namespaced(self.client.clone(), &self.namespace).get(name).await?)
    }

    /// The Deployment `name`.
    pub async fn workload(&self, name: &str) -> Result<Deployment> {
        Ok(Api::<Deployment>::namespaced(self.client.clone(), &self.namespace).get(name).await?)
    }

    /// Waits until the Ready condition of ExternalSecret `name` has this status, and a message that contains `part`.
    pub async fn condition(&self, name: &str, status: &str, part: &str, timeout: Duration) -> Result<()> {
        eventually(&format!("ExternalSecret {name} to be Ready={status} with {part:?}"), timeout, async || {
            let object = self.object(name).await?;
            let conditions = object.status.map(|status| status.conditions).unwrap_or_default();
            let ready = conditions.into_iter().find(|one| one.type_ == "Ready").context("there is no condition")?;
            let message = ready.message.unwrap_or_default();
            ensure!(ready.status == status && message.contains(part), "Ready={}: {message}", ready.status);
            Ok(())
        })
        .await
    }

    /// Waits until the Deployment's pods run its present template, and hands back how often the template was changed.
    pub async fn settled(&self, name: &str, timeout: Duration) -> Result<i64> {
        eventually(&format!("Deployment {name} to be rolled out"), timeout, async || {
            let deployment = self.workload(name).await?;
            let generation = deployment.metadata.generation.unwrap_or_default();
            let status = deployment.status.unwrap_or_default();
            let wanted = deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1);
            ensure!(status.observed_generation == Some(generation), "generation {generation} is not observed");
            ensure!(status.updated_replicas == Some(wanted), "{:?} pods are updated", status.updated_replicas);
            ensure!(status.available_replicas == Some(wanted), "{:?} pods are available", status.available_replicas);
            ensure!(status.replicas == Some(wanted), "{:?} pods are there", status.replicas);
            Ok(generation)
        })
        .await
    }

    /// Waits until the state that the agent keeps on the Deployment names the Secret: from then on a change restarts it.
    pub async fn has_baseline(&self, name: &str, timeout: Duration) -> Result<()> {
        eventually(&format!("Deployment {name} to have a baseline"), timeout, async || {
            let annotations = self.workload(name).await?.metadata.annotations.unwrap_or_default();
            ensure!(annotations.contains_key("rekey.dev/applied"), "there is no rekey.dev/applied");
            Ok(())
        })
        .await
    }
}

impl DatabaseUser {
    /// Creates a role, its database and its secret, ready for rotation by `lambda`.
    pub async fn create(aws: &Aws, postgres: &Postgres, name: &str, lambda: &str) -> Result<Self> {
        Self::make(aws, postgres, name, lambda, json!({}), None).await
    }

    /// The same with the server's superuser as its master: of two users that take turns, or as the tag
    /// `rekey:strategy` says.
    pub async fn with_master(
        aws: &Aws,
        postgres: &Postgres,
        name: &str,
        lambda: &str,
        strategy: Option<&str>,
    ) -> Result<Self> {
        let master = json!({
            "engine": "postgres", "host": postgres.host(), "port": postgres.port(), "sslrootcert": postgres.ca_pem(),
            "username": crate::postgres::ADMIN, "password": postgres.admin_password(),
        });
        let arn = aws.create_secret(&format!("master/{name}"), &master.to_string()).await?;
        Self::make(aws, postgres, name, lambda, json!({ "masterarn": arn }), strategy).await
    }

    async fn make(
        aws: &Aws,
        postgres: &Postgres,
        name: &str,
        lambda: &str,
        mut value: Value,
        strategy: Option<&str>,
    ) -> Result<Self> {
        let first_password = crate::random_word(24);
        postgres.create_role_and_database(name, &first_password, name).await?;
        let secret = format!("shop/{name}");
        for (field, text) in [
            ("engine", "postgres".into()),
            ("host", postgres.host().into()),
            ("port", postgres.port().into()),
            ("username", name.into()),
            ("password", first_password.clone().into()),
            ("dbname", name.into()),
            ("sslrootcert", postgres.ca_pem().into()),
        ] {
            value[field] = text;
        }
        let arn = aws.create_secret(&secret, &value.to_string()).await?;
        if let Some(strategy) = strategy {
            let tag = format!("Key=rekey:strategy,Value={strategy}");
            aws.cli(&["secretsmanager", "tag-resource", "--secret-id", &arn, "--tags", &tag]).await?;
        }
        // Only the preflight: a schedule that is saved so tests the login and changes nothing.
        let rotate = ["secretsmanager", "rotate-secret", "--secret-id", &arn, "--rotation-lambda-arn", lambda];
        let rules = ["--rotation-rules", "AutomaticallyAfterDays=30", "--no-rotate-immediately"];
        aws.cli(&[rotate.as_slice(), &rules].concat()).await?;
        Ok(Self { role: name.to_owned(), secret, arn, first_password })
    }

    /// `aws secretsmanager rotate-secret`. Returns the id of the new version.
    pub async fn rotate(&self, aws: &Aws) -> Result<String> {
        let answer = aws.cli(&["secretsmanager", "rotate-secret", "--secret-id", &self.arn]).await?;
        Ok(answer["VersionId"].as_str().context("rotate-secret names no version")?.to_owned())
    }

    /// The version that is in use.
    pub async fn value(&self, aws: &Aws) -> Result<Value> {
        let answer = aws.cli(&["secretsmanager", "get-secret-value", "--secret-id", &self.arn]).await?;
        Ok(serde_json::from_str(answer["SecretString"].as_str().context("there is no SecretString")?)?)
    }

    /// The password in the version that is in use.
    pub async fn password(&self, aws: &Aws) -> Result<String> {
        Ok(self.value(aws).await?["password"].as_str().context("there is no password")?.to_owned())
    }

    /// Waits until AWSCURRENT is on this version.
    pub async fn rotated(&self, aws: &Aws, version: &str, timeout: Duration) -> Result<()> {
        eventually(&format!("AWSCURRENT of {} to move", self.secret), timeout, async || {
            let answer = aws.cli(&["secretsmanager", "describe-secret", "--secret-id", &self.arn]).await?;
            let stages = &answer["VersionIdsToStages"][version];
            ensure!(stages.as_array().is_some_and(|all| all.iter().any(|one| one == "AWSCURRENT")), "{stages}");
            Ok(())
        })
        .await
    }
}
