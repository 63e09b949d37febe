//! The engine for MySQL and MariaDB against a real MariaDB, through the machine, with Secrets Manager in memory; and
//! through the deployed function.

mod bad_input;
mod copies;
mod deployed;
mod others;

use rekey_mysql::Mysql;
use rekey_rotation::machine::{Machine, Outcome};
use rekey_rotation::password::PasswordPolicy;
use rekey_rotation::plan::STRATEGY_TAG;
use rekey_rotation::secret::SecretDocument;
use rekey_rotation::step::Step;
use rekey_rotation::testing::{TOKEN, World, invoke, rotate};
use rekey_tests::mariadb::{ADMIN, MariaDb, Options};
use rekey_tests::random_word;
use serde_json::{Value, json};

type In = Machine<World<()>, Mysql, World<()>>;

const MASTER: &str = "master/m";

/// A secret's value.
fn document(mariadb: &MariaDb, user: &str, password: &str) -> Value {
    json!({
        "engine": "mariadb", "host": mariadb.host(), "port": mariadb.port(), "sslrootcert": mariadb.ca_pem(),
        "username": user, "password": password,
    })
}

fn master(mariadb: &MariaDb) -> Value {
    document(mariadb, ADMIN, mariadb.admin_password())
}

/// A rotation that is about to begin, of that value.
fn machine(current: &Value) -> In {
    let mut previous = current.clone();
    previous["password"] = "long ago".into();
    machine_of(&current.to_string(), &previous.to_string())
}

fn machine_of(current: &str, previous: &str) -> In {
    let world = World::new((), current, previous);
    let passwords = PasswordPolicy::from_variables(|_| None).unwrap();
    let engine = Mysql::from_variables(|_| None).unwrap();
    Machine { vault: world.clone(), engine, bus: world, passwords }
}

/// The same through the master with that value: by turns, unless the tag says otherwise.
fn with_master(current: &Value, master: &Value, strategy: Option<&str>) -> In {
    let mut current = current.clone();
    current["masterarn"] = MASTER.into();
    let machine = machine(&current);
    {
        let mut state = machine.vault.state();
        state.others.insert(MASTER.to_owned(), (master.to_string(), [].into()));
        state.tags.extend(strategy.map(|strategy| (STRATEGY_TAG.to_owned(), strategy.to_owned())));
    }
    machine
}

/// The rotation that comes after that one.
fn following(before: &In, master: &Value, strategy: Option<&str>) -> In {
    let machine = with_master(&made(before), master, strategy);
    let previous = before.vault.state().values["v1"].clone();
    machine.vault.state().values.insert("v0".to_owned(), previous);
    machine
}

/// A user with a name of its own, from any host unless the account says otherwise, and its password.
async fn user(mariadb: &MariaDb, host: &str) -> (String, String) {
    let (name, password) = (format!("user_{}", random_word(8)), random_word(24));
    mariadb.run(&[format!("CREATE USER {name}@'{host}' IDENTIFIED BY '{password}'")]).await.unwrap();
    (name, password)
}

fn pending(machine: &In) -> (String, String) {
    let text = machine.vault.state().values[TOKEN].clone();
    let document = SecretDocument::parse(text.into()).unwrap();
    let field = |name| document.required(name).unwrap().to_string();
    (field("username"), field("password"))
}

