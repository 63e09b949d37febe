//! What the API server refuses: the rules of External Secrets Operator's webhook, as CEL in the CRDs.
//!
//! An object that breaks one never gets as far as a controller, and nothing has to run for that. What CEL cannot see, or
//! what costs more than the API server allows for one rule, stays with the controller, which says it in the object's
//! condition: two entries of `data` for one key (quadratic), a regular expression that does not compile (its length has no
//! bound), a reference of a SecretStore into another namespace (CEL does not see the object's own), durations of an
//! ExternalSecret. A ClusterExternalSecret has no rules; its ExternalSecrets have.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaPropsOrArray;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, ValidationRule};

/// One rule: where in the object it holds (`[]` is each element of a list), what it says in CEL, and what is said where it
/// is broken.
pub(super) struct Rule {
    at: &'static str,
    says: &'static str,
    message: &'static str,
}

/// The rules for an ExternalSecret; the messages are the webhook's.
pub(super) const EXTERNAL_SECRET: &[Rule] = &[
    Rule {
        at: "spec",
        says: "(has(self.data) && size(self.data) > 0) || (has(self.dataFrom) && size(self.dataFrom) > 0)",
        message: "either data or dataFrom should be specified",
    },
    Rule {
        at: "spec.target",
        says: "self.deletionPolicy != 'Delete' || self.creationPolicy in ['Owner', 'Orphan']",
        message: "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner",
    },
    Rule {
        at: "spec.target",
        says: "self.deletionPolicy != 'Merge' || self.creationPolicy != 'None'",
        message: "deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with",
    },
    Rule {
        at: "spec.target",
        says: "has(self.manifest) && has(self.manifest.apiVersion) && has(self.manifest.kind) \
               && (self.manifest.apiVersion != 'v1' || self.manifest.kind != 'Secret') \
               || !has(self.template) || !has(self.template.templateFrom) || self.template.templateFrom.all(from, \
               !has(from.target) || from.target.lowerAscii() in ['', 'data', 'annotations', 'labels'])",
        message: "templateFrom target is not allowed when targeting a Secret, must be one of \"Data\", \"Annotations\" or \"Labels\"",
    },
    Rule {
        at: "spec.target.template",
        says: "!has(self.type) || self.type != 'bootstrap.kubernetes.io/token'",
        message: "template.type=\"bootstrap.kubernetes.io/token\" is not allowed",
    },
    Rule {
        at: "spec.target.template",
        says: "!has(self.type) || self.type != 'kubernetes.io/service-account-token' || !has(self.metadata) \
               || !has(self.metadata.annotations) || !('kubernetes.io/service-account.name' in self.metadata.annotations)",
        message: "template.type=\"kubernetes.io/service-account-token\" with annotation \"kubernetes.io/service-account.name\" is not allowed",
    },
    Rule {
        at: "spec.target.template",
        says: "!has(self.type) || self.type != 'kubernetes.io/service-account-token' || !has(self.templateFrom) \
               || !self.templateFrom.exists(from, has(from.target) && from.target.lowerAscii() == 'annotations')",
        message: "template.type=\"kubernetes.io/service-account-token\" with templateFrom target=\"Annotations\" is not allowed",
    },
    Rule {
        at: "spec.dataFrom[]",
        says: "!(has(self.extract) && has(self.find)) \
               && !((has(self.extract) || has(self.find)) && has(self.sourceRef) && has(self.sourceRef.generatorRef))",
        message: "extract, find, or generatorRef cannot be set at the same time",
    },
    Rule {
        at: "spec.dataFrom[]",
        says: "has(self.extract) || has(self.find) || has(self.sourceRef)",
        message: "either extract, find, or sourceRef must be set to dataFrom",
    },
];

/// The rules for a store of either kind.
pub(super) const STORE: &[Rule] = &[
    Rule {
        at: "spec.refreshInterval",
        says: "type(self) == int ? self >= 0 : self.matches('^([0-9]+|[+]?(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+)?$')",
        message: "refreshInterval must be a number of seconds or a duration, for instance 300 or 5m, and not negative",
    },
    Rule {
        at: "spec.provider.aws.region",
        says: "self.matches('^[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$')",
        message: "region not found: it must be a plain name, for instance eu-west-1",
    },
    Rule {
        at: "spec.provider.aws.secretsManager",
        says: "!has(self.forceDeleteWithoutRecovery) || !self.forceDeleteWithoutRecovery || !has(self.recoveryWindowInDays) \
               || self.recoveryWindowInDays == 0",
        message: "invalid SecretsManager settings: forceDeleteWithoutRecovery conflicts with recoveryWindowInDays",
    },
    Rule {
        at: "spec.provider.aws.secretsManager",
        says: "!has(self.recoveryWindowInDays) || self.recoveryWindowInDays == 0 \
               || (self.recoveryWindowInDays >= 7 && self.recoveryWindowInDays <= 30)",
        message: "invalid SecretsManager settings: recoveryWindowInDays must be between 7 and 30 days",
    },
    Rule {
        at: "spec.provider.aws.customSessionTags",
        says: "!('esoNamespace' in self) && !('esoStoreName' in self) && !('esoStoreKind' in self)",
        message: "customSessionTags cannot contain automatically injected reserved keys: esoNamespace, esoStoreName, esoStoreKind",
    },
];

/// Puts the rules where they hold. A path that leads nowhere is left out; the tests would miss its rule.
pub(super) fn add(rules: &[Rule], schema: &mut JSONSchemaProps) {
    for Rule { at, says, message } in rules {
        let Some(place) = at.split('.').try_fold(&mut *schema, step) else { continue };
        let rule = ValidationRule {
            rule: (*says).to_owned(),
            message: Some((*message).to_owned()),
            ..ValidationRule::default()
        };
        place.x_kubernetes_validations.get_or_insert_default().push(rule);
    }
}

fn step<'a>(schema: &'a mut JSONSchemaProps, name: &str) -> Option<&'a mut JSONSchemaProps> {
    let properties = schema.properties.as_mut()?;
    let Some(list) = name.strip_suffix("[]") else { return properties.get_mut(name) };
    match properties.get_mut(list)?.items.as_mut()? {
        JSONSchemaPropsOrArray::Schema(items) => Some(items),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}
