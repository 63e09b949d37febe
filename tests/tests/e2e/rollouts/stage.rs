//! The cluster of these tests, theirs alone: an agent of another test would restart their workloads too.

use anyhow::Result;
use kube::api::ListParams;
use rekey_tests::agent::Agent;
use rekey_tests::eventually::eventually;
use rekey_tests::progress::Progress;
use rekey_tests::stack::{Options, Stack};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::agents::{self, Plan};
use super::world::World;
use super::{SOON, USUAL, folder, plans};
use crate::table::objects::Objects;

pub(super) struct Stage {
    stack: Stack,
    /// The Deployment by which every agent is started.
    deployment: String,
    /// The usual agent. It runs since before the cluster knew Argo's kind.
    pub(super) usual: Agent,
}

/// # Panics
/// When it cannot be set; later callers learn it at once.
pub(super) async fn stage() -> &'static Stage {
    static STAGE: OnceCell<Result<Stage, String>> = OnceCell::const_new();
    match STAGE.get_or_init(async || Stage::set().await.map_err(|error| format!("{error:#}"))).await {
        Ok(stage) => stage,
        Err(error) => panic!("the stack of the rollouts did not start: {error}"),
    }
}

impl Stage {
    async fn set() -> Result<Self> {
        let options = Options { purpose: "rollouts".to_owned(), ..Options::default() };
        let stack = Box::pin(Stack::start(options, &Progress::stderr())).await?;
        let deployment = agents::install(&stack).await?;
        let usual = plans()[USUAL].start(&stack, &deployment, USUAL).await?;
        let stage = Self { stack, deployment, usual };
        argo(&stage.objects().await?).await?;
        Ok(stage)
    }

    /// Starts an agent by this plan and waits until it is ready.
    pub(super) async fn agent(&self, name: &str, plan: &Plan) -> Result<Agent> {
        plan.start(&self.stack, &self.deployment, name).await
    }

    /// The world, on the runtime that calls this.
    pub(super) async fn world(&self) -> World {
        World::open(self.objects().await.unwrap()).unwrap()
    }

    async fn objects(&self) -> Result<Objects> {
        Ok(Objects { client: self.stack.kubernetes.client().await? })
    }
}

/// Makes Argo's kind known to the cluster.
async fn argo(objects: &Objects) -> Result<()> {
    let text = std::fs::read_to_string(folder().join("argo.yaml"))?;
    let definition: Value = serde_yaml_ng::from_str(&text)?;
    objects.apply("", &definition).await?;
    eventually("Argo's kind to be served", SOON, async || {
        let rollouts = objects.all("Rollout")?;
        Ok(rollouts.list(&ListParams::default()).await.map(drop)?)
    })
    .await
}
