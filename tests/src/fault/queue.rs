//! What is in the queue and in the DLQ, and messages of our own. All as root, past every proxy.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, QueueAttributeName, SendMessageBatchRequestEntry};

use crate::eventually::eventually;
use crate::sam::Deployed;
use crate::stack::Stack;

/// The agent's queue and its DLQ.
pub struct Queue {
    client: Client,
    url: String,
    dead: String,
}

impl Queue {
    /// That of a deployed stack, for the runtime that calls this.
    pub async fn of(stack: &Stack, deployed: &Deployed) -> Result<Self> {
        Ok(Self {
            client: Client::new(&stack.aws.sdk_config().await),
            url: deployed.output("QueueUrl")?.to_owned(),
            dead: deployed.output("DeadLetterQueueUrl")?.to_owned(),
        })
    }

    /// Messages that wait in the queue, and messages that somebody has received and not deleted.
    pub async fn counts(&self) -> Result<(usize, usize)> {
        let attributes = self.attributes(&self.url).await?;
        Ok((
            number(&attributes, &QueueAttributeName::ApproximateNumberOfMessages)?,
            number(&attributes, &QueueAttributeName::ApproximateNumberOfMessagesNotVisible)?,
        ))
    }

    /// Messages in the DLQ.
    pub async fn dead(&self) -> Result<usize> {
        number(&self.attributes(&self.dead).await?, &QueueAttributeName::ApproximateNumberOfMessages)
    }

    /// Waits until the queue is empty and nobody holds a message.
    pub async fn drained(&self, timeout: Duration) -> Result<()> {
        eventually("the queue to be empty", timeout, async || {
            let (visible, in_flight) = self.counts().await?;
            ensure!(visible + in_flight == 0, "{visible} messages wait, {in_flight} are in flight");
            Ok(())
        })
        .await
    }

    /// Empties the DLQ.
    pub async fn purge_dead(&self) -> Result<()> {
        self.client.purge_queue().queue_url(&self.dead).send().await.context("purge the DLQ").map(drop)
    }

    /// Empties the queue.
    pub async fn purge(&self) -> Result<()> {
        self.client.purge_queue().queue_url(&self.url).send().await.context("purge the queue").map(drop)
    }

    /// Sends one message.
    pub async fn send(&self, body: &str) -> Result<()> {
        self.client.send_message().queue_url(&self.url).message_body(body).send().await.context("send a message")?;
        Ok(())
    }

    /// Sends messages, ten at a time.
    pub async fn send_all(&self, bodies: &[String]) -> Result<()> {
        for ten in bodies.chunks(10) {
            let mut batch = self.client.send_message_batch().queue_url(&self.url);
            for (id, body) in ten.iter().enumerate() {
                batch = batch
                    .entries(SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(body).build()?);
            }
            let sent = batch.send().await.context("send messages")?;
            ensure!(sent.failed.is_empty(), "{} messages were not taken", sent.failed.len());
        }
        Ok(())
    }

    /// Receives and deletes what is there until `enough` bodies are together.
    pub async fn take(&self, timeout: Duration, enough: impl Fn(&[String]) -> bool) -> Result<Vec<String>> {
        let mut bodies = Vec::new();
        eventually("enough messages to be in the queue", timeout, async || {
            let got =
                self.client.receive_message().queue_url(&self.url).max_number_of_messages(10).wait_time_seconds(0);
            let messages = got.send().await?.messages.unwrap_or_default();
            if !messages.is_empty() {
                let mut batch = self.client.delete_message_batch().queue_url(&self.url);
                for (id, message) in messages.iter().enumerate() {
                    let receipt = message.receipt_handle.as_deref().unwrap_or_default();
                    batch = batch.entries(
                        DeleteMessageBatchRequestEntry::builder().id(id.to_string()).receipt_handle(receipt).build()?,
                    );
                }
                batch.send().await?;
            }
            bodies.extend(messages.into_iter().filter_map(|message| message.body));
            ensure!(enough(&bodies), "{} messages", bodies.len());
            Ok(())
        })
        .await?;
        Ok(bodies)
    }

    /// What is in the DLQ, which keeps it.
    pub async fn dead_bodies(&self) -> Result<Vec<String>> {
        let mut bodies = Vec::new();
        loop {
            let got = self.client.receive_message().queue_url(&self.dead).max_number_of_messages(10);
            let messages = got.visibility_timeout(2).wait_time_seconds(0).send().await?.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(bodies);
            }
            bodies.extend(messages.into_iter().filter_map(|message| message.body));
        }
    }

    async fn attributes(&self, url: &str) -> Result<HashMap<QueueAttributeName, String>> {
        let names = vec![
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let got = self.client.get_queue_attributes().queue_url(url).set_attribute_names(Some(names)).send().await?;
        got.attributes.context("the queue has no attributes")
    }
}

fn number(attributes: &HashMap<QueueAttributeName, String>, name: &QueueAttributeName) -> Result<usize> {
    attributes.get(name).and_then(|text| text.parse().ok()).with_context(|| format!("the queue has no {name}"))
}
