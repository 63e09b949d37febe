use serde_json::json;

use super::*;
use crate::identity::{Region, Service};
use crate::store::{Identity, Retry};

fn spec(value: serde_json::Value) -> ExternalSecretSpec {
    serde_json::from_value(value).expect("a spec")
}

fn store(reference: &StoreRef) -> Result<AwsStore, StoreProblem> {
    if reference.name.is_empty() {
        return Err(StoreProblem::Unnamed);
    }
    let service = if reference.name == "ssm" { Service::ParameterStore } else { Service::SecretsManager };
    Ok(AwsStore {
        service,
        region: Region::parse("eu-west-1").expect("a region"),
        prefix: "prod/".to_owned(),
        identity: Identity::Agent,
        retry: Retry::default(),
    })
}

#[test]
fn data_comes_after_data_from_so_that_it_wins() {
    let spec = spec(json!({
        "secretStoreRef": {"name": "aws"},
        "data": [{"secretKey": "a", "remoteRef": {"key": "one", "property": "p", "version": "uuid/1"}}],
        "dataFrom": [{"extract": {"key": "two"}}],
    }));
    let requests = requests(&spec, store).expect("valid");
    let keys: Vec<&str> = requests.iter().map(|request| request.wanted.source.key.as_str()).collect();
    assert_eq!(keys, ["prod/two", "prod/one"]);
    assert_eq!(requests[1].wanted.selector, Selector::Version("1".to_owned()));
    assert_eq!(requests[1].written_key, "one", "errors speak of the key that the user wrote");
}

#[test]
fn an_entry_can_name_a_store_of_its_own() {
    let spec = spec(json!({
        "secretStoreRef": {"name": "aws"},
        "data": [{"secretKey": "a", "remoteRef": {"key": "one"}, "sourceRef": {"storeRef": {"name": "ssm"}}}],
    }));
    assert_eq!(requests(&spec, store).expect("valid")[0].wanted.source.service, Service::ParameterStore);
}

#[test]
fn what_is_wrong_names_the_field() {
    let entry = json!({"secretKey": "a", "remoteRef": {"key": "one"}});
    for (value, field) in [
        (json!({"secretStoreRef": {"name": "aws"}}), "spec.data"),
        (json!({"data": [entry]}), "spec.secretStoreRef"),
        (
            json!({"secretStoreRef": {"name": "aws"}, "data": [{"secretKey": "a", "remoteRef": {"key": ""}}]}),
            "spec.data[0]",
        ),
        (
            json!({"secretStoreRef": {"name": "aws"}, "dataFrom": [{"find": {"tags": {"a": "b"}}}]}),
            "spec.dataFrom[0].find",
        ),
        (json!({"secretStoreRef": {"name": "aws"}, "dataFrom": [{}]}), "spec.dataFrom[0]"),
        (
            json!({"secretStoreRef": {"name": "aws"}, "data": [{"secretKey": "a", "remoteRef": {"key": "k", "metadataPolicy": "Fetch"}}]}),
            "metadataPolicy",
        ),
        (
            json!({"secretStoreRef": {"name": "aws"}, "target": {"creationPolicy": "Merge"}, "data": [entry]}),
            "spec.target.creationPolicy",
        ),
    ] {
        let problem = requests(&spec(value), store).expect_err(field).to_string();
        assert!(problem.contains(field), "{problem}");
    }
}

#[test]
fn intervals_become_policies_and_bad_ones_name_the_field() {
    for (interval, policy) in
        [("0", Policy::Once), ("0s", Policy::Once), ("1h", Policy::Periodic(Duration::from_hours(1)))]
    {
        assert_eq!(super::policy(&spec(json!({"refreshInterval": interval}))), Ok(policy));
    }
    let problem = super::policy(&spec(json!({"refreshInterval": "banana"}))).expect_err("no duration").to_string();
    assert!(problem.contains("spec.refreshInterval") && problem.contains("banana"), "{problem}");
}
