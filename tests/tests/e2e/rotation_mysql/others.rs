//! Accounts that only have the name of one of the two users, on the real server.

use mysql_async::prelude::Queryable;
use rekey_rotation::plan::ADOPT_TAG;

use super::*;

#[tokio::test]
async fn an_account_that_only_has_the_other_user_s_name_is_left_alone_until_the_tag_says_whose_it_is() {
    let mariadb = MariaDb::shared().await.unwrap();
    let (name, password) = user(mariadb, "%").await;
    let stranger = format!("{name}_clone");
    mariadb
        .run(&[
            format!("CREATE USER {stranger}@'%' IDENTIFIED BY 'its own'"),
            format!("GRANT SELECT ON mysql.db TO {stranger}@'%'"),
        ])
        .await
        .unwrap();
    let grants = format!("SHOW GRANTS FOR {stranger}@'%'");
    let before = mariadb.ask(&grants).await.unwrap();
    let machine = with_master(&document(mariadb, &name, &password), &master(mariadb), None);
    assert_eq!(preflight(&machine).await.unwrap_err().0, "refused");
    let (kind, sentence) = failure(&machine).await;
    assert!(kind == "refused" && sentence.contains("rekey:adopt=true"), "{sentence}");
    assert!(mariadb.accepts(&stranger, "its own").await.unwrap());
    assert_eq!(mariadb.ask(&grants).await.unwrap(), before);

    machine.vault.state().tags.insert(ADOPT_TAG.to_owned(), "true".to_owned());
    assert!(rotate(&machine, 1).await);
    assert!(mariadb.accepts(&stranger, &pending(&machine).1).await.unwrap());
}

#[tokio::test]
async fn a_password_that_several_host_patterns_share_is_not_changed_at_one_of_them() {
    let mariadb = MariaDb::shared().await.unwrap();
    for strategy in ["master", "alternating"] {
        let (name, password) = user(mariadb, "127.0.0.%").await;
        mariadb.run(&[format!("CREATE USER {name}@'10.%' IDENTIFIED BY '{password}'")]).await.unwrap();
        let machine = with_master(&document(mariadb, &name, &password), &master(mariadb), Some(strategy));
        assert_eq!(preflight(&machine).await.unwrap_err().0, "refused");
        let (kind, sentence) = failure(&machine).await;
        assert!(kind == "refused" && sentence.contains("several host patterns"), "{sentence}");
        assert!(mariadb.accepts(&name, &password).await.unwrap());
    }
}

#[tokio::test]
async fn while_another_session_has_the_user_s_lock_a_master_does_nothing() {
    let mariadb = MariaDb::shared().await.unwrap();
    for strategy in ["master", "alternating"] {
        let (name, password) = user(mariadb, "%").await;
        let mut other = mariadb.admin().await.unwrap();
        let lock = format!("SELECT GET_LOCK(CONCAT('rekey:', LEFT(SHA2('{name}', 256), 40)), 0)");
        assert_eq!(other.query_first::<u8, _>(lock).await.unwrap(), Some(1));
        let machine = with_master(&document(mariadb, &name, &password), &master(mariadb), Some(strategy));
        let (kind, sentence) = failure(&machine).await;
        assert!(kind == "unreachable" && sentence.contains("another rotation of the same user"), "{sentence}");
        assert!(mariadb.accepts(&name, &password).await.unwrap());
        other.disconnect().await.unwrap();
        assert!(rotate(&machine, 1).await, "the lock ended with its session");
    }
}

#[tokio::test]
async fn users_do_not_take_turns_where_a_log_in_may_reach_another_account_of_either() {
    let mariadb = MariaDb::shared().await.unwrap();
    for (suffix, host) in [("_clone", "127.%"), ("_clone", "%"), ("", "%")] {
        let (name, password) = user(mariadb, "127.0.0.%").await;
        let other = format!("{name}{suffix}");
        mariadb.run(&[format!("CREATE USER {other}@'{host}' IDENTIFIED BY 'its own'")]).await.unwrap();
        let machine = with_master(&document(mariadb, &name, &password), &master(mariadb), None);
        assert_eq!(preflight(&machine).await.unwrap_err().0, "refused");
        let (kind, sentence) = failure(&machine).await;
        assert!(kind == "refused" && sentence.contains("another host pattern"), "{sentence}");
        assert!(mariadb.accepts(&name, &password).await.unwrap());
        let hosts = mariadb.ask(&format!("SELECT Host FROM mysql.user WHERE User = '{other}'")).await.unwrap();
        assert!(hosts.contains(&host.to_owned()) && !(suffix == "_clone" && hosts.len() > 1), "{hosts:?}");
    }
    // An account for other hosts is another one, and a role is none.
    let (name, password) = user(mariadb, "127.0.0.%").await;
    let others =
        [format!("CREATE USER {name}_clone@'10.%' IDENTIFIED BY 'its own'"), format!("CREATE ROLE {name}_clone")];
    mariadb.run(&others).await.unwrap();
    let machine = with_master(&document(mariadb, &name, &password), &master(mariadb), None);
    assert_eq!(preflight(&machine).await, Ok(Outcome::Done));
    assert!(rotate(&machine, 1).await);
    assert!(mariadb.accepts(&format!("{name}_clone"), &pending(&machine).1).await.unwrap());
    let hosts = format!("SELECT Host FROM mysql.user WHERE User = '{name}_clone' AND is_role = 'N'");
    assert_eq!(mariadb.ask(&hosts).await.unwrap().len(), 2);
}
