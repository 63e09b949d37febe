//! The crash-replay property: whatever goes wrong where, a replay ends well.

use proptest::prelude::*;

use super::*;
use crate::testing::every_prefix;

#[tokio::test(start_paused = true)]
async fn after_any_prefix_of_side_effects_a_replay_ends_well() {
    for make in [single, alternating] {
        every_prefix(
            || machine(&make()),
            |service| {
                if service.refused <= 2 { Ok(()) } else { Err("only replays see a refusal".to_owned()) }
            },
        )
        .await;
    }
}

fn faults() -> impl proptest::strategy::Strategy<Value = BTreeMap<usize, Fault>> {
    let fault = prop_oneof![Just(Fault::Crash), Just(Fault::LostReply), Just(Fault::Repeated)];
    proptest::collection::btree_map(0_usize..12, fault, 0..5)
}

fn clock() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Crash or lose the answer after any side effects, replay with the same token: the credential in force logs in,
    /// the labels are legal, the password was generated once, and the event was sent after the label moved.
    #[test]
    fn crash_replay_ends_with_a_credential_that_logs_in(faults in faults(), lag in 0_u32..4, behind in 0_u32..4) {
        clock().block_on(async {
            let world = single();
            {
                let mut state = world.state();
                state.faults = faults.clone();
                state.lag = lag;
                state.behind = behind;
            }
            prop_assert!(rotate(&machine(&world), faults.len() + 1).await, "a try without faults ends well");
            prop_assert_eq!(password(&world, CURRENT), world.state().service.password.clone());
            let state = world.state();
            prop_assert_eq!(&state.labels[CURRENT], TOKEN);
            prop_assert_eq!(&state.labels[PREVIOUS], "v1");
            prop_assert!(state.labels.get("AWSPENDING").is_none_or(|version| version == TOKEN));
            prop_assert_eq!(state.stored, 1);
            prop_assert!(!state.sent.is_empty() || state.bus_calls >= 3);
            prop_assert!(state.sent.iter().all(|event| event.version_id == TOKEN));
            prop_assert!(state.service.refused <= faults.len(), "only replays see a refusal");
            Ok(())
        })?;
    }

    /// The same with somebody else at work: what they put in force is never overwritten unseen, and a version still
    /// logs in.
    #[test]
    fn a_manual_change_at_any_point_is_respected(
        faults in faults(), at in 0_usize..6,
        manual in prop_oneof![Just(fake::put as Act), Just(fake::label_back as Act), Just(fake::cancel as Act)],
    ) {
        clock().block_on(async {
            let world = single();
            {
                let mut state = world.state();
                state.faults = faults.clone();
                state.acts.insert(at, manual);
            }
            let ended_well = rotate(&machine(&world), faults.len() + 2).await;
            let acted = world.state().effects > at;
            let current = password(&world, CURRENT);
            let server = world.state().service.password.clone();
            {
                let state = world.state();
                if acted && std::ptr::fn_addr_eq(manual, fake::put as Act) {
                    // A change right before createSecret stores its value is rotated away from like any other credential;
                    // a later one stays. Either way the label was never taken from it unseen.
                    prop_assert!(state.labels[CURRENT] == "v3" || (at == 0 && state.labels[PREVIOUS] == "v3"));
                    prop_assert_eq!(&current, &server);
                }
                if ended_well && state.labels[CURRENT] == TOKEN {
                    prop_assert_eq!(&current, &server);
                }
                // Cancelled or rolled back by hand at the worst moment, the service may hold the password of a version
                // without labels: it is still there to be read by its id.
                let known = state.values.values().any(|text| text.contains(&format!("\"{server}\"")));
                prop_assert!(known, "the password in force is in a version");
                prop_assert!(state.stored <= 1);
            }
            // And whatever happened, the next rotation finds it.
            prop_assert!(stuck::next_rotation(&world).await);
            prop_assert_eq!(password(&world, CURRENT), world.state().service.password.clone());
            Ok(())
        })?;
    }
}
