//! Compares what is expected with what is seen, and tells the difference in paths that a person can follow.
//!
//! An object is as expected if each expected field is; a list, if each expected item is in it. A field `data` lists all there
//! is. Tags say what plain YAML cannot: `!absent`, `!like "text with * for anything"`, `!exactly` for objects and lists that
//! hold nothing else, `!same` and `!changed` against what was seen when the step began.

use serde_json::Value as Json;
use serde_yaml_ng::Value;

/// Characters of what is seen: a whole object in the place of nothing would fill the screen.
const LONGEST: usize = 400;

/// The differences, one a line: nothing if all is as expected.
pub fn differences(expected: &Value, seen: &Json, before: &Json) -> Vec<String> {
    let mut found = Vec::new();
    Place { path: String::new(), seen, before, exact: false }.compare(expected, &mut found);
    found
}

/// The same place in the object as it is and as it was.
struct Place<'a> {
    path: String,
    seen: &'a Json,
    before: &'a Json,
    /// May there be nothing else?
    exact: bool,
}

impl Place<'_> {
    fn compare(&self, expected: &Value, found: &mut Vec<String>) {
        match expected {
            Value::Tagged(tagged) => self.tagged(&tagged.tag.to_string(), &tagged.value, found),
            Value::Mapping(fields) => self.fields(fields, found),
            Value::Sequence(items) => self.items(items, found),
            _ => {
                let same = serde_json::to_value(expected).is_ok_and(|expected| expected == *self.seen);
                self.check(same, &shown(expected), found);
            }
        }
    }

    fn tagged(&self, tag: &str, expected: &Value, found: &mut Vec<String>) {
        match tag {
            "!absent" => self.check(self.seen.is_null(), "nothing", found),
            "!same" => self.check(self.seen == self.before, &format!("still {}", self.before), found),
            "!changed" => self.check(self.seen != self.before, "something else", found),
            "!like" => {
                let text = self.seen.as_str().unwrap_or_default();
                self.check(is_like(expected.as_str().unwrap_or_default(), text), &shown(expected), found);
            }
            "!exactly" => {
                let Place { path, seen, before, .. } = self;
                Place { path: path.clone(), seen, before, exact: true }.compare(expected, found);
            }
            other => found.push(format!("{}: {other} means nothing here", self.path)),
        }
    }

    fn fields(&self, expected: &serde_yaml_ng::Mapping, found: &mut Vec<String>) {
        for (key, value) in expected {
            let key = key.as_str().unwrap_or_default();
            let place = Place {
                path: if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) },
                seen: &self.seen[key],
                before: &self.before[key],
                exact: key == "data",
            };
            place.compare(value, found);
        }
        if self.exact {
            let others = self.seen.as_object().into_iter().flatten().filter(|(key, _)| !expected.contains_key(key));
            found.extend(others.map(|(key, value)| format!("{}: there is also {key}: {value}", self.path)));
        }
    }

    fn items(&self, expected: &[Value], found: &mut Vec<String>) {
        let seen = self.seen.as_array().map_or(&[] as &[Json], Vec::as_slice);
        let fits = |expected: &Value, seen: &Json| differences(expected, seen, &Json::Null).is_empty();
        if self.exact {
            let same = seen.len() == expected.len() && expected.iter().zip(seen).all(|(one, other)| fits(one, other));
            self.check(same, &shown(&Value::Sequence(expected.to_vec())), found);
        } else {
            for item in expected.iter().filter(|item| !seen.iter().any(|seen| fits(item, seen))) {
                self.check(false, &format!("an item {}", shown(item)), found);
            }
        }
    }

    fn check(&self, holds: bool, expected: &str, found: &mut Vec<String>) {
        if !holds {
            let seen = self.seen.to_string();
            let end = seen.char_indices().nth(LONGEST).map_or(seen.len(), |(end, _)| end);
            found.push(format!("{}: expected {expected}, saw {}", self.path, &seen[..end]));
        }
    }
}

fn shown(expected: &Value) -> String {
    if let Ok(json) = serde_json::to_string(expected) {
        return json;
    }
    serde_yaml_ng::to_string(expected).unwrap_or_default().trim().to_owned()
}

/// Does the text consist of the pattern's parts, with anything in the place of each `*`?
fn is_like(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[test]
fn differences_are_told_by_their_path() {
    let seen = serde_json::json!({
        "data": {"a": "1", "b": "2"}, "labels": {"x": "y", "z": "w"}, "list": [{"n": 1, "m": 2}, {"n": 3}], "old": "o",
    });
    let before = serde_json::json!({"old": "o", "labels": {"x": "before"}});
    let told = |expected: &str| differences(&serde_yaml_ng::from_str(expected).unwrap(), &seen, &before);
    let nothing: [&str; 0] = [];
    assert_eq!(told("{labels: {x: 'y'}, list: [{n: 3}], none: !absent , old: !same }"), nothing);
    assert_eq!(told("{data: {a: '1'}}"), ["data: there is also b: \"2\""]);
    assert_eq!(told("{labels: !exactly {x: 'y'}}"), ["labels: there is also z: \"w\""]);
    assert_eq!(told("{labels: {x: !like 'a*'}}"), ["labels.x: expected \"a*\", saw \"y\""]);
    assert_eq!(told("{labels: {x: !changed }, old: !changed }"), ["old: expected something else, saw \"o\""]);
    assert_eq!(told("{list: [{n: 4}]}").len(), 1);
    assert_eq!(told("{list: !exactly [{n: 1}, {n: 3}]}"), nothing);
    assert_eq!(told("{data: !absent }").len(), 1);
    assert!(is_like("a*c*e", "abcde") && is_like("*", "") && !is_like("a*a", "a"));
}
