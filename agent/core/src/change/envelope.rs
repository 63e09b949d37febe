//! The envelope that EventBridge puts around every event, and the one that SNS puts around that.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Parsed, Reason};
use crate::identity::{Account, Announced, Region, Service};

/// Longest identifier that is kept of an event: more than any that AWS allows (parameter ARNs are the longest).
const LONGEST: usize = 2048;

/// An event, its detail still unread.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    pub(super) source: String,
    pub(super) detail_type: String,
    id: Option<String>,
    account: Option<String>,
    time: Option<String>,
    region: Option<String>,
    resources: Vec<String>,
    detail: Option<&'a RawValue>,
}

/// What was in a body.
#[derive(Debug)]
pub(super) enum Unwrapped<'a> {
    /// An event.
    Envelope(Envelope<'a>),
    /// The message in an SNS notification.
    Notification(String),
    /// Neither.
    Done(Parsed),
}

/// Both envelopes at once: their fields have no name in common.
#[derive(Deserialize)]
struct Outer<'a> {
    source: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    id: Option<String>,
    account: Option<String>,
    time: Option<String>,
    region: Option<String>,
    resources: Option<Vec<String>>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(rename = "Type")]
    sns_type: Option<String>,
    #[serde(rename = "Message")]
    sns_message: Option<String>,
}

pub(super) fn unwrap(body: &str) -> Unwrapped<'_> {
    let Ok(outer) = serde_json::from_str::<Outer<'_>>(body) else {
        return Unwrapped::Done(Parsed::Malformed(Reason::NotAnEvent));
    };
    match outer {
        Outer { source: Some(source), detail_type: Some(detail_type), .. } => Unwrapped::Envelope(Envelope {
            source,
            detail_type,
            id: outer.id,
            account: outer.account,
            time: outer.time,
            region: outer.region,
            resources: outer.resources.unwrap_or_default(),
            detail: outer.detail,
        }),
        Outer { sns_type: Some(kind), sns_message: Some(message), .. } => match kind.as_str() {
            "Notification" => Unwrapped::Notification(message),
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                Unwrapped::Done(Parsed::Ignored(Reason::Subscription))
            }
            _ => Unwrapped::Done(Parsed::Malformed(Reason::NotAnEvent)),
        },
        _ => Unwrapped::Done(Parsed::Malformed(Reason::NotAnEvent)),
    }
}

impl<'a> Envelope<'a> {
    pub(super) fn id(&self) -> Result<String, Reason> {
        required(self.id.as_deref(), "id").map(ToOwned::to_owned)
    }

    pub(super) fn at(&self) -> Result<Timestamp, Reason> {
        required(self.time.as_deref(), "time")?.parse().map_err(|_| Reason::Invalid("time"))
    }

    pub(super) fn account(&self) -> Result<Account, Reason> {
        Account::parse(required(self.account.as_deref(), "account")?).map_err(|_| Reason::Invalid("account"))
    }

    pub(super) fn region(&self) -> Result<Region, Reason> {
        Region::parse(required(self.region.as_deref(), "region")?).map_err(|_| Reason::Invalid("region"))
    }

    /// The detail, as far as `T` wants to know it.
    pub(super) fn detail<T: Deserialize<'a>>(&self) -> Result<T, Reason> {
        let detail = self.detail.ok_or(Reason::Missing("detail"))?;
        serde_json::from_str(detail.get()).map_err(|_| Reason::Invalid("detail"))
    }

    /// The ARNs that the envelope lists.
    pub(super) fn resources(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().map(String::as_str)
    }

    /// The source that the first usable of `arns`, `name`, or both, describe; account and region as the envelope has
    /// them where no ARN tells. `missing` is the field to name when nothing does.
    pub(super) fn announced<'b>(
        &self,
        service: Service,
        arns: impl IntoIterator<Item = &'b str>,
        name: Option<&str>,
        missing: &'static str,
    ) -> Result<Announced, Reason> {
        let name = name.filter(|name| name.len() <= LONGEST);
        let (account, region) = (self.account()?, self.region()?);
        let describe = |arn| Announced::new(service, arn, name, Some(account.clone()), Some(region.clone()));
        arns.into_iter()
            .filter(|arn| arn.len() <= LONGEST)
            .filter_map(|arn| describe(Some(arn)))
            .find(|announced| announced.arn.is_some())
            .or_else(|| describe(None))
            .ok_or(Reason::Missing(missing))
    }
}

/// A field that has to be there and to say something, but not a book.
pub(super) fn required<'b>(value: Option<&'b str>, field: &'static str) -> Result<&'b str, Reason> {
    match value {
        None => Err(Reason::Missing(field)),
        Some(text) if text.trim().is_empty() => Err(Reason::Missing(field)),
        Some(text) if text.len() > LONGEST => Err(Reason::Invalid(field)),
        Some(text) => Ok(text),
    }
}
