//! Rounds against an AWS that answers in memory: what is asked, what becomes due again, and what is reported.

mod rounds;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Secret;
use rekey_core::change::{self, Parsed};
use rekey_core::identity::{Account, Region, Service, SourceRef};
use rekey_core::ledger::{Applied, Known};
use rekey_core::pipe::PipeId;
use rekey_core::plan;
use rekey_core::report;
use rekey_core::resource::ExternalSecret;
use rekey_core::rollout::hash::HashKey;
use rekey_core::store::Rules;
use serde_json::{Value, json};

use super::*;
use crate::cluster::Writer;
use crate::cluster::target::Targets;
use crate::cluster::token::Tokens;
use crate::gate::Gate;
use crate::provider::Cluster;
use crate::provider::testing::{ACCOUNT, FakeAws, Reply, arn};
use crate::rollout::{RolloutOptions, Rollouts};
use crate::state::{StateOptions, StoreKey};

const SECRETS: &str = "secrets";
const PARAMETERS: &str = "parameters";

fn sweep(aws: &FakeAws) -> Sweep {
    // Nobody answers there: only Events go to it, and nobody waits for those.
    let kubernetes = kube::Config::new("http://127.0.0.1:9".parse().expect("a URI"));
    let client = kube::Client::try_from(kubernetes).expect("a client");
    let writer = Writer::new(client, Gate::open());
    let state = State::new(StateOptions {
        stores: Rules { class: "default".to_owned(), ..Rules::default() },
        companion: false,
        all_follow_events: false,
        heartbeat_period: Duration::from_mins(10),
    });
    for (name, service) in [(SECRETS, "SecretsManager"), (PARAMETERS, "ParameterStore")] {
        let key = StoreKey { namespace: Some("shop".to_owned()), name: name.to_owned() };
        let spec = json!({"provider": {"aws": {"service": service, "region": "eu-west-1"}}});
        let _ = state.store_seen(&key, Some(serde_json::from_value(spec).expect("a store")));
    }
    let rollouts = Rollouts::new(writer.clone(), HashKey::new(&[7; 32]).expect("a key"), RolloutOptions::default());
    Sweep {
        provider: aws.provider(Cluster { secrets: Targets::new(writer.clone()), tokens: Tokens::new(writer.clone()) }),
        work: Work::new(state.clone(), rollouts),
        state,
        metrics: aws.metrics.clone(),
        events: Events::new(writer, None),
        interval: Duration::from_mins(15),
        flipped: Arc::default(),
    }
}

fn memory(flipped: Timestamp) -> Memory {
    Memory { comparisons: Comparisons::default(), unannounced: Unannounced::default(), flipped }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("shop", name)
}

fn ago(minutes: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_mins(minutes)
}

/// An object whose target holds version 1 of what it asks for: (store, key) each.
fn synced(sweep: &Sweep, name: &str, refresh: &str, sources: &[(&str, &str)]) {
    let data = |(number, (store, key)): (usize, &(&str, &str))| {
        json!({
            "secretKey": format!("v{number}"), "remoteRef": {"key": key},
            "sourceRef": {"storeRef": {"name": store, "kind": "SecretStore"}},
        })
    };
    let resource: ExternalSecret = serde_json::from_value(json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "generation": 1},
        "spec": {
            "refreshInterval": refresh, "secretStoreRef": {"name": SECRETS},
            "data": sources.iter().enumerate().map(data).collect::<Vec<_>>(),
        },
    }))
    .expect("an object");
    let version = report::synced_resource_version(&resource);
    let _ = sweep.state.object_seen(resource, ago(60));
    let token = |wanted: &Wanted| match wanted.source().expect("it is named") {
        SourceRef { service: Service::SecretsManager, key, .. } => Token::of_secret(&arn(key), "1"),
        SourceRef { service: Service::ParameterStore, .. } => Token::of_parameter(1, Timestamp::UNIX_EPOCH),
    };
    sweep.state.with_object(&key(name), |object| {
        let tokens: BTreeMap<String, Token> =
            object.wanted().map(|wanted| (wanted.to_string(), token(wanted))).collect();
        let refresh = report::Refresh {
            what: report::Refreshed::Synced,
            object_version: version,
            bound: Some(name),
            tokens: &tokens,
            started: ago(60),
            note: None,
        };
        let status = report::synced(None, refresh, ago(60));
        object.synced(tokens, status, "1".to_owned(), ago(60));
    });
    let hash = rekey_core::hash::data([]);
    let target: Secret = serde_json::from_value(json!({"metadata": {
        "name": name, "resourceVersion": "1",
        "labels": {plan::MANAGED_LABEL: "true"}, "annotations": {plan::DATA_HASH_ANNOTATION: hash.as_str()},
    }}))
    .expect("a Secret");
    let _ = sweep.state.target_seen(&key(name), &target, Timestamp::now());
    assert_eq!(sweep.state.decide(&key(name), Timestamp::now()), Some(Decision::Skip), "the test's own premise");
}

