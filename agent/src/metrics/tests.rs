mod asked;
mod strict;

use std::time::Duration;

use rekey_core::identity::{Account, Region, Service};
use rekey_core::object::ObjectKey;
use rekey_core::pipe::PipeId;
use rekey_core::resource::ExternalSecret;
use rekey_core::rollout::workload::WorkloadKind;
use rekey_core::store::Rules;
use serde_json::json;

use super::exposition::Format;
use super::scrape::{ReloaderNames, Scrape};
use super::*;
use crate::state::{State, StateOptions, StoreKey, Validated};
use strict::Series;

const BOTH: [Format; 2] = [Format::Classic, Format::OpenMetrics];

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("in range")
}

fn store_key(namespace: Option<&str>) -> StoreKey {
    StoreKey { namespace: namespace.map(ToOwned::to_owned), name: "aws".to_owned() }
}

/// A store in two kinds, and an object that is Ready, one that is not, one without a status, and one of another
/// controller's store.
fn state() -> State {
    let state = State::new(StateOptions {
        stores: Rules { class: "default".to_owned(), ..Rules::default() },
        companion: false,
        all_follow_events: false,
        heartbeat_period: Duration::from_mins(10),
    });
    let provider = json!({"provider": {"aws": {"service": "SecretsManager", "region": "eu-west-1"}}});
    for key in [store_key(Some("shop")), store_key(None)] {
        let _ = state.store_seen(&key, serde_json::from_value(provider.clone()).ok());
    }
    let mut foreign = provider;
    foreign["controller"] = json!("other");
    let key = StoreKey { namespace: Some("shop".to_owned()), name: "foreign".to_owned() };
    let _ = state.store_seen(&key, serde_json::from_value(foreign).ok());
    for (name, store, ready) in [
        ("good", "aws", Some("True")),
        ("bad", "aws", Some("False")),
        ("new", "aws", None),
        ("theirs", "foreign", None),
    ] {
        let conditions: Vec<_> = ready.iter().map(|status| json!({"type": "Ready", "status": status})).collect();
        let object: ExternalSecret = serde_json::from_value(json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": "shop", "uid": name, "generation": 1},
            "spec": {"secretStoreRef": {"name": store},
                     "data": [{"secretKey": "v", "remoteRef": {"key": "app/db"}}]},
            "status": {"conditions": conditions},
        }))
        .expect("an object");
        let _ = state.object_seen(object, now());
    }
    state
}

fn text(metrics: &Metrics, state: &State, eso_names: bool, format: Format) -> String {
    metrics.scrape(&Scrape { state, waiting: 7, leads: true, eso_names, reloader_names: None }, format, now())
}

fn read(metrics: &Metrics, state: &State, eso: bool, format: Format) -> Series {
    let text = text(metrics, state, eso, format);
    strict::read(&text, format).unwrap_or_else(|error| panic!("{error}\n\n{text}"))
}

fn value(series: &Series, name: &str) -> f64 {
    *series.get(name).unwrap_or_else(|| panic!("no {name} in {:#?}", series.keys().collect::<Vec<_>>()))
}

#[track_caller]
fn assert_values(series: &Series, expected: &[(&str, f64)]) {
    for (name, expected) in expected {
        let found = value(series, name);
        assert!((found - expected).abs() < 1e-9, "{name}: {found}, not {expected}");
    }
}

