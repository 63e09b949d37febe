//! docs/cost.md and docs/scale.md do their arithmetic right.

/// Hours of a month, as on that page.
const MONTH: f64 = 730.0;
/// What Secrets Manager charges for a call.
const CALL: f64 = 0.05 / 10_000.0;

fn page(name: &str) -> String {
    std::fs::read_to_string(crate::repository().join("docs").join(name)).unwrap()
}

/// The rows of the tables of that section: what stands between the bars.
fn rows(page: &str, section: &str) -> Vec<Vec<String>> {
    let (_, after) = page.split_once(&format!("\n## {section}\n")).unwrap();
    let section = after.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.contains("---"));
    rows.skip(1).map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The first sum of dollars in a text.
fn dollars(text: &str) -> Option<f64> {
    let (_, after) = text.split_once('$')?;
    let end = after.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(after.len());
    after[..end].trim_end_matches('.').parse().ok()
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() < 0.006
}

#[test]
fn polling_costs_what_its_formula_says() {
    let rows = rows(&page("cost.md"), "Polling");
    assert_eq!(rows.len(), 5);
    for row in rows {
        let (number, unit) = row[0].split_once(' ').unwrap();
        let hours = number.parse::<f64>().unwrap() / if unit == "min" { 60.0 } else { 1.0 };
        let calls = 1000.0 * MONTH / hours;
        assert!(close(row[1].replace(',', "").parse().unwrap(), calls), "{row:?}");
        assert!(close(row[2].parse().unwrap(), calls * CALL), "{row:?}");
    }
}

#[test]
fn rekey_costs_what_its_formulas_say_and_the_sum_is_right() {
    let rows = rows(&page("cost.md"), "Rekey");
    let (total, parts) = rows.split_last().unwrap();
    let row = |what: &str| dollars(&parts.iter().find(|row| row[0].starts_with(what)).unwrap()[2]).unwrap();
    let days = MONTH / 24.0;
    let comparisons = MONTH * 4.0;
    let receives = MONTH * 3600.0 / 20.0;
    let changes = 1000.0 * days;
    assert!(close(row("values read"), changes * CALL));
    assert!(close(row("comparison"), comparisons * 10.0 * CALL));
    assert!(close(row("heartbeat"), MONTH * 6.0 * 2.0 * CALL));
    assert!(close(row("the queue"), (receives + changes) * 0.40 / 1_000_000.0));
    assert!(close(row("EventBridge"), changes / 1_000_000.0));
    assert!(close(row("logs"), changes * 4_000.0 / 1e9 * 0.50));
    let sum: f64 = parts.iter().filter_map(|row| dollars(&row[2])).sum();
    assert!(close(dollars(&total[2]).unwrap(), sum), "{sum}");
    let quiet = row("comparison") + row("heartbeat") + row("the canary") + row("the queue");
    assert!(total[2].contains(&format!("${quiet:.2} without")), "{quiet}");
}

#[test]
fn what_other_clusters_rotate_costs_a_receive_and_a_delete_of_two_events() {
    let rows = rows(&page("scale.md"), "Clusters: up to 1,000 on one bus");
    assert_eq!(rows.len(), 5);
    for row in rows {
        let clusters: f64 = row[0].replace(',', "").parse().unwrap();
        let deliveries = clusters * 1000.0 * 30.0 * 2.0;
        assert!(close(row[2].replace(',', "").parse().unwrap(), deliveries), "{row:?}");
        assert!(close(dollars(&row[3]).unwrap(), deliveries * 2.0 * 0.40 / 1_000_000.0), "{row:?}");
    }
}
