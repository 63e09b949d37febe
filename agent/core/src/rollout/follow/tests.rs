use serde_json::{Value, json};

use super::*;
use crate::object::ObjectKey;
use crate::rollout::book::{Book, Outcome, Room};
use crate::rollout::options::Options;
use crate::rollout::resource::{ResourceKey, ResourceName};
use crate::rollout::state::State;
use crate::rollout::testing::{AUTO, Fake, KEY, at, plain};
use crate::rollout::workload::{Restartable, Rollout};

mod book;
mod play;

use play::{Play, next, object, read, started, status};

const MINUTE: u64 = 60_000;

fn live(millis: u64) -> Vec<Told> {
    vec![Told::Live { took: Some(Duration::from_millis(millis)) }]
}

#[test]
fn every_kind_is_live_once_its_pods_are_new_and_serve_and_that_is_told_once() {
    for kind in ["DaemonSet", "Deployment", "Rollout", "StatefulSet"] {
        let mut play = Play::new(kind);
        assert_eq!(play.told(10), [], "{kind}: its controller has not seen it");
        play.reports(3, 1, 2);
        assert_eq!(play.told(1000), [], "{kind}: under way");
        play.reports(3, 3, 2);
        assert_eq!(play.told(2000), [], "{kind}: the last one starts");
        play.reports(3, 3, 3);
        let news = play.look(2300).news;
        assert_eq!(news.len(), 1, "{kind}");
        let News { workload, uid, started, told } = &news[0];
        assert_eq!((workload.to_string(), uid.as_str()), (format!("{kind} ns/app"), "u"));
        assert_eq!((started.clone(), vec![told.clone()]), (self::started(2), live(2300)));
        play.reports(3, 3, 2);
        assert_eq!(play.told(2400), [], "{kind}: a pod fails, which is nothing to the restart");
        play.reports(3, 3, 3);
        assert_eq!(play.told(2500), [], "{kind}");
    }
}

#[test]
fn a_failure_that_lasts_is_told_once_and_so_is_the_recovery() {
    let deadline =
        json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "late"}]);
    let quota = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}]);
    for (kind, field, failing, why) in [
        ("Deployment", "conditions", deadline, "ProgressDeadlineExceeded: late"),
        ("Deployment", "conditions", quota, "FailedCreate: quota"),
        ("Rollout", "phase", json!("Degraded"), "Degraded"),
    ] {
        let mut play = Play::new(kind);
        play.object["status"][field] = failing.clone();
        assert!(play.look(0).again.is_none(), "{why}: what is reported of the rollout before says nothing");
        play.reports(4, 1, 3);
        play.object["status"][field] = failing.clone();
        let look = play.look(1000);
        assert_eq!((look.news, look.again), (vec![], Some(at(11_000))), "{why}");
        play.reports(4, 1, 3);
        assert!(play.look(5000).again.is_none(), "{why}: it was nothing");
        play.object["status"][field] = failing;
        assert_eq!(play.told(6000), [], "{why}");
        assert_eq!(play.told(15_999), [], "{why}");
        assert_eq!(play.told(16_000), [Told::Stuck(why.to_owned())]);
        assert_eq!(play.told(60_000), [], "{why}");
        play.reports(3, 3, 3);
        assert_eq!(play.told(70_000), live(70_000), "{why}");
    }
}

#[test]
fn who_reports_nothing_is_stuck_after_ten_minutes_without_another_new_pod() {
    for kind in ["DaemonSet", "StatefulSet"] {
        let mut play = Play::new(kind);
        play.look(0);
        play.reports(3, 1, 2);
        assert_eq!(play.look(MINUTE).again, Some(at(11 * MINUTE)));
        // One that crashes serves now and then.
        for minute in 2..11 {
            play.reports(3, 1, if minute % 2 == 0 { 3 } else { 2 });
            assert_eq!(play.told(minute * MINUTE), [], "{kind} {minute}");
        }
        let why = "1 of 3 pods are new, 3 serve, and nothing has moved for 10 min";
        assert_eq!(play.told(11 * MINUTE), [Told::Stuck(why.to_owned())]);
        play.reports(3, 3, 3);
        assert_eq!(play.told(12 * MINUTE), live(12 * MINUTE));
    }
    let mut play = Play::new("Deployment");
    play.reports(3, 1, 2);
    assert!(play.look(0).again.is_none(), "it has a deadline of its own");
    assert_eq!(play.told(60 * MINUTE), []);
}

