//! `remoteRef.property` and `extract`: what is taken out of a JSON value, by the rules of ESO's AWS provider.
//!
//! The path language is gjson's. A path with dots is first tried as one literal key, so that a member named `a.b` wins
//! over `b` inside `a` (ESO `pkg/provider/aws/secretsmanager`, `mapSecretToGjson`).

use rekey_template::Env;
use serde_json::value::RawValue;

use crate::gjson;
use crate::value::SecretValue;

/// The value is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON object")]
pub struct NotAnObject;

/// The property at `path`, or `None` where there is none. Text is unescaped, integers keep their digits, other numbers
/// become the shortest plain decimal, `null` is empty, objects and arrays keep their bytes. A path that would take
/// more than `env` has left, or too deep a stack, finds nothing.
#[must_use]
pub fn lookup(json: &SecretValue, path: &str, env: &Env) -> Option<SecretValue> {
    let get = |path: &str| gjson::get(env, json.expose(), path);
    let literal = path.contains('.').then(|| path.replace('.', "\\."));
    let found = literal.and_then(|path| get(&path)).or_else(|| get(path));
    found.map(|value| SecretValue::new(value.text().into_owned()))
}

/// The members of a JSON object, in its order: text unquoted, `null` empty, everything else as it is written. A JSON
/// `null` has no members (Go decodes it into an empty map).
pub fn members(json: &SecretValue) -> Result<Vec<(String, SecretValue)>, NotAnObject> {
    let object: Option<Members<'_>> = serde_json::from_slice(json.expose()).map_err(|_| NotAnObject)?;
    object.map_or(Ok(Vec::new()), |Members(members)| {
        members
            .into_iter()
            .map(|(name, raw)| {
                let bytes = match raw.get() {
                    "null" => Vec::new(),
                    text if text.starts_with('"') => {
                        serde_json::from_str::<String>(text).map_err(|_| NotAnObject)?.into_bytes()
                    }
                    other => other.as_bytes().to_vec(),
                };
                Ok((name, SecretValue::new(bytes)))
            })
            .collect()
    })
}

