use std::collections::BTreeSet;

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    reloader: Reloader,
}

fn parse(flags: &[&str]) -> Result<Reloader, String> {
    let flags = Flags::try_parse_from(["rekey-agent"].iter().chain(flags));
    flags.map(|flags| flags.reloader).map_err(|error| error.to_string())
}

fn options(flags: &[&str]) -> Options {
    parse(flags).unwrap_or_else(|error| panic!("{flags:?}: {error}")).options(Limits::default())
}

#[test]
fn without_flags_everything_is_as_the_core_has_it_but_for_argo() {
    let expected = Options { ignored: [WorkloadKind::Rollout].into(), ..Options::default() };
    assert_eq!(options(&[]), expected);
}

#[test]
fn every_flag_has_its_meaning() {
    let default = || options(&[]);
    let scope = |change: fn(&mut Scope)| {
        let mut options = default();
        change(&mut options.scope);
        options
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    let all: BTreeSet<_> = [WorkloadKind::CronJob, WorkloadKind::Job, WorkloadKind::Rollout].into();
    for (flags, expected) in [
        (&["--auto-reload-all"][..], Options { auto_all: true, ..default() }),
        (&["--auto-reload-all=1"], Options { auto_all: true, ..default() }),
        (&["--auto-reload-all=false"], default()),
        (&["--reload-strategy=default"], default()),
        (&["--reload-strategy", "annotations"], default()),
        (&["--reload-strategy", "env-vars"], Options { strategy: Strategy::Variables, ..default() }),
        (&["--reload-on-create=true"], Options { creation: Creation::Restarts, ..default() }),
        (&["--reload-on-create", "true"], Options { creation: Creation::Restarts, ..default() }),
        (&["--reload-on-create"], Options { creation: Creation::Restarts, ..default() }),
        (&["--reload-on-create=false"], default()),
        (&["--reload-on-create", "--sync-after-restart"], Options { creation: Creation::RestartsLate, ..default() }),
        (&["--sync-after-restart"], default()),
        (&["--reload-on-delete=true"], Options { on_delete: true, ..default() }),
        (&["--is-Argo-Rollouts=true"], Options { ignored: BTreeSet::new(), ..default() }),
        (&["--is-Argo-Rollouts=false"], default()),
        (&["--ignored-workload-types=jobs,cronjobs"], Options { ignored: all, ..default() }),
        (
            &["--rerun-finished-jobs", "--run-suspended-cron-jobs=true"],
            Options { batch: Batch { finished_jobs: true, suspended_cron_jobs: true }, ..default() },
        ),
        (&["--namespaces=a,b", "--namespaces", "c"], {
            let mut options = default();
            options.scope.namespaces = set(&["a", "b", "c"]);
            options
        }),
        (&["--kubernetes-namespace=a"], scope(|scope| scope.namespaces = ["a".to_owned()].into())),
        (&["--namespaces=b", "--kubernetes-namespace=a"], scope(|scope| scope.namespaces = ["b".to_owned()].into())),
        (&["--namespaces=", "--namespaces-to-ignore="], default()),
        (&["--namespaces-to-ignore=a"], scope(|scope| scope.namespaces_to_ignore = ["a".to_owned()].into())),
        (
            &["--namespace-selector=a:b", "--namespace-selector=c=*"],
            scope(|scope| scope.namespace_labels = "a=b,c".parse().unwrap()),
        ),
        (&["--namespace-selector=a=b", "--namespaces=n"], scope(|scope| scope.namespaces = ["n".to_owned()].into())),
        (
            &["--resource-label-selector=a in (b,c)"],
            scope(|scope| scope.resource_labels = "a in (b,c)".parse().unwrap()),
        ),
        (&["--resources-to-ignore=secrets"], scope(|scope| scope.resources_to_ignore = [ResourceKind::Secret].into())),
        (
            &["--resources-to-ignore=configMaps"],
            scope(|scope| scope.resources_to_ignore = [ResourceKind::ConfigMap].into()),
        ),
        (&["--log-format=json"], default()),
        (&["--enable-csi-integration=false", "--enable-pprof=false", "--pprof-addr=:6060"], default()),
    ] {
        assert_eq!(options(flags), expected, "{flags:?}");
    }
    assert!(parse(&["--enable-ha=true"]).unwrap().elects() && !parse(&[]).unwrap().elects());
}

#[test]
fn every_annotation_can_be_renamed() {
    let flags = [
        "auto-annotation",
        "secret-auto-annotation",
        "configmap-auto-annotation",
        "secret-annotation",
        "configmap-annotation",
        "auto-search-annotation",
        "search-match-annotation",
        "ignore-annotation",
        "pause-deployment-annotation",
        "pause-deployment-time-annotation",
    ];
    let given: Vec<String> = flags.iter().map(|flag| format!("--{flag}=example.com/{flag}")).collect();
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let named = |flag: &str| format!("example.com/{flag}");
    assert_eq!(
        options(&given).keys,
        Keys {
            auto: named("auto-annotation"),
            secret_auto: named("secret-auto-annotation"),
            config_map_auto: named("configmap-auto-annotation"),
            secret: named("secret-annotation"),
            config_map: named("configmap-annotation"),
            search: named("auto-search-annotation"),
            matched: named("search-match-annotation"),
            ignore: named("ignore-annotation"),
            pause_period: named("pause-deployment-annotation"),
            paused_at: named("pause-deployment-time-annotation"),
        }
    );
}

#[test]
fn what_cannot_be_done_is_an_error_that_names_the_flag_and_a_remedy() {
    for (flag, value, remedy) in [
        ("--auto-reload-all", "yes", "true or false"),
        ("--reload-strategy", "restart", "env-vars"),
        ("--reload-on-create", "True", "exactly"),
        ("--is-Argo-Rollouts", "1", "exactly"),
        ("--resources-to-ignore", "pods", "secrets"),
        ("--ignored-workload-types", "jobs,pods", "cronjobs"),
        ("--namespace-selector", "a b", "key=value"),
        ("--resource-label-selector", "a in b", "key in (a,b)"),
        ("--auto-annotation", "", "reloader.stakater.com/auto"),
        ("--auto-annotation", "a b", "reloader.stakater.com/auto"),
        ("--log-format", "text", "json"),
        ("--enable-csi-integration", "true", "SecretProviderClasses"),
        ("--enable-pprof", "true", "pprof"),
        ("--pprof-addr", ":7070", "pprof"),
    ] {
        let error = parse(&[&format!("{flag}={value}")]).expect_err(flag);
        assert!(error.contains(flag) && error.contains(remedy), "{error}");
    }
}
