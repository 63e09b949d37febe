use serde_json::json;

use super::*;
use crate::identity::{Region, Service};
use crate::store::{Identity, Retry};
use crate::wanted::Sources;

fn spec(value: serde_json::Value) -> ExternalSecretSpec {
    serde_json::from_value(value).expect("a spec")
}

fn store(reference: &StoreRef) -> Result<Arc<AwsStore>, StoreProblem> {
    if reference.name.is_empty() {
        return Err(StoreProblem::Unnamed);
    }
    let service = if reference.name == "ssm" { Service::ParameterStore } else { Service::SecretsManager };
    Ok(Arc::new(AwsStore {
        service,
        region: Region::parse("eu-west-1").expect("a region"),
        prefix: "prod/".to_owned(),
        identity: Identity::Agent,
        retry: Retry::default(),
    }))
}

#[test]
fn data_comes_after_data_from_so_that_it_wins() {
    let spec = spec(json!({
        "secretStoreRef": {"name": "aws"},
        "data": [{"secretKey": "a", "remoteRef": {"key": "one", "property": "p", "version": "uuid/1"}}],
        "dataFrom": [{"extract": {"key": "two"}}],
    }));
    let requests = requests(&spec, store).expect("valid");
    let keys: Vec<&str> =
        requests.iter().filter_map(|request| request.wanted.source()).map(|source| source.key.as_str()).collect();
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
    assert_eq!(requests(&spec, store).expect("valid")[0].wanted.sources.service(), Service::ParameterStore);
}

#[test]
fn the_searches_of_an_object_are_few_enough_to_be_read_at_once() {
    let searches = |count| {
        let entries = vec![json!({"find": {"name": {"regexp": "."}}}); count];
        requests(&spec(json!({"secretStoreRef": {"name": "aws"}, "dataFrom": entries})), store).map(|all| all.len())
    };
    assert_eq!(searches(64), Ok(64));
    assert!(searches(65).is_err_and(|problem| problem.to_string().contains("spec.dataFrom has 65 entries with find")));
}

#[test]
fn a_search_knows_full_names_and_no_prefix() {
    let find =
        json!({"path": "team/", "name": {"regexp": "^team/db"}, "tags": {"a": "b"}, "decodingStrategy": "Base64"});
    for (name, tags) in [("aws", 1), ("ssm", 0)] {
        let spec = spec(json!({"secretStoreRef": {"name": name}, "dataFrom": [{"find": find}]}));
        let requests = requests(&spec, store).expect("valid");
        let Sources::Matching(finder) = &requests[0].wanted.sources else { panic!("{requests:?}") };
        assert_eq!((finder.path.as_deref(), finder.tags.len()), (Some("team/"), tags), "{name}");
        assert!(finder.finds("team/db") && !finder.finds("prod/team/db"), "{name}");
        assert_eq!(requests[0].decoding, DecodingStrategy::Base64);
    }
}

#[test]
fn tags_have_no_version() {
    let remote = json!({"key": "k", "metadataPolicy": "Fetch", "version": "7", "property": "team"});
    let spec = spec(json!({"secretStoreRef": {"name": "aws"}, "data": [{"secretKey": "a", "remoteRef": remote}]}));
    assert_eq!(requests(&spec, store).expect("valid")[0].wanted.selector, Selector::Tags);
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
            json!({"secretStoreRef": {"name": "aws"}, "dataFrom": [{"find": {"path": "prod/"}}]}),
            "spec.dataFrom[0].find needs name or tags: unexpected find operator",
        ),
        (
            json!({"secretStoreRef": {"name": "aws"}, "dataFrom": [{"find": {"name": {"regexp": "(db"}}}]}),
            "spec.dataFrom[0].find.name.regexp \"(db\" is not a regular expression: unclosed group",
        ),
        (
            json!({"secretStoreRef": {"name": "aws"}, "dataFrom": [{"extract": {"key": "k"}, "find": {"tags": {"a": "b"}}}]}),
            "spec.dataFrom[0]",
        ),
        (json!({"secretStoreRef": {"name": "aws"}, "dataFrom": [{}]}), "spec.dataFrom[0]"),
        (
            json!({"secretStoreRef": {"name": "aws"}, "dataFrom": vec![json!({"find": {"name": {"regexp": "a"}}}); 65]}),
            "spec.dataFrom has 65 entries with find",
        ),
        (
            json!({"secretStoreRef": {"name": "aws"}, "dataFrom": [{"extract": {"key": "x".repeat(2044)}}]}),
            "spec.dataFrom[0]: key is 1 bytes longer, with the store's prefix",
        ),
        (
            json!({"secretStoreRef": {"name": "aws"}, "target": {"manifest": {"kind": "ConfigMap"}}, "data": [entry]}),
            "spec.target.manifest",
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