/// An object's members with their raw text; of two with one name both are kept, and the later one wins on insertion.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Env {
        Env::new(jiff::Timestamp::UNIX_EPOCH, [7; 32])
    }

    fn get(json: &str, path: &str) -> Option<String> {
        lookup(&SecretValue::from(json.to_owned()), path, &env())
            .map(|value| String::from_utf8(value.expose().to_vec()).expect("text"))
    }

    #[test]
    fn each_row_of_the_property_table() {
        for (json, path, expected) in [
            (r#"{"a":"b"}"#, "a", Some("b")),
            (r#"{"a":{"b":"nested"}}"#, "a.b", Some("nested")),
            (r#"{"a.b":"literal","a":{"b":"nested"}}"#, "a.b", Some("literal")),
            (r#"{".a":"x"}"#, ".a", Some("x")),
            (r#"{"outer":{"in.ner":"x"}}"#, r"outer.in\.ner", Some("x")),
            (r#"{"a":["x","y"]}"#, "a.1", Some("y")),
            (r#"{"a":[{"k":"v","x":1},{"k":"w","x":2}]}"#, r#"a.#(k=="w").x"#, Some("2")),
            (r#"{"a":"line\nbreak \u00e9 \"q\""}"#, "a", Some("line\nbreak é \"q\"")),
            (r#"{"a":123456789012345678901234567890}"#, "a", Some("123456789012345678901234567890")),
            (r#"{"a":-7}"#, "a", Some("-7")),
            (r#"{"a":1.50}"#, "a", Some("1.5")),
            (r#"{"a":1e3}"#, "a", Some("1000")),
            (r#"{"a":true,"b":false}"#, "b", Some("false")),
            (r#"{"a":null}"#, "a", Some("")),
            (r#"{"a":{"x": 1,  "y":2}}"#, "a", Some(r#"{"x": 1,  "y":2}"#)),
            (r#"{"a":[1, 2]}"#, "a", Some("[1, 2]")),
            (r#"{"a":"b"}"#, "missing", None),
            ("not json", "a", None),
        ] {
            assert_eq!(get(json, path).as_deref(), expected, "{json} {path}");
        }
    }

    /// Computed with Go's gjson (`tests/vectors`).
    #[test]
    fn every_path_finds_what_go_finds() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../tests/vectors/property.json")).expect("vectors");
        let vectors = vectors.as_array().expect("a list");
        assert!(vectors.len() > 1000);
        let mut wrong = Vec::new();
        for vector in vectors {
            let field = |name: &str| vector[name].as_str().expect(name);
            let expected = vector["exists"].as_bool().expect("a verdict").then(|| field("value").to_owned());
            let found = get(field("json"), field("path"));
            if found != expected {
                wrong.push(format!(
                    "{} in {}\n    Go: {expected:?}\n    here: {found:?}",
                    field("path"),
                    field("json")
                ));
            }
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
    }

    /// Computed with Go's encoding/json (`tests/vectors`).
    #[test]
    fn extract_takes_what_go_takes() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../tests/vectors/json.json")).expect("vectors");
        for vector in vectors.as_array().expect("a list") {
            let json = vector["json"].as_str().expect("json");
            let found = members(&SecretValue::from(json.to_owned())).ok().map(|members| {
                let text = |value: SecretValue| String::from_utf8(value.expose().to_vec()).expect("text");
                members.into_iter().map(|(name, value)| (name, text(value).into())).collect::<serde_json::Map<_, _>>()
            });
            assert_eq!(serde_json::json!(found), vector["members"], "{json}");
        }
    }

    #[test]
    fn extract_refuses_what_is_no_object() {
        for json in ["", "text", "[1]", "\"x\"", "1", "{\"a\":", "{} x"] {
            assert_eq!(members(&SecretValue::from(json.to_owned())), Err(NotAnObject), "{json}");
        }
        assert_eq!(members(&SecretValue::from("null".to_owned())), Ok(vec![]));
    }

    /// On a stack of 2 MiB, as tokio's workers have it: an overflow ends the process, which no test result survives.
    fn get_on_a_worker(json: &str, path: &str) -> Option<String> {
        let (json, path) = (json.to_owned(), path.to_owned());
        let worker = std::thread::Builder::new().stack_size(2 << 20).spawn(move || get(&json, &path));
        worker.expect("a thread").join().expect("no panic")
    }

    #[test]
    fn no_path_and_no_nesting_ends_the_process_or_takes_for_ever() {
        let arrays = "[".repeat(30_000) + &"]".repeat(30_000);
        let objects = r#"{"a":"#.repeat(10_000) + "1" + &"}".repeat(10_000);
        for modifier in ["@pretty", "@ugly", "@valid", "@reverse", "@this", r#"@flatten:{"deep":true}"#, "@join"] {
            get_on_a_worker(&arrays, modifier);
            get_on_a_worker(&objects, &format!("a.{modifier}"));
        }
        for path in [
            "a.".repeat(9000) + "a",
            "a|".repeat(60) + "a",
            "@this|".repeat(9000),
            "#.".repeat(3000) + "a",
            "[".repeat(3000) + "a" + &"]".repeat(3000),
            "{".repeat(60) + "a" + &"}".repeat(60),
            "[".repeat(60) + "a" + &"]".repeat(60),
            "#(".repeat(60) + "a" + &")".repeat(60),
        ] {
            get_on_a_worker(&objects, &path);
            get_on_a_worker(&arrays, &path);
        }
        let long = format!(r#"{{"{}":1}}"#, "a".repeat(3000));
        assert_eq!(get(&long, &("*a".repeat(20) + "b")), None);
        assert_eq!(get(&long, &(r"*a\.".repeat(20) + "b")), None);
        assert_eq!(get(&long, "*a").as_deref(), Some("1"));
        let certificate = format!(r#"{{"a":{{"pem":"{}","key":"k"}}}}"#, "x".repeat(60_000));
        assert_eq!(get(&certificate, "*.*ey").as_deref(), Some("k"));
        assert_eq!(get(r#"{"key-one":1}"#, "*-*").as_deref(), Some("1"));
        let wide = format!(r#"{{"a":"{}"}}"#, "x".repeat(60_000));
        for doubling in ["[@this,@this]|".repeat(15) + "0", "[..0,..0]|".repeat(15) + "0"] {
            assert_eq!(get(&wide, &doubling), None);
        }
        let depth = 40;
        let nested = r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
        assert_eq!(get(&nested, &("a.".repeat(depth - 1) + "a")).as_deref(), Some("1"));
    }

    proptest::proptest! {
        #[test]
        fn a_look_up_in_anything_never_panics(
            json in r#"(\{"a":)?[\[\]{}",:a.b\\u0e1 \-é]{0,24}"#,
            path in r#"(a|b|#|@(this|reverse|valid|pretty|ugly|flatten|join|values|keys|fromstr|tostr|group|dig)|[*?.|:1"]|[(){}\[\],=~!]|é){0,8}"#,
        ) {
            let json = SecretValue::from(json);
            let _ = lookup(&json, &path, &env());
            let _ = members(&json);
        }
    }
}
