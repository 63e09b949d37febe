//! What is done for two users, given what there is.

use rekey_rotation::secret::SecretDocument;
use zeroize::Zeroizing;

use super::*;
use crate::credential::Credential;

fn pair() -> Pair {
    Pair::of("app", "app_clone")
}

fn set_password() -> Command {
    let text = r#"{"host":"h","username":"app_clone","password":"p"}"#.to_owned();
    let document = SecretDocument::parse(Zeroizing::new(text)).unwrap();
    let Credential { user: role, password, .. } = Credential::read(&document).unwrap();
    Command::SetPassword { role, password }
}

fn parameter(database: Option<&str>, name: &str) -> Parameter {
    Parameter { database: database.map(str::to_owned), name: name.to_owned() }
}

/// Two users that are one.
fn settled() -> Known {
    let mut second = Role::default();
    second.settings.insert(parameter(None, "role"), "app".to_owned());
    let first = Some(Role::default());
    Known { first, second: Some(second), membership: Membership::Full, ..Known::default() }
}

fn holding(give: &str, take: Option<&str>) -> Holding {
    Holding { give: give.to_owned(), take: take.map(str::to_owned), shared: false }
}

fn statements(known: &Known) -> Vec<String> {
    let commands = in_step(&pair(), known, set_password()).unwrap();
    commands.iter().filter(|command| **command != set_password()).map(|command| command.sql(160_000)).collect()
}

#[test]
fn the_first_of_a_pair_is_the_same_from_either_side() {
    for (one, other) in [("app", "app_clone"), ("app_clone", "app")] {
        assert_eq!(Pair::of(one, other), Pair { first: "app".to_owned(), second: "app_clone".to_owned() });
    }
    assert_eq!(Pair::of("_clone", "_clone_clone").first, "_clone");
}

#[test]
fn two_users_that_are_one_get_nothing_but_the_password() {
    assert_eq!(in_step(&pair(), &settled(), set_password()).unwrap(), [set_password()]);
}

#[test]
fn i38_i175_what_the_second_user_made_or_was_granted_passes_to_the_first() {
    let take = Some("REVOKE b");
    let mut known = Known { owns: true, ..settled() };
    known.holdings = vec![holding("GRANT a", None), holding("GRANT b", take)];
    let with_rights = [r#"REASSIGN OWNED BY "app_clone" TO "app""#, "GRANT a", "GRANT b; REVOKE b"];
    assert_eq!(statements(&Known { rights: Rights::Held, ..known.clone() }), with_rights);
    let statements = statements(&known);
    assert_eq!(statements[0], r#"GRANT "app_clone" TO CURRENT_USER WITH INHERIT TRUE, SET FALSE"#);
    assert_eq!(statements[1..4], with_rights);
    assert_eq!(statements[4], r#"REVOKE "app_clone" FROM CURRENT_USER"#);
}

#[test]
fn attributes_and_settings_follow_the_first() {
    let mut known = settled();
    let first = known.first.as_mut().unwrap();
    first.attributes = Attributes { connections: 5, until: "2030-01-01 00:00:00+00".to_owned(), inherits: false };
    first.settings.insert(parameter(Some("db"), "work_mem"), "5MB".to_owned());
    first.settings.insert(parameter(None, "search_path"), r#""$user", x"#.to_owned());
    known.second.as_mut().unwrap().settings.insert(parameter(None, "jit"), "off".to_owned());
    let expected = [
        r#"ALTER ROLE "app_clone" INHERIT CONNECTION LIMIT 5 VALID UNTIL '2030-01-01 00:00:00+00'"#,
        r#"ALTER ROLE "app_clone" RESET "jit""#,
        r#"ALTER ROLE "app_clone" SET "search_path" TO '$user', 'x'"#,
        r#"ALTER ROLE "app_clone" IN DATABASE "db" SET "work_mem" TO '5MB'"#,
    ];
    assert_eq!(statements(&known), expected);
}

#[test]
fn where_the_first_acts_as_an_owner_role_the_second_acts_as_that_too() {
    let mut known = settled();
    known.first.as_mut().unwrap().settings.insert(parameter(None, "role"), "owner".to_owned());
    assert_eq!(statements(&known), [r#"ALTER ROLE "app_clone" SET "role" TO 'owner'"#]);
}

#[test]
fn where_the_second_has_something_in_another_database_it_acts_as_the_first_in_this_one_alone() {
    let known = Known { only_here: Some("db".to_owned()), ..settled() };
    let here =
        [r#"ALTER ROLE "app_clone" RESET "role""#, r#"ALTER ROLE "app_clone" IN DATABASE "db" SET "role" TO 'app'"#];
    assert_eq!(statements(&known), here);
}

#[test]
fn where_the_first_acts_as_the_owner_of_a_database_the_second_does_too() {
    let acting = [("db".to_owned(), "owner".to_owned())];
    let mut known = Known { acting: acting.into(), ..settled() };
    assert_eq!(statements(&known), [r#"ALTER ROLE "app_clone" IN DATABASE "db" SET "role" TO 'owner'"#]);
    known.only_here = Some("other".to_owned());
    assert!(!statements(&known).iter().any(|statement| statement.contains("owner")), "it has things of its own there");
    known.only_here = None;
    known.first.as_mut().unwrap().settings.insert(parameter(None, "role"), "app".to_owned());
    assert_eq!(statements(&known), [""; 0], "the first user's own setting counts more");
}

#[test]
fn a_membership_without_rights_is_neither_borrowed_nor_ended() {
    let known = Known { rights: Rights::Withheld, owns: true, ..settled() };
    assert_eq!(in_step(&pair(), &known, set_password()).unwrap_err().kind().as_str(), "refused");
    assert!(in_step(&pair(), &Known { owns: false, ..known }, set_password()).is_ok(), "nothing to hand over");
}

#[test]
fn what_the_first_user_did_not_get_is_no_success() {
    let mut known = Known { holdings: vec![holding("GRANT a", None)], ..settled() };
    assert_eq!(handed_over(&known).unwrap_err().kind().as_str(), "privilege");
    known.holdings[0].shared = true;
    assert_eq!(handed_over(&known), Ok(()), "it has it, whoever else does");
}

#[test]
fn a_membership_that_gives_no_rights_is_completed() {
    let known = Known { membership: Membership::Restricted, ..settled() };
    assert_eq!(statements(&known), [r#"GRANT "app" TO "app_clone" WITH INHERIT TRUE, SET TRUE"#]);
}

#[test]
fn a_role_that_only_has_the_name_is_left_alone() {
    let stranger = Known { membership: Membership::None, ..settled() };
    let headless = Known { first: None, ..settled() };
    for known in [stranger, headless] {
        assert_eq!(in_step(&pair(), &known, set_password()).unwrap_err().kind().as_str(), "refused");
    }
}
