//! Rotations of secrets that nobody else knows.

use rekey_rotation::diagnostic::StepError;
use rekey_rotation::machine::Machine;
use rekey_rotation::password::PasswordPolicy;
use rekey_rotation::testing::{self, TOKEN, every_prefix, invoke, rotate};
use rekey_rotation::vault::{CURRENT, PREVIOUS};

use super::*;

/// There is no service.
type World = testing::World<()>;

fn machine(world: &World) -> Machine<World, Generic, World> {
    policed(world, &[])
}

fn policed(world: &World, variables: &[(&str, &str)]) -> Machine<World, Generic, World> {
    let variable = |name: &str| variables.iter().find(|one| one.0 == name).map(|one| one.1.to_owned());
    let passwords = PasswordPolicy::from_variables(variable).unwrap();
    Machine { vault: world.clone(), engine: Generic, bus: world.clone(), passwords }
}

fn tagged(current: &str, field: &str) -> World {
    let world = World::new((), current, current);
    world.state().tags.insert(FIELD_TAG.to_owned(), field.to_owned());
    world
}

async fn refusal(world: &World) -> StepError {
    invoke(&machine(world), "createSecret").await.unwrap().result.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn text_that_is_no_json_is_replaced_as_a_whole() {
    for old in ["hunter2", "\"quoted\"", "[1]", "123", "true", " two\nlines; 'é😀' ", &"x".repeat(65_536)] {
        let world = World::new((), old, "older");
        assert!(rotate(&machine(&world), 1).await, "{old}");
        let new = world.text(CURRENT).unwrap();
        assert!(new.len() == 32 && new != old && new.bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(world.text(PREVIOUS).unwrap(), old);
        assert_eq!(world.state().sent[0].engine, "generic");
    }
}

#[tokio::test(start_paused = true)]
async fn one_field_is_replaced_and_the_rest_is_kept_to_the_byte() {
    let old = "{ \"a\": [1.50, null],\"password\" :\"p\", \"é😀\": \"';\\\"\", \"url\":\"\"}\n";
    for (field, before, after) in
        [("password", " :\"", "\", \"é"), ("é😀", ": \"", "\", \"url\""), ("url", "url\":\"", "\"}\n")]
    {
        let world = tagged(old, field);
        if field == "password" {
            world.state().tags.clear();
        }
        assert!(rotate(&policed(&world, &[("PASSWORD_LENGTH", "64"), ("EXCLUDE_PUNCTUATION", "true")]), 1).await);
        let new = world.text(CURRENT).unwrap();
        let from = old.find(before).unwrap() + before.len();
        let to = old.len() - old[from..].find(after).map(|at| from + at).unwrap();
        assert_eq!((&new[..from], &new[new.len() - to..]), (&old[..from], &old[old.len() - to..]), "{field}");
        let made = &new[from..new.len() - to];
        assert!(made.len() == 64 && made.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_replaced_is_left_alone() {
    for (text, field) in [
        ("", None),
        ("{\"password\":\"hunter2\"", None),
        ("{\"password\":\"hunter2\"} x", None),
        ("{hunter2", None),
        ("{}", None),
        ("{\"password\":null}", None),
        ("{\"password\":[\"hunter2\"]}", None),
        ("{\"password\":\"hunter2\"}", Some("token")),
        ("{\"password\":\"hunter2\"}", Some("")),
        ("hunter2", Some("password")),
        ("{\"password\":\"hunter2\",\"password\":\"other\"}", None),
    ] {
        let world = World::new((), text, text);
        if let Some(field) = field {
            world.state().tags.insert(FIELD_TAG.to_owned(), field.to_owned());
        }
        let error = refusal(&world).await;
        assert_eq!(error.kind().as_str(), "bad-secret", "{text}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert_eq!(world.state().effects, 0, "{text}");
    }
    let dual = tagged("hunter2", WHOLE);
    dual.state().tags.insert("rekey:strategy".to_owned(), "dual".to_owned());
    assert_eq!(refusal(&dual).await.kind().as_str(), "setup");
}

#[tokio::test(start_paused = true)]
async fn a_pending_version_that_differs_elsewhere_or_in_kind_is_never_put_in_force() {
    let old = r#"{"password":"p","host":"h"}"#;
    for pending in [r#"{"password":"q","host":"evil"}"#, r#"{"password":"q"}"#, "q", old] {
        let world = World::new((), old, old);
        world.state().values.insert(TOKEN.to_owned(), pending.to_owned());
        assert!(!rotate(&machine(&world), 1).await, "{pending}");
        assert_eq!(world.text(CURRENT).unwrap(), old);
    }
}

#[tokio::test(start_paused = true)]
async fn after_any_prefix_of_side_effects_a_replay_ends_well() {
    every_prefix(|| machine(&World::new((), "one", "zero")), |()| Ok(())).await;
    let field = |value: &str| format!(r#"{{"key":"{value}","password":"same"}}"#);
    let make = || {
        let world = World::new((), &field("one"), &field("zero"));
        world.state().tags.insert(FIELD_TAG.to_owned(), "key".to_owned());
        machine(&world)
    };
    every_prefix(make, |()| Ok(())).await;
}
