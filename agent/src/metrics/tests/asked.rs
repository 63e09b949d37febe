//! What infra/chart's dashboard and alerts ask for is there: each series by its name, its labels and their values.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::*;

/// Of a series: each label with the values that it has.
type Labels = BTreeMap<String, BTreeSet<String>>;

/// Labels that a scrape adds.
const ADDED: [&str; 2] = ["namespace", "exported_namespace"];

/// All that an agent can show.
fn shown() -> BTreeMap<String, Labels> {
    let (metrics, state) = (Metrics::default(), state());
    let secrets = PipeId {
        account: Account::parse("123456789012").unwrap(),
        region: Region::parse("eu-west-1").unwrap(),
        service: Service::SecretsManager,
    };
    state.with_pipes(|pipes| pipes.heartbeat(secrets, now(), now()));
    metrics.message(MessageOutcome::Applied, Duration::ZERO);
    metrics.event_age(now(), now());
    metrics.sync_started(Duration::ZERO);
    metrics.sync("applied");
    metrics.read_in(Duration::ZERO);
    metrics.wrote_in(Duration::ZERO);
    metrics.synced_in(Duration::ZERO);
    metrics.carried(now(), now());
    metrics.rolled_out(WorkloadKind::Deployment, now(), now());
    metrics.live(Duration::ZERO);
    metrics.told("given_up");
    metrics.posted("alert", Posted::Sent);
    for operation in ["GetSecretValue", "BatchGetSecretValue", "DescribeSecret", "ListSecrets"] {
        metrics.aws_call(operation, true);
    }
    let mut shown: BTreeMap<String, Labels> = BTreeMap::new();
    for series in read(&metrics, &state, true, Format::Classic).into_keys() {
        let (name, labels) = series.split_once('{').unwrap_or((&series, ""));
        let all = shown.entry(name.to_owned()).or_default();
        for (label, value) in matchers(labels.trim_end_matches('}')) {
            all.entry(label.to_owned()).or_default().extend(value.into_iter().map(str::to_owned));
        }
    }
    shown
}

/// `a="b",c=~"d|e"`: labels, with the values that are asked for. No value here has a comma in it.
fn matchers(text: &str) -> Vec<(&str, Vec<&str>)> {
    text.split(',')
        .filter_map(|matcher| matcher.trim().split_once('"'))
        .map(|(label, value)| {
            (label.trim_end_matches(['=', '~', '!']), value.trim_end_matches('"').split('|').collect())
        })
        .collect()
}

/// The expressions, by where they stand.
fn expressions() -> Vec<(String, String)> {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/chart");
    let dashboard = std::fs::read_to_string(chart.join("files/dashboards/rekey.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            found.push((panel["title"].as_str().unwrap().to_owned(), target["expr"].as_str().unwrap().to_owned()));
        }
    }
    let alerts = std::fs::read_to_string(chart.join("templates/_alerts.tpl")).unwrap();
    let rules = alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    found.extend(rules.map(|rule| ("an alert".to_owned(), rule.replace(" {{- $here -}} ", "namespace=\"here\""))));
    found
}

/// The series that an expression names, each with its matchers.
fn named(expression: &str) -> Vec<(&str, &str)> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let starts = expression.match_indices(|character: char| character.is_ascii_lowercase()).map(|(at, _)| at);
    let words = starts.filter(|at| !expression[..*at].ends_with(is_word));
    words
        .filter_map(|at| {
            let rest = &expression[at..];
            let end = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let is_series = ["rekey_", "externalsecret_", "reloader_"].iter().any(|prefix| name.starts_with(prefix));
            let matchers =
                rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inside, _)| inside);
            is_series.then_some((name, matchers))
        })
        .collect()
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_what_there_is() {
    let (shown, expressions) = (shown(), expressions());
    assert!(expressions.len() > 25, "{expressions:#?}");
    let mut asked = BTreeSet::new();
    for (place, expression) in &expressions {
        let series = named(expression);
        assert!(!series.is_empty(), "{place}: {expression} names no series");
        let mut labels: BTreeSet<&str> = ADDED.into();
        for (name, given) in series {
            let there = shown.get(name).unwrap_or_else(|| panic!("{place}: there is no {name}"));
            asked.insert(name);
            labels.extend(there.keys().map(String::as_str));
            for (label, values) in matchers(given).into_iter().filter(|(label, _)| !ADDED.contains(label)) {
                let known = there.get(label).unwrap_or_else(|| panic!("{place}: {name} has no label {label}"));
                for value in values {
                    assert!(known.contains(value), "{place}: {name} is never {label}={value}, but {known:?}");
                }
            }
        }
        for by in expression.split(" by (").skip(1) {
            let by = by.split_once(')').map_or("", |(inside, _)| inside);
            for label in by.split(',').map(str::trim) {
                assert!(labels.contains(label), "{place}: nothing in {expression} has {label}");
            }
        }
    }
    for name in shown.keys().filter(|name| name.starts_with("rekey_") && !name.ends_with("_sum")) {
        let is_shown = asked.contains(name.as_str())
            || ["rekey_build_info", "rekey_propagation_seconds_count"].contains(&name.as_str());
        assert!(is_shown, "{name} stands in no panel");
    }
}
