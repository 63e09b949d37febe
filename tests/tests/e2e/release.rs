//! What a user downloads, made of the programs that all the other tests run, and used as it lies there.

use std::path::Path;
use std::time::Duration;

use rekey_tests::process::Spec;
use rekey_tests::progress::Progress;
use rekey_tests::rotated::Rotated;
use rekey_tests::{random_word, release, sam};
use serde_json::Value;

#[tokio::test]
async fn a_release_is_complete_and_its_checksums_and_chart_hold() {
    let stack = crate::stack().await;
    let folder = stack.join("release").unwrap();
    let files = Box::pin(release::write(stack, &folder, &Progress::stderr())).await.unwrap();
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    for (end, expected) in [(".oci.tar", 1), (".tgz", 1), (".cdx.json", 1), (".zip", 8), ("template.yaml", 1)] {
        assert_eq!(names.iter().filter(|name| name.ends_with(end)).count(), expected, "{end}: {names:?}");
    }

    let log = stack.directory().join("release.log");
    let check = Spec::new("sha256sum", "sha256sum", &log).args(["--check", "--strict", release::CHECKSUMS]);
    let checked = check.directory(&folder).stdout().await.unwrap();
    assert_eq!(checked.lines().filter(|line| line.ends_with(": OK")).count(), names.len() - 1, "{checked}");

    let bill = std::fs::read(file(&folder, &names, ".cdx.json")).unwrap();
    let bill: Value = serde_json::from_slice(&bill).unwrap();
    let parts: Vec<_> =
        bill["components"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert!(parts.contains(&"kube") && parts.contains(&"rekey-core"), "{parts:?}");
    assert!(!parts.contains(&"proptest") && !parts.contains(&"aws-sdk-rds"), "what the agent does not hold: {parts:?}");

    let chart = file(&folder, &names, ".tgz");
    let render = Spec::new("helm template", &stack.tools.helm, &log).args(["template", "rekey"]).arg(chart);
    let queue = "queueUrl=https://sqs.eu-west-1.amazonaws.com/111122223333/rekey";
    let rendered = render.args(["--set", queue, "--set", "image.repository=r.example/rekey"]).stdout().await.unwrap();
    assert!(rendered.contains("kind: Deployment") && rendered.contains("r.example/rekey"), "{rendered}");

    // The functions that it deploys are those of the zips, and run.
    let name = format!("release-{}", random_word(6));
    let parameters = [("ClusterName", name.as_str()), ("EngineGeneric", "true")];
    let progress = Progress::stderr();
    let deployed = sam::deploy_release(stack, &folder, release::TEMPLATE, &name, &parameters, &progress).await.unwrap();
    let lambda = deployed.output("RotationGenericFunctionArn").unwrap();
    let configuration = ["lambda", "get-function-configuration", "--function-name", lambda];
    let configuration = stack.aws.cli(&configuration).await.unwrap();
    let zip = std::fs::metadata(file(&folder, &names, &format!("generic-{}.zip", sam::ARCHITECTURE))).unwrap();
    assert_eq!(configuration["CodeSize"], zip.len(), "{configuration}");
    let rotated = Rotated::create(&stack.aws, &format!("{name}-secret"), "before", &[], lambda).await.unwrap();
    assert_ne!(rotated.rotate(Duration::from_secs(20)).await.unwrap(), "before");
    sam::delete(stack, &name).await.unwrap();
}

fn file(folder: &Path, names: &[&str], end: &str) -> std::path::PathBuf {
    folder.join(names.iter().find(|name| name.ends_with(end)).unwrap())
}