#[test]
fn both_formats_tell_the_same_and_parse() {
    let (metrics, state) = (Metrics::default(), state());
    metrics.message(MessageOutcome::Applied, Duration::from_millis(3));
    metrics.sync("applied");
    metrics.synced_in(Duration::from_millis(2));
    metrics.sync_started(Duration::from_micros(200));
    metrics.event_age(now(), now() - Duration::from_secs(1));
    metrics.carried(now(), now() - Duration::from_secs(2));
    metrics.rollout(RolloutOutcome::Restarted);
    metrics.rolled_out(WorkloadKind::Deployment, now(), now() + Duration::from_secs(1));
    for outcome in [RolloutOutcome::Live, RolloutOutcome::Stuck, RolloutOutcome::JobFailed, RolloutOutcome::Superseded]
    {
        metrics.rollout(outcome);
    }
    metrics.live(Duration::from_secs(3));
    metrics.posted("alert", Posted::Dropped);
    metrics.aws_call("GetSecretValue", true);
    metrics.aws_call("GetSecretValue", false);
    metrics.aws_call("DescribeParameters", true);
    metrics.unannounced(1);
    for eso in [true, false] {
        assert_eq!(read(&metrics, &state, eso, Format::Classic), read(&metrics, &state, eso, Format::OpenMetrics));
    }
    let series = read(&metrics, &state, true, Format::Classic);
    assert_values(
        &series,
        &[
            ("rekey_messages_total{outcome=\"applied\"}", 1.0),
            ("rekey_syncs_total{outcome=\"applied\"}", 1.0),
            ("rekey_rollouts_total{outcome=\"restarted\"}", 1.0),
            ("rekey_rollouts_total{outcome=\"live\"}", 1.0),
            ("rekey_rollouts_total{outcome=\"stuck\"}", 1.0),
            ("rekey_rollouts_total{outcome=\"job_failed\"}", 1.0),
            ("rekey_rollouts_total{outcome=\"superseded\"}", 1.0),
            ("rekey_propagation_seconds_sum{stage=\"live\"}", 3.0),
            ("rekey_posts_total{what=\"alert\",outcome=\"dropped\"}", 1.0),
            ("rekey_aws_calls_total{operation=\"GetSecretValue\",result=\"error\"}", 1.0),
            ("rekey_unannounced_changes_total", 1.0),
            ("rekey_propagation_seconds_sum{stage=\"event\"}", 1.0),
            ("rekey_propagation_seconds_sum{stage=\"total\"}", 2.0),
            // Seen in the future, by another clock: at once.
            ("rekey_propagation_seconds_sum{stage=\"rollout\"}", 0.0),
            ("rekey_propagation_seconds_count{stage=\"queue\"}", 1.0),
            ("rekey_propagation_seconds_bucket{le=\"+Inf\",stage=\"sync\"}", 1.0),
            ("rekey_worker_queue_length", 7.0),
            ("rekey_leader", 1.0),
            (concat!("rekey_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
            ("rekey_objects{ready=\"true\",pipe=\"unproven\"}", 1.0),
            ("rekey_objects{ready=\"unknown\",pipe=\"unproven\"}", 1.0),
            ("rekey_objects{ready=\"true\",pipe=\"proven\"}", 0.0),
        ],
    );
}

#[test]
fn the_types_are_those_that_dashboards_expect_in_the_classic_format() {
    let metrics = Metrics::default();
    metrics.message(MessageOutcome::Applied, Duration::ZERO);
    let text = text(&metrics, &state(), true, Format::Classic);
    for (name, kind) in [
        ("rekey_messages_total", "counter"),
        ("rekey_propagation_seconds", "histogram"),
        ("externalsecret_sync_calls_total", "counter"),
        ("externalsecret_sync_calls_error", "counter"),
        ("externalsecret_status_condition", "gauge"),
        ("externalsecret_reconcile_duration", "gauge"),
        ("externalsecret_provider_api_calls_count", "counter"),
        ("secretstore_status_condition", "gauge"),
        ("secretstore_reconcile_duration", "gauge"),
        ("clustersecretstore_status_condition", "gauge"),
        ("clustersecretstore_reconcile_duration", "gauge"),
    ] {
        assert!(text.lines().any(|line| line == format!("# TYPE {name} {kind}")), "{name} {kind}\n{text}");
    }
}

#[test]
fn eso_s_series_have_its_names_its_labels_and_nanoseconds_and_can_be_left_out() {
    let (metrics, state) = (Metrics::default(), state());
    metrics.aws_call("GetSecretValue", true);
    metrics.aws_call("DescribeParameters", false);
    for failed in [true, false] {
        let took = Duration::from_micros(1500);
        state.with_object(&ObjectKey::new("shop", "good"), |object| object.tally.count(failed, took));
    }
    for key in [store_key(Some("shop")), store_key(None)] {
        state.store_validated(&key, Validated { ready: key.namespace.is_some(), took: Duration::from_millis(2) });
    }
    for format in BOTH {
        let series = read(&metrics, &state, true, format);
        let call = |provider: &str, call: &str, status: &str| {
            format!(
                "externalsecret_provider_api_calls_count{{provider=\"{provider}\",call=\"{call}\",status=\"{status}\"}}"
            )
        };
        assert_values(
            &series,
            &[
                ("externalsecret_sync_calls_total{name=\"good\",namespace=\"shop\"}", 2.0),
                ("externalsecret_sync_calls_error{name=\"good\",namespace=\"shop\"}", 1.0),
                ("externalsecret_sync_calls_total{name=\"new\",namespace=\"shop\"}", 0.0),
                ("externalsecret_reconcile_duration{name=\"good\",namespace=\"shop\"}", 1_500_000.0),
                (&condition("externalsecret", "good", "shop", "True"), 1.0),
                (&condition("externalsecret", "good", "shop", "False"), 0.0),
                (&condition("externalsecret", "bad", "shop", "False"), 1.0),
                (&condition("secretstore", "aws", "shop", "True"), 1.0),
                (&condition("clustersecretstore", "aws", "", "True"), 0.0),
                (&condition("clustersecretstore", "aws", "", "False"), 1.0),
                ("secretstore_reconcile_duration{name=\"aws\",namespace=\"shop\"}", 2_000_000.0),
                (&call("AWS/SecretsManager", "GetSecretValue", "success"), 1.0),
                (&call("AWS/ParameterStore", "DescribeParameter", "error"), 1.0),
            ],
        );
        assert!(!series.keys().any(|name| name.contains("theirs")), "another controller's object is its to tell of");
        assert!(!series.contains_key(&condition("externalsecret", "new", "shop", "True")), "it has no condition yet");
        let without = read(&metrics, &state, false, format);
        assert!(without.keys().all(|name| name.starts_with("rekey_")), "{without:?}");
    }
}

fn condition(kind: &str, name: &str, namespace: &str, status: &str) -> String {
    format!(
        "{kind}_status_condition{{name=\"{name}\",namespace=\"{namespace}\",condition=\"Ready\",status=\"{status}\"}}"
    )
}

#[test]
fn the_series_of_what_is_deleted_end_with_it() {
    let (metrics, state) = (Metrics::default(), state());
    let validated = Validated { ready: true, took: Duration::ZERO };
    state.store_validated(&store_key(None), validated);
    assert!(text(&metrics, &state, true, Format::Classic).contains("name=\"good\""));
    let _ = state.object_gone(&ObjectKey::new("shop", "good"));
    let _ = state.store_seen(&store_key(None), None);
    // A validation that was under way when the store went.
    state.store_validated(&store_key(None), validated);
    let text = text(&metrics, &state, true, Format::Classic);
    assert!(!text.contains("name=\"good\"") && !text.contains("\nclustersecretstore_status_condition{"), "{text}");
}

#[test]
fn a_pipe_tells_its_state_its_reason_and_the_age_of_its_heartbeat_and_is_missed_before_the_first() {
    let (metrics, state) = (Metrics::default(), state());
    let labels = |account: &str| format!("account=\"{account}\",region=\"eu-west-1\",service=\"SecretsManager\"");
    let unheard = labels("");
    let series = read(&metrics, &state, true, Format::Classic);
    assert_values(
        &series,
        &[
            (&format!("rekey_pipe_proven{{{unheard}}}"), 0.0),
            (&format!("rekey_pipe_unproven{{{unheard},reason=\"no_heartbeat_yet\"}}"), 1.0),
        ],
    );
    assert!(!series.contains_key(&format!("rekey_pipe_heartbeat_age_seconds{{{unheard}}}")));

    let pipe = PipeId {
        account: Account::parse("111122223333").expect("an account"),
        region: Region::parse("eu-west-1").expect("a region"),
        service: Service::SecretsManager,
    };
    for (age, proven, word) in [(1501_u32, 0.0, "unproven"), (90, 1.0, "proven")] {
        state.with_pipes(|pipes| pipes.heartbeat(pipe.clone(), now() - Duration::from_secs(u64::from(age)), now()));
        let series = read(&metrics, &state, true, Format::Classic);
        let heard = labels("111122223333");
        assert_values(
            &series,
            &[
                (&format!("rekey_pipe_proven{{{heard}}}"), proven),
                (&format!("rekey_pipe_unproven{{{heard},reason=\"heartbeat_late\"}}"), 1.0 - proven),
                (&format!("rekey_pipe_unproven{{{heard},reason=\"queue_unreachable\"}}"), 0.0),
                (&format!("rekey_pipe_heartbeat_age_seconds{{{heard}}}"), f64::from(age)),
                (&format!("rekey_objects{{ready=\"true\",pipe=\"{word}\"}}"), 1.0),
            ],
        );
        assert!(!series.contains_key(&format!("rekey_pipe_proven{{{unheard}}}")));
    }
}

#[test]
fn a_standby_leaves_objects_and_pipes_to_the_leader() {
    let (metrics, state) = (Metrics::default(), state());
    let scrape = Scrape { state: &state, waiting: 0, leads: false, eso_names: true, reloader_names: None };
    let text = metrics.scrape(&scrape, Format::Classic, now());
    let series = strict::read(&text, Format::Classic).expect("readable");
    assert_values(&series, &[("rekey_leader", 0.0)]);
    for part in ["rekey_objects", "rekey_pipe", "externalsecret", "secretstore"] {
        assert!(!text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn stakater_reloaders_series_have_its_names_and_can_be_left_out() {
    let (metrics, state) = (Metrics::default(), state());
    let workload = |kind, namespace: &str| WorkloadKey { kind, object: ObjectKey::new(namespace, "api") };
    metrics.reloaded(&workload(WorkloadKind::Deployment, "shop"), true);
    metrics.reloaded(&workload(WorkloadKind::Deployment, "shop"), false);
    metrics.reloaded(&workload(WorkloadKind::DaemonSet, "logs"), true);
    metrics.retried();
    metrics.rolled_out(WorkloadKind::Deployment, now(), now() - Duration::from_secs(3));
    for format in BOTH {
        let show = |reloader_names| {
            let scrape = Scrape { state: &state, waiting: 0, leads: true, eso_names: false, reloader_names };
            let text = metrics.scrape(&scrape, format, now());
            strict::read(&text, format).unwrap_or_else(|error| panic!("{error}\n\n{text}"))
        };
        let series = show(Some(ReloaderNames::ByNamespace));
        assert_values(
            &series,
            &[
                ("reloader_reload_executed_total{success=\"true\"}", 2.0),
                ("reloader_reload_executed_total{success=\"false\"}", 1.0),
                ("reloader_reload_executed_total_by_namespace{success=\"true\",namespace=\"logs\"}", 1.0),
                ("reloader_reload_executed_total_by_namespace{success=\"false\",namespace=\"shop\"}", 1.0),
                ("reloader_action_total{workload_kind=\"Deployment\",result=\"error\"}", 1.0),
                ("reloader_action_total{workload_kind=\"DaemonSet\",result=\"success\"}", 1.0),
                ("reloader_errors_total{type=\"handler_error\"}", 1.0),
                ("reloader_retries_total", 1.0),
                ("reloader_action_latency_seconds_sum{workload_kind=\"Deployment\"}", 3.0),
                ("reloader_action_latency_seconds_bucket{le=\"2.5\",workload_kind=\"Deployment\"}", 0.0),
                ("reloader_action_latency_seconds_bucket{le=\"5.0\",workload_kind=\"Deployment\"}", 1.0),
            ],
        );
        assert!(!show(Some(ReloaderNames::Few)).keys().any(|name| name.contains("namespace")));
        assert!(!show(None).keys().any(|name| name.starts_with("reloader_")));
    }
}

#[test]
fn openmetrics_is_for_those_who_ask_for_it() {
    const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                              application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    for (accept, format) in [
        (None, Format::Classic),
        (Some("*/*"), Format::Classic),
        (Some("text/plain"), Format::Classic),
        (Some("text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), Format::Classic),
        (Some("application/openmetrics-text; version=1.0.0, text/plain; q=0.5"), Format::OpenMetrics),
        (Some("Application/OpenMetrics-Text"), Format::OpenMetrics),
        (Some("application/openmetrics-text;q=0,*/*"), Format::Classic),
        (Some("application/openmetrics-text;q=0.2,text/plain;q=0.9"), Format::Classic),
        (Some("application/openmetrics-text;q=nonsense"), Format::Classic),
        (Some(PROMETHEUS), Format::OpenMetrics),
    ] {
        assert_eq!(Format::of_accept(accept), format, "{accept:?}");
    }
}

#[test]
fn labels_are_escaped() {
    let mut text = exposition::Exposition::new(Format::Classic);
    text.family("a", exposition::Kind::Gauge, "x");
    text.sample("a", &[("b", "c\"d\\e\nf")], 1);
    assert_eq!(text.finish(), "# HELP a x\n# TYPE a gauge\na{b=\"c\\\"d\\\\e\\nf\"} 1\n");
}
