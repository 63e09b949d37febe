//! ARNs of secrets and parameters, and the six random characters at the end of a secret's.

use super::{Account, Region, Service};

/// Hyphen and six characters, which Secrets Manager appends to a secret's name to make its ARN.
const SUFFIX: usize = 7;

/// The parts of an ARN that tell sources apart. The partition is left out: the region implies it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    pub(crate) region: Region,
    pub(crate) account: Account,
    /// Secret: the name, with or without its suffix. Parameter: the name without its first slash and its version.
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Reads an ARN of that service; `None` for anything else, names included.
    pub(crate) fn parse(service: Service, text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" || !parts.next()?.starts_with("aws") || parts.next()? != service.arn_name() {
            return None;
        }
        let region = Region::parse(parts.next()?).ok()?;
        let account = Account::parse(parts.next()?).ok()?;
        let resource = match service {
            Service::SecretsManager => parts.next()?.strip_prefix("secret:")?,
            Service::ParameterStore => parameter_name(parts.next()?.strip_prefix("parameter")?),
        };
        (!resource.is_empty()).then_some(Self { region, account, resource })
    }
}

/// The one spelling of a parameter's name. `/a` and `a` share an ARN, and a version or label may follow a colon, which
/// no name contains.
pub(super) fn parameter_name(name: &str) -> &str {
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    name.strip_prefix('/').unwrap_or(name)
}

/// The name without what looks like a secret ARN's random suffix. A name can end like that by itself, so the answer is
/// a second possibility, not a fact.
pub(super) fn without_suffix(resource: &str) -> Option<&str> {
    let (name, suffix) = resource.split_at_checked(resource.len().checked_sub(SUFFIX)?)?;
    let looks_random = suffix.strip_prefix('-')?.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (looks_random && !name.is_empty()).then_some(name)
}

/// Is `full` this name and a random suffix?
pub(super) fn is_suffixed(full: &str, name: &str) -> bool {
    without_suffix(full) == Some(name)
}
