//! The stack of the rows, Rekey on it, and a row's beginning and end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use rekey_tests::agent::{Agent, Way};
use rekey_tests::eventually::eventually;
use rekey_tests::fault::deliveries::Deliveries;
use rekey_tests::fault::figures::{self, Figures};
use rekey_tests::fault::fleet::{self, Fleet};
use rekey_tests::fault::passed::{Mark, Passed};
use rekey_tests::fault::proxy::Proxy;
use rekey_tests::fault::queue::Queue;
use rekey_tests::fault::rule::{Effect, When};
use rekey_tests::fault::verdict::{hash_key, verdict};
use rekey_tests::installation::{Installation, Options};
use rekey_tests::progress::Progress;
use rekey_tests::stack::{self, Stack};
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::fixture::{HEARTBEAT_MINUTES, HEARTBEAT_PERIOD, TIME_FACTOR, Values};

/// For what takes an instant on a machine that has nothing else to do.
pub const SOON: Duration = Duration::from_secs(30);
/// In which a source may be read six times.
pub const FIVE_SECONDS: Duration = Duration::from_secs(5);
/// A message that a killed agent had received is hidden from the next one for 30 s.
pub const REDELIVERED: Duration = Duration::from_secs(75);

/// What the rows share.
pub struct Stage {
    pub stack: Stack,
    /// Between the agent and AWS.
    pub aws: Proxy,
    /// Between the agent and the API server.
    pub kubernetes: Proxy,
    pub rekey: Installation,
    /// The installation's name in AWS.
    pub name: String,
    /// Words that must be in no log.
    pub values: Values,
    /// A row began and did not end: whatever it broke may still be broken.
    broken: AtomicBool,
}

async fn stage() -> &'static Stage {
    static STAGE: OnceCell<Result<Stage, String>> = OnceCell::const_new();
    match STAGE.get_or_init(async || Stage::set().await.map_err(|error| format!("{error:#}"))).await {
        Ok(stage) => stage,
        Err(error) => panic!("the stack of the fault tests did not start: {error}"),
    }
}

impl Stage {
    async fn set() -> anyhow::Result<Self> {
        let aws = rekey_tests::aws::Options { time_factor: TIME_FACTOR, ..rekey_tests::aws::Options::default() };
        let options = stack::Options { purpose: "fault tests".to_owned(), aws, ..stack::Options::default() };
        let stack = Box::pin(Stack::start(options, &Progress::stderr())).await?;
        let (aws, kubernetes) = proxies(&stack)?;
        let options = Options {
            parameters: vec![("HeartbeatMinutes".to_owned(), HEARTBEAT_MINUTES.to_owned())],
            values: json!({
                "replicas": 2,
                "logLevel": "debug",
                "heartbeatPeriod": HEARTBEAT_PERIOD,
                "minRestartInterval": "0s",
                "sweepInterval": "10m",
            }),
            way: Way { flags: owned(&[]), ..through(&aws, &kubernetes) },
            ..Options::default()
        };
        let rekey = Box::pin(Installation::create(&stack, &options, &Progress::stderr())).await?;
        Ok(Self {
            stack,
            aws,
            kubernetes,
            rekey,
            name: options.name,
            values: Values::default(),
            broken: AtomicBool::new(false),
        })
    }

    /// After a row that failed: the agent runs, nothing is left in the queues, and nobody's fleet is in the way.
    async fn repair(&self) -> anyhow::Result<()> {
        self.rekey.agent.thaw();
        let queue = Queue::of(&self.stack, &self.rekey.deployed).await?;
        queue.purge().await?;
        fleet::remove_all(&self.stack.kubernetes.client().await?).await?;
        self.rekey.agent.restart().await
    }

    /// Stops the agent between two long polls and starts it again. What a poll brings that nobody waits for any more is in
    /// flight for 30 s, here as on AWS.
    async fn restart(&self) -> anyhow::Result<()> {
        let hold = self.aws.fault(When::action("ReceiveMessage"), Effect::Hold);
        hold.arrived(1, SOON).await?;
        self.rekey.agent.stop(SOON);
        drop(hold);
        self.rekey.agent.restart().await
    }

