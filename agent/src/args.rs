//! Command line and environment, validated once.

pub mod reloader;
pub mod telling;
pub mod within;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use rekey_core::duration;
use rekey_core::extent::{Contradiction, Extent};
use rekey_core::rollout::options::Options;
use rekey_core::rollout::pace::Limits;
use rekey_core::store::DefaultIdentity;
use telling::Telling;
use within::Within;

use crate::provider::Rates;
use crate::queue::QueueUrl;
use reloader::Reloader;

/// Carries an AWS secret rotation to the pods that use it, without polling for it.
///
/// The agent long-polls one SQS queue that EventBridge fills with changes of secrets and parameters, writes the
/// Kubernetes Secrets of the ExternalSecrets that use them, and restarts the workloads that use those. While the queue
/// is not proven by heartbeats, each ExternalSecret is checked at its own refreshInterval.
///
/// Kubernetes is found as kubectl finds it (KUBECONFIG, or the pod's ServiceAccount), AWS as the SDKs find it
/// (AWS_REGION, AWS_ENDPOINT_URL, IRSA, EKS Pod Identity, access keys).
///
/// `rekey-agent check` asks a running agent whether it is ready.
#[derive(Parser, Clone, Debug)]
#[command(name = "rekey-agent", version)]
pub struct Args {
    /// URL (not name or ARN) of the queue: the output QueueUrl of the SAM stack.
    #[arg(long, env = "REKEY_QUEUE_URL", value_parser = QueueUrl::parse)]
    pub queue_url: QueueUrl,

    /// `standalone`: the agent is the controller of ExternalSecrets. `companion`: External Secrets Operator is; the agent only
    /// tells it at once, by the annotation external-secrets.io/force-sync, which object to refresh, and restarts workloads.
    #[arg(long, env = "REKEY_MODE", value_enum, default_value_t = Mode::Standalone)]
    pub mode: Mode,

    /// Where /healthz, /readyz and /metrics are served.
    #[arg(long, env = "REKEY_ADMIN_ADDR", default_value = "0.0.0.0:8080")]
    pub admin_addr: SocketAddr,

    /// The agent's own namespace; holds the key of its hashes.
    #[arg(long, env = "REKEY_NAMESPACE")]
    pub namespace: Option<String>,

    /// The agent's own pod, named in Events.
    #[arg(long, env = "REKEY_POD_NAME")]
    pub pod_name: Option<String>,

    /// Serve stores whose spec.controller is this, or absent.
    #[arg(long, env = "REKEY_CONTROLLER_CLASS", default_value = "default")]
    pub controller_class: String,

    /// Stores without `auth` that may ask as the agent itself: all of them, as with ESO; cluster-stores, which
    /// administrators write; or none.
    #[arg(long, env = "REKEY_DEFAULT_IDENTITY", value_enum, default_value_t = Lent::All)]
    pub default_identity: Lent,

    /// ExternalSecrets synced at a time.
    #[arg(long, env = "REKEY_CONCURRENT", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrent: u16,

    /// Period of the heartbeat function; a pipe without one for 2.5 periods is unproven.
    #[arg(long, env = "REKEY_HEARTBEAT_PERIOD", default_value = "10m", value_parser = positive)]
    pub heartbeat_period: Duration,

    /// Where it works.
    #[command(flatten)]
    pub within: Within,

    /// How often versions are compared with AWS while the pipe is proven.
    #[arg(long, env = "REKEY_SWEEP_INTERVAL", default_value = "15m", value_parser = positive)]
    pub sweep_interval: Duration,

    /// Whether ExternalSecrets with refreshInterval 0 follow events: `default` leaves them alone, as ESO does, unless
    /// they carry the annotation rekey.dev/refresh: events.
    #[arg(long, env = "REKEY_EVENT_REFRESH", value_enum, default_value_t = EventRefresh::Default)]
    pub event_refresh: EventRefresh,

    /// Shortest time between two restarts of one workload.
    #[arg(long, env = "REKEY_MIN_RESTART_INTERVAL", default_value = "10s", value_parser = duration::parse)]
    pub min_restart_interval: Duration,

