//! `metadataPolicy: Fetch`: a source's tags in the place of its value.

use std::collections::BTreeMap;

/// Tags as ESO hands them on: a JSON object, written as Go's `json.Marshal` writes a map of strings. Its keys are in
/// order, and what HTML could take for its own is escaped.
#[must_use]
pub fn json(tags: &BTreeMap<String, String>) -> String {
    // Strings always have a JSON form.
    let plain = serde_json::to_string(tags).unwrap_or_default();
    let mut text = String::with_capacity(plain.len());
    for character in plain.chars() {
        match character {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_that_of_go() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        for (tags, expected) in [
            (vec![], "{}"),
            (vec![pair("team", "a"), pair("Env", "")], r#"{"Env":"","team":"a"}"#),
            (vec![pair("<&>", "\"\\/")], r#"{"\u003c\u0026\u003e":"\"\\/"}"#),
            (vec![pair("a", "\u{2028}\u{2029}\u{7f}é\t\u{1}")], "{\"a\":\"\\u2028\\u2029\u{7f}é\\t\\u0001\"}"),
        ] {
            assert_eq!(json(&tags.into_iter().collect()), expected);
        }
    }
}