    /// Another agent of the same Deployment, with proxies of its own.
    pub async fn second_agent(&self, flags: &[(&str, &str)]) -> (Agent, Proxy, Proxy) {
        let (aws, kubernetes) = proxies(&self.stack).unwrap();
        let pod = Some(format!("{}-second", self.rekey.deployment));
        let way = Way { pod, flags: owned(flags), ..through(&aws, &kubernetes) };
        let agent = Agent::start(&self.stack, &self.rekey.namespace, &self.rekey.deployment, &way).await.unwrap();
        (agent, aws, kubernetes)
    }
}

fn proxies(stack: &Stack) -> anyhow::Result<(Proxy, Proxy)> {
    Ok((Proxy::http(stack.aws.endpoint())?, Proxy::https(stack.kubernetes.url(), stack.kubernetes.ca())?))
}

fn through(aws: &Proxy, kubernetes: &Proxy) -> Way {
    Way {
        aws: Some(aws.url().to_owned()),
        kubernetes: Some((kubernetes.url().to_owned(), kubernetes.ca().to_owned())),
        ..Way::default()
    }
}

/// The chart gives the agent a standby; where no row is about it the agent is alone, and starts without waiting for a lease.
/// And what failed is tried again soon, for nobody waits seven minutes here.
const ALWAYS: [(&str, &str); 2] = [("--leader-elect", "false"), ("--max-retry-interval", "6s")];

/// These flags, with [`ALWAYS`] before them: the last one counts.
fn owned(flags: &[(&str, &str)]) -> Vec<(String, String)> {
    ALWAYS.iter().chain(flags).map(|(flag, value)| ((*flag).to_owned(), (*value).to_owned())).collect()
}

/// One row while it runs. If it ends without [`Row::end`], it has failed.
pub struct Row {
    pub stage: &'static Stage,
    pub queue: Queue,
    name: &'static str,
    began: Instant,
    aws: Mark,
    kubernetes: Mark,
    /// Messages of the row's own.
    sent: AtomicUsize,
    /// What passed by other proxies than the stage's: to AWS, and to the API server.
    others: std::sync::Mutex<(Vec<Passed>, Vec<Passed>)>,
    done: bool,
    _turn: MutexGuard<'static, ()>,
}

impl Row {
    /// Waits for its turn, and until the agent runs with these flags and its pipe is proven.
    pub async fn begin(name: &'static str, flags: &[(&str, &str)]) -> Self {
        static TURN: Mutex<()> = Mutex::const_new(());
        let turn = TURN.lock().await;
        let stage = stage().await;
        let agent = &stage.rekey.agent;
        let other_flags = agent.flags() != owned(flags);
        agent.set_flags(&owned(flags));
        if stage.broken.swap(true, Ordering::AcqRel) {
            stage.repair().await.unwrap();
        } else if other_flags {
            stage.restart().await.unwrap();
        }
        agent.ready(SOON).await.unwrap();
        let queue = Queue::of(&stage.stack, &stage.rekey.deployed).await.unwrap();
        queue.purge_dead().await.unwrap();
        let row = Self {
            stage,
            queue,
            name,
            began: Instant::now(),
            aws: stage.aws.mark(),
            kubernetes: stage.kubernetes.mark(),
            sent: AtomicUsize::new(0),
            others: std::sync::Mutex::default(),
            done: false,
            _turn: turn,
        };
        // All of them: each flip is followed by a sweep, which is nothing that a row should meet by chance.
        row.pipes(": proven", SOON).await;
        row
    }

    /// A fleet with one Deployment for each `per_workload` secrets.
    pub async fn fleet(&self, secrets: usize, per_workload: usize, refresh_interval: &'static str) -> Fleet {
        // A name of its own even if the namespace of a failed run is still going.
        let namespace = format!("{}{}", fleet::PREFIX, rekey_tests::random_word(6));
        let options = fleet::Options { namespace, secrets, per_workload, refresh_interval };
        let fleet = Fleet::create(&self.stage.stack, &options).await.unwrap();
        self.stage.values.add(&fleet.word);
        fleet
    }

