//! What is deployed: the chart renders with the one value it needs, and the agent may do what the chart lets it and no more.

use anyhow::Context;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use rekey_tests::process::Spec;

use crate::fixture;

#[tokio::test]
async fn the_agent_has_the_charts_rights_and_no_others() {
    let (stack, rekey, _) = fixture::rekey().await;
    let text = std::fs::read_to_string(rekey.agent.kubeconfig()).unwrap();
    let client = stack.kubernetes.client_of(&text).await.unwrap();
    let all = ListParams::default();
    Api::<Secret>::all(client.clone()).list(&all).await.context("Secrets").unwrap();
    Api::<Deployment>::all(client.clone()).list(&all).await.context("Deployments").unwrap();
    let forbidden = |error: kube::Error| matches!(error, kube::Error::Api(status) if status.code == 403);
    let config_maps = Api::<ConfigMap>::namespaced(client.clone(), "default");
    config_maps.list(&all).await.context("ConfigMaps, for templateFrom").unwrap();
    let write = config_maps.create(&PostParams::default(), &ConfigMap::default()).await;
    assert!(forbidden(write.expect_err("it reads ConfigMaps only")));
    let secrets = Api::<Secret>::namespaced(client.clone(), "default");
    let targets_only = secrets.delete_collection(&DeleteParams::default(), &all).await;
    assert!(forbidden(targets_only.expect_err("it deletes targets one by one, if their object says so")));
    let cron_jobs = Api::<CronJob>::namespaced(client.clone(), "default");
    assert!(forbidden(cron_jobs.delete("any", &DeleteParams::default()).await.expect_err("it deletes Jobs alone")));
    let deployments = Api::<Deployment>::namespaced(client, "default");
    assert!(forbidden(deployments.delete("any", &DeleteParams::default()).await.expect_err("it deletes no workload")));
}

#[tokio::test]
async fn the_chart_renders_with_the_queue_url_alone_and_refuses_to_without() {
    let stack = crate::stack().await;
    let render = |value: &str| {
        Spec::new("helm template", &stack.tools.helm, stack.directory().join("template.log"))
            .args(["template", "infra/chart", "--set", value])
            .directory(rekey_tests::repository())
            .stdout()
    };
    let rendered = render("queueUrl=URL").await.unwrap();
    for part in
        ["--queue-url=URL", "kind: CustomResourceDefinition", "helm.sh/resource-policy: keep", "kind: ClusterRole"]
    {
        assert!(rendered.contains(part), "{part}");
    }
    assert!(render("queueUrl=").await.is_err());
    let error = render("queueUrl=arn:aws:sqs:eu-west-1:111122223333:rekey").await.expect_err("an ARN");
    assert!(format!("{error:#}").contains("QueueUrl"), "{error:#}");
}

#[tokio::test]
async fn the_chart_takes_reloaders_values_and_gives_no_right_that_they_leave_unused() {
    let stack = crate::stack().await;
    let render = |values: &'static str| {
        Spec::new("helm template", &stack.tools.helm, stack.directory().join("template.log"))
            .args(["template", "infra/chart", "--namespace", "here", "--set", "queueUrl=URL", "--set", values])
            .directory(rekey_tests::repository())
            .stdout()
    };
    let jobs = "resources: [jobs]";
    for (values, there, absent) in [
        ("reloader.autoReloadAll=true", &["--auto-reload-all=true", jobs][..], &["argoproj.io", "--namespaces"][..]),
        ("reloader.reloadStrategy=env-vars", &["--reload-strategy=env-vars"], &[]),
        ("reloader.isArgoRollouts=true", &["--is-Argo-Rollouts=true", "apiGroups: [argoproj.io]"], &[]),
        ("reloader.watchGlobally=false", &["--namespaces=here"], &[]),
        ("reloader.namespaces={a,b}", &["--namespaces=a,b"], &[]),
        ("reloader.ignoreConfigMaps=true", &["--resources-to-ignore=configmaps"], &[]),
        ("reloader.custom_annotations.pauseTime=a/b", &["--pause-deployment-time-annotation=a/b"], &[]),
        ("reloader.ignoreJobs=true", &["--ignored-workload-types=jobs", "[cronjobs]"], &["create, patch, delete]"]),
        // As they stand in Reloader's own values.
        (
            "reloader.enableHA=false,reloader.logLevel=info,reloader.logFormat=,reloader.webhookUrl=,reloader.enablePProf=false,\
             reloader.pprofAddr=:6060,reloader.enableCSIIntegration=false,reloader.enableMetricsByNamespace=true",
            &["METRICS_COUNT_BY_NAMESPACE"],
            &[],
        ),
        ("createJobs=false", &["--ignored-workload-types=jobs,cronjobs"], &[jobs, "[cronjobs]"]),
    ] {
        let rendered = render(values).await.context(values).unwrap();
        assert!(there.iter().all(|part| rendered.contains(part)), "{values}");
        assert!(!absent.iter().any(|part| rendered.contains(part)), "{values}");
    }
    for nonsense in ["reloader.ignoreSecrets=true,reloader.ignoreConfigMaps=true", "reloader.autoReload=true"] {
        assert!(render(nonsense).await.is_err(), "{nonsense}");
    }
    for (elsewhere, remedy) in [
        ("reloader.enableHA=true", "replicas"),
        ("reloader.webhookUrl=https://a.example", "webhook.secretName"),
        ("reloader.logLevel=debug", "set logLevel"),
        ("reloader.enableCSIIntegration=true", "SecretProviderClasses"),
    ] {
        let error = format!("{:#}", render(elsewhere).await.expect_err(elsewhere));
        assert!(error.contains(remedy), "{elsewhere}: {error}");
    }
}
