//! The boundaries that the README's map promises, kept by looking at the sources.

use std::path::{Path, PathBuf};
use std::process::Command;

use rekey_tests::repository;

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// The agent's files outside of `folder` that contain one of the words.
fn offenders(folder: &str, words: &[&str]) -> Vec<PathBuf> {
    let agent = repository().join("agent/src");
    let allowed = agent.join(folder);
    let all = sources(&agent);
    let outside = |path: &PathBuf| !path.starts_with(&allowed) && *path != allowed.with_extension("rs");
    assert!(
        all.iter().any(|(path, text)| !outside(path) && words.iter().any(|word| text.contains(word))),
        "{folder} contains none of {words:?}: this test looks for the wrong words"
    );
    let is_offender = |(path, text): &(PathBuf, String)| outside(path) && words.iter().any(|word| text.contains(word));
    all.into_iter().filter(is_offender).map(|(path, _)| path).collect()
}

#[test]
fn cluster_alone_writes_to_kubernetes() {
    assert_eq!(offenders("cluster", &["PostParams", "PatchParams", "DeleteParams", "Patch::"]), [] as [PathBuf; 0]);
}

#[test]
fn provider_alone_reads_values_from_aws() {
    assert_eq!(
        offenders("provider", &["get_secret_value(", "get_parameter(", "get_parameters_by_path("]),
        [] as [PathBuf; 0]
    );
}

#[test]
fn intake_knows_no_targets_and_the_worker_no_queue_service() {
    let agent = repository().join("agent/src");
    let text = |folder: &str| -> String {
        let mut all = std::fs::read_to_string(agent.join(folder).with_extension("rs")).unwrap();
        all.extend(sources(&agent.join(folder)).into_iter().map(|(_, text)| text));
        all
    };
    assert!(!text("intake").contains("cluster::"));
    assert!(!text("worker").contains("aws_sdk"));
}

#[test]
fn the_core_and_the_templates_are_given_time_and_chance() {
    for folder in ["agent/core/src", "agent/template/src"] {
        let folder = repository().join(folder);
        let ours = sources(&folder)
            .into_iter()
            .filter(|(path, _)| !path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests")));
        for (path, text) in ours {
            for source in ["Timestamp::now", "SystemTime", "Instant::now", "rand::rng(", "rand::random", "SystemRandom"]
            {
                assert!(!text.contains(source), "{} takes {source} by itself", path.display());
            }
        }
    }
}

#[test]
fn the_core_depends_on_no_runtime_client_or_sdk() {
    let output = Command::new("cargo")
        .args(["tree", "--package", "rekey-core", "--edges", "normal", "--prefix", "none"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success());
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.contains("rekey-template"), "{tree}");
    for name in ["tokio", "kube-client", "kube-runtime", "aws-", "hyper", "reqwest", "tracing"] {
        let found = tree.lines().any(|line| {
            let package = line.split(' ').next().unwrap_or_default();
            if name.ends_with('-') { package.starts_with(name) } else { package == name }
        });
        assert!(!found, "rekey-core depends on {name}");
    }
}
