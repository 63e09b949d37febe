//! Replays what robfig/cron computed (tests/vectors/windows/main.go), which ESO reads sync windows with.

use jiff::{SignedDuration, Timestamp};
use rekey_core::ledger::Window;
use rekey_core::window::Windows;
use serde_json::{Value, json};

#[test]
fn every_schedule_is_open_when_it_is_in_go() {
    let lines: Vec<Value> = include_str!("vectors/windows/windows.json")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a vector"))
        .collect();
    assert!(lines.len() > 120, "only {} vectors", lines.len());
    let mut wrong = Vec::new();
    for vector in &lines {
        let schedule = vector["schedule"].as_str().expect("text");
        let window = json!({"schedule": schedule, "duration": format!("{}s", vector["seconds"])});
        let spec = serde_json::from_value(json!({"kind": "allow", "windows": [window]})).expect("windows");
        let windows = Windows::new(Some(&spec));
        let refused = !windows.problems().is_empty();
        if refused != vector["error"].as_bool().expect("a verdict") {
            wrong.push(format!("{schedule:?} is refused: {refused} {:?}", windows.problems()));
        }
        for moment in vector["moments"].as_array().into_iter().flatten() {
            let now: Timestamp = moment["at"].as_str().expect("text").parse().expect("a time");
            let a_day_later = now + SignedDuration::from_hours(24);
            let next = moment["next"].as_str().and_then(|text| text.parse().ok()).unwrap_or(a_day_later);
            let expected = match moment["open"].as_bool() {
                Some(true) => Window::Open,
                // Seen from each moment, @every fires later.
                _ if schedule.starts_with("@every") => Window::Closed(a_day_later),
                _ => Window::Closed(a_day_later.min(next)),
            };
            let found = windows.at(now);
            if found != expected {
                wrong.push(format!("{schedule:?} for {} s at {now}: {found:?}, Go: {expected:?}", vector["seconds"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
