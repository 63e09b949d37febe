use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::resource::external_secret::Rewrite;

fn pairs(of: &[(&str, &str)]) -> Pairs {
    of.iter().map(|(name, value)| ((*name).to_owned(), SecretValue::from((*value).to_owned()))).collect()
}

fn finished(found: &[(&str, &str)], naming: &Naming, decoding: DecodingStrategy) -> Result<Pairs, PairProblem> {
    finish(pairs(found), naming, decoding, NullBytePolicy::Ignore, &env())
}

fn env() -> Env {
    Env::new(jiff::Timestamp::UNIX_EPOCH, [7; 32])
}

fn renamed(target: &str) -> Naming {
    let operation = json!({"regexp": {"source": "^.*$", "target": target}});
    let operations = vec![serde_json::from_value::<Rewrite>(operation).expect("a rewrite")];
    Naming::Rewrite { field: "spec.dataFrom[0].rewrite".to_owned(), operations }
}

#[test]
fn names_become_keys() {
    use ConversionStrategy::{Default, Unicode};
    for (name, strategy, key) in [
        ("a/b c", Default, "a_b_c"),
        ("a/b", Unicode, "a_U002f_b"),
        ("a😀", Unicode, "a_U1f600_"),
        ("dotted.name-1_x", Default, "dotted.name-1_x"),
        ("größe", Default, "größe"),
        ("Ⓐ", Default, "_"),
    ] {
        let named = finished(&[(name, "v")], &Naming::Convert(strategy), DecodingStrategy::None);
        assert_eq!(named, Ok(pairs(&[(key, "v")])));
    }
    let both = [("a/b", "1"), ("a:b", "2")];
    let collision = finished(&both, &Naming::Convert(Default), DecodingStrategy::None);
    assert_eq!(collision, Err(PairProblem::Collision("a_b".to_owned())));
    assert_eq!(finished(&both, &Naming::Convert(Unicode), DecodingStrategy::None).expect("distinct").len(), 2);
    let empty = finished(&[("", "dropped"), ("a", "1")], &Naming::Convert(Default), DecodingStrategy::None);
    assert_eq!(empty, Ok(pairs(&[("a", "1")])));
}

#[test]
fn a_rewrite_takes_the_place_of_the_conversion_and_its_keys_are_checked() {
    let problem = |name: &str, target: &str| {
        finished(&[(name, "v")], &renamed(target), DecodingStrategy::None).expect_err("no key").to_string()
    };
    assert!(problem("a/b", "$0").contains("invalid character '/'"), "not converted");
    assert!(problem("a", &"x".repeat(254)).contains("has length 254 but max is 253"));
    assert_eq!(finished(&[("a", "v")], &renamed(""), DecodingStrategy::None), Ok(Pairs::new()), "dropped");
    // Bytes count, as in Go.
    assert!(problem("a", &"é".repeat(127)).contains("has length 254"));
    assert!(finished(&[("a", "v")], &renamed(&"é".repeat(126)), DecodingStrategy::None).is_ok());
}

#[test]
fn values_are_decoded_under_their_keys_and_then_checked() {
    let found = pairs(&[("a/b", "aAA=")]);
    let naming = Naming::Convert(ConversionStrategy::Default);
    let done = |null_bytes| finish(found.clone(), &naming, DecodingStrategy::Base64, null_bytes, &env());
    assert_eq!(done(NullBytePolicy::Ignore), Ok(pairs(&[("a_b", "h\0")])));
    assert_eq!(done(NullBytePolicy::Fail), Err(PairProblem::NulByte("a_b".to_owned())));
    let problem = finished(&[("a", "hunter2!")], &naming, DecodingStrategy::Base64).expect_err("no base64").to_string();
    assert!(problem.contains("\"a\"") && problem.contains("Base64") && !problem.contains("hunter2"), "{problem}");
}

fn naming() -> impl Strategy<Value = Naming> {
    let operation = prop_oneof![
        (r"[\[\]()^$.*a?/|]{0,6}", r"[$\{}a1-]{0,6}").prop_map(|(s, t)| json!({"regexp": {"source": s, "target": t}})),
        r"(\{\{|\}\}| ?\.value ?|a|\||/){0,6}".prop_map(|t| json!({"transform": {"template": t}})),
        ("[ab]?", prop::collection::vec("[ab/]", 0..3), any::<[bool; 3]>()).prop_map(|(into, priority, [p, c, s])| {
            json!({"merge": {
                "into": into,
                "priority": priority,
                "priorityPolicy": if p { "Strict" } else { "IgnoreNotFound" },
                "conflictPolicy": if c { "Error" } else { "Ignore" },
                "strategy": if s { "Extract" } else { "JSON" },
            }})
        }),
    ];
    prop_oneof![
        Just(Naming::Convert(ConversionStrategy::Default)),
        Just(Naming::Convert(ConversionStrategy::Unicode)),
        prop::collection::vec(operation, 1..4).prop_map(|operations| {
            let operations =
                operations.into_iter().map(|one| serde_json::from_value(one).expect("a rewrite")).collect();
            Naming::Rewrite { field: "rewrite".to_owned(), operations }
        }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_found_becomes_valid_keys_or_an_error_and_always_the_same(
        found in prop::collection::btree_map("[ab/é😀 ]{0,4}", r#"\{("[ab]":(1|"x"|\{\}),?){0,2}\}|[a=/+ ]{0,8}"#, 0..5),
        naming in naming(),
        decoding in prop_oneof![
            Just(DecodingStrategy::None), Just(DecodingStrategy::Base64),
            Just(DecodingStrategy::Base64URL), Just(DecodingStrategy::Auto),
        ],
    ) {
        let found: Pairs = found.into_iter().map(|(name, value)| (name, SecretValue::from(value))).collect();
        let once = finish(found.clone(), &naming, decoding, NullBytePolicy::Fail, &env());
        prop_assert_eq!(&once, &finish(found, &naming, decoding, NullBytePolicy::Fail, &env()));
        for (key, value) in once.into_iter().flatten() {
            prop_assert!((1..=LONGEST_KEY).contains(&key.len()) && key.chars().all(is_allowed), "{}", key);
            prop_assert!(!value.expose().contains(&0));
        }
    }
}

#[test]
fn letters_and_numbers_are_those_of_go() {
    for character in ['a', 'Z', '0', 'é', 'ß', '中', '½', 'Ⅷ', '²', 'ـ'] {
        assert!(is_allowed(character), "{character}");
    }
    for character in [' ', 'Ⓐ', '\u{301}', '\u{903}', '€', '😀', '\n'] {
        assert!(!is_allowed(character), "{character:?}");
    }
}
