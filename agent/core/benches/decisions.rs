//! What the agent does for each message and each target, without AWS and Kubernetes around it.
//!
//! `cargo bench --package rekey-core`. Before the times it prints with how many sources an event is compared, at each size of the
//! index: a time alone could hide a scan.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measuring tool talks to the person who runs it")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use rekey_core::change::{self, Change, Parsed};
use rekey_core::identity::{Region, Service, SourceRef};
use rekey_core::index::Index;
use rekey_core::object::ObjectKey;
use rekey_core::render::{Ingredients, OwnMetadata, Payload, render};
use rekey_core::request::{Request, requests};
use rekey_core::resource::external_secret::ExternalSecretSpec;
use rekey_core::rollout::hash::{HashKey, KEY_LENGTH};
use rekey_core::rollout::resource::ResourceKind;
use rekey_core::store::{AwsStore, Identity, Retry};
use rekey_core::template_from::{Resolved, TemplateData};
use rekey_core::value::SecretValue;
use rekey_template::Env;
use serde_json::json;

const SIZES: [usize; 3] = [10, 1_000, 100_000];

fn event(index: usize) -> String {
    let arn = format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:team/secret-{index:06}-AbCdEf");
    json!({
        "version": "0", "id": "4d3ab3b8-0f3c-4a55-9c2b-6ff0a2f6a111", "detail-type": "Secret Label Updated",
        "source": "aws.secretsmanager", "account": "111122223333", "time": "2026-01-01T00:00:00Z", "region": "eu-west-1",
        "resources": [arn],
        "detail": {"name": format!("team/secret-{index:06}"), "labelUpdated": "AWSCURRENT", "versionId": "1"},
    })
    .to_string()
}

fn parsed(index: usize) -> Change {
    match change::parse(&event(index)) {
        Parsed::Change(change) => change,
        other => unreachable!("the event is a change: {other:?}"),
    }
}

/// So many ExternalSecrets with a source each.
fn index_of(size: usize) -> Index {
    let region = Region::parse("eu-west-1").expect("a region");
    let mut index = Index::default();
    for number in 0..size {
        let name = format!("team/secret-{number:06}");
        let source = SourceRef { service: Service::SecretsManager, region: region.clone(), key: name };
        index.upsert(ObjectKey::new("team", format!("secret-{number:06}")), [source]);
    }
    index
}

fn parse(criterion: &mut Criterion) {
    let body = event(1);
    criterion.bench_function("parse", |bencher| bencher.iter(|| change::parse(black_box(&body))));
}

fn look_up(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("look-up");
    for size in SIZES {
        let (index, change) = (index_of(size), parsed(size / 2));
        let found = index.affected(&change.announced, |_| None).len();
        let compared = index.candidates(&change.announced).len();
        println!(
            "an index of {size}: an event is compared with {compared} of its sources, {found} of which it is about"
        );
        group.bench_with_input(BenchmarkId::from_parameter(size), &size, |bencher, _| {
            bencher.iter(|| index.affected(black_box(&change.announced), |_| None));
        });
    }
    group.finish();
}

fn rendering(criterion: &mut Criterion) {
    let store = Arc::new(AwsStore {
        service: Service::SecretsManager,
        region: Region::parse("eu-west-1").expect("a region"),
        prefix: String::new(),
        identity: Identity::Agent,
        retry: Retry::default(),
    });
    let own = OwnMetadata::default();
    let payload = Payload::Value {
        text: Some(SecretValue::from(r#"{"username":"app","password":"secret"}"#.to_owned())),
        binary: None,
    };
    let plain = json!({"secretStoreRef": {"name": "aws"}, "dataFrom": [{"extract": {"key": "a"}}]});
    let mut with_template = plain.clone();
    with_template["target"] =
        json!({"template": {"data": {"url": "postgres://{{ .username }}:{{ .password | urlquery }}@db/app"}}});
    for (name, spec) in [("render: every key", plain), ("render: a template", with_template)] {
        let spec: ExternalSecretSpec = serde_json::from_value(spec).expect("a spec");
        let requests: Vec<Request> = requests(&spec, |_| Ok(Arc::clone(&store))).expect("requests");
        let templates = Resolved::all(spec.target.template.as_ref(), "ns", &TemplateData::default());
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let env = Env::new(Timestamp::UNIX_EPOCH, [7; 32]);
                let ingredients = Ingredients { spec: &spec, own: &own, templates: &templates, env: &env };
                render(&ingredients, requests.iter().map(|request| (request, Some(&payload)))).expect("rendered")
            });
        });
    }
}

fn hash(criterion: &mut Criterion) {
    let key = HashKey::new(&[7; KEY_LENGTH]).expect("a key");
    let object = ObjectKey::new("team", "database");
    let mut group = criterion.benchmark_group("hash");
    for bytes in [100, 10_000, 1_000_000] {
        let value = vec![7; bytes];
        group.bench_with_input(BenchmarkId::from_parameter(bytes), &value, |bencher, value| {
            bencher.iter(|| key.hash(ResourceKind::Secret, &object, [("value", value.as_slice())].into_iter()));
        });
    }
    group.finish();
}

criterion_group!(decisions, parse, look_up, rendering, hash);
criterion_main!(decisions);