#[test]
fn what_somebody_holds_is_not_stuck() {
    for (kind, path, value) in [
        ("DaemonSet", "updateStrategy", json!({"type": "OnDelete"})),
        ("StatefulSet", "updateStrategy", json!({"type": "OnDelete"})),
        ("StatefulSet", "updateStrategy", json!({"rollingUpdate": {"partition": 2}})),
        ("Deployment", "paused", json!(true)),
        ("Rollout", "paused", json!(true)),
    ] {
        let mut play = Play::new(kind);
        play.object["spec"][path] = value;
        play.reports(3, 0, 3);
        let look = play.look(0);
        assert!(look.news.is_empty() && look.again.is_none(), "{kind} {path}");
        assert_eq!(play.told(30 * MINUTE), [], "{kind} {path}");
        // Once it is let go the time begins.
        play.object["spec"][path] = json!(null);
        assert_eq!(play.told(31 * MINUTE), [], "{kind} {path}");
        play.reports(3, 3, 3);
        assert_eq!(play.told(32 * MINUTE), live(32 * MINUTE), "{kind} {path}");
    }
}

#[test]
fn a_canary_that_pauses_is_held() {
    let mut play = Play::new("Rollout");
    play.reports(3, 1, 3);
    play.object["status"]["phase"] = json!("Paused");
    let look = play.look(0);
    assert!(look.news.is_empty() && look.again.is_none());
}

#[test]
fn an_argo_rollout_that_restarts_in_place_has_old_pods_until_it_says_otherwise() {
    let mut play = Play::new("Rollout");
    play.object["spec"]["restartAt"] = json!("2026-11-23T07:00:00Z");
    play.reports(3, 3, 3);
    play.object["status"]["restartedAt"] = json!("2026-11-22T07:00:00Z");
    assert_eq!(play.told(1000), []);
    play.object["status"]["restartedAt"] = json!("2026-11-23T07:00:00Z");
    assert_eq!(play.told(2000), live(2000));
}

#[test]
fn another_template_supersedes_a_restart_and_a_scaling_does_not() {
    let mut play = Play::new("Deployment");
    play.look(0);
    play.edit("/spec/replicas", json!(4));
    play.reports(4, 1, 3);
    assert_eq!(play.told(1000), []);
    play.edit("/spec/template/spec/containers/0/image", json!("two"));
    assert_eq!(play.told(2000), [Told::Superseded]);
    play.reports(4, 4, 4);
    assert_eq!(play.told(3000), [], "it is live, and not by the restart");
}

#[test]
fn a_later_restart_supersedes_one_that_has_not_ended() {
    for (ended, expected) in [(false, vec![Told::Superseded]), (true, vec![])] {
        let mut play = Play::new("Deployment");
        play.look(0);
        if ended {
            play.reports(3, 3, 3);
            assert_eq!(play.told(1000), live(1000));
        }
        play.edit("/spec/template/spec/containers/0/image", json!("marked"));
        let record = State::default().render_with("key", "u", Some(&next()));
        play.object["metadata"]["annotations"]["rekey.dev/applied"] = json!(record);
        let news = play.look(2000).news;
        assert_eq!(news.iter().map(|news| news.told.clone()).collect::<Vec<_>>(), expected);
        assert!(news.iter().all(|news| news.started == started(2)));
        play.reports(3, 3, 3);
        let news = play.look(3000).news;
        assert_eq!((news.len(), &news[0].started), (1, &next()));
    }
}

#[test]
fn the_end_of_a_pause_is_no_other_restart() {
    let mut play = Play::new("Deployment");
    play.object["spec"]["paused"] = json!(true);
    play.reports(3, 0, 3);
    assert_eq!(play.told(0), []);
    let resumed = started(2).resumed(&read("Deployment", &play.object));
    let record = State::default().render_with("key", "u", Some(&resumed));
    play.edit("/spec/paused", json!(false));
    play.object["metadata"]["annotations"]["rekey.dev/applied"] = json!(record);
    assert_eq!(play.told(5 * MINUTE), []);
    // Nor for a process that begins now.
    for mut play in [play.restarted(), play] {
        assert_eq!(play.told(5 * MINUTE), []);
        play.reports(3, 3, 3);
        assert_eq!(play.told(6 * MINUTE), live(6 * MINUTE));
    }
}

#[test]
fn the_answer_to_a_write_may_come_after_the_watch() {
    let mut play = Play::new("Deployment");
    let answer = read("Deployment", &play.object);
    // The autoscaler was quick.
    play.edit("/spec/replicas", json!(4));
    assert_eq!(play.told(5), [], "whose generation that is nobody knows yet");
    play.follow.began(&started(2), &answer, at(10));
    play.reports(4, 4, 4);
    assert_eq!(play.told(1000), live(1000));
}

