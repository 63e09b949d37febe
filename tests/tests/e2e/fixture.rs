//! Rekey, installed once on the shared stack, and the list of every secret value that a test has used.

pub mod queue;
pub mod sink;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use rekey_tests::app::App;
use rekey_tests::eventually::eventually;
use rekey_tests::installation::{Installation, Options};
use rekey_tests::log::Mark;
use rekey_tests::progress::Progress;
use rekey_tests::sam;
use rekey_tests::stack::Stack;
use serde_json::json;
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// AWS's schedules run so much faster on the shared stack: a heartbeat of five minutes comes every five seconds.
pub const TIME_FACTOR: u32 = 60;
/// In AWS's minutes, for the template.
pub const HEARTBEAT_MINUTES: &str = "5";
/// In our seconds, for the agent.
pub const HEARTBEAT_PERIOD: &str = "5s";

/// Rekey on the shared stack; its agent logs everything it can.
pub async fn rekey() -> (&'static Stack, &'static Installation, &'static Values) {
    static REKEY: OnceCell<Result<Installation, String>> = OnceCell::const_new();
    static VALUES: Values = Values(Mutex::new(Vec::new()));
    let stack = crate::stack().await;
    let installed = REKEY.get_or_init(async || {
        crate::identities::prepare(stack).await.map_err(|error| format!("{error:#}"))?;
        let options = Options {
            parameters: [("HeartbeatMinutes", HEARTBEAT_MINUTES), ("RoleArnPatterns", crate::identities::ROLES)]
                .into_iter()
                .chain(sam::EVERY_ENGINE)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            values: json!({
                "logLevel": "trace", "heartbeatPeriod": HEARTBEAT_PERIOD, "minRestartInterval": "0s",
                "stores": {"serviceAccounts": crate::identities::service_accounts()},
                "extraEnv": [{"name": "REKEY_ALERT_WEBHOOK_URL", "value": sink::sink().address}],
            }),
            ..Options::default()
        };
        let installation =
            Installation::create(stack, &options, &Progress::stderr()).await.map_err(|error| format!("{error:#}"))?;
        installation.agent.ready(Duration::from_mins(1)).await.map_err(|error| format!("{error:#}"))?;
        trust_the_cluster(stack).await.map_err(|error| format!("{error:#}"))?;
        Ok(installation)
    });
    match installed.await {
        Ok(rekey) => (stack, rekey, &VALUES),
        Err(error) => panic!("Rekey was not installed on the shared stack: {error}"),
    }
}

/// Audiences that tokens of the cluster's ServiceAccounts may be for, beside AWS's own.
const AUDIENCES: [&str; 3] = ["sts.amazonaws.com", "audience-one", "audience-two"];

/// Makes the cluster an OIDC provider of the account. Roles name it as `oidc-provider/` and the issuer's host.
async fn trust_the_cluster(stack: &Stack) -> anyhow::Result<()> {
    let issuer = stack.kubernetes.issuer().await?;
    stack.aws.create_oidc_provider(&issuer, &AUDIENCES).await.map(drop)
}

/// Tests that need events to flow share the pipe; one that stops it has it alone.
pub struct Pipe(RwLock<()>);

static PIPE: Pipe = Pipe(RwLock::const_new(()));

impl Pipe {
    pub async fn shared() -> RwLockReadGuard<'static, ()> {
        PIPE.0.read().await
    }

    pub async fn alone() -> RwLockWriteGuard<'static, ()> {
        PIPE.0.write().await
    }
}

/// Every secret value that was used so far.
#[derive(Default)]
pub struct Values(Mutex<Vec<String>>);

impl Values {
    /// A value that no test has used.
    pub fn fresh(&self) -> String {
        let value = rekey_tests::random_word(20);
        self.add(&value);
        value
    }

    /// This must never be seen in a log.
    pub fn add(&self, value: &str) {
        assert!(value.len() >= 8, "a short value could be in a log by chance");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(value.to_owned());
    }

    /// Reads the agent's whole log, and what the functions printed, for every value so far and its encodings.
    pub fn are_in_no_log(&self, stack: &Stack, rekey: &Installation) {
        let log = rekey.agent.log().text_since(Mark::default()).unwrap();
        assert!(log.contains("\"TRACE\"") || log.contains("\"DEBUG\""), "the log is not as detailed as it should be");
        self.are_not_in("the agent's log", &log);
        self.are_not_in("the functions' log", &stack.aws.lambda_log().text_since(Mark::default()).unwrap());
    }

    /// Reads `text` for every value so far and its encodings.
    pub fn are_not_in(&self, what: &str, text: &str) {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for form in values.iter().flat_map(|value| forms(value)) {
            assert!(!text.contains(&form), "a secret value is in {what}");
        }
    }
}

/// The value as it is, in base64, URL-escaped and JSON-escaped.
fn forms(value: &str) -> Vec<String> {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
    let url: String = value
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    let json = serde_json::to_string(value).unwrap();
    // Inside a longer text the last base64 characters depend on what follows.
    let inner = STANDARD_NO_PAD.encode(value);
    let inner = inner[..inner.len() - 2].to_owned();
    let json = json[1..json.len() - 1].to_owned();
    vec![value.to_owned(), STANDARD.encode(value), URL_SAFE.encode(value), inner, url, json]
}

/// Waits until the Deployment was restarted exactly once since `generation`, and its pods run.
pub async fn restarted(app: &App, name: &str, generation: i64) {
    let timeout = Duration::from_secs(30);
    eventually(&format!("{name} to be restarted"), timeout, async || {
        let now = app.workload(name).await?.metadata.generation.unwrap_or_default();
        ensure!(now > generation, "it is still at generation {now}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(app.settled(name, timeout).await.unwrap(), generation + 1, "{name} was restarted more than once");
}
