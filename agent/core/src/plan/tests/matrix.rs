//! Each cell of ESO's matrix of creation policies (its documentation's "Ownership and deletion policy").

use super::*;

const ALL: [CreationPolicy; 5] = [Owning, Orphan, Merge, CreateOrMerge, Nothing];

/// What a plan does, in the words of the tables below.
fn verdict(plan: &Plan) -> String {
    let secret = |secret: &Secret| {
        let labels = secret.metadata.labels.clone().unwrap_or_default();
        let signs = [
            (secret.metadata.owner_references.is_some(), "reference"),
            (labels.contains_key(CREATED_BY_LABEL), "created-by"),
            (labels.contains_key(MANAGED_LABEL), "managed"),
        ];
        let signs: Vec<&str> = signs.iter().filter(|(has, _)| *has).map(|(_, sign)| *sign).collect();
        format!("{} {}", data_of(secret).join(","), signs.join(","))
    };
    match plan {
        Plan::Create(made) => format!("create {}", secret(made)),
        Plan::Update { secret: made, adopts, .. } => {
            format!("{} {}", if *adopts { "adopt" } else { "update" }, secret(made))
        }
        Plan::Mark { secret: made, short_of } => {
            assert!(short_of.is_none() && !is_valid(made));
            format!("mark {}", secret(made))
        }
        Plan::Unchanged => "unchanged".to_owned(),
        Plan::Missing => "missing".to_owned(),
        Plan::Refuse(refusal) => format!("refuse: {refusal}"),
    }
}

fn each_policy(existing: Option<&Secret>, expected: [&str; 5]) {
    for (policy, expected) in ALL.into_iter().zip(expected) {
        let verdict = verdict(&plan_as(policy, existing, &rendered("new")));
        assert_eq!(verdict, expected, "{policy:?}");
    }
}

#[test]
fn no_secret() {
    each_policy(
        None,
        [
            "create password=new reference,created-by,managed",
            "create password=new managed",
            "missing",
            "create password=new managed",
            "unchanged",
        ],
    );
}

#[test]
fn a_secret_that_nobody_owns() {
    let existing = foreign(&[("password", "old"), ("theirs", "x")]);
    each_policy(
        Some(&existing),
        [
            "adopt password=new reference,created-by,managed",
            "adopt password=new managed",
            "update password=new,theirs=x managed",
            "update password=new,theirs=x managed",
            "mark password=old,theirs=x managed",
        ],
    );
}

#[test]
fn a_secret_of_another_external_secret() {
    let refused = "refuse: target is owned by another ExternalSecret: other";
    let existing = controlled_by("ExternalSecret", "other");
    each_policy(Some(&existing), [refused, refused, refused, refused, "unchanged"]);
}

#[test]
fn a_secret_of_another_controller() {
    let mut existing = foreign(&[("password", "old")]);
    existing.metadata.owner_references = controlled_by("SealedSecret", "seal").metadata.owner_references;
    each_policy(
        Some(&existing),
        [
            "refuse: failed to take ownership of target secret: it is controlled by SealedSecret seal",
            "update password=new reference,managed",
            "update password=new reference,managed",
            "update password=new reference,managed",
            "unchanged",
        ],
    );
}

#[test]
fn what_is_right_is_not_written_again() {
    for policy in [Owning, Orphan, CreateOrMerge] {
        let existing = written(policy, "new");
        assert_eq!(plan_as(policy, Some(&existing), &rendered("new")), Plan::Unchanged, "{policy:?}");
    }
    let merged = written(CreateOrMerge, "new");
    assert_eq!(plan_as(Merge, Some(&merged), &rendered("new")), Plan::Unchanged);
    assert_eq!(plan_as(Nothing, Some(&merged), &rendered("new")), Plan::Unchanged);
}

#[test]
fn a_manual_edit_of_keys() {
    let edited = |policy| {
        let mut secret = written(policy, "new");
        set(&mut secret, "password", "edited");
        set(&mut secret, "added", "x");
        secret
    };
    for (policy, expected) in [
        (Owning, "update password=new reference,created-by,managed"),
        (Orphan, "update password=new managed"),
        (CreateOrMerge, "update added=x,password=new managed"),
    ] {
        assert_eq!(verdict(&plan_as(policy, Some(&edited(policy)), &rendered("new"))), expected, "{policy:?}");
    }
}

#[test]
fn keys_that_the_sources_have_no_more() {
    let nothing = Rendered { data: [].into(), ..rendered("") };
    for (policy, expected) in [
        (Owning, "update  reference,created-by,managed"),
        (Orphan, "update  managed"),
        (CreateOrMerge, "update theirs=x managed"),
    ] {
        let mut secret = written(policy, "old");
        set(&mut secret, "theirs", "x");
        assert_eq!(verdict(&plan_as(policy, Some(&secret), &nothing)), expected, "{policy:?}");
    }
}

#[test]
fn a_policy_that_changed() {
    let owned = written(Owning, "old");
    for (policy, expected) in [
        (Orphan, "update password=new managed"),
        (Merge, "update password=new managed"),
        (CreateOrMerge, "update password=new managed"),
        (Nothing, "unchanged"),
    ] {
        assert_eq!(verdict(&plan_as(policy, Some(&owned), &rendered("new"))), expected, "{policy:?}");
    }
    let orphan = written(Orphan, "old");
    let back = verdict(&plan_as(Owning, Some(&orphan), &rendered("new")));
    assert_eq!(back, "update password=new reference,created-by,managed");
}

#[test]
fn validity_by_policy_and_last_outcome() {
    use Refreshed::{Deleted, Missing, Retained, Synced};
    const GONE: Option<bool> = None;
    const VALID: Option<bool> = Some(true);
    const SPOILT: Option<bool> = Some(false);
    for (policies, last, [gone, valid, spoilt]) in [
        (&[Orphan, Nothing][..], Synced, [true, true, true]),
        (&[Owning, Merge, CreateOrMerge][..], Synced, [false, true, false]),
        (&[Merge][..], Missing, [true, false, false]),
        (&ALL[..], Deleted, [true, true, true]),
        (&ALL[..], Retained, [true, true, true]),
    ] {
        for policy in policies {
            for (target, expected) in [(GONE, gone), (VALID, valid), (SPOILT, spoilt)] {
                let actual = is_as_left(*policy, Some(last), target);
                assert_eq!(actual, expected, "{policy:?} {last:?} {target:?}");
            }
        }
    }
}
