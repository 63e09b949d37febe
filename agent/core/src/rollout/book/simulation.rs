//! Whatever the order of changes, deliveries, answers and crashes: the pods end on the newest data, with no restart
//! that no change explains, and never faster than the pace.
//!
//! The world is an API server with a ConfigMap, a Secret and a Deployment that uses both, two watches that deliver late,
//! and an agent that is a [`Book`]. Only the last phase is orderly.

mod world;

use proptest::collection::vec;
use proptest::prelude::*;

use self::world::World;

/// What is guaranteed from the start, and so what may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    /// The baselines are on the workload: everything may happen.
    Settled,
    /// The workload is created while the agent runs: everything but a crash.
    Watched,
    /// Nothing is recorded, but only the agent writes the resources: everything else, crashes included.
    Synced,
    /// The baselines are on the workload, and older revisions come back.
    RolledBack,
}

/// What the installation and the workload chose.
#[derive(Clone, Copy, Debug)]
struct Choice {
    variables: bool,
    /// The Deployment asks for pauses.
    pauses: bool,
    /// Resources come and go, and both is to restart.
    appearance: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Somebody writes a resource.
    Change {
        resource: usize,
        content: u32,
    },
    /// Somebody deletes a resource.
    Delete {
        resource: usize,
    },
    /// The agent writes the Secret, baselines first.
    Sync {
        content: u32,
        crash: bool,
    },
    DeliverResource,
    DeliverWorkload,
    /// The agent asks its book for writes and sends them.
    Take,
    /// The first write under way reaches the API server, or is refused there; its answer arrives or is lost.
    Land {
        refused: bool,
        lost: bool,
    },
    /// Somebody updates the Deployment's status.
    Touch,
    /// All pods are new and serve.
    Finish,
    Wait {
        millis: u64,
    },
    /// The agent ends and starts again; its writes under way may still land.
    Crash {
        land: bool,
    },
    RollBack,
}

fn step(setting: Setting) -> impl Strategy<Value = Step> {
    let contents = 1..4_u32;
    prop_oneof![
        4 => (0..2_usize, contents.clone()).prop_map(|(resource, content)| Step::Change { resource, content }),
        2 => (0..2_usize).prop_map(|resource| Step::Delete { resource }),
        2 => (contents, prop::bool::weighted(0.3)).prop_map(|(content, crash)| Step::Sync { content, crash }),
        6 => Just(Step::DeliverResource),
        6 => Just(Step::DeliverWorkload),
        8 => Just(Step::Take),
        8 => (prop::bool::weighted(0.2), prop::bool::weighted(0.2)).prop_map(|(refused, lost)| Step::Land { refused, lost }),
        2 => Just(Step::Touch),
        1 => Just(Step::Finish),
        4 => prop_oneof![1..900_u64, 5_000..15_000_u64].prop_map(|millis| Step::Wait { millis }),
        2 => any::<bool>().prop_map(|land| Step::Crash { land }),
        1 => Just(Step::RollBack),
    ]
    .prop_filter("not in this setting", move |step| match step {
        Step::Change { .. } => setting != Setting::Synced,
        Step::Delete { .. } => matches!(setting, Setting::Settled | Setting::Watched),
        Step::Crash { .. } => setting != Setting::Watched,
        Step::RollBack => setting == Setting::RolledBack,
        _ => true,
    })
}

fn choice() -> impl Strategy<Value = Choice> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(variables, pauses, appearance)| Choice {
        variables,
        pauses,
        appearance,
    })
}

fn run(setting: Setting, choice: Choice, steps: Vec<Step>) {
    let mut world = World::new(setting, choice);
    for step in steps {
        world.step(step);
    }
    world.settle();
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn once_settled_nothing_is_lost(choice in choice(), steps in vec(step(Setting::Settled), 0..80)) {
        run(Setting::Settled, choice, steps);
    }

    #[test]
    fn a_workload_created_under_the_agent_loses_nothing(choice in choice(), steps in vec(step(Setting::Watched), 0..80)) {
        run(Setting::Watched, choice, steps);
    }

    #[test]
    fn what_the_agent_writes_is_never_lost(choice in choice(), steps in vec(step(Setting::Synced), 0..80)) {
        run(Setting::Synced, choice, steps);
    }

    #[test]
    fn revisions_that_come_back_lose_nothing(choice in choice(), steps in vec(step(Setting::RolledBack), 0..80)) {
        run(Setting::RolledBack, choice, steps);
    }
}
