//! The dashboard is what Grafana takes: its JSON model, as far as can be told without a Grafana. That its series exist is a test
//! of the agent's metrics.

use std::collections::BTreeSet;

use serde_json::Value;

const COLUMNS: u64 = 24;

#[test]
fn the_dashboard_is_what_grafana_takes() {
    let path = rekey_tests::repository().join("infra/chart/files/dashboards/rekey.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!((&dashboard["uid"], &dashboard["title"]), (&"rekey".into(), &"Rekey".into()));
    assert!(dashboard["id"].is_null() && dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 36));
    let variables: Vec<&Value> = dashboard["templating"]["list"].as_array().unwrap().iter().collect();
    let is_source = |one: &&&Value| one["type"] == "datasource" && one["query"] == "prometheus";
    let source = variables.iter().find(is_source).expect("a variable for the data source")["name"].as_str().unwrap();
    let names: BTreeSet<&str> = variables.iter().map(|one| one["name"].as_str().unwrap()).collect();

    let panels = dashboard["panels"].as_array().unwrap();
    let (mut ids, mut titles, mut cells) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(titles.insert(title) && ids.insert(panel["id"].as_u64().unwrap()), "{title} is there twice");
        assert!(["stat", "timeseries", "table"].contains(&panel["type"].as_str().unwrap()), "{title}");
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap_or_else(|| panic!("{title} has no {name}"));
        let (x, y, w, h) = (side("x"), side("y"), side("w"), side("h"));
        assert!(w > 0 && h > 0 && x + w <= COLUMNS, "{title} is wider than the dashboard");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "{title} lies over another panel");
        }
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title} shows nothing");
        for target in targets {
            assert_eq!(target["datasource"]["uid"], format!("${{{source}}}"), "{title}");
            let expression = target["expr"].as_str().unwrap();
            for variable in expression.split('$').skip(1) {
                let name: String =
                    variable.chars().take_while(|one| one.is_ascii_alphanumeric() || *one == '_').collect();
                assert!(name == "__rate_interval" || names.contains(name.as_str()), "{title}: there is no ${name}");
            }
            let [opened, closed] = ['(', ')'].map(|bracket| expression.matches(bracket).count());
            assert_eq!(opened, closed, "{title}: {expression}");
        }
    }
    for title in [
        "Propagation by stage, p95",
        "Pipes proven",
        "Syncs by outcome",
        "Not Ready",
        "Rollouts by outcome",
        "Calls to AWS an hour",
    ] {
        assert!(titles.contains(title), "there is no panel {title}");
    }
    assert!(titles.iter().any(|title| title.contains("what polling would make")), "{titles:?}");
}
