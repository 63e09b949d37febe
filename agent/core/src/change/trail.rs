//! API calls and service events that CloudTrail reports. They come late and without guarantee; they are for what no
//! native event tells: creation, deletion, restoration and tags.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::{Envelope, required};
use super::{Change, Parsed, Reason, What};
use crate::identity::Service;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// What every record has. The rest is read only for actions that matter, since its shape depends on the action.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    event_name: Option<String>,
    error_code: Option<String>,
    #[serde(borrow)]
    request_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    response_elements: Option<&'a RawValue>,
    #[serde(borrow)]
    additional_event_data: Option<&'a RawValue>,
    #[serde(borrow)]
    service_event_details: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    secret_id: Option<String>,
    name: Option<String>,
    client_request_token: Option<String>,
    version_stages: Option<Vec<String>>,
    version_stage: Option<String>,
    move_to_version_id: Option<String>,
    resource_type: Option<String>,
    resource_id: Option<String>,
}

/// Some operations wrote `aRN` until February 2024.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    arn: Option<String>,
    #[serde(rename = "aRN")]
    mixed_arn: Option<String>,
    #[serde(rename = "ARN")]
    upper_arn: Option<String>,
    name: Option<String>,
    version_id: Option<String>,
}

#[derive(Default, Deserialize)]
struct ServiceData {
    #[serde(rename = "SecretId")]
    upper: Option<String>,
    #[serde(rename = "secretId")]
    lower: Option<String>,
}

/// A record of Secrets Manager.
pub(super) fn secret(envelope: &Envelope<'_>) -> Result<Parsed, Reason> {
    let record: Record<'_> = envelope.detail()?;
    let action = required(record.event_name.as_deref(), "detail.eventName")?;
    if !SECRET_ACTIONS.contains(&action) {
        return Ok(Parsed::Ignored(Reason::ChangesNothing));
    }
    if record.failed() {
        return Ok(Parsed::Ignored(Reason::CallFailed));
    }
    let request: Request = part(record.request_parameters, "detail.requestParameters")?;
    let response: Response = part(record.response_elements, "detail.responseElements")?;
    let data: ServiceData = part(record.additional_event_data, "detail.additionalEventData")?;
    let details: ServiceData = part(record.service_event_details, "detail.serviceEventDetails")?;
    let what = match secret_change(action, &request, &response) {
        Ok(what) => what,
        Err(reason) => return Ok(Parsed::Ignored(reason)),
    };

    let typed = request.secret_id.as_deref();
    let told = [&response.arn, &response.mixed_arn, &response.upper_arn, &data.upper, &data.lower];
    let arns = told.into_iter().chain([&details.upper, &details.lower]).filter_map(Option::as_deref);
    let arns = arns.chain(envelope.resources()).chain(typed);
    // What the caller typed is a name unless it is an ARN, full or partial; those are among `arns`.
    let typed_name = typed.filter(|text| !text.starts_with("arn:"));
    let name = response.name.as_deref().or(request.name.as_deref()).or(typed_name);
    let announced = envelope.announced(Service::SecretsManager, arns, name, "detail.requestParameters.secretId")?;
    Ok(Parsed::Change(Change { event_id: envelope.id()?, at: envelope.at()?, announced, what }))
}

const SECRET_ACTIONS: [&str; 12] = [
    "CreateSecret",
    "PutSecretValue",
    "UpdateSecret",
    "UpdateSecretVersionStage",
    "DeleteSecret",
    "RestoreSecret",
    "TagResource",
    "UntagResource",
    "RotationSucceeded",
    "StartSecretVersionDelete",
    "CancelSecretVersionDelete",
    "EndSecretVersionDelete",
];

/// What an action did, or why it is nothing to act on.
fn secret_change(action: &str, request: &Request, response: &Response) -> Result<What, Reason> {
    Ok(match action {
        "PutSecretValue" => {
            let none = Vec::new();
            let mut labels = request.version_stages.as_ref().unwrap_or(&none).iter().filter(|label| *label != PENDING);
            let version_id = request.client_request_token.as_ref().or(response.version_id.as_ref());
            let label = match (labels.next(), labels.next()) {
                (None, _) if request.version_stages.as_ref().is_some_and(|labels| !labels.is_empty()) => {
                    return Err(Reason::Pending);
                }
                (None, _) => Some(CURRENT),
                (Some(label), None) => Some(label.as_str()),
                (Some(_), Some(_)) => None,
            };
            moved(version_id, label)
        }
        "UpdateSecretVersionStage" => match request.version_stage.as_deref() {
            Some(PENDING) => return Err(Reason::Pending),
            label => moved(request.move_to_version_id.as_ref(), label),
        },
        "DeleteSecret" | "StartSecretVersionDelete" | "EndSecretVersionDelete" => What::Deleted,
        "RestoreSecret" | "CancelSecretVersionDelete" => What::Restored,
        "TagResource" | "UntagResource" => What::Tagged,
        _ => What::Written,
    })
}

/// One label on a known version, or something that only a look can tell.
fn moved(version_id: Option<&String>, label: Option<&str>) -> What {
    match (version_id, label) {
        (Some(version_id), Some(label)) if !version_id.is_empty() && !label.is_empty() => {
            What::Label { version_id: version_id.clone(), label: label.to_owned() }
        }
        _ => What::Written,
    }
}

/// A record of Parameter Store.
pub(super) fn parameter(envelope: &Envelope<'_>) -> Result<Parsed, Reason> {
    let record: Record<'_> = envelope.detail()?;
    let what = match required(record.event_name.as_deref(), "detail.eventName")? {
        "PutParameter" | "LabelParameterVersion" | "UnlabelParameterVersion" => What::Written,
        "DeleteParameter" => What::Deleted,
        "AddTagsToResource" | "RemoveTagsFromResource" => What::Tagged,
        // DeleteParameters, too: it names several, and each gets a native event.
        _ => return Ok(Parsed::Ignored(Reason::ChangesNothing)),
    };
    if record.failed() {
        return Ok(Parsed::Ignored(Reason::CallFailed));
    }
    let request: Request = part(record.request_parameters, "detail.requestParameters")?;
    let name = match what {
        What::Tagged if request.resource_type.as_deref() != Some("Parameter") => {
            return Ok(Parsed::Ignored(Reason::ChangesNothing));
        }
        What::Tagged => required(request.resource_id.as_deref(), "detail.requestParameters.resourceId")?,
        _ => required(request.name.as_deref(), "detail.requestParameters.name")?,
    };
    let plain = Some(name).filter(|text| !text.starts_with("arn:"));
    let announced = envelope.announced(Service::ParameterStore, [name], plain, "detail.requestParameters.name")?;
    Ok(Parsed::Change(Change { event_id: envelope.id()?, at: envelope.at()?, announced, what }))
}

impl Record<'_> {
    fn failed(&self) -> bool {
        self.error_code.as_deref().is_some_and(|code| !code.is_empty())
    }
}

/// A part that may be absent or null, which serde's `Option` has turned into `None` already.
fn part<'a, T: Default + Deserialize<'a>>(raw: Option<&'a RawValue>, field: &'static str) -> Result<T, Reason> {
    match raw {
        None => Ok(T::default()),
        Some(raw) => serde_json::from_str(raw.get()).map_err(|_| Reason::Invalid(field)),
    }
}
