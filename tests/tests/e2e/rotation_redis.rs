//! The engine for Redis against a real server, through the machine, with Secrets Manager in memory.

mod bad_input;
mod deployed;

use rekey_redis::{Network, Redis as Engine};
use rekey_rotation::machine::{Machine, Outcome};
use rekey_rotation::password::PasswordPolicy;
use rekey_rotation::secret::SecretDocument;
use rekey_rotation::step::Step;
use rekey_rotation::testing::{TOKEN, World, invoke, rotate};
use rekey_tests::random_word;
use rekey_tests::redis::{ADMIN, CHANGES_ITSELF as ITSELF, List, Options, Redis};
use serde_json::{Value, json};

type In = Machine<World<()>, Engine<Network>, World<()>>;

const MASTER: &str = "arn:master";

/// A rotation that is about to begin, of that value.
fn machine(current: &Value) -> In {
    let mut previous = current.clone();
    previous["password"] = "long ago".into();
    machine_of(&current.to_string(), &previous.to_string())
}

fn machine_of(current: &str, previous: &str) -> In {
    let world = World::new((), current, previous);
    let passwords = PasswordPolicy::from_variables(|_| None).unwrap();
    Machine { vault: world.clone(), engine: Engine::new(Network), bus: world, passwords }
}

/// The same through the master with that value.
fn with_master(current: &Value, master: &Value) -> In {
    let mut current = current.clone();
    current["masterarn"] = MASTER.into();
    let machine = machine(&current);
    machine.vault.state().others.insert(MASTER.to_owned(), (master.to_string(), [].into()));
    machine
}

/// A user with a name of its own, and its password.
async fn user(redis: &Redis, rules: &[&str]) -> (String, String) {
    let (name, password) = (format!("user-{}", random_word(8)), random_word(24));
    redis.set_user(&name, &password, rules).await.unwrap();
    (name, password)
}

fn pending(machine: &In) -> String {
    let text = machine.vault.state().values[TOKEN].clone();
    SecretDocument::parse(text.into()).unwrap().required("password").unwrap().to_string()
}

/// The kind and the text with which the first failing step of a rotation ends.
async fn failure(machine: &In) -> (&'static str, String) {
    for step in Step::ALL {
        if let Err(error) = invoke(machine, step.as_str()).await.expect("no crash is planned").result {
            return (error.kind().as_str(), error.to_string());
        }
    }
    panic!("the rotation ended well");
}

#[tokio::test]
async fn a_user_rotates_itself_and_the_old_password_lives_for_one_more_rotation() {
    // A server of its own, for reading the list again drops users that were not saved.
    let redis = &Redis::start(&Options::default()).await.unwrap();
    let (name, first) = user(redis, ITSELF).await;
    let mut passwords = vec![first.clone()];
    for _ in 0..3 {
        let machine = machine(&redis.secret(&name, passwords.last().unwrap()));
        assert!(rotate(&machine, 1).await);
        passwords.push(pending(&machine));
    }
    // What a restart would bring back counts.
    redis.command::<()>(&["ACL", "LOAD"]).await.unwrap();
    let mut accepted = vec![];
    for password in &passwords {
        accepted.push(redis.accepts(&name, password).await.unwrap());
    }
    assert_eq!(accepted, [false, false, true, true]);
}

#[tokio::test]
async fn an_admin_rotates_a_user_that_may_do_nothing() {
    let redis = Redis::shared().await.unwrap();
    let (name, first) = user(redis, &[]).await;
    let master = redis.secret(ADMIN, redis.admin_password());
    let machine = with_master(&redis.secret(&name, &first), &master);
    assert!(rotate(&machine, 1).await);
    for password in [&first, &pending(&machine)] {
        assert!(redis.accepts(&name, password).await.unwrap());
    }
}

