//! Where the second user could be less than the first: what others granted it, and whom its sessions act as.

use super::bench::{Secret, admin, name, server};

/// A schema of somebody's who is not the master, in the user's database.
async fn books_of_somebody(user: &str) -> String {
    let dba = name("dba");
    let made = format!(
        "CREATE ROLE {dba}; CREATE SCHEMA books AUTHORIZATION {dba}; SET ROLE {dba}; CREATE TABLE books.t (a int);
         GRANT USAGE ON SCHEMA books TO PUBLIC"
    );
    admin(user).await.batch_execute(&made).await.unwrap();
    dba
}

async fn current_user(secret: &Secret) -> String {
    secret.connect().await.query_one("SELECT current_user::text", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_others_granted_and_the_master_may_not_grant_ends_the_rotation_before_it_is_lost() {
    let user = name("granted");
    let mut secret = Secret::alternating(&user).await;
    let dba = books_of_somebody(&user).await;
    let admin = admin(&user).await;
    // As AWS's template leaves it, and a DBA's grant to the one of the two that was in force.
    let made = format!(
        "CREATE ROLE {user}_clone LOGIN; GRANT {user} TO {user}_clone; SET ROLE {dba}; GRANT SELECT ON books.t TO {user}_clone"
    );
    admin.batch_execute(&made).await.unwrap();
    for error in [secret.test().await.unwrap_err(), secret.rotate().await.unwrap_err()] {
        assert!(error.kind().as_str() == "privilege" && error.to_string().contains("GRANT OPTION"), "{error}");
    }
    let held = format!("SELECT has_table_privilege('{user}_clone', 'books.t', 'SELECT')");
    assert!(admin.query_one(&held, &[]).await.unwrap().get::<_, bool>(0), "nothing was committed");

    // Either of the remedies: the first user has it, though the master still may not take it from the second.
    admin.batch_execute(&format!("GRANT SELECT ON books.t TO {user}")).await.unwrap();
    secret.test().await.unwrap();
    for _ in 0..2 {
        secret.rotate().await.unwrap();
        secret.connect().await.batch_execute("SELECT * FROM books.t").await.unwrap();
    }
}

#[tokio::test]
async fn a_grant_option_of_the_master_is_enough() {
    let user = name("option");
    let mut secret = Secret::alternating(&user).await;
    let dba = books_of_somebody(&user).await;
    let master = secret.master.as_ref().unwrap()["username"].as_str().unwrap().to_owned();
    let made = format!(
        "CREATE ROLE {user}_clone LOGIN; GRANT {user} TO {user}_clone; SET ROLE {dba};
         GRANT SELECT ON books.t TO {master} WITH GRANT OPTION; GRANT SELECT ON books.t TO {user}_clone"
    );
    admin(&user).await.batch_execute(&made).await.unwrap();
    for _ in 0..3 {
        secret.rotate().await.unwrap();
        secret.connect().await.batch_execute("SELECT * FROM books.t").await.unwrap();
    }
}

#[tokio::test]
async fn where_the_first_user_acts_as_the_owner_of_the_database_the_second_does_too() {
    let user = name("owned");
    let mut secret = Secret::alternating(&user).await;
    let owner = format!("owner_{user}");
    let set = format!("CREATE ROLE {owner}; GRANT {owner} TO {user}; ALTER DATABASE {user} SET role TO {owner}");
    admin("postgres").await.batch_execute(&set).await.unwrap();
    for _ in 0..3 {
        assert_eq!(current_user(&secret).await, owner);
        secret.rotate().await.unwrap();
    }
}

#[tokio::test]
async fn a_second_user_that_does_not_act_as_the_first_is_not_put_in_force() {
    let user = name("idle");
    let mut secret = Secret::alternating(&user).await;
    // A role that may not be acted as is what a server that ignores the setting looks like.
    let set = format!("CREATE ROLE other_{user}; ALTER ROLE {user} SET role TO other_{user}");
    admin("postgres").await.batch_execute(&set).await.unwrap();
    let error = secret.rotate().await.unwrap_err();
    assert!(error.kind().as_str() == "refused" && error.to_string().contains("does not act"), "{error}");
    assert!(secret.logs_in().await, "the first user is in force");
}

#[tokio::test]
async fn a_membership_of_the_master_s_that_gives_no_rights_is_kept() {
    let user = name("kept");
    let mut secret = Secret::alternating(&user).await;
    secret.rotate().await.unwrap();
    secret.connect().await.batch_execute("SET ROLE NONE; CREATE SCHEMA own").await.unwrap();
    let admin = admin(&user).await;
    let master = secret.master.as_ref().unwrap()["username"].as_str().unwrap().to_owned();
    let version: i32 = admin.query_one("SELECT current_setting('server_version_num')::int", &[]).await.unwrap().get(0);
    let without = if version >= 160_000 { " WITH INHERIT FALSE GRANTED BY " } else { "" };
    let grantor = if version >= 160_000 { master.as_str() } else { "" };
    let made = format!("ALTER ROLE {master} NOINHERIT; GRANT {user}_clone TO {master}{without}{grantor}");
    admin.batch_execute(&made).await.unwrap();
    let error = secret.rotate().await.unwrap_err();
    assert!(error.kind().as_str() == "refused" && error.to_string().contains("INHERIT"), "{error}");
    let member = format!("SELECT pg_has_role('{master}', '{user}_clone', 'MEMBER')");
    assert!(admin.query_one(&member, &[]).await.unwrap().get::<_, bool>(0));
    admin.batch_execute(&format!("ALTER ROLE {master} INHERIT; REVOKE {user}_clone FROM {master}")).await.unwrap();
    secret.rotate().await.unwrap();
    assert!(server().await.accepts(secret.user(), secret.password(), &user).await.unwrap());
}
