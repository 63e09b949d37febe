use proptest::prelude::*;

use super::*;

const ACCOUNT: &str = "123456789012";
const OTHER_ACCOUNT: &str = "999999999999";

fn region(text: &str) -> Region {
    Region::parse(text).expect("a region")
}

fn account(text: &str) -> Account {
    Account::parse(text).expect("an account")
}

fn wanted(service: Service, key: &str) -> SourceRef {
    SourceRef { service, region: region("eu-west-1"), key: key.to_owned() }
}

fn secret(key: &str) -> SourceRef {
    wanted(Service::SecretsManager, key)
}

fn parameter(key: &str) -> SourceRef {
    wanted(Service::ParameterStore, key)
}

fn secret_arn(resource: &str) -> String {
    format!("arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{resource}")
}

fn announced(service: Service, arn: Option<&str>, name: Option<&str>) -> Announced {
    Announced::new(service, arn, name, Some(account(ACCOUNT)), Some(region("eu-west-1"))).expect("a source")
}

#[test]
fn regions_are_plain_labels_and_accounts_twelve_digits() {
    for good in ["eu-west-1", "us-gov-west-1", "mars"] {
        assert_eq!(region(good).as_str(), good);
    }
    for bad in ["", "-a", "a-", "eu west", "EU-WEST-1", "evil.example.com/", "a@b", "é", &"a".repeat(64)] {
        assert_eq!(Region::parse(bad), Err(IdentityError::Region), "{bad:?}");
    }
    for bad in ["", "12345678901", "1234567890123", "12345678901a", "١٢٣٤٥٦٧٨٩٠١٢"] {
        assert_eq!(Account::parse(bad), Err(IdentityError::Account), "{bad:?}");
    }
}

#[test]
fn an_arn_needs_all_its_parts_and_the_right_service() {
    let arn = |text: &str| Arn::parse(Service::SecretsManager, text).map(|arn| arn.resource.to_owned());
    assert_eq!(arn(&secret_arn("a/b-AbCdEf")).as_deref(), Some("a/b-AbCdEf"));
    assert_eq!(arn("arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:x").as_deref(), Some("x"));
    for bad in [
        "db",
        "arn:",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:",
        "arn:aws:secretsmanager:eu-west-1:123456789012:db",
        "arn:aws:secretsmanager:eu-west-1:12345:secret:db",
        "arn:aws:secretsmanager:EU:123456789012:secret:db",
        "arn:aws:ssm:eu-west-1:123456789012:parameter/db",
        "prefix/arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
    ] {
        assert_eq!(arn(bad), None, "{bad}");
    }
}

#[test]
fn the_account_of_an_arn_is_found_for_both_services() {
    assert_eq!(Account::of_arn(&secret_arn("x-AbCdEf")), Some(account(ACCOUNT)));
    assert_eq!(Account::of_arn("arn:aws:ssm:eu-west-1:123456789012:parameter/x"), Some(account(ACCOUNT)));
    assert_eq!(Account::of_arn("arn:aws:s3:::bucket"), None);
}

#[test]
fn a_name_that_looks_suffixed_is_told_from_a_suffix() {
    // Two secrets: `db`, whose ARN happens to end in -AbCdEf, and one whose name is `db-AbCdEf`.
    let short = announced(Service::SecretsManager, Some(&secret_arn("db-AbCdEf")), Some("db"));
    let long = announced(Service::SecretsManager, Some(&secret_arn("db-AbCdEf-123456")), Some("db-AbCdEf"));
    let cases = [
        ("db", true, false),
        ("db-AbCdEf", false, true),
        (&secret_arn("db"), true, false),
        // Full ARN of the one, partial ARN of the other: nothing in the text tells which, so both match.
        (&secret_arn("db-AbCdEf"), true, true),
        (&secret_arn("db-AbCdEf-123456"), false, true),
    ];
    for (key, by_short, by_long) in cases {
        assert_eq!(short.concerns(&secret(key), None), by_short, "{key}");
        assert_eq!(long.concerns(&secret(key), None), by_long, "{key}");
    }
}