#[tokio::test]
async fn the_default_user_is_a_user_like_any_other_once_the_tag_says_that_it_is_this_secrets() {
    let redis = Redis::start(&Options::default()).await.unwrap();
    let first = random_word(24);
    redis.set_user("default", &first, &[]).await.unwrap();
    let mut value = redis.secret("default", &first);
    value.as_object_mut().unwrap().remove("username");
    let machine = machine(&value);
    assert_eq!(failure(&machine).await.0, "refused");
    machine.vault.state().tags.insert("rekey:adopt".to_owned(), "true".to_owned());
    assert!(rotate(&machine, 1).await);
    assert!(redis.accepts("default", &pending(&machine)).await.unwrap());
}

#[tokio::test]
async fn neither_monitor_nor_slow_log_nor_any_file_sees_a_password_and_no_login_fails() {
    let redis = Redis::start(&Options::default()).await.unwrap();
    // The first is a password that nothing may take for syntax.
    let (name, odd) = ("o'br;ien\"ü🔑", "p w\0;'\"\\🔑\r\n+OK");
    redis.set_user(name, odd, ITSELF).await.unwrap();
    let mut monitor = redis.monitor().await.unwrap();
    let mut passwords = vec![odd.to_owned()];
    for _ in 0..2 {
        let machine = machine(&redis.secret(name, passwords.last().unwrap()));
        assert!(rotate(&machine, 1).await);
        passwords.push(pending(&machine));
    }
    let mark = random_word(16);
    redis.command::<String>(&["ECHO", &mark]).await.unwrap();
    let seen = monitor.until(&mark).await.unwrap();
    // AUTH and what administers the server are never shown, whatever they hold.
    assert!(seen.to_lowercase().contains("hello"), "the monitor works: {seen}");
    let slow: redis::Value = redis.command(&["SLOWLOG", "GET", "-1"]).await.unwrap();
    let slow = format!("{slow:?}");
    assert!(slow.to_lowercase().contains("setuser"), "the slow log works");
    let files = redis.files().unwrap();
    for password in &passwords {
        for text in [&seen, &slow, &files] {
            assert!(!text.contains(password.as_str()) && !text.contains(&password.escape_default().to_string()));
        }
    }
    // b9: refused log-ins and commands that were not allowed would be in this list.
    let refusals: Vec<redis::Value> = redis.command(&["ACL", "LOG"]).await.unwrap();
    assert!(refusals.is_empty(), "a normal rotation is refused nothing: {refusals:?}");
}

#[tokio::test]
async fn the_list_is_kept_where_the_server_keeps_it() {
    for (list, kept) in [(List::AclFile, true), (List::Configuration, true), (List::Nowhere, false)] {
        let redis = Redis::start(&Options { list, ..Options::default() }).await.unwrap();
        let (name, first) = user(&redis, &[]).await;
        let master = redis.secret(ADMIN, redis.admin_password());
        let machine = with_master(&redis.secret(&name, &first), &master);
        assert!(rotate(&machine, 1).await, "{list:?}");
        assert!(redis.accepts(&name, &pending(&machine)).await.unwrap());
        assert_eq!(redis.files().unwrap().contains(&format!("user {name} on")), kept, "{list:?}");
    }
}

#[tokio::test]
async fn the_preflight_changes_nothing_and_tells_what_is_missing() {
    let redis = Redis::shared().await.unwrap();
    for (rules, end) in [(ITSELF, Ok(Outcome::Done)), (&["+acl|getuser"], Err("privilege")), (&[], Err("privilege"))] {
        let (name, password) = user(redis, rules).await;
        let value = redis.secret(&name, &password);
        let machine = machine(&value);
        machine.vault.state().values.insert(TOKEN.to_owned(), value.to_string());
        let before: redis::Value = redis.command(&["ACL", "GETUSER", &name]).await.unwrap();
        let result = invoke(&machine, "testSecret").await.unwrap().result;
        assert_eq!(result.map_err(|error| error.kind().as_str()), end);
        let after: redis::Value = redis.command(&["ACL", "GETUSER", &name]).await.unwrap();
        assert_eq!(before, after);
    }
}
