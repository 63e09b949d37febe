use std::fmt::Write as _;

use serde_json::Value;

use super::*;

/// What Go refuses and is read here.
const READ_HERE: [&str; 2] = ["%YAML 1.2\n---\na: 1\n", "k: \"\\/\"\n"];

fn vectors(part: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../tests/vectors/crypto/yaml.json")).expect("JSON");
    file[part].as_array().expect("a list").clone()
}

fn env() -> Env {
    Env::new(jiff::Timestamp::UNIX_EPOCH, [7; 32])
}

fn strings(text: &[u8]) -> Result<BTreeMap<String, Zeroizing<String>>, Error> {
    super::strings(text, &env())
}

fn read(text: &[u8]) -> Result<Data, Error> {
    super::read(text, &env())
}

/// As JSON, where Go has no numbers but floats.
fn json(data: &Data) -> Value {
    match data {
        Data::Null => Value::Null,
        Data::Bool(truth) => Value::Bool(*truth),
        #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
        Data::Whole(number) => Value::from(*number as f64),
        Data::Float(number) => Value::from(*number),
        Data::Text(text) => Value::from(text.as_str()),
        Data::List(items) => items.iter().map(json).collect(),
        Data::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
    }
}

fn data(json: &Value) -> Data {
    match json {
        Value::Null => Data::Null,
        Value::Bool(truth) => Data::Bool(*truth),
        Value::Number(number) => Data::Float(number.as_f64().expect("a number")),
        Value::String(text) => Data::Text(Zeroizing::new(text.clone())),
        Value::Array(items) => Data::List(items.iter().map(data).collect()),
        Value::Object(entries) => Data::Map(entries.iter().map(|(key, value)| (key.clone(), data(value))).collect()),
    }
}

/// Numbers as floats, as they compare unequal otherwise.
fn floats(json: &Value) -> Value {
    self::json(&data(json))
}

#[test]
fn maps_of_strings_are_read_as_go_reads_them() {
    let mut wrong = Vec::new();
    for vector in vectors("read") {
        let text = vector["text"].as_str().expect("a text");
        let found = strings(text.as_bytes());
        let shown = found.as_ref().map_or(Value::Null, |entries| {
            entries.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect()
        });
        if shown != vector["strings"] && !READ_HERE.contains(&text) {
            wrong.push(format!("{text:?}\n    Go: {}\n    here: {shown} {found:?}", vector["strings"]));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn any_map_is_read_as_go_reads_it() {
    let mut wrong = Vec::new();
    for vector in vectors("read") {
        let text = vector["text"].as_str().expect("a text");
        let found = read(text.as_bytes()).and_then(Data::into_json);
        let shown = match &found {
            Ok(Data::Null) => serde_json::json!({}),
            Ok(data @ Data::Map(_)) => json(data),
            _ => Value::Null,
        };
        if shown != floats(&vector["any"]) && !READ_HERE.contains(&text) {
            wrong.push(format!("{text:?}\n    Go: {}\n    here: {shown}", vector["any"]));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn values_are_written_as_go_writes_them() {
    let mut wrong = Vec::new();
    for vector in vectors("write") {
        let found = write(&data(&vector["json"]));
        let shown = found.as_ref().map_or("", |text| text.as_str());
        // Go writes characters beyond the first 65536 as escapes, and loses the line breaks that only Unicode knows.
        let unlike = |letter| letter > '\u{ffff}' || matches!(letter, '\u{85}' | '\u{2028}');
        if shown != vector["yaml"] && !vector["json"].to_string().contains(unlike) {
            wrong.push(format!("{}\n    Go:   {}\n    here: {shown:?}", vector["json"], vector["yaml"]));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_a_document_may_cost_is_limited() {
    let deep = |open: &str, levels| open.repeat(levels);
    for text in [deep("[", 200_000), deep("- ", 200_000), deep("{a: ", 200_000), deep("? ", 200_000)] {
        assert_eq!(read(text.as_bytes()).err(), Some(Error::TooDeep), "{text:.10}");
    }
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{aliases}]").expect("a String takes it");
    }
    assert_eq!(read(bomb.as_bytes()).err(), Some(Error::TooMuchAliasing));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1_000_000), vec!["*a"; 20].join(", "));
    assert_eq!(read(long.as_bytes()).err(), Some(Error::TooMuchAliasing));
    let mut chain = "a0: &a0 x\n".to_owned();
    for level in 1..200 {
        writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1).expect("a String takes it");
    }
    assert_eq!(read(chain.as_bytes()).err(), Some(Error::TooDeep));
    assert_eq!(read(&vec![b' '; limits::OUTPUT + 1]).err(), Some(Error::TooLarge));
}

#[test]
fn no_error_quotes_the_text() {
    for text in [
        "s3cr3t",
        "- s3cr3t",
        "k: [s3cr3t]",
        "k: 's3cr3t",
        "k: *s3cr3t",
        "{s3cr3t: 1}: 2",
        "k: !!int s3cr3t",
        "k: &s3cr3t [*s3cr3t]",
        "<<: s3cr3t",
        "s3cr3t: @",
    ] {
        let error = strings(text.as_bytes()).expect_err(text);
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
    }
    assert!(strings(b"a: \xff\n").is_err());
    assert_eq!(
        strings(b"a: 1\nb: [x]\n").expect_err("a list").to_string(),
        "yaml: line 2: each value has to be a text, a number or a boolean; this one is a list"
    );
    assert_eq!(strings(b"a: 'b\n").expect_err("open").to_string(), "yaml: line 2: found unexpected end of stream");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[-ab0-9_.:,?!&*|>'\"%@`~<=#{}\\[\\]\\\\ \n\t]{0,60}") {
        drop(read(text.as_bytes()));
        drop(strings(text.as_bytes()));
    }

    #[test]
    fn what_is_written_is_read_again(key in "\\PC{0,20}", text in "(\\PC|[\n\t ]){0,100}") {
        // Go writes this one without quotes, and reads a merge.
        proptest::prop_assume!(key != "<<");
        let written = write(&Data::Map([(key.clone(), Data::Text(Zeroizing::new(text.clone())))].into()));
        if let Some(written) = written {
            let found = strings(format!("{}\n", *written).as_bytes()).map_err(|error| error.to_string());
            let found = found.map(|map| map.get(&key).map(|text| text.to_string()));
            proptest::prop_assert_eq!(found, Ok(Some(text)), "{}", written.as_str());
        }
    }
}