#[test]
fn a_process_that_begins_in_the_middle_takes_up_what_is_under_way() {
    let mut before = Play::new("StatefulSet");
    before.reports(3, 1, 2);
    before.look(1000);
    for age in [MINUTE, 3 * 60 * MINUTE] {
        let mut play = before.restarted();
        assert_eq!(play.told(age), []);
        play.reports(3, 3, 3);
        assert_eq!(play.told(age + 1000), live(age + 1000));
    }
}

#[test]
fn what_ended_while_nobody_looked_is_told_without_a_duration_if_it_is_recent() {
    let mut before = Play::new("Deployment");
    before.reports(3, 3, 3);
    assert_eq!(before.restarted().told(10 * MINUTE), [Told::Live { took: None }]);
    assert_eq!(before.restarted().told(61 * MINUTE), []);
    // Nor is it news that a pod of it fails and recovers.
    before.reports(3, 3, 2);
    let mut late = before.restarted();
    assert_eq!(late.told(61 * MINUTE), []);
    late.reports(3, 3, 3);
    assert_eq!(late.told(62 * MINUTE), []);
    // Somebody has changed it since: nobody can say whose pods these are.
    before.edit("/spec/replicas", json!(4));
    before.reports(4, 4, 4);
    assert_eq!(before.restarted().told(10 * MINUTE), []);
}

#[test]
fn what_has_long_been_stuck_was_told_by_the_process_before_and_may_still_recover() {
    let failing = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
    let mut play = Play::new("Deployment");
    play.reports(3, 1, 2);
    play.object["status"]["conditions"] = failing;
    let mut recent = play.restarted();
    recent.look(20 * MINUTE);
    assert_eq!(recent.told(21 * MINUTE), [Told::Stuck("ProgressDeadlineExceeded".to_owned())]);
    assert_eq!(play.told(61 * MINUTE), []);
    assert_eq!(play.told(62 * MINUTE), []);
    play.reports(3, 3, 3);
    assert_eq!(play.told(63 * MINUTE), live(63 * MINUTE));
}

#[test]
fn a_job_of_ours_finishes_or_fails_and_others_are_left_alone() {
    let complete = json!([{"type": "Complete", "status": "True"}]);
    let failed = json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]);
    for (conditions, expected) in
        [(complete, live(30 * MINUTE)), (failed, vec![Told::Failed("BackoffLimitExceeded".to_owned())])]
    {
        let mut play = Play::new("Job");
        play.object["status"]["conditions"] = conditions.clone();
        assert_eq!(play.told(0), [], "it is not ours: only the record of the Job itself counts");

        let mut play = Play::new("Job");
        play.object["metadata"]["annotations"] = json!({ANNOTATION: started(0).render()});
        play.object["metadata"]["generation"] = json!(1);
        assert!(play.look(0).again.is_none(), "it may take its time");
        play.object["status"]["conditions"] = conditions;
        let mut told = play.told(30 * MINUTE);
        told.extend(play.told(30 * MINUTE + 10_000));
        assert_eq!(told, expected);
        assert_eq!(play.told(40 * MINUTE), []);
        assert_eq!(play.restarted().told(90 * MINUTE), [], "an old one");
    }
}

#[test]
fn a_restart_that_only_its_record_tells_of_is_told_once_while_it_is_news() {
    let play = Play::new("Deployment");
    let mut other = play.restarted();
    assert_eq!(other.all_told(1000), [Told::Restarted]);
    assert_eq!(other.all_told(1001), []);
    other.reports(3, 3, 3);
    assert_eq!(other.all_told(2000), live(2000));
    assert_eq!(
        other.restarted().all_told(3000),
        [Told::Restarted, Told::Live { took: None }],
        "whoever publishes knows"
    );
    assert_eq!(play.restarted().all_told(61 * MINUTE), []);
    // This process carried it out itself, and is told so by the answer.
    let mut ours = play.restarted();
    ours.follow.began(&started(2), &read("Deployment", &ours.object), at(0));
    assert_eq!(ours.all_told(1000), []);
}

#[test]
fn a_cron_job_has_no_rollout() {
    let mut play = Play::new("CronJob");
    play.object["metadata"]["annotations"]["rekey.dev/applied"] =
        json!(State::default().render_with("key", "u", Some(&started(0))));
    assert_eq!(play.told(0), []);
    assert_eq!(play.told(20 * MINUTE), []);
}

#[test]
fn a_template_is_told_from_another_and_shown_to_nobody() {
    let fingerprint = |image: &str| {
        let mut object = object("Deployment");
        object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        read("Deployment", &object).template
    };
    assert!(fingerprint("one") == fingerprint("one") && fingerprint("one") != fingerprint("two"));
    assert_eq!(format!("{:?}", fingerprint("one")), "Fingerprint");
}
