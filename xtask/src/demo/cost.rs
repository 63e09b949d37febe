//! What the changes cost, beside what polling would.

use std::collections::BTreeMap;

use rekey_tests::aws::Request;

use super::paint;

/// Secrets Manager's list price for 10,000 calls, in dollars (us-east-1).
const PER_TEN_THOUSAND: f64 = 0.05;
const MINUTES_A_MONTH: f64 = 43_800.0;

/// Prints the agent's calls and the arithmetic of a month with 1,000 secrets.
pub fn print(requests: &[Request], agent: &str) {
    let mut calls: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for request in requests.iter().filter(|one| one.principal.as_deref() == Some(agent)) {
        *calls.entry((&request.service, &request.action)).or_default() += 1;
    }
    paint::title("What the three changes cost in AWS calls by the agent");
    for ((service, action), count) in &calls {
        println!("  {count:>10}   {service} {action}");
    }
    let dollars = |calls: f64| calls / 10_000.0 * PER_TEN_THOUSAND;
    paint::title("A month with 1,000 secrets, by arithmetic from list prices");
    let rows = [
        ("polling each minute", 1000.0 * MINUTES_A_MONTH),
        ("polling each hour", 1000.0 * MINUTES_A_MONTH / 60.0),
        ("Rekey: one read for each of 1,000 rotations", 1000.0),
    ];
    for (what, calls) in rows {
        println!("  {calls:>10.0} calls  {:>8.2} USD   {what}", dollars(calls));
    }
    println!(
        "  {}",
        paint::dim(
            "Rekey's sweep adds, for each interval (15 min or the object's own, if longer), ListSecrets pages of 100 secrets, or a\n  DescribeSecret for each where that is cheaper; its queue costs about 0.05 USD a month in long polls."
        )
    );
}
