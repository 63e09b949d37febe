//! Where the time goes, by the agent's own histograms.

use std::collections::BTreeMap;

use anyhow::Result;

use super::site::Site;

/// Prints the mean of each stage so far.
pub async fn print(site: &Site) -> Result<()> {
    let (_, text) = site.rekey.agent.get("/metrics").await?;
    println!("\n{:<12} {:>8} {:>10}", "stage", "times", "mean");
    for (stage, (sum, count)) in means(&text) {
        println!("{stage:<12} {count:>8} {:>7.2} ms", sum / count * 1000.0);
    }
    println!();
    Ok(())
}

/// By stage, the sum in seconds and the count of what was observed.
fn means(metrics: &str) -> BTreeMap<&str, (f64, f64)> {
    let mut found: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for line in metrics.lines() {
        let Some((name, rest)) = line.split_once("{stage=\"") else { continue };
        let Some((stage, value)) = rest.split_once("\"} ") else { continue };
        let Ok(value) = value.parse() else { continue };
        match name {
            "rekey_propagation_seconds_sum" => found.entry(stage).or_default().0 = value,
            "rekey_propagation_seconds_count" => found.entry(stage).or_default().1 = value,
            _ => {}
        }
    }
    found.retain(|_, (_, count)| *count > 0.0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_counts_are_found_by_stage() {
        let text = "rekey_propagation_seconds_sum{stage=\"sync\"} 0.5\nrekey_propagation_seconds_count{stage=\"sync\"} 10\n\
                    rekey_propagation_seconds_bucket{le=\"1\",stage=\"sync\"} 10\nrekey_propagation_seconds_count{stage=\"live\"} 0\n";
        assert_eq!(means(text), BTreeMap::from([("sync", (0.5, 10.0))]));
    }
}