/// The version that a rotation made, with which the next one begins.
fn made(machine: &In) -> Value {
    serde_json::from_str(&machine.vault.state().values[TOKEN]).unwrap()
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

/// The preflight of `RotateImmediately=false`.
async fn preflight(machine: &In) -> Result<Outcome, (&'static str, String)> {
    let current = machine.vault.text("AWSCURRENT").unwrap();
    machine.vault.state().values.insert(TOKEN.to_owned(), current);
    let result = invoke(machine, "testSecret").await.unwrap().result;
    machine.vault.state().values.remove(TOKEN);
    result.map_err(|error| (error.kind().as_str(), error.to_string()))
}

#[tokio::test]
async fn a_user_that_may_do_nothing_changes_its_own_password_and_the_old_one_dies() {
    let mariadb = MariaDb::shared().await.unwrap();
    let (name, mut password) = user(mariadb, "%").await;
    for _ in 0..2 {
        let machine = machine(&document(mariadb, &name, &password));
        assert_eq!(preflight(&machine).await, Ok(Outcome::Done));
        assert!(rotate(&machine, 1).await);
        let (_, next) = pending(&machine);
        assert!(mariadb.accepts(&name, &next).await.unwrap());
        assert!(!mariadb.accepts(&name, &password).await.unwrap());
        password = next;
    }
}

#[tokio::test]
async fn a_master_sets_the_password_of_the_account_that_logs_in_and_of_no_other() {
    let mariadb = MariaDb::shared().await.unwrap();
    let (name, password) = user(mariadb, "127.0.0.%").await;
    mariadb.run(&[format!("CREATE USER {name}@'10.%' IDENTIFIED BY 'other'")]).await.unwrap();
    let hash = format!("SELECT Password FROM mysql.user WHERE User = '{name}' AND Host = '10.%'");
    let other = mariadb.ask(&hash).await.unwrap();
    let machine = with_master(&document(mariadb, &name, &password), &master(mariadb), Some("master"));
    assert_eq!(preflight(&machine).await, Ok(Outcome::Done));
    assert!(rotate(&machine, 1).await);
    assert!(mariadb.accepts(&name, &pending(&machine).1).await.unwrap());
    assert!(!mariadb.accepts(&name, &password).await.unwrap());
    assert_eq!(mariadb.ask(&hash).await.unwrap(), other);
}

#[tokio::test]
async fn a_password_that_only_awsprevious_knows_is_replaced_by_the_master() {
    let mariadb = MariaDb::shared().await.unwrap();
    let (name, password) = user(mariadb, "127.0.0.%").await;
    let current = with_master(&document(mariadb, &name, "wrong"), &master(mariadb), Some("master"));
    let previous = current.vault.text("AWSCURRENT").unwrap().replace("\"wrong\"", &format!("\"{password}\""));
    current.vault.state().values.insert("v0".to_owned(), previous);
    assert!(rotate(&current, 1).await);
    assert!(mariadb.accepts(&name, &pending(&current).1).await.unwrap());
}

#[tokio::test]
async fn the_log_of_all_statements_holds_no_password_and_b9_no_log_in_fails() {
    let mariadb = MariaDb::start(&Options::default()).await.unwrap();
    // What nothing may take for syntax, under whatever mode the server begins its sessions with.
    let (name, odd) = ("o'br;\"i`e\\n ü", "p w';--\"\\`🔑");
    mariadb.run(&["SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'"]).await.unwrap();
    mariadb.run(&[format!(r"CREATE USER '{}'@'%' IDENTIFIED BY '{}'", quoted(name), quoted(odd))]).await.unwrap();
    let mut passwords = vec![odd.to_owned(), mariadb.admin_password().to_owned()];
    let mut machine = machine(&document(&mariadb, name, odd));
    for strategy in [None, Some("master"), Some("alternating"), Some("alternating")] {
        if strategy.is_some() {
            machine = following(&machine, &master(&mariadb), strategy);
        }
        assert_eq!(preflight(&machine).await, Ok(Outcome::Done), "{strategy:?}");
        assert!(rotate(&machine, 1).await, "{strategy:?}");
        passwords.push(pending(&machine).1);
    }
    let log = mariadb.statements().unwrap();
    assert!(log.contains("SET PASSWORD") && log.contains("CREATE USER IF NOT EXISTS"), "the log works");
    for password in &passwords {
        assert!(!log.contains(password.as_str()) && !log.contains(&quoted(password)));
    }
    assert!(!log.contains("Access denied"), "a normal rotation is refused nothing");
}

/// As it stands in a literal.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "''")
}
