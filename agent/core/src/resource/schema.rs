//! What several fields of the CRDs have in common: the patterns and bounds that External Secrets Operator's CRDs have.

/// The name of an object (RFC 1123 subdomain), at most 253 characters.
pub(super) const SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// The name of a namespace (RFC 1123 label), at most 63 characters.
pub(super) const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A key of a Secret or ConfigMap, at most 253 characters.
pub(super) const KEY: &str = "^[-._a-zA-Z0-9]+$";
/// Five cron fields, or one of the words.
pub(super) const SCHEDULE: &str =
    r"^(@(annually|yearly|monthly|weekly|daily|midnight|hourly)|@every [^\s]+.*|[^\s]+( [^\s]+){4})$";

/// More entries of `dataFrom` do not fit into the 3 MiB that the API server takes: each is `{"find":{}}` at least. CEL's
/// cost is reckoned from the bound, so that it has to be said.
pub(super) const DATA_FROM: u32 = 262_144;
/// More entries of `templateFrom` than a stored object can have that say something.
pub(super) const TEMPLATE_FROM: u32 = 50_000;
/// The longest `target` of an entry of `templateFrom`: a word for a Secret, a path for anything else.
pub(super) const TEMPLATE_TARGET: u32 = 400;
