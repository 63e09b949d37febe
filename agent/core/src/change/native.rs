//! Events that a service sends by itself, and the one that Rekey's rotation functions send.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::envelope::{Envelope, required};
use super::{CANARY, Change, Heartbeat, Parsed, Reason, What};
use crate::identity::Service;

/// How far ahead of the envelope's clock a sender's own clock may be.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(1);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretLabel {
    name: Option<String>,
    label_updated: Option<String>,
    version_id: Option<String>,
}

/// `Secret Label Updated`: sent for each label but AWSPENDING and AWSPREVIOUS, one label an event.
pub(super) fn secret_label(envelope: &Envelope<'_>) -> Result<Parsed, Reason> {
    let detail: SecretLabel = envelope.detail()?;
    let name = required(detail.name.as_deref(), "detail.name")?;
    let label = required(detail.label_updated.as_deref(), "detail.labelUpdated")?;
    let version_id = required(detail.version_id.as_deref(), "detail.versionId")?;
    if is_canary(name) {
        return heartbeat(envelope, Service::SecretsManager);
    }
    if label == "AWSPENDING" {
        return Ok(Parsed::Ignored(Reason::Pending));
    }
    let announced = envelope.announced(Service::SecretsManager, envelope.resources(), Some(name), "detail.name")?;
    let what = What::Label { version_id: version_id.to_owned(), label: label.to_owned() };
    Ok(Parsed::Change(Change { event_id: envelope.id()?, at: envelope.at()?, announced, what }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RotationDetail {
    secret_arn: Option<String>,
    name: Option<String>,
    version_id: Option<String>,
    rotated_at: Option<i64>,
}

/// `Rekey Secret Rotated`: AWSCURRENT moved, told by the function that moved it. Anybody who may put events on the bus
/// can send one, so it proves no pipe, not even for a canary.
pub(super) fn rotated(envelope: &Envelope<'_>) -> Result<Parsed, Reason> {
    let detail: RotationDetail = envelope.detail()?;
    let arn = required(detail.secret_arn.as_deref(), "detail.secretArn")?;
    let version_id = required(detail.version_id.as_deref(), "detail.versionId")?;
    let announced = envelope.announced(Service::SecretsManager, [arn], detail.name.as_deref(), "detail.secretArn")?;
    if announced.arn.is_none() {
        return Err(Reason::Invalid("detail.secretArn"));
    }
    let sent = envelope.at()?;
    let at = match detail.rotated_at.map(Timestamp::from_millisecond) {
        // The label moved some time before the event went out, never after it.
        Some(Ok(moved)) if moved <= sent.saturating_add(CLOCK_SKEW).unwrap_or(sent) => moved,
        Some(Err(_)) => return Err(Reason::Invalid("detail.rotatedAt")),
        Some(Ok(_)) | None => sent,
    };
    let what = What::Label { version_id: version_id.to_owned(), label: "AWSCURRENT".to_owned() };
    Ok(Parsed::Change(Change { event_id: envelope.id()?, at, announced, what }))
}

#[derive(Deserialize)]
struct ParameterChange {
    operation: Option<String>,
    name: Option<String>,
}

/// `Parameter Store Change`.
pub(super) fn parameter_change(envelope: &Envelope<'_>) -> Result<Parsed, Reason> {
    let detail: ParameterChange = envelope.detail()?;
    let name = required(detail.name.as_deref(), "detail.name")?;
    let what = match required(detail.operation.as_deref(), "detail.operation")? {
        "Delete" => What::Deleted,
        // An operation that AWS adds one day is more likely to change a value than not.
        _ => What::Written,
    };
    if name.strip_prefix('/').is_some_and(is_canary) {
        return heartbeat(envelope, Service::ParameterStore);
    }
    parameter(envelope, name, "detail.name", what)
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ParameterPolicy {
    policy_type: Option<String>,
    parameter_name: Option<String>,
    action_status: Option<String>,
}

/// `Parameter Store Policy Action`: only an expiry that happened changes anything; the others remind people.
pub(super) fn parameter_policy(envelope: &Envelope<'_>) -> Result<Parsed, Reason> {
    let detail: ParameterPolicy = envelope.detail()?;
    let name = required(detail.parameter_name.as_deref(), "detail.parameter-name")?;
    let kind = required(detail.policy_type.as_deref(), "detail.policy-type")?;
    let status = required(detail.action_status.as_deref(), "detail.action-status")?;
    if kind != "Expiration" {
        return Ok(Parsed::Ignored(Reason::ChangesNothing));
    }
    if status != "Success" {
        return Ok(Parsed::Ignored(Reason::CallFailed));
    }
    parameter(envelope, name, "detail.parameter-name", What::Deleted)
}

fn parameter(envelope: &Envelope<'_>, name: &str, field: &'static str, what: What) -> Result<Parsed, Reason> {
    let announced = envelope.announced(Service::ParameterStore, envelope.resources(), Some(name), field)?;
    Ok(Parsed::Change(Change { event_id: envelope.id()?, at: envelope.at()?, announced, what }))
}

fn is_canary(name: &str) -> bool {
    name.strip_prefix(CANARY).is_some_and(|cluster| !cluster.is_empty())
}

fn heartbeat(envelope: &Envelope<'_>, service: Service) -> Result<Parsed, Reason> {
    envelope.id()?;
    let (account, region, at) = (envelope.account()?, envelope.region()?, envelope.at()?);
    Ok(Parsed::Heartbeat(Heartbeat { service, account, region, at }))
}