#[test]
fn a_full_arn_does_not_match_the_secret_that_came_after_it_under_the_same_name() {
    let event = announced(Service::SecretsManager, Some(&secret_arn("db-NewOne")), Some("db"));
    assert!(!event.concerns(&secret(&secret_arn("db-OldOne")), None));
    assert!(event.concerns(&secret("db"), None));
}

#[test]
fn what_a_caller_typed_matches_in_every_reading() {
    // Only a partial ARN of a name that looks suffixed: it may be either secret.
    let typed = announced(Service::SecretsManager, Some(&secret_arn("db-AbCdEf")), None);
    for key in ["db", "db-AbCdEf", &secret_arn("db"), &secret_arn("db-AbCdEf"), &secret_arn("db-AbCdEf-123456")] {
        assert!(typed.concerns(&secret(key), None), "{key}");
    }
    assert!(!typed.concerns(&secret("db-AbCde"), None));
}

#[test]
fn region_and_account_are_respected_and_an_unknown_account_matches() {
    let event = announced(Service::SecretsManager, Some(&secret_arn("db-AbCdEf")), Some("db"));
    assert!(event.concerns(&secret("db"), None));
    assert!(event.concerns(&secret("db"), Some(&account(ACCOUNT))));
    assert!(!event.concerns(&secret("db"), Some(&account(OTHER_ACCOUNT))));
    let elsewhere = SourceRef { region: region("us-east-1"), ..secret("db") };
    assert!(!event.concerns(&elsewhere, None));
    // The key's ARN says where the source is, whatever its store and what was known say.
    let by_arn = SourceRef { region: region("us-east-1"), ..secret(&secret_arn("db")) };
    assert!(event.concerns(&by_arn, Some(&account(OTHER_ACCOUNT))));
    let foreign = secret(&secret_arn("db").replace(ACCOUNT, OTHER_ACCOUNT));
    assert!(!event.concerns(&foreign, None));
    assert!(!event.concerns(&parameter("db"), None));
}

#[test]
fn the_arn_decides_over_the_envelope() {
    let arn = secret_arn("db-AbCdEf");
    let (caller, here) = (Some(account(OTHER_ACCOUNT)), Some(region("us-east-1")));
    let event = Announced::new(Service::SecretsManager, Some(&arn), None, caller.clone(), here.clone()).expect("one");
    assert_eq!((event.account, event.region), (Some(account(ACCOUNT)), Some(region("eu-west-1"))));
    let event =
        Announced::new(Service::SecretsManager, Some("nonsense"), Some("db"), caller.clone(), here).expect("one");
    assert_eq!((event.arn, event.account), (None, caller));
}

#[test]
fn nothing_to_go_by_is_nothing() {
    for (arn, name) in [(None, None), (Some("x"), None), (None, Some("")), (None, Some("  "))] {
        assert_eq!(Announced::new(Service::SecretsManager, arn, name, None, None), None);
    }
}

#[test]
fn parameters_are_one_with_and_without_slash_version_and_arn() {
    let spellings = ["/a/b", "a/b", "/a/b:7", "arn:aws:ssm:eu-west-1:123456789012:parameter/a/b"];
    for spelt in spellings {
        assert_eq!(parameter(spelt).name(), SourceName::Name("a/b"), "{spelt}");
    }
    let by_name = announced(Service::ParameterStore, None, Some("/a/b"));
    assert!(spellings.iter().all(|spelt| by_name.concerns(&parameter(spelt), None)));
    assert!(!by_name.concerns(&parameter("/a"), None));
    assert!(!by_name.concerns(&parameter("//a/b"), None));
    assert!(!by_name.concerns(&secret("/a/b"), None));
}

/// Names as Secrets Manager allows them, with a good share that end like an ARN's suffix.
fn secret_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z/_+=.@!-]{1,8}", "[a-c]{1,2}-[A-Za-z0-9]{6}", "[a-c]{1,2}(-[a-b]{6}){1,2}"]
}

/// The ways to write one secret.
fn spellings(name: &str, suffix: &str) -> [String; 3] {
    [name.to_owned(), secret_arn(name), secret_arn(&format!("{name}-{suffix}"))]
}

