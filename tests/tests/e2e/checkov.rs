//! checkov over everything in infra/, with the exceptions and their reasons in infra/.checkov.yaml.

use rekey_tests::cache::Cache;
use rekey_tests::chart::Chart;
use rekey_tests::progress::Progress;
use rekey_tests::tools;
use serde_json::{Value, json};

use crate::chart::everything;
use crate::terraform::offline;

/// What the chart renders, without its test's pod, which ends by itself and needs no probes; each as a file.
async fn rendered() -> Vec<String> {
    let folder = crate::stack().await.join("checkov-chart").unwrap();
    let chart = Chart::open().await.unwrap();
    let keys = json!({"namespaces": ["shop"], "identity": {"kind": "static", "secretName": "aws"}});
    let mut files = Vec::new();
    for (name, values) in [("everything", everything()), ("default", Value::Null), ("namespaces", keys)] {
        let objects = chart.render("rekey", "here", &values).await.unwrap();
        let objects = objects.iter().filter(|one| one["kind"] != "Pod");
        let documents: Vec<String> = objects.map(|one| serde_yaml_ng::to_string(one).unwrap()).collect();
        let file = folder.join(format!("{name}.yaml"));
        std::fs::write(&file, documents.join("---\n")).unwrap();
        files.push(file.display().to_string());
    }
    files
}

#[tokio::test]
async fn checkov_finds_nothing_but_what_is_explained() {
    let folder = crate::stack().await.join("checkov").unwrap();
    let checkov = tools::checkov(&Cache::open().unwrap(), &Progress::stderr()).await.unwrap().join("bin/checkov");
    let templates = ["infra/template.yaml", "infra/bus.yaml"].map(str::to_owned).to_vec();
    for (framework, option, what) in [
        ("terraform", "--directory", vec!["infra/terraform".to_owned()]),
        ("cloudformation", "--file", templates),
        ("kubernetes", "--file", rendered().await),
    ] {
        let text = offline("checkov", &checkov, &folder.join("log"))
            .args(["--config-file", "infra/.checkov.yaml", "--soft-fail", "--output", "json", "--framework", framework])
            .args(what.iter().flat_map(|one| [option, one]))
            .hide_env("BC_")
            .hide_env("CKV_")
            .env("LOG_LEVEL", "ERROR")
            .stdout()
            .await
            .unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        let summary = &report["summary"];
        let failed: Vec<String> = report["results"]["failed_checks"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|check| format!("{} {} ({})", check["check_id"], check["resource"], check["check_name"]))
            .collect();
        assert!(failed.is_empty(), "repair these, or explain them in infra/.checkov.yaml:\n{}", failed.join("\n"));
        assert_eq!(summary["parsing_errors"], 0, "{framework}: {report}");
        assert!(summary["passed"].as_u64().is_some_and(|passed| passed >= 10), "{framework} was looked at: {summary}");
    }
}
