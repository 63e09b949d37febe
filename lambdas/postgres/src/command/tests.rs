//! The statements, for servers with and without options of memberships.

use rekey_rotation::secret::SecretDocument;
use zeroize::Zeroizing;

use super::*;
use crate::credential::Credential;

const V15: u32 = 150_013;
const V16: u32 = 160_009;

fn own(text: &str) -> String {
    text.to_owned()
}

#[test]
fn a_password_leaves_as_a_verifier_and_names_are_quoted() {
    let text = r#"{"host":"h","username":"o'brien\"; DROP","password":"hunter2-é'"}"#;
    let document = SecretDocument::parse(Zeroizing::new(own(text))).unwrap();
    let Credential { user: role, password, .. } = Credential::read(&document).unwrap();
    let command = Command::SetPassword { role, password };
    let statement = command.sql(V15);
    let verifier = statement.strip_prefix(r#"ALTER ROLE "o'brien""; DROP" PASSWORD 'SCRAM-SHA-256$4096:"#);
    let verifier = verifier.and_then(|rest| rest.strip_suffix('\'')).expect(&statement);
    assert!(verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=$:".contains(&byte)));
    assert!(!format!("{statement} {command:?}").contains("hunter2"));
    assert_ne!(command.sql(V15), statement, "each verifier has its own salt");
}

#[test]
fn memberships_say_what_they_are_for_where_the_server_knows_that() {
    let join = Command::Join { member: own("app_clone"), role: own("app") };
    assert_eq!(join.sql(V15), r#"GRANT "app" TO "app_clone""#);
    assert_eq!(join.sql(V16), r#"GRANT "app" TO "app_clone" WITH INHERIT TRUE, SET TRUE"#);
    let borrow = Command::Borrow { role: own("app_clone") };
    assert_eq!(borrow.sql(V15), r#"GRANT "app_clone" TO CURRENT_USER"#);
    assert_eq!(borrow.sql(V16), r#"GRANT "app_clone" TO CURRENT_USER WITH INHERIT TRUE, SET FALSE"#);
    assert_eq!(Command::GiveBack { role: own("app_clone") }.sql(V16), r#"REVOKE "app_clone" FROM CURRENT_USER"#);
}

#[test]
fn attributes_are_spelt_out() {
    let to = Attributes { connections: 7, until: own("2030-01-01"), inherits: true };
    let statement = Command::Adjust { role: own("a"), to }.sql(V15);
    assert_eq!(statement, r#"ALTER ROLE "a" INHERIT CONNECTION LIMIT 7 VALID UNTIL '2030-01-01'"#);
}

#[test]
fn settings_are_literals_whatever_they_hold() {
    let set = |database: Option<&str>, name: &str, value: &str| {
        let parameter = Parameter { database: database.map(own), name: own(name) };
        Command::Set { role: own("a"), parameter, value: own(value) }.sql(V15)
    };
    assert_eq!(set(None, "work_mem", "5MB"), r#"ALTER ROLE "a" SET "work_mem" TO '5MB'"#);
    assert_eq!(set(Some("d\"b"), "my.x", "'"), r#"ALTER ROLE "a" IN DATABASE "d""b" SET "my.x" TO ''''"#);
    for (value, literals) in [
        (r#""$user", public"#, "'$user', 'public'"),
        (r#""We""ird, one",x"#, r#"'We"ird, one', 'x'"#),
        ("evil'; DROP TABLE t", "'evil'';DROPTABLEt'"),
        (r#""""#, "''"),
    ] {
        assert_eq!(set(None, "search_path", value), format!(r#"ALTER ROLE "a" SET "search_path" TO {literals}"#));
    }
}

#[test]
fn a_session_that_a_pooler_gives_to_others_is_left_as_it_was() {
    assert_eq!(Command::ActAsOneself.sql(V15), "SET LOCAL ROLE NONE");
}

#[test]
fn what_the_server_wrote_is_used_as_it_is() {
    let holding = |take: Option<&str>| {
        Command::HandOver(Holding { give: own("GRANT …"), take: take.map(own), shared: false }).sql(V15)
    };
    assert_eq!(holding(None), "GRANT …");
    assert_eq!(holding(Some("REVOKE …")), "GRANT …; REVOKE …");
}
