//! The floor: what carrying a change costs when nothing is decided. Receive, read, write, delete, by the bare SDKs.
//!
//! `cargo xtask bench` runs it in the agent's place, with its environment and identity, on the same queue, sources and
//! targets. It believes every event, writes whatever it reads into the target it is told of, and can do nothing else.
//!
//! Usage: `floor QUEUE_URL MAP`, where MAP is a file with a line `SECRET_NAME NAMESPACE/TARGET` for each source.
#![allow(clippy::print_stderr, reason = "a measuring tool talks to the person who runs it")]

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use aws_config::BehaviorVersion;
use aws_sdk_secretsmanager::Client as SecretsManager;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message};
use aws_smithy_http_client::{Builder, tls};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use serde_json::Value;

/// The entry of every target, as the bench makes them.
const KEY: &str = "value";

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let queue_url = arguments.next().context("no QUEUE_URL")?;
    let map = std::fs::read_to_string(arguments.next().context("no MAP")?).context("read MAP")?;
    let targets = map.lines().filter_map(|line| {
        let (source, target) = line.split_once(' ')?;
        let (namespace, name) = target.split_once('/')?;
        Some((source.to_owned(), (namespace.to_owned(), name.to_owned())))
    });
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let client = Builder::new().tls_provider(provider).build_https();
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(client).load().await;
    let floor = Arc::new(Floor {
        sqs: Sqs::new(&config),
        secrets_manager: SecretsManager::new(&config),
        kubernetes: Client::try_default().await?,
        targets: targets.collect(),
        queue_url,
    });
    eprintln!("the floor is ready");
    loop {
        let receive = floor.sqs.receive_message().queue_url(&floor.queue_url);
        let received = receive.max_number_of_messages(10).wait_time_seconds(20).send().await?;
        let floor = Arc::clone(&floor);
        tokio::spawn(async move {
            let messages = received.messages.unwrap_or_default();
            let carried = futures::future::join_all(messages.iter().map(|message| floor.carry(message))).await;
            for error in carried.into_iter().filter_map(Result::err) {
                eprintln!("{error:#}");
            }
            if let Err(error) = floor.delete(&messages).await {
                eprintln!("{error:#}");
            }
        });
    }
}

struct Floor {
    sqs: Sqs,
    secrets_manager: SecretsManager,
    kubernetes: Client,
    /// By the secret's name, the namespace and name of the target.
    targets: HashMap<String, (String, String)>,
    queue_url: String,
}

impl Floor {
    async fn carry(&self, message: &Message) -> Result<()> {
        let body: Value = serde_json::from_str(message.body().unwrap_or_default())?;
        let source = body["detail"]["name"].as_str().context("the event has no name")?;
        let Some((namespace, name)) = self.targets.get(source) else { return Ok(()) };
        let value = self.secrets_manager.get_secret_value().secret_id(source).send().await?;
        let value = value.secret_string.context("the secret has no text")?;
        let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
        let data = [(KEY.to_owned(), ByteString(value.into_bytes()))].into();
        let secret = Secret { metadata, data: Some(data), ..Secret::default() };
        let api: Api<Secret> = Api::namespaced(self.kubernetes.clone(), namespace);
        api.replace(name, &PostParams::default(), &secret).await.map(drop).context("write the target")
    }

    async fn delete(&self, messages: &[Message]) -> Result<()> {
        let entries = messages.iter().enumerate().map(|(index, message)| {
            let receipt = message.receipt_handle().unwrap_or_default();
            DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(receipt).build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        if !entries.is_empty() {
            self.sqs.delete_message_batch().queue_url(&self.queue_url).set_entries(Some(entries)).send().await?;
        }
        Ok(())
    }
}