    pub fn agent(&self) -> &'static Agent {
        &self.stage.rekey.agent
    }

    /// Waits until `/readyz` says this of both pipes.
    pub async fn pipes(&self, part: &str, timeout: Duration) {
        eventually(&format!("/readyz to say {part:?} of both pipes"), timeout, async || {
            let (status, text) = self.agent().get("/readyz").await?;
            ensure!(status == 200, "it is {status}");
            let said = text.lines().filter(|line| line.starts_with("pipe ") && line.contains(part)).count();
            ensure!(said == 2, "{text}");
            Ok(())
        })
        .await
        .unwrap();
    }

    /// Counts messages that the row sends.
    pub fn sent(&self, messages: usize) {
        self.sent.fetch_add(messages, Ordering::AcqRel);
    }

    /// Counts what passed by the proxies of a second agent too.
    pub fn include(&self, aws: &Proxy, kubernetes: &Proxy) {
        *self.others.lock().unwrap() = (aws.since(Mark::default()), kubernetes.since(Mark::default()));
    }

    /// Every request to AWS since the row began.
    fn aws(&self) -> Vec<Passed> {
        [self.stage.aws.since(self.aws), self.others.lock().unwrap().0.clone()].concat()
    }

    /// Every request to the API server since the row began.
    fn kubernetes(&self) -> Vec<Passed> {
        [self.stage.kubernetes.since(self.kubernetes), self.others.lock().unwrap().1.clone()].concat()
    }

    /// No message about the fleet was deleted before its version was written; `at_least` so many were deleted.
    pub fn none_deleted_early(&self, fleet: &Fleet, at_least: usize) {
        // From the very beginning: the long poll that brought the first message may be older than the row.
        let everything = self.stage.aws.since(Mark::default());
        let (early, deleted) =
            Deliveries::of(&everything).deleted_early(&fleet.namespace, &fleet.sources, &self.kubernetes());
        assert!(early.is_empty(), "{} of {deleted} messages were deleted too early: {early:?}", early.len());
        assert!(deleted >= at_least, "only {deleted} messages about the fleet were deleted");
    }

    /// What holds after every fault, the figures, and nothing left over. `dead` messages are in the DLQ.
    pub async fn end(mut self, fleet: Fleet, dead: usize, timeout: Duration) {
        let stage = self.stage;
        let key = hash_key(&stage.stack, &stage.rekey).await.unwrap();
        let restarts = verdict(&fleet, &self.queue, &key, dead, timeout).await.unwrap();
        stage.rekey.agent.check().unwrap();
        stage.values.are_in_no_log(&stage.stack, &stage.rekey);
        stage.values.are_not_in("an Event", &fleet.events().await.unwrap());
        let rotations: usize = fleet.sources.iter().map(|source| source.versions.len() - 1).sum();
        self.figures(rotations, restarts, true).save().unwrap();
        self.done = true;
        fleet.remove().await.unwrap();
        self.queue.purge_dead().await.unwrap();
        stage.broken.store(false, Ordering::Release);
    }

    fn figures(&self, rotations: usize, restarts: usize, passed: bool) -> Figures {
        let written = |passed: &&Passed| {
            let to_secrets = passed.resource.contains("/secrets") && matches!(passed.action.as_str(), "PUT" | "POST");
            to_secrets && passed.status.is_some_and(|status| status.is_success())
        };
        Figures {
            row: self.name.to_owned(),
            events: rotations + self.sent.load(Ordering::Acquire),
            reads: self.aws().iter().filter(|passed| passed.is_read()).count(),
            writes: self.kubernetes().iter().filter(written).count(),
            restarts,
            seconds: self.began.elapsed().as_secs_f64(),
            passed,
        }
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        if !self.done {
            // The test fails anyhow. What the agent did would go with the stack.
            let _ = self.figures(0, 0, false).save();
            let kept = figures::path().with_file_name("faults-failed.log");
            let _ = std::fs::copy(self.agent().log().path(), kept);
        }
    }
}
