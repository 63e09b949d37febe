//! Two users that take turns: the copy is like the original at every one of its turns.

use super::*;

/// What an account may do and on what terms it connects, with every name of it and every password's hash taken out.
async fn outline(mariadb: &MariaDb, account: &str) -> Vec<String> {
    let mut rows = mariadb.ask(&format!("SHOW GRANTS FOR {account}")).await.unwrap();
    rows.extend(mariadb.ask(&format!("SHOW CREATE USER {account}")).await.unwrap());
    let user = account.split('@').next().unwrap_or_default().trim_matches('\'');
    let hash = |row: &str| row.find("PASSWORD '*").map(|at| row[at..at + 52].to_owned());
    let rows = rows.into_iter().map(|row| match hash(&row) {
        Some(hash) => row.replace(&hash, "PASSWORD …"),
        None => row,
    });
    let mut rows: Vec<String> = rows.map(|row| row.replace(&format!("`{user}`"), "`USER`")).collect();
    rows.sort();
    rows
}

/// What is hard to copy, for that account in a database of its own.
fn privileges(account: &str, name: &str) -> Vec<String> {
    let database = format!("db_{name}");
    let statements = [
        "CREATE DATABASE {db}",
        "CREATE DATABASE `{db}``;TO`",
        "CREATE TABLE {db}.t (a INT, b INT)",
        "CREATE PROCEDURE {db}.p() SELECT 1",
        "CREATE ROLE {db}_reader",
        "CREATE ROLE {db}_writer",
        "GRANT SELECT ON {db}.* TO {db}_reader",
        "GRANT SELECT, INSERT ON {db}.* TO {account} WITH GRANT OPTION",
        "GRANT ALL ON `{db}``;TO`.* TO {account}",
        "GRANT SELECT (a), UPDATE (a, b) ON {db}.t TO {account}",
        "GRANT EXECUTE ON PROCEDURE {db}.p TO {account}",
        "GRANT PROCESS ON *.* TO {account}",
        "GRANT {db}_reader TO {account}",
        "GRANT {db}_writer TO {account} WITH ADMIN OPTION",
        "SET DEFAULT ROLE {db}_reader FOR {account}",
        "ALTER USER {account} REQUIRE SSL WITH MAX_USER_CONNECTIONS 20 MAX_STATEMENT_TIME 60 PASSWORD EXPIRE NEVER",
    ];
    statements.iter().map(|text| text.replace("{db}", &database).replace("{account}", account)).collect()
}

#[tokio::test]
async fn the_copy_has_all_that_the_original_has_and_both_stay_valid() {
    let mariadb = MariaDb::shared().await.unwrap();
    let (name, password) = user(mariadb, "127.0.0.%").await;
    let (original, copy) = (format!("'{name}'@'127.0.0.%'"), format!("'{name}_clone'@'127.0.0.%'"));
    mariadb.run(&privileges(&original, &name)).await.unwrap();
    let before = outline(mariadb, &original).await;
    assert!(before.len() >= 9, "{before:?}");

    let mut value = document(mariadb, &name, &password);
    value["dbname"] = format!("db_{name}").into();
    let first = with_master(&value, &master(mariadb), None);
    assert_eq!(preflight(&first).await, Ok(Outcome::Done));
    assert!(rotate(&first, 1).await);
    let (user, next) = pending(&first);
    assert_eq!(user, format!("{name}_clone"));
    assert_eq!(outline(mariadb, &copy).await, before);
    assert_eq!(outline(mariadb, &original).await, before, "the original was only read");
    assert!(mariadb.accepts(&user, &next).await.unwrap() && mariadb.accepts(&name, &password).await.unwrap());

    // Back: a new password for the original, while the copy stays in use.
    let second = following(&first, &master(mariadb), None);
    assert!(rotate(&second, 1).await);
    assert_eq!(pending(&second).0, name);
    assert!(mariadb.accepts(&user, &next).await.unwrap() && !mariadb.accepts(&name, &password).await.unwrap());

    // What was granted and revoked since reaches the copy at its next turn.
    let changes = [
        "GRANT DELETE ON db_{n}.* TO {o}",
        "REVOKE INSERT ON db_{n}.* FROM {o}",
        "REVOKE GRANT OPTION ON db_{n}.* FROM {o}",
        "REVOKE ALL ON `db_{n}``;TO`.* FROM {o}",
        "GRANT SELECT ON `db_{n}``;TO`.* TO {o}",
        "REVOKE UPDATE (a) ON db_{n}.t FROM {o}",
        "REVOKE ADMIN OPTION FOR db_{n}_writer FROM {o}",
        "REVOKE db_{n}_reader FROM {o}",
        "SET DEFAULT ROLE db_{n}_writer FOR {o}",
        "ALTER USER {o} REQUIRE X509 WITH MAX_USER_CONNECTIONS 0 MAX_STATEMENT_TIME 0",
        "ALTER USER {o} REQUIRE SSL PASSWORD EXPIRE DEFAULT",
        "GRANT SUPER, DROP ON *.* TO {c}",
    ];
    let changes = changes.map(|text| text.replace("{n}", &name).replace("{o}", &original).replace("{c}", &copy));
    mariadb.run(&changes).await.unwrap();
    let after = outline(mariadb, &original).await;
    assert_ne!(after, before);
    let third = following(&second, &master(mariadb), None);
    assert!(rotate(&third, 1).await);
    assert_eq!(outline(mariadb, &copy).await, after);
}

#[tokio::test]
async fn b3_a_copy_that_was_only_created_gets_its_grants_by_the_replay() {
    let mariadb = MariaDb::shared().await.unwrap();
    let (name, password) = user(mariadb, "%").await;
    let (original, copy) = (format!("'{name}'@'%'"), format!("'{name}_clone'@'%'"));
    mariadb.run(&privileges(&original, &name)).await.unwrap();
    let machine = with_master(&document(mariadb, &name, &password), &master(mariadb), None);
    invoke(&machine, "createSecret").await.unwrap().result.unwrap();
    // An earlier try came as far as this.
    let (_, pending) = pending(&machine);
    mariadb.run(&[format!("CREATE USER {copy} IDENTIFIED BY '{pending}'")]).await.unwrap();
    assert!(rotate(&machine, 1).await);
    assert_eq!(outline(mariadb, &copy).await, outline(mariadb, &original).await);
    let again = outline(mariadb, &copy).await;
    // Once more from the first step: nothing is left to do, and nothing is undone.
    machine.vault.state().promote("v1");
    machine.vault.state().labels.insert("AWSPENDING".to_owned(), TOKEN.to_owned());
    assert!(rotate(&machine, 1).await);
    assert_eq!(outline(mariadb, &copy).await, again);
}

#[tokio::test]
async fn b12_a_name_of_81_characters_is_refused_by_the_preflight() {
    let mariadb = MariaDb::shared().await.unwrap();
    let name = "n".repeat(75);
    let machine = with_master(&document(mariadb, &name, "p"), &master(mariadb), None);
    let (kind, sentence) = preflight(&machine).await.unwrap_err();
    assert!(kind == "bad-secret" && sentence.contains("80"), "{sentence}");
}