/// The ways in which an event names one secret.
fn announcements(name: &str, suffix: &str) -> [Announced; 5] {
    let (full, partial) = (secret_arn(&format!("{name}-{suffix}")), secret_arn(name));
    let event = |arn: Option<&str>, name: Option<&str>| announced(Service::SecretsManager, arn, name);
    [
        event(Some(&full), Some(name)),
        event(Some(&full), None),
        event(Some(&partial), None),
        event(Some(&partial), Some(name)),
        event(None, Some(name)),
    ]
}

fn share_a_key(event: &Announced, source: &SourceRef) -> bool {
    let keys = source.lookup_keys();
    event.lookup_keys().iter().any(|key| keys.contains(key))
}

proptest! {
    #[test]
    fn every_spelling_of_a_secret_meets_every_event_about_it(name in secret_name(), suffix in "[A-Za-z0-9]{6}") {
        for source in spellings(&name, &suffix).map(|key| secret(&key)) {
            for event in announcements(&name, &suffix) {
                prop_assert!(event.concerns(&source, None), "{event:?} {source:?}");
                prop_assert!(event.concerns(&source, Some(&account(ACCOUNT))), "{event:?} {source:?}");
            }
        }
    }

    #[test]
    fn another_secret_is_not_concerned_where_the_texts_can_tell(
        one in secret_name(), other in secret_name(), suffix in "[A-Za-z0-9]{6}", other_suffix in "[A-Za-z0-9]{6}",
    ) {
        prop_assume!(one != other);
        let event = &announcements(&one, &suffix)[0];
        let [name, partial, full] = spellings(&other, &other_suffix).map(|key| secret(&key));
        prop_assert!(!event.concerns(&name, None));
        // The one doubt there can be: a partial ARN reads like the full one of the other secret, or the reverse.
        let doubt = other == format!("{one}-{suffix}") || one == format!("{other}-{other_suffix}");
        prop_assert!(doubt || !event.concerns(&partial, None));
        prop_assert!(doubt || !event.concerns(&full, None));
    }

    #[test]
    fn whatever_is_concerned_is_found_by_its_keys(
        one in secret_name(), other in secret_name(), suffix in "[a-b]{6}", other_suffix in "[a-b]{6}",
    ) {
        for event in announcements(&one, &suffix) {
            for source in spellings(&one, &suffix).into_iter().chain(spellings(&other, &other_suffix)) {
                let source = secret(&source);
                prop_assert!(!event.concerns(&source, None) || share_a_key(&event, &source), "{event:?} {source:?}");
            }
        }
    }

    #[test]
    fn every_spelling_of_a_parameter_meets_every_event_about_it(path in "[a-zA-Z0-9_.-]{1,4}(/[a-z0-9]{1,3}){0,3}") {
        let arn = format!("arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/{path}");
        let rooted = format!("/{path}");
        for key in [&path, &rooted, &arn, &format!("{arn}:3")] {
            let source = parameter(key);
            for (arn, name) in [(Some(&arn), Some(&rooted)), (Some(&arn), None), (None, Some(&path)), (None, Some(&rooted))] {
                let event = announced(Service::ParameterStore, arn.map(String::as_str), name.map(String::as_str));
                prop_assert!(event.concerns(&source, None), "{event:?} {source:?}");
                prop_assert!(share_a_key(&event, &source));
            }
            let longer = announced(Service::ParameterStore, None, Some(&format!("{path}/more")));
            prop_assert!(!longer.concerns(&source, None));
        }
    }

    #[test]
    fn no_text_makes_it_panic(key in "\\PC{0,40}", name in "\\PC{0,40}", arn in "(arn:aws:(ssm|secretsmanager):[a-z]*:[0-9]{12}:)?\\PC{0,20}") {
        for service in [Service::SecretsManager, Service::ParameterStore] {
            let source = wanted(service, &key);
            if let Some(event) = Announced::new(service, Some(&arn), Some(&name), None, None) {
                prop_assert!(!event.concerns(&source, None) || share_a_key(&event, &source));
            }
        }
    }
}
