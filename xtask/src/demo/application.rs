//! The demo's application: three Deployments, each with a Secret of another origin.

use std::time::Duration;

use anyhow::Result;
use rekey_tests::app::{App, DatabaseUser};
use rekey_tests::stack::Stack;

/// The secret that is changed by hand.
pub const API_KEY: &str = "shop/api-key";
/// The parameter.
pub const SETTINGS: &str = "/shop/settings";

const SOON: Duration = Duration::from_secs(30);

pub struct Application {
    pub app: App,
    pub user: DatabaseUser,
}

impl Application {
    /// Deploys it and waits until its pods run with the first values.
    pub async fn deploy(stack: &Stack, lambda: &str) -> Result<Self> {
        let value = rekey_tests::random_word(32);
        let user = DatabaseUser::create(&stack.aws, &stack.postgres, "shop", lambda).await?;
        stack.aws.cli(&["secretsmanager", "create-secret", "--name", API_KEY, "--secret-string", &value]).await?;
        let parameter = ["ssm", "put-parameter", "--name", SETTINGS, "--type", "SecureString", "--value", &value];
        stack.aws.cli(&parameter).await?;

        let app = App::create(stack, "shop").await?;
        app.apply(&format!(
            "apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: db}}
spec:
  secretStoreRef: {{name: aws}}
  target:
    template:
      data: {{url: 'postgres://{{{{ .username }}}}:{{{{ .password }}}}@{{{{ .host }}}}:{{{{ .port }}}}/{{{{ .dbname }}}}'}}
  dataFrom: [{{extract: {{key: {}}}}}]",
            user.secret
        ))
        .await?;
        app.external_secret("api-key", "aws", API_KEY, None).await?;
        app.external_secret("settings", "parameters", SETTINGS, None).await?;
        for name in ["db", "api-key", "settings"] {
            app.condition(name, "True", "", SOON).await?;
            app.deployment(name, "{reloader.stakater.com/auto: 'true'}", name).await?;
        }
        for name in ["db", "api-key", "settings"] {
            app.has_baseline(name, SOON).await?;
            app.settled(name, SOON).await?;
        }
        Ok(Self { app, user })
    }
}