fn heartbeat(sweep: &Sweep, account: &str, region: &str) {
    let pipe = PipeId {
        account: Account::parse(account).expect("an account"),
        region: Region::parse(region).expect("a region"),
        service: Service::SecretsManager,
    };
    sweep.state.with_pipes(|pipes| pipes.heartbeat(pipe, Timestamp::now(), Timestamp::now()));
}

/// Makes a round and waits for its answers. Returns how many stores were asked, and what is due again out of turn.
async fn round(sweep: &Sweep, memory: &mut Memory, why: Why) -> (usize, Option<Duration>) {
    let round = sweep.round(memory, why);
    let (asked, mut soonest) = (round.groups.len(), None);
    for (store, group) in round.groups {
        let compared = sweep.compare_safely(&store, group).await;
        soonest = soonest.or(sweep.settle(memory, compared));
    }
    (asked, soonest)
}

/// Secrets at this version, parameters at version 1.
fn answer(operation: &str, request: &Value, version: &str) -> Reply {
    if operation == "DescribeSecret" {
        let name = request["SecretId"].as_str().expect("an id");
        return Reply::Json(json!({"ARN": arn(name), "Name": name, "VersionIdsToStages": {version: ["AWSCURRENT"]}}));
    }
    let names = request["Names"].as_array().expect("names").iter();
    let parameters: Vec<Value> = names.map(|name| json!({"Name": name, "Version": 1, "LastModifiedDate": 0})).collect();
    Reply::Json(json!({"Parameters": parameters, "InvalidParameters": []}))
}

fn checked(sweep: &Sweep, name: &str) -> Option<Timestamp> {
    sweep.state.with_object(&key(name), |object| object.checked).flatten()
}

#[tokio::test]
async fn a_store_that_does_not_answer_holds_up_no_other_and_is_asked_again_soon() {
    let down = Arc::new(AtomicBool::new(true));
    let aws = FakeAws::new({
        let down = Arc::clone(&down);
        move |operation, request| match operation {
            "DescribeSecret" if down.load(Ordering::Relaxed) => Reply::NoConnection,
            _ => answer(operation, request, "1"),
        }
    });
    let (sweep, began) = (sweep(&aws), Timestamp::now());
    synced(&sweep, "both", "1h", &[(SECRETS, "db"), (PARAMETERS, "/app")]);
    synced(&sweep, "parameter", "1h", &[(PARAMETERS, "/app")]);
    let mut memory = memory(began);
    let (asked, again) = round(&sweep, &mut memory, Why::Start).await;
    assert_eq!(asked, 2);
    assert!(again.is_some_and(|wait| (2..=4).contains(&wait.as_secs())), "{again:?}");
    let operations = aws.operations();
    let described = operations.iter().filter(|operation| *operation == "DescribeSecret").count();
    assert_eq!(described, 3, "the SDK repeats nothing by itself");
    assert!(checked(&sweep, "parameter").is_some_and(|at| at >= began));
    assert!(checked(&sweep, "both").is_some_and(|at| at < began), "half an answer is none");
    let due = |memory: &mut Memory, after: i64| {
        let then = Timestamp::now() + SignedDuration::from_secs(after);
        Round::new(&sweep.state, memory, sweep.interval, Why::Due, then).groups.len()
    };
    assert_eq!(due(&mut memory, 1), 0);
    down.store(false, Ordering::Relaxed);
    // The back-off is at most four seconds; the interval would be an hour.
    assert_eq!(due(&mut memory, 4), 2);
    assert_eq!(sweep.work.waiting(), 0, "no answer is no news");
}

#[tokio::test]
async fn a_version_that_no_event_announced_is_synced_at_once_and_reported_after_a_minute() {
    let aws = FakeAws::new(|operation, request| answer(operation, request, "2"));
    let sweep = sweep(&aws);
    heartbeat(&sweep, ACCOUNT, "eu-west-1");
    synced(&sweep, "db", "1m", &[(SECRETS, "db")]);
    let mut memory = memory(ago(120));
    assert_eq!(round(&sweep, &mut memory, Why::Due).await, (1, None));
    assert_eq!(sweep.work.waiting(), 1);
    assert_eq!(sweep.state.decide(&key("db"), Timestamp::now()), Some(Decision::Read));
    let later = Timestamp::now() + SignedDuration::from_secs(60);
    let reported = memory.unannounced.due(later, |_, _| false, |wanted| sweep.state.known(wanted));
    let [find] = reported.as_slice() else { panic!("{reported:?}") };
    assert_eq!(find.object, key("db"));
    assert_eq!(find.moved[0].wanted.to_string(), "SecretsManager/eu-west-1/db#AWSCURRENT");
    sweep.report(&mut memory, find);
    sweep.report(&mut memory, &Find { object: key("other"), ..find.clone() });
    assert!(aws.metrics.text().contains("rekey_unannounced_changes_total 1"), "one change, whoever uses it");
}

