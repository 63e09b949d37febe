//! Whole rotations against a model of a server: what is done in which order, and what is left after a crash anywhere.
//!
//! MySQL's own commands (dual passwords) are tried nowhere else: no MySQL server is at hand. What MariaDB shares is tried
//! on a real one in `tests/tests/mariadb`.

mod history;
mod locks;
mod others;

use rekey_rotation::machine::Outcome;
use rekey_rotation::plan::STRATEGY_TAG;
use rekey_rotation::step::Step;
use rekey_rotation::testing::{Fault, World, every_prefix, invoke, rotate};
use rekey_rotation::vault::CURRENT;
use zeroize::Zeroizing;

use super::*;
use crate::account::Account;
use crate::description::Terms;
use crate::grants::Entry;
use crate::model::{Model, machine};
use crate::server::Server;

const MYSQL: Server = Server::MySql((8, 4, 0));
const MARIADB: Server = Server::MariaDb((10, 11, 19));

fn document(user: &str, password: &str) -> String {
    format!(r#"{{"host":"h","username":"{user}","password":"{password}","masterarn":"master/m"}}"#)
}

/// `app` with the password `one` in force, and a master; rotated as the tag says.
fn world(model: Model, tag: &str) -> World<Model> {
    let model = model.with("app@10.%", "one").with("master@%", "m");
    let world = World::new(model, &document("app", "one"), &document("app", "zero"));
    let entry = Entry::Right { object: "*.*".to_owned(), privilege: "CREATE USER".to_owned() };
    let mut state = world.state();
    state.service.user("master@%").description.grants.entries.insert(entry);
    state.tags.insert(STRATEGY_TAG.to_owned(), tag.to_owned());
    let master = r#"{"host":"h","username":"master","password":"m"}"#.to_owned();
    state.others.insert("master/m".to_owned(), (master, Tags::new()));
    drop(state);
    world
}

/// The same with what is hard to copy.
fn privileged(server: Server) -> World<Model> {
    let world = world(Model::new(server), "alternating");
    {
        let mut state = world.state();
        let original = &mut state.service.user("app@10.%").description;
        original.terms = Terms { require: "SSL".to_owned(), ..Terms::default() };
        original.default_role = Some("`r`".to_owned());
        original.grants.entries = [right("`shop`.*", "SELECT"), right("`shop`.*", "GRANT OPTION"), role("`r`")].into();
    }
    world
}

fn right(object: &str, privilege: &str) -> Entry {
    Entry::Right { object: object.to_owned(), privilege: privilege.to_owned() }
}

fn role(role: &str) -> Entry {
    Entry::Whole { what: role.to_owned(), option: Some("ADMIN") }
}

fn without_master(world: World<Model>) -> World<Model> {
    for text in world.state().values.values_mut() {
        *text = text.replace(r#","masterarn":"master/m""#, "");
    }
    world
}

fn field(world: &World<Model>, label: &str, name: &'static str) -> String {
    let document = SecretDocument::parse(Zeroizing::new(world.text(label).unwrap())).unwrap();
    document.required(name).unwrap().to_string()
}

async fn fails(world: &World<Model>, step: Step) -> (String, String) {
    let error = invoke(&machine(world), step.as_str()).await.unwrap().result.unwrap_err();
    (error.kind().as_str().to_owned(), error.to_string())
}

async fn ends_well(world: &World<Model>, step: Step) -> Outcome {
    invoke(&machine(world), step.as_str()).await.unwrap().result.unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_strategy_does_its_commands_in_order_and_b9_no_log_in_fails() {
    let alone = || without_master(world(Model::new(MYSQL), "dual"));
    for (world, expected) in [
        (world(Model::new(MARIADB), "single"), ["app: Replace"].as_slice()),
        (world(Model::new(MARIADB), "master"), &["master: Set"]),
        (world(Model::new(MYSQL), "master"), &["master: Set"]),
        (alone(), &["app: Replace"]),
        (world(Model::new(MYSQL), "dual"), &["master: Set"]),
        (
            privileged(MARIADB),
            &[
                "master: Create",
                "master: Terms",
                "master: Grant",
                "master: Grant",
                "master: Grant",
                "master: DefaultRole",
            ],
        ),
    ] {
        assert!(rotate(&machine(&world), 1).await);
        let state = world.state();
        assert_eq!((state.service.done.as_slice(), state.service.refused), (owned(expected).as_slice(), 0));
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn single_ends_the_old_password_and_dual_keeps_it_until_the_next_rotation() {
    let single = world(Model::new(MARIADB), "single");
    assert!(rotate(&machine(&single), 1).await);
    assert!(!single.state().service.accepts("app@10.%", "one"));

    let dual = without_master(world(Model::new(MYSQL), "dual"));
    assert!(rotate(&machine(&dual), 1).await);
    let second = field(&dual, CURRENT, "password");
    assert!(dual.state().service.accepts("app@10.%", "one") && dual.state().service.accepts("app@10.%", &second));
    let next = World::new(Model::new(MYSQL), &document("app", &second), &document("app", "one"));
    next.state().service.users.clone_from(&dual.state().service.users);
    next.state().tags.clone_from(&dual.state().tags);
    let next = without_master(next);
    assert!(rotate(&machine(&next), 1).await);
    let third = field(&next, CURRENT, "password");
    let model = &next.state().service;
    assert!(model.accepts("app@10.%", &second) && model.accepts("app@10.%", &third));
    assert!(!model.accepts("app@10.%", "one"), "the one before the last has ended");
}

#[tokio::test(start_paused = true)]
async fn b3_whatever_prefix_of_an_alternation_was_done_a_replay_leaves_the_copy_complete() {
    for server in [MARIADB, MYSQL] {
        every_prefix(|| machine(&privileged(server)), copied).await;
    }
}

fn copied(model: &Model) -> Result<(), String> {
    let find = |name: &str| model.users.get(&Account::parse(name)?).map(|user| &user.description);
    let (original, copy) = (find("app@10.%").ok_or("app")?, find("app_clone@10.%").ok_or("no copy")?);
    let alike =
        (&original.terms, &original.default_role, &original.grants) == (&copy.terms, &copy.default_role, &copy.grants);
    if !alike {
        return Err(format!("{copy:?} is not like {original:?}"));
    }
    if !model.accepts("app@10.%", "one") {
        return Err("the user in force was touched".to_owned());
    }
    if model.refused > 0 { Err("a log-in failed".to_owned()) } else { Ok(()) }
}

#[tokio::test(start_paused = true)]
async fn whatever_prefix_of_the_other_strategies_was_done_a_replay_ends_well() {
    let single = |server| every_prefix(move || machine(&world(Model::new(server), "single")), |_| Ok(()));
    single(MARIADB).await;
    single(MYSQL).await;
    for server in [MARIADB, MYSQL] {
        every_prefix(|| machine(&world(Model::new(server), "master")), |_| Ok(())).await;
    }
    // Whatever was replayed, the version in force before is still valid: it is retained once and never dropped.
    let valid = |model: &Model| {
        if model.accepts("app@10.%", "one") { Ok(()) } else { Err("the old password ended too soon".to_owned()) }
    };
    every_prefix(|| machine(&without_master(world(Model::new(MYSQL), "dual"))), valid).await;
    every_prefix(|| machine(&world(Model::new(MYSQL), "dual")), valid).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_made_again_retains_nothing_twice() {
    for master in [true, false] {
        let world = world(Model::new(MYSQL), "dual");
        let world = if master { world } else { without_master(world) };
        ends_well(&world, Step::Create).await;
        for _ in 0..3 {
            ends_well(&world, Step::Set).await;
        }
        let pending = field(&world, "AWSPENDING", "password");
        let state = world.state();
        assert!(state.service.accepts("app@10.%", "one") && state.service.accepts("app@10.%", &pending));
        assert_eq!(state.service.refused, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_label_moved_back_by_hand_keeps_its_password_through_the_next_rotation() {
    for master in [true, false] {
        let world = world(Model::new(MYSQL), "dual");
        let world = if master { world } else { without_master(world) };
        {
            // `one` was the first password until somebody rotated to `two` and went back.
            let mut state = world.state();
            let user = state.service.user("app@10.%");
            let two = crate::verifier::Verifier::new(crate::verifier::Plugin::Native, "two").unwrap();
            user.description.second = user.description.verifier.replace(two);
        }
        assert!(rotate(&machine(&world), 1).await);
        let state = world.state();
        assert!(state.service.accepts("app@10.%", "one") && !state.service.accepts("app@10.%", "two"));
    }
}

#[tokio::test(start_paused = true)]
async fn grants_changed_since_reach_the_copy_at_its_next_turn_and_the_user_in_force_is_left_alone() {
    let world = privileged(MYSQL);
    {
        let mut state = world.state();
        let model = std::mem::replace(&mut state.service, Model::new(MYSQL));
        state.service = model.with("app_clone@10.%", "before");
        let copy = &mut state.service.user("app_clone@10.%").description;
        copy.grants.entries = [right("`shop`.*", "SELECT"), right("`shop`.*", "DROP"), role("`old`")].into();
        copy.terms.limits.insert("MAX_USER_CONNECTIONS".to_owned(), "1".to_owned());
        state.values.insert("v0".to_owned(), document("app_clone", "before"));
    }
    let before = world.state().service.user("app@10.%").clone();
    assert!(rotate(&machine(&world), 1).await);
    copied(&world.state().service).unwrap();
    assert_eq!(world.state().service.user("app@10.%").description, before.description);

    // And back: the first user gets a password and nothing else.
    let back = World::new(Model::new(MYSQL), &world.text(CURRENT).unwrap(), &document("app", "one"));
    back.state().service.users.clone_from(&world.state().service.users);
    back.state().others.clone_from(&world.state().others);
    assert!(rotate(&machine(&back), 1).await);
    assert_eq!(back.state().service.done, ["master: Set"]);
    assert_eq!(field(&back, CURRENT, "username"), "app");
    assert_eq!(back.state().service.user("app@10.%").description.grants, before.description.grants);
}

#[tokio::test(start_paused = true)]
async fn a_copy_without_a_first_user_is_what_the_next_one_is_made_from() {
    let model = Model::new(MARIADB).with("app_clone@%", "one").with("master@%", "m");
    let world = World::new(model, &document("app_clone", "one"), &document("app_clone", "zero"));
    world.state().service.user("app_clone@%").description.grants.entries.insert(right("`shop`.*", "SELECT"));
    let master = r#"{"host":"h","username":"master","password":"m"}"#.to_owned();
    world.state().others.insert("master/m".to_owned(), (master, Tags::new()));
    assert!(rotate(&machine(&world), 1).await);
    assert!(world.state().service.user("app@%").description.grants.entries.contains(&right("`shop`.*", "SELECT")));
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_answer_a_single_user_s_password_is_found_to_be_set() {
    let world = world(Model::new(MARIADB), "single");
    world.state().faults.insert(1, Fault::LostReply);
    ends_well(&world, Step::Create).await;
    assert_eq!(fails(&world, Step::Set).await.0, "unreachable");
    assert_eq!(ends_well(&world, Step::Set).await, Outcome::Skipped);
    assert_eq!(world.state().service.refused, 1, "one refused log-in, on the replay");
}

#[tokio::test(start_paused = true)]
async fn two_passwords_are_refused_where_an_account_has_one() {
    for server in [MARIADB, Server::MySql((8, 0, 13))] {
        for master in [true, false] {
            let world = world(Model::new(server), "dual");
            let world = if master { world } else { without_master(world) };
            // The preflight, with a pending version that holds the current value.
            let current = world.text(CURRENT).unwrap();
            world.state().values.insert("v2".to_owned(), current);
            let (kind, why) = fails(&world, Step::Test).await;
            assert!(kind == "refused" && why.contains("8.0.14"), "{why}");
            world.state().values.remove("v2");
            ends_well(&world, Step::Create).await;
            assert_eq!(fails(&world, Step::Set).await.0, "refused");
            assert!(world.state().service.done.is_empty());
        }
    }
    let world = world(Model::new(MARIADB), "dual");
    for text in world.state().values.values_mut() {
        *text = text.replace(r#"{"host""#, r#"{"engine":"mariadb","host""#);
    }
    let (kind, why) = fails(&world, Step::Create).await;
    assert!(kind == "setup" && why.contains("single, master, alternating"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn b12_a_name_that_is_too_long_is_refused_when_the_rotation_is_configured() {
    let plan = |engine: &str, length: usize, limit: Option<usize>| {
        let world = world(Model::new(MYSQL), "alternating");
        let engine_under_test = Mysql { name_limit: limit, ..machine(&world).engine };
        let user = "u".repeat(length);
        let text =
            format!(r#"{{"engine":"{engine}","host":"h","username":"{user}","password":"p","masterarn":"master/m"}}"#);
        engine_under_test.plan(&SecretDocument::parse(Zeroizing::new(text)).unwrap(), &Tags::new()).map(drop)
    };
    assert_eq!(plan("mysql", 26, None), Ok(()));
    assert_eq!(plan("mysql", 27, None), Err(EngineError::LongName(32)));
    assert_eq!(plan("aurora-mysql", 27, None), Err(EngineError::LongName(32)));
    assert_eq!(plan("mariadb", 74, None), Ok(()));
    assert_eq!(plan("mariadb", 75, None), Err(EngineError::LongName(80)));
    assert_eq!(plan("mysql", 11, Some(16)), Err(EngineError::LongName(16)));
    let variable = |value: &'static str| Mysql::from_variables(move |_| Some(value.to_owned())).map(|it| it.name_limit);
    assert_eq!((variable("16"), variable("")), (Ok(Some(16)), Ok(None)));
    assert_eq!((variable("long"), variable("0")), (Err(NameLimitError), Err(NameLimitError)));
}

#[tokio::test(start_paused = true)]
async fn a_user_that_the_server_takes_for_another_is_not_rotated() {
    for tag in ["single", "master", "alternating"] {
        let world = world(Model::new(MARIADB), tag);
        world.state().service.taken_for = Account::parse("@localhost");
        ends_well(&world, Step::Create).await;
        let (kind, why) = fails(&world, Step::Set).await;
        assert!(kind == "refused" && why.contains("another account"), "{why}");
        assert!(world.state().service.done.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_is_not_changed_and_the_preflight_says_so() {
    for tag in ["single", "master", "alternating"] {
        let world = world(Model::new(MARIADB), tag);
        world.state().service.read_only = true;
        ends_well(&world, Step::Create).await;
        let (kind, why) = fails(&world, Step::Set).await;
        assert!(kind == "unreachable" && why.contains("name the primary"), "{why}");
        let current = world.text(CURRENT).unwrap();
        world.state().values.insert("v2".to_owned(), current);
        assert_eq!(fails(&world, Step::Test).await.0, "unreachable");
        assert!(world.state().service.done.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_too_old_is_refused_before_anything_is_half_done() {
    for server in [Server::MariaDb((10, 3, 39)), Server::MySql((5, 6, 51))] {
        for tag in ["single", "master", "alternating"] {
            let world = world(Model::new(server), tag);
            let current = world.text(CURRENT).unwrap();
            world.state().values.insert("v2".to_owned(), current);
            let (kind, why) = fails(&world, Step::Test).await;
            assert!(kind == "refused" && why.contains("MariaDB 10.4"), "{why}");
            world.state().values.remove("v2");
            ends_well(&world, Step::Create).await;
            assert_eq!(fails(&world, Step::Set).await.0, "refused");
            assert!(world.state().service.done.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_preflight_looks_at_the_master_and_at_the_other_user() {
    let preflight = |prepare: fn(&mut Model)| async move {
        let world = privileged(MARIADB);
        let current = world.text(CURRENT).unwrap();
        world.state().values.insert("v2".to_owned(), current);
        world.state().values.insert("v0".to_owned(), document("app_clone", "x"));
        prepare(&mut world.state().service);
        let report = invoke(&machine(&world), Step::Test.as_str()).await.unwrap();
        assert!(world.state().service.done.is_empty());
        report.result.map_err(|error| format!("{}: {error}", error.kind().as_str()))
    };
    assert_eq!(preflight(|_| {}).await, Ok(Outcome::Done));
    let powerless = preflight(|model| model.user("master@%").description.grants.entries.clear()).await;
    assert!(powerless.unwrap_err().contains("CREATE USER on *.*"));
    let locked = preflight(|model| {
        let users = std::mem::take(&mut model.users);
        *model = Model::new(model.server).with("app_clone@10.%", "x");
        model.users.extend(users);
        model.user("app_clone@10.%").description.locked = true;
    });
    assert!(locked.await.unwrap_err().starts_with("auth: "));
}
