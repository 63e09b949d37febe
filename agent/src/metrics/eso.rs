//! The series of External Secrets Operator that dashboards and alerts are built on, under its names, types and labels.
//!
//! `externalsecret_sync_calls_error` and `externalsecret_provider_api_calls_count` are counters without `_total`, and the
//! durations are nanoseconds: that is how they are known.

use std::time::Duration;

use super::Metrics;
use super::exposition::{Exposition, Kind};
use super::scrape::Row;
use crate::state::{StoreKey, Validated};

/// ESO's name of the service, AWS's of the operation, ESO's of the operation.
const CALLS: [(&str, &str, &str); 9] = [
    ("AWS/SecretsManager", "GetSecretValue", "GetSecretValue"),
    ("AWS/SecretsManager", "BatchGetSecretValue", "BatchGetSecretValue"),
    ("AWS/SecretsManager", "DescribeSecret", "DescribeSecret"),
    ("AWS/SecretsManager", "ListSecrets", "ListSecrets"),
    ("AWS/ParameterStore", "GetParameter", "GetParameter"),
    ("AWS/ParameterStore", "GetParameters", "GetParameters"),
    ("AWS/ParameterStore", "GetParametersByPath", "GetParametersByPath"),
    ("AWS/ParameterStore", "DescribeParameters", "DescribeParameter"),
    ("AWS/ParameterStore", "ListTagsForResource", "ListTagsForResource"),
];

pub(super) fn objects(text: &mut Exposition, rows: &[Row]) {
    const TOTAL: &str = "externalsecret_sync_calls_total";
    const ERROR: &str = "externalsecret_sync_calls_error";
    const CONDITION: &str = "externalsecret_status_condition";
    const DURATION: &str = "externalsecret_reconcile_duration";
    text.family(TOTAL, Kind::Counter, "Total number of the External Secret sync calls");
    for row in rows {
        text.sample(TOTAL, &labels(row), row.tally.calls);
    }
    text.family(ERROR, Kind::Counter, "Total number of the External Secret sync errors");
    for row in rows {
        text.sample(ERROR, &labels(row), row.tally.errors);
    }
    text.family(CONDITION, Kind::Gauge, "The status condition of a specific External Secret");
    for row in rows {
        if let Some(ready) = row.ready {
            condition(text, CONDITION, labels(row), ready);
        }
    }
    text.family(DURATION, Kind::Gauge, "The duration time to reconcile the External Secret");
    for row in rows.iter().filter(|row| row.tally.calls > 0) {
        text.sample(DURATION, &labels(row), nanoseconds(row.tally.last));
    }
}

pub(super) fn calls(text: &mut Exposition, metrics: &Metrics) {
    const NAME: &str = "externalsecret_provider_api_calls_count";
    text.family(NAME, Kind::Counter, "Number of API calls towards the secret provider");
    for (provider, operation, call) in CALLS {
        for (ok, status) in [(true, "success"), (false, "error")] {
            if let Some(count) = metrics.aws_calls(operation, ok) {
                text.sample(NAME, &[("provider", provider), ("call", call), ("status", status)], count);
            }
        }
    }
}

/// SecretStores, then ClusterSecretStores, whose namespace is empty.
pub(super) fn stores(text: &mut Exposition, stores: &[(StoreKey, Validated)]) {
    for (kind, words, namespaced) in
        [("secretstore", "Secret Store", true), ("clustersecretstore", "Cluster Secret Store", false)]
    {
        let of_kind = || stores.iter().filter(|(key, _)| key.namespace.is_some() == namespaced);
        let name = format!("{kind}_status_condition");
        text.family(&name, Kind::Gauge, &format!("The status condition of a specific {words}"));
        for (key, validated) in of_kind() {
            condition(text, &name, store_labels(key), validated.ready);
        }
        let name = format!("{kind}_reconcile_duration");
        text.family(&name, Kind::Gauge, &format!("The duration time to reconcile the {words}"));
        for (key, validated) in of_kind() {
            text.sample(&name, &store_labels(key), nanoseconds(validated.took));
        }
    }
}

/// ClusterExternalSecrets, whose namespace is empty.
pub(super) fn repeated(text: &mut Exposition, all: &[(String, Validated)]) {
    const CONDITION: &str = "clusterexternalsecret_status_condition";
    const DURATION: &str = "clusterexternalsecret_reconcile_duration";
    text.family(CONDITION, Kind::Gauge, "The status condition of a specific Cluster External Secret");
    for (name, looked) in all {
        condition(text, CONDITION, [("name", name), ("namespace", "")], looked.ready);
    }
    text.family(DURATION, Kind::Gauge, "The duration time to reconcile the Cluster External Secret");
    for (name, looked) in all {
        text.sample(DURATION, &[("name", name), ("namespace", "")], nanoseconds(looked.took));
    }
}

/// Both states of a Ready condition, of which one is 1.
fn condition(text: &mut Exposition, name: &str, of: [(&str, &str); 2], ready: bool) {
    let [own, namespace] = of;
    for (status, value) in [("True", ready), ("False", !ready)] {
        text.sample(name, &[own, namespace, ("condition", "Ready"), ("status", status)], u8::from(value));
    }
}

fn labels(row: &Row) -> [(&str, &str); 2] {
    [("name", &row.key.name), ("namespace", &row.key.namespace)]
}

fn store_labels(key: &StoreKey) -> [(&str, &str); 2] {
    [("name", &key.name), ("namespace", key.namespace.as_deref().unwrap_or_default())]
}

fn nanoseconds(duration: Duration) -> u128 {
    duration.as_nanos()
}
