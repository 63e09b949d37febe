//! Through RotateSecret and the deployed function.

use std::time::Duration;

use rekey_tests::aws::Aws;
use rekey_tests::rotated::Rotated;

use super::*;
use crate::fixture;

const SOON: Duration = Duration::from_secs(30);

async fn secret(aws: &Aws, name: &str, value: &Value, lambda: &str) -> Rotated {
    Rotated::create(aws, name, &value.to_string(), &[], lambda).await.unwrap()
}

fn text(document: &str, field: &str) -> String {
    let document: Value = serde_json::from_str(document).unwrap();
    document[field].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn users_of_mariadb_rotate_alone_and_by_turns() {
    let (stack, rekey, values) = fixture::rekey().await;
    let lambda = rekey.deployed.output("RotationMysqlFunctionArn").unwrap();
    let mariadb = MariaDb::shared().await.unwrap();

    let (alone, first) = user(mariadb, "%").await;
    let secret_alone = secret(&stack.aws, "mysql/alone", &document(mariadb, &alone, &first), lambda).await;
    let tested = secret_alone.begin(false).await.unwrap();
    let audit = secret_alone.audit(&stack.aws, &tested, "testSecret", SOON).await.unwrap();
    assert_eq!((&audit["outcome"], &audit["strategy"]), (&"ok".into(), &"single".into()), "{audit}");
    let next = text(&secret_alone.rotate(SOON).await.unwrap(), "password");
    assert!(mariadb.accepts(&alone, &next).await.unwrap() && !mariadb.accepts(&alone, &first).await.unwrap());

    let (turns, second) = user(mariadb, "127.0.0.%").await;
    mariadb.run(&[format!("GRANT SELECT ON app.* TO {turns}@'127.0.0.%' WITH GRANT OPTION")]).await.unwrap();
    let arn = stack.aws.create_secret("master/mysql-turns", &master(mariadb).to_string()).await.unwrap();
    let mut value = document(mariadb, &turns, &second);
    value["masterarn"] = arn.into();
    value["dbname"] = "app".into();
    let by_turns = secret(&stack.aws, "mysql/turns", &value, lambda).await;
    let made = by_turns.rotate(SOON).await.unwrap();
    assert_eq!(text(&made, "username"), format!("{turns}_clone"));
    for (name, password) in [(&text(&made, "username"), &text(&made, "password")), (&turns, &second)] {
        assert!(mariadb.accepts(name, password).await.unwrap());
    }
    let grants = mariadb.ask(&format!("SHOW GRANTS FOR '{turns}_clone'@'127.0.0.%'")).await.unwrap();
    assert!(grants.iter().any(|row| row.contains("`app`.*") && row.ends_with("WITH GRANT OPTION")), "{grants:?}");
    assert_eq!(text(&by_turns.rotate(SOON).await.unwrap(), "username"), turns);

    for password in [&first, &next, &second, &text(&made, "password"), &mariadb.admin_password().to_owned()] {
        values.add(password);
    }
    values.are_not_in("MariaDB's log of statements", &mariadb.statements().unwrap());
    values.are_in_no_log(stack, rekey);
}
