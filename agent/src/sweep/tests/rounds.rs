//! When what is compared, and together with what.

use rekey_core::resource::ExternalSecretStatus;

use super::*;

#[tokio::test]
async fn each_source_follows_the_pipe_of_its_own_account_and_region() {
    let aws = FakeAws::new(|operation, request| answer(operation, request, "1"));
    let sweep = sweep(&aws);
    let in_account = |account: &str, region: &str| arn("db").replace(ACCOUNT, account).replace("eu-west-1", region);
    heartbeat(&sweep, ACCOUNT, "eu-west-1");
    for (name, source) in [
        ("by-name", "db".to_owned()),
        ("same", in_account(ACCOUNT, "eu-west-1")),
        ("other-account", in_account("999999999999", "eu-west-1")),
        ("other-region", in_account(ACCOUNT, "eu-north-1")),
    ] {
        synced(&sweep, name, "1m", &[(SECRETS, &source)]);
    }
    synced(&sweep, "parameter", "1m", &[(PARAMETERS, "/db")]);
    let compared_again = |minutes: i64| -> Vec<String> {
        let then = ago(60) + SignedDuration::from_mins(minutes);
        let round = Round::new(&sweep.state, &mut memory(ago(60)), sweep.interval, Why::Due, then);
        let objects = round.groups.into_values().flat_map(|group| group.objects);
        let mut names: Vec<String> = objects.map(|(key, _)| key.name).collect();
        names.sort();
        names
    };
    // Two minutes after the last comparison: what is not proven is due at its own interval, the rest is not.
    assert_eq!(compared_again(2), ["other-account", "other-region", "parameter"]);
    assert_eq!(compared_again(16).len(), 5);
    heartbeat(&sweep, "999999999999", "eu-west-1");
    assert_eq!(compared_again(2), ["other-region", "parameter"]);
}

#[tokio::test]
async fn an_object_in_use_twice_is_asked_for_once_and_late_answers_only_where_all_bear_them() {
    let aws = FakeAws::new(|operation, request| answer(operation, request, "1"));
    let sweep = sweep(&aws);
    for (name, refresh, source) in [("a", "1h", "db"), ("b", "5m", "db"), ("c", "1h", "other")] {
        synced(&sweep, name, refresh, &[(SECRETS, source)]);
    }
    let asked = |why| -> Vec<(String, bool)> {
        let round = Round::new(&sweep.state, &mut memory(ago(0)), sweep.interval, why, Timestamp::now());
        let asked = round.groups.into_values().flat_map(|group| group.asked);
        let mut asked: Vec<_> =
            asked.map(|one| (one.wanted.source().expect("named").key.clone(), one.may_lag)).collect();
        asked.sort();
        asked
    };
    assert_eq!(asked(Why::Start), [("db".to_owned(), false), ("other".to_owned(), true)]);
    assert_eq!(asked(Why::Flip), [("db".to_owned(), false), ("other".to_owned(), false)]);
    let body = json!({
        "version": "0", "id": "event-1", "detail-type": "Secret Label Updated", "source": "aws.secretsmanager",
        "account": ACCOUNT, "time": "2027-01-15T08:00:00Z", "region": "eu-west-1", "resources": [arn("other")],
        "detail": {"name": "other", "labelUpdated": "AWSCURRENT", "versionId": "2"},
    });
    let Parsed::Change(change) = change::parse(&body.to_string()) else { panic!("a change") };
    assert_eq!(sweep.state.announce(&change, Timestamp::now()).objects, 1);
    let after_an_event = [("db".to_owned(), false), ("other".to_owned(), false)];
    assert_eq!(asked(Why::Start), after_an_event, "a listing may not show what the event spoke of");
}

