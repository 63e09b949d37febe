//! Functions of our own: the code that the shared stack deployed, and a role that has what infra/policies documents, or less.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use rekey_tests::aws::{ACCOUNT, Caller};
use rekey_tests::eventually::eventually;
use rekey_tests::log::Mark;
use rekey_tests::policies::{self, Placeholders};
use rekey_tests::rotated::Rotated;
use rekey_tests::stack::Stack;
use serde_json::{Value, json};

use super::{Row, Seen, here, pairs};

const SOON: Duration = Duration::from_secs(30);

/// A function, and the role of the same name.
pub struct Function {
    stack: &'static Stack,
    aws: Caller,
    name: String,
    policies: Vec<String>,
    placeholders: Placeholders,
}

impl Function {
    /// One with the code of the shared stack's function of this kind, as infra/policies/functions.yaml names it. It may do all
    /// that is documented.
    pub async fn create(
        stack: &'static Stack,
        name: &str,
        kind: &str,
        placeholders: &[(&str, Vec<String>)],
        variables: &Value,
    ) -> Result<Self> {
        let own = [
            ("BusArn", here("events", "event-bus/default")),
            ("SecretsOfAccount", here("secretsmanager", "secret:*")),
            ("FunctionArn", here("lambda", &format!("function:{name}"))),
        ];
        let all = own.iter().chain(placeholders).map(|(name, values)| ((*name).to_owned(), values.clone()));
        let function = Self {
            stack,
            aws: stack.aws.caller(),
            name: name.to_owned(),
            policies: policies::functions()?.remove(kind).context("no such function")?.policies,
            placeholders: all.collect::<BTreeMap<_, _>>(),
        };
        function.make(kind, variables).await.with_context(|| format!("make {name}"))?;
        Ok(function)
    }

    async fn make(&self, kind: &str, variables: &Value) -> Result<()> {
        let (aws, name) = (&self.aws, &self.name);
        let trust = json!({"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"});
        let role = aws.create_role(name, &trust, &self.document(&[])?).await?;

        let deployed =
            if kind == "heartbeat" { "rekey-heartbeat".to_owned() } else { format!("rekey-rotation-{kind}") };
        let found = aws.lambda(Method::GET, &format!("functions/{deployed}"), &Value::Null).await?;
        let code = aws.download(found["Code"]["Location"].as_str().context("its code is nowhere")?).await?;
        let mut create = json!({
            "FunctionName": name, "Role": role, "Code": {"ZipFile": STANDARD.encode(&code)},
            "Environment": {"Variables": variables},
        });
        for field in ["Runtime", "Handler", "Timeout", "MemorySize", "Architectures"] {
            create[field] = found["Configuration"][field].clone();
        }
        aws.lambda(Method::POST, "functions", &create).await?;
        let permission = json!({
            "StatementId": "secretsmanager", "Action": "lambda:InvokeFunction",
            "Principal": "secretsmanager.amazonaws.com", "SourceAccount": ACCOUNT,
        });
        aws.lambda(Method::POST, &format!("functions/{name}/policy"), &permission).await?;
        eventually(&format!("{name} to be active"), SOON, async || {
            let found = aws.lambda(Method::GET, &format!("functions/{name}"), &Value::Null).await?;
            let state = &found["Configuration"]["State"];
            ensure!(state == "Active", "it is {state}");
            Ok(())
        })
        .await
    }

    /// Its ARN.
    pub fn arn(&self) -> String {
        here("lambda", &format!("function:{}", self.name)).remove(0)
    }

    fn document(&self, without: &[(&str, &str)]) -> Result<Value> {
        policies::document_without(self.policies.iter().map(String::as_str), &self.placeholders, without)
    }

    /// From now on it may do all that is documented, without these.
    pub async fn may_not(&self, without: &[&Row]) {
        let document = self.document(&pairs(without)).unwrap();
        self.aws.set_role_policy(&self.name, "own", &document).await.unwrap();
    }

    /// Invokes it, and returns what it answers: null, or the error's `errorType` and `errorMessage`.
    pub async fn invoke(&self) -> Value {
        let path = format!("functions/{}/invocations", self.name);
        self.aws.lambda(Method::POST, &path, &json!({})).await.unwrap()
    }

    /// Takes the action away, rotates the secret, sees what people see, gives it back, and sees the same rotation end.
    pub async fn shows(&self, row: &Row, secret: &Rotated, patience: Duration) {
        let logged = self.stack.aws.lambda_log().mark();
        self.may_not(&[row]).await;
        // Refused until the end of what was before has been noted.
        let version = eventually("RotateSecret to begin", SOON, async || secret.begin(true).await).await.unwrap();
        match row.seen {
            Seen::Step(step) => self.fails(row, step, secret, &version, patience).await,
            Seen::Warning(message) => self.warns(row, message, logged).await,
            ref other => panic!("{} is not seen by {other:?} in a rotation", row.action),
        }
        self.may_not(&[]).await;
        secret.resume(&version, patience).await.unwrap();
    }

    /// Waits until that step of the rotation has failed for want of the action.
    pub async fn fails(&self, row: &Row, step: &str, secret: &Rotated, version: &str, patience: Duration) {
        // Services spell it AccessDenied or AccessDeniedException.
        let part = format!("{} failed (AccessDenied", row.action);
        let failed = secret.failure(&self.stack.aws, version, &part, patience).await.unwrap();
        assert_eq!((&failed["step"], &failed["kind"]), (&json!(step), &json!("aws")), "{}: {failed}", row.feature);
        assert!(failed["error"].as_str().unwrap().contains("check the function's role"), "{failed}");
    }

    /// Waits for that line of its log, for want of the action.
    async fn warns(&self, row: &Row, message: &str, since: Mark) {
        let what = format!("{} without {}", row.feature, row.action);
        let part = format!("{} failed (AccessDenied", row.action);
        let line = self.stack.aws.lambda_log().wait_for(&what, since, SOON, |line| {
            line.function == self.name && line.line.contains(message) && line.line.contains(&part)
        });
        let line: Value = serde_json::from_str(&line.await.unwrap().line).unwrap();
        assert_eq!((&line["level"], &line["message"]), (&json!("WARN"), &json!(message)), "{line}");
    }
}