#[tokio::test]
async fn a_description_that_lags_behind_what_was_read_reports_nothing() {
    for (read_again, reported) in [("2", 0), ("3", 1)] {
        let aws = FakeAws::new(|operation, request| answer(operation, request, "1"));
        let sweep = sweep(&aws);
        heartbeat(&sweep, ACCOUNT, "eu-west-1");
        synced(&sweep, "db", "1m", &[(SECRETS, "db")]);
        let wanted = sweep.state.with_object(&key("db"), |object| object.wanted().next().cloned());
        let wanted = wanted.flatten().expect("it asks for one thing");
        let read = |version: &str, hour: i64| {
            let created = Some(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour));
            let known = Known::of_source(Token::of_secret(&arn("db"), version), created, created);
            let look = sweep.state.begin_read(&wanted, ago(10 - hour)).expect("not too often");
            assert!(sweep.state.settle(&wanted, look, known.clone(), None));
            known.token
        };
        let applied = BTreeMap::from([(wanted.to_string(), read("2", 2))]);
        sweep.state.with_object(&key("db"), |object| object.applied = Applied::Tokens(applied));
        assert_eq!(sweep.state.decide(&key("db"), Timestamp::now()), Some(Decision::Skip));
        let mut memory = memory(ago(120));
        round(&sweep, &mut memory, Why::Due).await;
        assert_eq!(sweep.work.waiting(), 1, "a read has to decide");
        read(read_again, 3);
        let later = Timestamp::now() + SignedDuration::from_secs(60);
        let finds = memory.unannounced.due(later, |_, _| false, |wanted| sweep.state.known(wanted));
        assert_eq!(finds.len(), reported, "{read_again}");
    }
}

#[tokio::test]
async fn a_comparison_that_panics_is_made_again_soon() {
    let aws = FakeAws::new(|_, _| panic!("a test's panic"));
    let sweep = sweep(&aws);
    synced(&sweep, "db", "1h", &[(SECRETS, "db")]);
    let mut memory = memory(ago(0));
    let (_, again) = round(&sweep, &mut memory, Why::Start).await;
    assert!(again.is_some_and(|wait| wait <= Duration::from_secs(4)), "{again:?}");
    assert!(checked(&sweep, "db").is_some_and(|at| at <= ago(59)), "a panic compared nothing");
    let soon = Timestamp::now() + SignedDuration::from_secs(4);
    assert_eq!(Round::new(&sweep.state, &mut memory, sweep.interval, Why::Due, soon).groups.len(), 1);
}

#[tokio::test]
async fn what_a_first_round_or_an_unproven_pipe_finds_is_synced_and_not_reported() {
    for (proven, flipped, why) in [(true, 0, Why::Start), (true, 30, Why::Flip), (false, 120, Why::Due)] {
        let aws = FakeAws::new(|operation, request| answer(operation, request, "2"));
        let sweep = sweep(&aws);
        if proven {
            heartbeat(&sweep, ACCOUNT, "eu-west-1");
        }
        synced(&sweep, "db", "1m", &[(SECRETS, "db")]);
        let mut memory = memory(ago(flipped));
        round(&sweep, &mut memory, why).await;
        assert_eq!(sweep.work.waiting(), 1, "{why:?}");
        let later = Timestamp::now() + SignedDuration::from_mins(5);
        assert_eq!(memory.unannounced.due(later, |_, _| false, |wanted| sweep.state.known(wanted)), [], "{why:?}");
    }
}

#[tokio::test]
async fn what_only_a_read_can_tell_is_read_and_not_reported() {
    let aws = FakeAws::new(|_, _| Reply::Refused(400, "AccessDeniedException", "not authorized"));
    let sweep = sweep(&aws);
    heartbeat(&sweep, ACCOUNT, "eu-west-1");
    synced(&sweep, "db", "1m", &[(SECRETS, "db")]);
    let mut memory = memory(ago(120));
    round(&sweep, &mut memory, Why::Due).await;
    assert_eq!(sweep.work.waiting(), 1);
    let later = Timestamp::now() + SignedDuration::from_mins(5);
    assert_eq!(memory.unannounced.due(later, |_, _| false, |wanted| sweep.state.known(wanted)), []);
    assert!(aws.operations().iter().all(|operation| operation == "DescribeSecret"), "the sweep reads no values");
}
