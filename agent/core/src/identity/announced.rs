//! A source as an event names it.

use super::arn::{Arn, is_suffixed, parameter_name, without_suffix};
use super::{Account, LookupKey, Region, Service, SourceName, SourceRef};

/// What an event says about a source. At least one of name and ARN is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Announced {
    /// Secret or parameter.
    pub service: Service,
    /// The owner; `None` where the event does not say, which matches any.
    pub account: Option<Account>,
    /// Where it is; `None` where the event does not say, which matches any.
    pub region: Option<Region>,
    /// The ARN, possibly a partial one where it is what a caller of the API had typed.
    pub arn: Option<String>,
    /// The friendly name, or the parameter's name as the event spells it.
    pub name: Option<String>,
}

impl Announced {
    /// Puts together what an event says. Account and region of the ARN win over `account` and `region`, which are the
    /// envelope's: an event can be delivered to another account than the owner's. `None` if nothing names the source.
    #[must_use]
    pub fn new(
        service: Service,
        arn: Option<&str>,
        name: Option<&str>,
        account: Option<Account>,
        region: Option<Region>,
    ) -> Option<Self> {
        let parsed = arn.and_then(|text| Arn::parse(service, text));
        let name = name.filter(|text| !text.trim().is_empty()).map(ToOwned::to_owned);
        let arn = arn.filter(|_| parsed.is_some()).map(ToOwned::to_owned);
        if name.is_none() && arn.is_none() {
            return None;
        }
        let (account, region) = match parsed {
            Some(parsed) => (Some(parsed.account), Some(parsed.region)),
            None => (account, region),
        };
        Some(Self { service, account, region, arn, name })
    }

    /// Could the event be about this source? `known_account` is the account that earlier reads found the source in. An
    /// account that is not known yet matches, for a needless look is cheap and a missed rotation is not.
    #[must_use]
    pub fn concerns(&self, source: &SourceRef, known_account: Option<&Account>) -> bool {
        self.service == source.service
            && self.region.as_ref().is_none_or(|region| *region == *source.effective_region())
            && self.is_in_account(source, known_account)
            && self.is_called(source.name())
    }

    /// The words under which an index may have filed the source.
    #[must_use]
    pub fn lookup_keys(&self) -> Vec<LookupKey> {
        self.names().into_iter().map(|name| LookupKey::new(self.service, name)).collect()
    }

    /// The names that the source may have, without a parameter's first slash. An ARN leaves open whether its end is a
    /// part of the name.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        match (&self.name, self.resource()) {
            (Some(name), _) if self.service == Service::ParameterStore => vec![parameter_name(name)],
            (Some(name), _) => vec![name],
            (None, Some(resource)) if self.service == Service::ParameterStore => vec![resource],
            (None, Some(resource)) => [Some(resource), without_suffix(resource)].into_iter().flatten().collect(),
            (None, None) => Vec::new(),
        }
    }

    fn is_in_account(&self, source: &SourceRef, known: Option<&Account>) -> bool {
        let Some(announced) = &self.account else { return true };
        match source.account() {
            Some(written) => *announced == written,
            None => known.is_none_or(|known| known == announced),
        }
    }

    fn is_called(&self, wanted: SourceName<'_>) -> bool {
        let resource = self.resource();
        match (self.service, wanted) {
            (Service::ParameterStore, SourceName::Name(wanted)) => {
                self.name.as_deref().map(parameter_name).or(resource) == Some(wanted)
            }
            (Service::ParameterStore, SourceName::SecretArn(_)) => false,
            (Service::SecretsManager, SourceName::Name(wanted)) => match (&self.name, resource) {
                (Some(name), _) => name == wanted,
                (None, Some(resource)) => resource == wanted || is_suffixed(resource, wanted),
                (None, None) => false,
            },
            (Service::SecretsManager, SourceName::SecretArn(wanted)) => match (&self.name, resource) {
                // A full ARN beside its name leaves no doubt: a secret that was deleted and made again has another one.
                (Some(name), Some(full)) if is_suffixed(full, name) => wanted == full || wanted == name,
                (Some(name), _) => wanted == name || is_suffixed(wanted, name),
                (None, Some(resource)) => {
                    resource == wanted || is_suffixed(resource, wanted) || is_suffixed(wanted, resource)
                }
                (None, None) => false,
            },
        }
    }

    fn resource(&self) -> Option<&str> {
        self.arn.as_deref().and_then(|arn| Arn::parse(self.service, arn)).map(|arn| arn.resource)
    }
}