    /// Longest pause between two tries of an ExternalSecret that is not Ready: they start at 1 s and double.
    #[arg(long, env = "REKEY_MAX_RETRY_INTERVAL", default_value = "7m", value_parser = positive)]
    pub max_retry_interval: Duration,

    /// How much is logged: error, warn, info, debug or trace. Stakater Reloader's panic, fatal and warning are known too.
    #[arg(long, env = "REKEY_LOG_LEVEL", default_value = "info", value_parser = level)]
    pub log_level: tracing::Level,

    /// Whether several agents elect the one that works (true), or this is the only one (false). The others are warm
    /// standbys: they watch, answer on the admin port, and take over within 1 s when the leader ends, within 12 s when it
    /// is lost. A leader that cannot renew its Lease for 7 s ends with an error, to start again as a standby.
    #[arg(
        long,
        env = "REKEY_LEADER_ELECT",
        default_value_t = false,
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub leader_elect: bool,

    /// The Lease of the election, in the agent's own namespace. Agents that share a queue share it.
    #[arg(long, env = "REKEY_LEASE_NAME", default_value = "rekey-agent")]
    pub lease_name: String,

    /// Calls to Secrets Manager a second, by all identities together; a second's worth may be made at once. AWS allows
    /// GetSecretValue and DescribeSecret about 10,000 a second per account and region, shared with everybody else.
    #[arg(long, env = "REKEY_SECRETS_MANAGER_RATE", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub secrets_manager_rate: u32,

    /// Calls to Parameter Store a second, by all identities together; a second's worth may be made at once. AWS allows
    /// 40 a second per account and region, shared with everybody else, unless higher throughput is switched on there.
    #[arg(long, env = "REKEY_PARAMETER_STORE_RATE", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    pub parameter_store_rate: u32,

    /// Whether /metrics also has External Secrets Operator's names (externalsecret_…, secretstore_…), of which each
    /// ExternalSecret adds five series.
    #[arg(long, env = "REKEY_ESO_METRICS", default_value_t = true, action = clap::ArgAction::Set)]
    pub eso_metrics: bool,

    /// What Stakater Reloader has flags for.
    #[command(flatten)]
    pub reloader: Reloader,

    /// Who is told of rollouts, and how.
    #[command(flatten)]
    pub telling: Telling,
}

impl Args {
    /// Whether several agents elect the one that works.
    #[must_use]
    pub fn elects(&self) -> bool {
        self.leader_elect || self.reloader.elects()
    }

    /// What the installation chose about rollouts.
    #[must_use]
    pub fn rollouts(&self) -> Options {
        self.reloader.options(Limits { min_interval: self.min_restart_interval, ..Limits::default() })
    }

    /// Where the agent works.
    pub fn extent(&self) -> Result<Extent, Contradiction> {
        self.within.extent(&self.rollouts().scope)
    }

    /// The budgets of calls to AWS.
    #[must_use]
    pub fn rates(&self) -> Rates {
        Rates {
            secrets_manager: f64::from(self.secrets_manager_rate),
            parameter_store: f64::from(self.parameter_store_rate),
        }
    }
}

/// See [`Args::mode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Rekey makes the targets.
    Standalone,
    /// External Secrets Operator makes them.
    Companion,
}

/// See [`Args::event_refresh`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventRefresh {
    /// ESO's meaning of an interval of 0.
    Default,
    /// Events reach every object.
    All,
}

/// See [`Args::default_identity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lent {
    /// Every store.
    All,
    /// Only ClusterSecretStores.
    ClusterStores,
    /// No store.
    None,
}

impl From<Lent> for DefaultIdentity {
    fn from(lent: Lent) -> Self {
        match lent {
            Lent::All => Self::All,
            Lent::ClusterStores => Self::ClusterStores,
            Lent::None => Self::None,
        }
    }
}