#[tokio::test]
async fn comparisons_that_drifted_apart_meet_again_in_full_calls_and_none_is_late() {
    for (store, most) in [(SECRETS, 12), (PARAMETERS, 100)] {
        let aws = FakeAws::new(|operation, request| match operation {
            "ListSecrets" => {
                let (start, next) = if request["NextToken"] == "more" { (100, None) } else { (0, Some("more")) };
                let secret = |number: usize| {
                    let name = format!("key-{number}");
                    json!({"ARN": arn(&name), "Name": name, "SecretVersionsToStages": {"1": ["AWSCURRENT"]}})
                };
                let secrets: Vec<Value> = (start..start + 100).map(secret).collect();
                Reply::Json(json!({"SecretList": secrets, "NextToken": next}))
            }
            _ => answer(operation, request, "1"),
        });
        let (sweep, mut memory) = (sweep(&aws), memory(ago(120)));
        let interval = SignedDuration::from_mins(15);
        let began = Timestamp::now();
        for number in 0..200_i32 {
            let name = format!("object-{number}");
            synced(&sweep, &name, "15m", &[(store, &format!("key-{number}"))]);
            let checked = began - interval * number / 200;
            sweep.state.with_object(&key(&name), |object| object.checked = Some(checked));
        }
        let (mut now, mut compared) = (began, 0);
        while now < began + interval * 2 {
            let round = Round::new(&sweep.state, &mut memory, sweep.interval, Why::Due, now);
            for (store, group) in round.groups {
                for (object, _) in &group.objects {
                    let before = checked(&sweep, &object.name).expect("compared before");
                    assert!(now.duration_since(before) <= interval + SignedDuration::from_secs(1), "{object} is late");
                }
                let done = sweep.compare_safely(&store, group).await;
                let objects: Vec<ObjectKey> = done.objects.iter().map(|(key, _)| key.clone()).collect();
                compared += objects.len();
                assert_eq!(sweep.settle(&mut memory, done), None);
                for key in objects {
                    sweep.state.with_object(&key, |object| object.checked = Some(now));
                }
            }
            now += SignedDuration::try_from(round.nap).expect("short");
        }
        let calls = aws.operations();
        // One by one it would be 400.
        assert!(calls.len() <= most, "{store}: {} calls", calls.len());
        assert!((400..=800).contains(&compared), "{store}: {compared} comparisons");
    }
}

#[tokio::test]
async fn a_sync_does_not_move_the_time_of_the_next_comparison() {
    let aws = FakeAws::new(|operation, request| answer(operation, request, "1"));
    let sweep = sweep(&aws);
    synced(&sweep, "db", "15m", &[(SECRETS, "db")]);
    let first = checked(&sweep, "db");
    assert!(first.is_some(), "a first sync is as good as a comparison");
    sweep.state.with_object(&key("db"), |object| {
        object.synced(BTreeMap::new(), ExternalSecretStatus::default(), "2".to_owned(), Timestamp::now());
    });
    assert_eq!(checked(&sweep, "db"), first);
}

#[tokio::test]
async fn a_flip_compares_what_its_pipe_carries_and_nothing_else() {
    let aws = FakeAws::new(|operation, request| answer(operation, request, "1"));
    let sweep = sweep(&aws);
    let elsewhere = arn("db").replace(ACCOUNT, "999999999999");
    synced(&sweep, "ours", "1h", &[(SECRETS, &arn("db"))]);
    synced(&sweep, "theirs", "1h", &[(SECRETS, &elsewhere)]);
    let mut memory = memory(ago(120));
    round(&sweep, &mut memory, Why::Start).await;
    let flip = |memory: &mut Memory| -> Vec<String> {
        let round = Round::new(&sweep.state, memory, sweep.interval, Why::Flip, Timestamp::now());
        round.groups.into_values().flat_map(|group| group.objects).map(|(key, _)| key.name).collect()
    };
    assert_eq!(flip(&mut memory), [""; 0], "all have been compared as things are");
    heartbeat(&sweep, ACCOUNT, "eu-west-1");
    assert_eq!(flip(&mut memory), ["ours"]);
    // That one was not answered yet: a flip back makes it due once more, its own pipe's does nothing more.
    assert_eq!(flip(&mut memory), [""; 0]);
    assert_eq!(memory.comparisons.store_done(&key("ours"), true, Timestamp::now(), 0.0), Some(Closed::Compared));
    assert_eq!(flip(&mut memory), ["ours"], "its state at the comparison was not kept");
    heartbeat(&sweep, "999999999999", "eu-west-1");
    assert_eq!(flip(&mut memory), ["theirs"]);
}

