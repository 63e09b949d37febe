use std::ops::RangeInclusive;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn windows(kind: &str, windows: &[(&str, &str)]) -> Windows {
    let windows: Vec<_> =
        windows.iter().map(|(schedule, duration)| json!({"schedule": schedule, "duration": duration})).collect();
    let spec: SyncWindows = serde_json::from_value(json!({"kind": kind, "windows": windows})).expect("windows");
    Windows::new(Some(&spec))
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// 22:00 to 00:00 each day; both ends are inside.
const NIGHT: (&str, &str) = ("0 22 * * *", "2h");

#[test]
fn allow_is_open_inside_and_deny_outside() {
    for (now, inside) in [
        ("2026-06-01T20:00:00Z", false),
        ("2026-06-01T21:59:59Z", false),
        ("2026-06-01T22:00:00Z", true),
        ("2026-06-01T23:30:00Z", true),
        ("2026-06-02T00:00:00Z", true),
        ("2026-06-02T00:00:01Z", false),
        ("2026-06-02T22:30:00Z", true),
    ] {
        let now = at(now);
        assert_eq!(windows("allow", &[NIGHT]).at(now) == Window::Open, inside, "allow {now}");
        assert_eq!(windows("deny", &[NIGHT]).at(now) == Window::Open, !inside, "deny {now}");
    }
}

#[test]
fn what_is_closed_says_when_to_look_again() {
    let noon = at("2026-06-01T12:00:00Z");
    assert_eq!(windows("allow", &[NIGHT]).at(noon), Window::Closed(at("2026-06-01T22:00:00Z")));
    let late = at("2026-06-01T23:00:00Z");
    assert_eq!(windows("deny", &[NIGHT]).at(late), Window::Closed(at("2026-06-02T00:00:01Z")));
    let yearly = windows("allow", &[("@yearly", "1h")]).at(noon);
    assert_eq!(yearly, Window::Closed(at("2026-06-02T12:00:00Z")), "not for longer than a day");
}

#[test]
fn no_windows_allow_everything_and_unreadable_ones_never_open() {
    let now = at("2026-06-01T23:00:00Z");
    assert_eq!(Windows::new(None).at(now), Window::Open);
    assert_eq!(windows("allow", &[]).at(now), Window::Open);
    let bad = ("not-a-cron", "2h");
    assert!(matches!(windows("allow", &[bad]).at(now), Window::Closed(_)));
    assert_eq!(windows("deny", &[bad]).at(now), Window::Open);
    assert_eq!(windows("allow", &[bad, NIGHT]).at(now), Window::Open);
    let both = windows("allow", &[NIGHT, bad, ("@daily", "a while")]);
    let [schedule, duration] = both.problems() else { panic!("{:?}", both.problems()) };
    assert!(schedule.starts_with("spec.syncWindows.windows[1].schedule \"not-a-cron\" has 1 fields"), "{schedule}");
    assert!(duration.starts_with("spec.syncWindows.windows[2].duration \"a while\""), "{duration}");
}

#[test]
fn every_is_always_or_never() {
    let now = at("2026-06-01T12:34:56.789Z");
    for (pause, open) in [("30m", true), ("1h", true), ("61m", false), ("2h", false)] {
        let schedule = format!("@every {pause}");
        assert_eq!(windows("allow", &[(&schedule, "1h")]).at(now) == Window::Open, open, "{pause}");
    }
}

/// A field as text and as the numbers it stands for.
fn field(range: RangeInclusive<u32>) -> impl Strategy<Value = (String, Vec<u32>)> {
    let (first, last) = (*range.start(), *range.end());
    prop_oneof![
        2 => Just(("*".to_owned(), range.collect())),
        3 => prop::collection::vec(first..=last, 1..4).prop_map(|values| {
            (values.iter().map(ToString::to_string).collect::<Vec<_>>().join(","), values)
        }),
        2 => (first..=last, 2..20_u32).prop_map(move |(from, step)| {
            (format!("{from}/{step}"), (from..=last).filter(|value| (value - from) % step == 0).collect())
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Minute by minute over three days: open exactly if it fired within the duration.
    #[test]
    fn equals_a_search_minute_by_minute(
        fields in (field(0..=59), field(0..=23), field(1..=31), field(1..=12), field(0..=6)),
        open_for in 0..3000_i64,
        start in 1_700_000_000..1_800_000_000_i64,
    ) {
        let (minutes, hours, days, months, weekdays) = fields;
        let text = [&minutes, &hours, &days, &months, &weekdays].map(|field| field.0.as_str()).join(" ");
        let fires = |time: Timestamp| {
            let time = time.to_zoned(TimeZone::UTC);
            let has = |field: &(String, Vec<u32>), value: i8| field.1.iter().any(|one| i64::from(*one) == i64::from(value));
            let (day, weekday) =
                (has(&days, time.day()), has(&weekdays, time.weekday().to_sunday_zero_offset()));
            let any = days.0 == "*" || weekdays.0 == "*";
            has(&minutes, time.minute()) && has(&hours, time.hour()) && has(&months, time.month())
                && if any { day && weekday } else { day || weekday }
        };
        let windows = windows("allow", &[(&text, &format!("{open_for}m"))]);
        prop_assert!(windows.problems().is_empty(), "{:?}", windows.problems());
        let minute = |number: i64| Timestamp::from_second((start / 60 + number) * 60).expect("in range");
        let mut fired: Option<i64> = (-3000..0).rev().find(|number| fires(minute(*number)));
        let mut opens: Option<(i64, Timestamp)> = None;
        for number in 0..(3 * 24 * 60) {
            if fires(minute(number)) {
                fired = Some(number);
            }
            let open = fired.is_some_and(|fired| number - fired <= open_for);
            let found = windows.at(minute(number));
            prop_assert_eq!(found == Window::Open, open, "{} at {}", text, minute(number));
            if let Some((_, promised)) = opens.filter(|_| open) {
                prop_assert_eq!(promised, minute(number), "{}", text);
            }
            opens = match found {
                Window::Closed(until) if until < after(minute(number), LONGEST) => Some((number, until)),
                _ => None,
            };
        }
    }

    #[test]
    fn no_text_is_too_odd(schedule in "[@*?0-9,/a-z -]{0,24}", now in 0..4_000_000_000_i64) {
        let _ = windows("deny", &[(&schedule, "1h")]).at(Timestamp::from_second(now).expect("in range"));
    }
}