/// An empty list comes as one empty name.
fn names(names: &[String]) -> BTreeSet<String> {
    names.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn level(text: &str) -> Result<tracing::Level, String> {
    let ours = match text.to_ascii_lowercase().as_str() {
        "panic" | "fatal" => "error",
        "warning" => "warn",
        _ => text,
    };
    ours.parse().map_err(|_| "write error, warn, info, debug or trace".to_owned())
}

fn positive(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(Duration::ZERO) => Err("has to be more than zero".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/rekey";

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(["rekey-agent"].iter().chain(args))
    }

    #[test]
    fn a_queue_url_is_all_that_is_needed() {
        let args = parse(&["--queue-url", URL]).expect("valid");
        assert_eq!(args.heartbeat_period, Duration::from_mins(10));
        assert_eq!((args.concurrent, args.event_refresh), (32, EventRefresh::Default));
        assert_eq!(args.default_identity, Lent::All);
        assert_eq!((args.secrets_manager_rate, args.parameter_store_rate), (500, 40));
    }

    #[test]
    fn an_agent_is_alone_unless_told_otherwise() {
        let leader_elect = |more: &[&str]| {
            let args = parse(&[["--queue-url", URL].as_slice(), more].concat()).expect("valid");
            (args.leader_elect, args.lease_name)
        };
        let name = |name: &str| name.to_owned();
        assert_eq!(leader_elect(&[]), (false, name("rekey-agent")));
        assert_eq!(leader_elect(&["--leader-elect"]), (true, name("rekey-agent")));
        assert_eq!(leader_elect(&["--leader-elect=true", "--lease-name=other"]), (true, name("other")));
        assert_eq!(leader_elect(&["--leader-elect=false"]), (false, name("rekey-agent")));
    }

    #[test]
    fn eso_s_metrics_are_there_unless_switched_off() {
        assert!(parse(&["--queue-url", URL]).expect("valid").eso_metrics);
        assert!(!parse(&["--queue-url", URL, "--eso-metrics=false"]).expect("valid").eso_metrics);
    }

    #[test]
    fn it_works_everywhere_or_in_some_namespaces() {
        let within = |more: &[&str]| {
            let args = parse(&[["--queue-url", URL].as_slice(), more].concat()).expect("valid");
            args.extent().map(|extent| {
                let repeats = args.within.repeats(&extent);
                (extent.namespaces().collect::<Vec<_>>().join(","), extent.has_cluster_stores(), repeats)
            })
        };
        let (name, refused) = (|name: &str| name.to_owned(), |more: &[&str]| within(more).unwrap_err().to_string());
        assert_eq!(within(&[]), Ok((name(""), true, true)));
        assert_eq!(within(&["--watch-namespaces=", "--cluster-external-secrets=true"]), Ok((name(""), true, true)));
        assert_eq!(within(&["--cluster-external-secrets=false"]), Ok((name(""), true, false)));
        assert_eq!(within(&["--watch-namespaces=b, a", "--namespaces=a"]), Ok((name("a,b"), true, false)));
        assert_eq!(within(&["--watch-namespaces=a", "--cluster-stores=false"]), Ok((name("a"), false, false)));
        assert!(refused(&["--watch-namespaces=a", "--cluster-external-secrets=true"]).contains("whole cluster"));
        assert!(refused(&["--watch-namespaces=a", "--namespaces=b"]).contains("workloads of b"));
    }

    #[test]
    fn levels_are_rekeys_and_stakaters() {
        for (text, level) in
            [("warning", tracing::Level::WARN), ("fatal", tracing::Level::ERROR), ("Debug", tracing::Level::DEBUG)]
        {
            assert_eq!(parse(&["--queue-url", URL, "--log-level", text]).expect(text).log_level, level);
        }
    }

    #[test]
    fn stakaters_flag_elects_too() {
        assert!(parse(&["--queue-url", URL, "--enable-ha"]).expect("valid").elects());
        assert!(parse(&["--queue-url", URL, "--leader-elect"]).expect("valid").elects());
        assert!(!parse(&["--queue-url", URL]).expect("valid").elects());
    }

    #[test]
    fn bad_values_name_the_flag() {
        for (flag, value) in [
            ("--queue-url", "rekey"),
            ("--heartbeat-period", "0s"),
            ("--sweep-interval", "soon"),
            ("--concurrent", "0"),
            ("--default-identity", "some"),
            ("--log-level", "loud"),
            ("--secrets-manager-rate", "0"),
            ("--parameter-store-rate", "many"),
        ] {
            let error = parse(&["--queue-url", URL, flag, value]).expect_err(flag).to_string();
            assert!(error.contains(flag), "{error}");
        }
    }
}