#[tokio::test]
async fn the_loop_compares_at_start_at_a_flip_and_again_after_a_failure() {
    let down = Arc::new(AtomicBool::new(false));
    let aws = FakeAws::new({
        let down = Arc::clone(&down);
        move |operation, request| {
            if down.load(Ordering::Relaxed) { Reply::NoConnection } else { answer(operation, request, "1") }
        }
    });
    let sweep = sweep(&aws);
    synced(&sweep, "db", "1h", &[(SECRETS, "db")]);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(sweep.clone().run(shutdown.clone()));
    let compared_after = async |began: Timestamp| {
        let compared = async {
            while checked(&sweep, "db").is_none_or(|at| at < began) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Far less than the hour of its interval.
        tokio::time::timeout(Duration::from_secs(20), compared).await.expect("compared in time");
    };
    compared_after(ago(1)).await;
    down.store(true, Ordering::Relaxed);
    aws.requests();
    let flipped = Timestamp::now();
    heartbeat(&sweep, ACCOUNT, "eu-west-1");
    sweep.flipped.notify_one();
    let attempted = async {
        let mut attempts = 0;
        while attempts < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            attempts += aws.requests().len();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), attempted).await.expect("asked in vain in time");
    down.store(false, Ordering::Relaxed);
    compared_after(flipped).await;
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(5), running).await.expect("it ends").expect("without a panic");
}

#[tokio::test]
async fn a_fixed_version_is_compared_too_for_its_source_may_go() {
    let gone = Arc::new(AtomicBool::new(false));
    let aws = FakeAws::new({
        let gone = Arc::clone(&gone);
        move |_, request| {
            let name = request["SecretId"].as_str().expect("an id");
            let deleted = gone.load(Ordering::Relaxed).then_some(1_800_000_000);
            Reply::Json(json!({"ARN": arn(name), "Name": name, "DeletedDate": deleted, "VersionIdsToStages": {}}))
        }
    });
    let (sweep, mut memory) = (sweep(&aws), memory(ago(120)));
    synced(&sweep, "fixed", "1h", &[(SECRETS, "db")]);
    let version = json!([{"secretKey": "v0", "remoteRef": {"key": "db", "version": "uuid/1"}}]);
    sweep.state.with_object(&key("fixed"), |object| {
        let resource = Arc::make_mut(&mut object.resource);
        resource.spec.data = serde_json::from_value(version).expect("an entry");
    });
    let _ = sweep.state.store_seen(&StoreKey { namespace: Some("shop".to_owned()), name: SECRETS.to_owned() }, None);
    let spec = json!({"provider": {"aws": {"service": "SecretsManager", "region": "eu-west-1"}}});
    let store = StoreKey { namespace: Some("shop".to_owned()), name: SECRETS.to_owned() };
    let _ = sweep.state.store_seen(&store, Some(serde_json::from_value(spec).expect("a store")));
    sweep.state.with_object(&key("fixed"), |object| {
        let tokens = object.wanted().map(|wanted| (wanted.to_string(), Token::of_secret(&arn("db"), "1"))).collect();
        object.followed(tokens);
    });
    round(&sweep, &mut memory, Why::Start).await;
    assert_eq!(sweep.state.decide(&key("fixed"), Timestamp::now()), Some(Decision::Skip));
    gone.store(true, Ordering::Relaxed);
    round(&sweep, &mut memory, Why::Start).await;
    assert_eq!(sweep.state.decide(&key("fixed"), Timestamp::now()), Some(Decision::Read));
}
