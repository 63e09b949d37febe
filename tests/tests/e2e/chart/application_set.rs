//! infra/argocd/applicationset.yaml, expanded as Argo CD's list generator does, and the chart rendered with what comes of it.

use std::collections::BTreeSet;

use rekey_template::{Env, Input, render};
use rekey_tests::chart::{Chart, find};
use serde_json::{Value, json};

use super::{arguments, environment, rendered};

fn application_set() -> Value {
    let path = rekey_tests::repository().join("infra/argocd/applicationset.yaml");
    serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The Application of an element.
fn application(template: &Value, element: &Value) -> Value {
    let element = element.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
    let input = Input::new(element.map(|(name, value)| (name, value.as_bytes())));
    let text = render(&template.to_string(), &input, &Env::new(jiff::Timestamp::now(), [0; 32])).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test]
async fn argo_cd_s_application_set_gives_each_cluster_values_that_the_chart_takes() {
    let (set, chart) = (application_set(), Chart::open().await.unwrap());
    let spec = &set["spec"];
    assert_eq!((&spec["goTemplate"], &spec["goTemplateOptions"]), (&json!(true), &json!(["missingkey=error"])));
    let elements = spec["generators"][0]["list"]["elements"].as_array().unwrap();
    let text = |one: &Value| one.as_str().unwrap().to_owned();
    let distinct = |name: &str| elements.iter().map(|one| text(&one[name])).collect::<BTreeSet<_>>().len();
    assert_eq!((distinct("region"), distinct("environment"), elements.len()), (2, 3, 6));
    for name in ["cluster", "roleArn", "queueUrl"] {
        assert_eq!(distinct(name), elements.len(), "clusters share a {name}");
    }
    for element in elements {
        let application = application(&spec["template"], element);
        let (spec, source) = (&application["spec"], &application["spec"]["source"]);
        let cluster = text(&element["cluster"]);
        assert_eq!(application["metadata"]["name"], format!("rekey-{cluster}"));
        assert_eq!((&spec["destination"]["name"], &source["path"]), (&element["cluster"], &json!("infra/chart")));
        assert!(spec["syncPolicy"]["syncOptions"].as_array().unwrap().contains(&json!("ServerSideApply=true")));

        let mut values = source["helm"]["valuesObject"].clone();
        values["crds"] = json!({"install": true});
        let objects = rendered(&chart, &values).await;
        assert!(arguments(&objects).contains(&format!("--queue-url={}", text(&element["queueUrl"])).as_str()));
        let account = find(&objects, "ServiceAccount", "").unwrap();
        assert_eq!(account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"], element["roleArn"], "{cluster}");
        let region = json!({"name": "AWS_REGION", "value": element["region"]});
        assert!(environment(&objects).as_array().unwrap().contains(&region), "{cluster}");
        assert!(text(&element["queueUrl"]).contains(&format!(".{}.", text(&element["region"]))), "{cluster}");
    }
}
