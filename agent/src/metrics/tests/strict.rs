//! A reader of both text formats that forgives nothing, for tests.

use std::collections::{BTreeMap, BTreeSet};

use crate::metrics::exposition::Format;

/// Every series, as it is written, with its value.
pub type Series = BTreeMap<String, f64>;

struct Family<'a> {
    name: &'a str,
    kind: &'a str,
}

/// Reads a whole text.
pub fn read(text: &str, format: Format) -> Result<Series, String> {
    let open = format == Format::OpenMetrics;
    let text = match text.strip_suffix("# EOF\n") {
        Some(text) if open => text,
        None if !open => text,
        _ => return Err("the end of the text belongs to the other format".to_owned()),
    };
    if !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    let (mut series, mut families, mut helped) = (Series::new(), BTreeSet::new(), None);
    let mut family: Option<Family<'_>> = None;
    for line in text.lines() {
        let fail = |what: &str| Err(format!("{what}: {line}"));
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, _] if is_name(name) => {
                if !families.insert(name) {
                    return fail("the family is there already");
                }
                (helped, family) = (Some(name), None);
            }
            ["#", "TYPE", name, kind] => {
                let known: &[&str] = if open {
                    &["counter", "gauge", "histogram", "unknown"]
                } else {
                    &["counter", "gauge", "histogram", "untyped"]
                };
                if helped.take() != Some(name) || !known.contains(&kind) {
                    return fail("a type of another family, or an unknown one");
                }
                family = Some(Family { name, kind });
            }
            ["#", "UNIT", name, unit] if open && name.ends_with(&format!("_{unit}")) => {}
            ["#", ..] => return fail("a comment that the format does not have"),
            _ => {
                let Some(family) = &family else { return fail("a sample without a family") };
                let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap_or(line.len()));
                let suffixes: &[&str] = match family.kind {
                    "histogram" => &["_bucket", "_sum", "_count"],
                    "counter" if open => &["_total"],
                    _ => &[""],
                };
                if !name.strip_prefix(family.name).is_some_and(|suffix| suffixes.contains(&suffix)) {
                    return fail("a sample of another family");
                }
                let value = labels(rest).and_then(|rest| rest.strip_prefix(' ')).and_then(|value| value.parse().ok());
                let Some(value) = value else { return fail("labels or value are wrong") };
                let name = line.rsplit_once(' ').map_or("", |(name, _)| name);
                if series.insert(name.to_owned(), value).is_some() {
                    return fail("the series is there already");
                }
            }
        }
    }
    Ok(series)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Reads `{a="b",c="d"}`, or nothing, and returns what follows.
fn labels(text: &str) -> Option<&str> {
    let Some(mut rest) = text.strip_prefix('{') else { return Some(text) };
    let mut names = BTreeSet::new();
    loop {
        let (name, value) = rest.split_once("=\"")?;
        if !is_name(name) || !names.insert(name) {
            return None;
        }
        let mut escaped = false;
        let end = value.char_indices().find_map(|(at, character)| {
            let ends = !escaped && character == '"';
            escaped = !escaped && character == '\\';
            ends.then_some(at)
        })?;
        rest = &value[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return rest.strip_prefix('}'),
        }
    }
}

#[test]
fn what_is_wrong_is_refused() {
    for wrong in [
        "a 1\n",
        "# HELP a x\n# TYPE a gauge\na 1",
        "# HELP a x\n# TYPE b gauge\nb 1\n",
        "# HELP a x\n# TYPE a info\na 1\n",
        "# HELP a x\n# TYPE a gauge\nb 1\n",
        "# HELP a x\n# TYPE a gauge\na one\n",
        "# HELP a x\n# TYPE a gauge\na 1\na 2\n",
        "# HELP a x\n# TYPE a gauge\na{b=\"c} 1\n",
        "# HELP a x\n# TYPE a gauge\na{b=\"c\",b=\"d\"} 1\n",
        "# HELP a x\n# TYPE a gauge\na 1\n# HELP b x\n# TYPE b gauge\n# HELP a x\n# TYPE a gauge\n",
        "# HELP a x\n# TYPE a counter\na_total 1\n",
        "# HELP a_s x\n# TYPE a_s gauge\n# UNIT a_s s\na_s 1\n",
        "# HELP a x\n# TYPE a gauge\na 1\n# EOF\n",
    ] {
        assert!(read(wrong, Format::Classic).is_err(), "{wrong}");
    }
    assert!(read("# HELP a x\n# TYPE a counter\na 1\n# EOF\n", Format::OpenMetrics).is_err());
    assert!(read("# HELP a x\n# TYPE a gauge\na 1\n", Format::OpenMetrics).is_err());
    let right = "# HELP a x y\n# TYPE a gauge\na{b=\"c\\\"}\",d=\"\"} 1.5\n";
    assert_eq!(read(right, Format::Classic).expect("right").into_values().collect::<Vec<_>>(), [1.5]);
}
