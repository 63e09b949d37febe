//! Two users that take turns are one to whatever uses the database.

use rekey_tests::random_word;
use tokio_postgres::Client;

use super::bench::{Secret, admin, name, server, value};
async fn text(client: &Client, query: &str) -> String {
    client.query_one(query, &[]).await.unwrap().get(0)
}

/// What the catalogue says about the second user's login, beside the first one's.
async fn login(admin: &Client, role: &str) -> String {
    let query = format!(
        "SELECT (rolconnlimit, rolvaliduntil, (SELECT array_agg(s ORDER BY s) FROM unnest(setconfig) s WHERE s NOT LIKE 'role=%'))::text
           FROM pg_roles r LEFT JOIN pg_db_role_setting ON setrole = r.oid AND setdatabase = 0 WHERE rolname = '{role}'"
    );
    text(admin, &query).await
}

#[tokio::test]
async fn i38_i39_i43_what_either_user_makes_belongs_to_both() {
    let user = name("both");
    let mut secret = Secret::alternating(&user).await;
    let first = secret.connect().await;
    first.batch_execute("CREATE SCHEMA shop; CREATE TABLE shop.before (a int)").await.unwrap();

    secret.rotate().await.unwrap();
    assert_eq!(secret.user(), format!("{user}_clone"));
    let second = secret.connect().await;
    second.batch_execute("ALTER TABLE shop.before ADD b int; CREATE TABLE shop.second (a int)").await.unwrap();
    // What was open goes on.
    first.batch_execute("INSERT INTO shop.before VALUES (1); INSERT INTO shop.second VALUES (1)").await.unwrap();

    secret.rotate().await.unwrap();
    assert_eq!(secret.user(), user);
    let first = secret.connect().await;
    first.batch_execute("ALTER TABLE shop.second ADD b int; CREATE TABLE shop.third (a int)").await.unwrap();
    second.batch_execute("INSERT INTO shop.second VALUES (2); DROP TABLE shop.third").await.unwrap();

    secret.rotate().await.unwrap();
    // A session that gives up acting as the first user makes a table of the second one's own ...
    let stubborn = secret.connect().await;
    stubborn.batch_execute("SET ROLE NONE; CREATE TABLE shop.own (a int)").await.unwrap();
    secret.rotate().await.unwrap();
    // ... until the next rotation, which comes before the first user's turn.
    secret.connect().await.batch_execute("ALTER TABLE shop.own ADD b int").await.unwrap();
    stubborn.batch_execute("ALTER TABLE shop.own ADD c int").await.unwrap();
    let owners = "SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE schemaname = 'shop'";
    assert_eq!(text(&admin(&user).await, owners).await, user);
}

#[tokio::test]
async fn i56_what_is_granted_to_either_user_later_reaches_the_other_and_can_be_revoked_from_both() {
    let user = name("grants");
    let mut secret = Secret::alternating(&user).await;
    secret.rotate().await.unwrap();

    // By the master, who owns the tables, as on RDS: to the one ...
    let admin = admin(&user).await;
    let master = secret.master.as_ref().unwrap()["username"].as_str().unwrap();
    admin
        .batch_execute(&format!("CREATE SCHEMA books AUTHORIZATION {master}; CREATE ROLE readers_{user}"))
        .await
        .unwrap();
    let password = secret.master.as_ref().unwrap()["password"].as_str().unwrap();
    let master = server().await.connect(master, password, &user).await.unwrap();
    let grants = format!(
        "CREATE TABLE books.one (a int); CREATE TABLE books.two (a int, b int); CREATE SEQUENCE books.s;
         CREATE FUNCTION books.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION books.f FROM PUBLIC;
         GRANT USAGE ON SCHEMA books TO {user}; GRANT SELECT ON books.one TO {user}"
    );
    master.batch_execute(&grants).await.unwrap();
    // ... who hands it on at once ...
    let second = secret.connect().await;
    second.batch_execute("SELECT * FROM books.one").await.unwrap();

    // ... and to the other.
    let grants = format!(
        "GRANT SELECT (b), INSERT ON books.two TO {user}_clone; GRANT USAGE ON SEQUENCE books.s TO {user}_clone;
         GRANT EXECUTE ON FUNCTION books.f TO {user}_clone; GRANT readers_{user} TO {user}_clone;
         ALTER DEFAULT PRIVILEGES IN SCHEMA books GRANT SELECT ON TABLES TO {user}_clone"
    );
    master.batch_execute(&grants).await.unwrap();
    secret.rotate().await.unwrap();
    master.batch_execute("CREATE TABLE books.new (a int)").await.unwrap();
    let first = secret.connect().await;
    let all =
        "SELECT b FROM books.two; INSERT INTO books.two VALUES (1, 1); SELECT nextval('books.s'); SELECT books.f(1);
               SELECT * FROM books.new";
    first.batch_execute(all).await.unwrap();
    second.batch_execute(all).await.unwrap();
    let member = |who: &str| format!("SELECT pg_has_role('{who}', 'readers_{user}', 'USAGE')::text");
    assert_eq!(text(&admin, &member(&user)).await, "true");

    // What is taken from the first is taken from both, and no rotation brings it back.
    master.batch_execute(&format!("REVOKE SELECT (b) ON books.two FROM {user}")).await.unwrap();
    admin.batch_execute(&format!("REVOKE readers_{user} FROM {user}")).await.unwrap();
    for _ in 0..2 {
        secret.rotate().await.unwrap();
        let refused = secret.connect().await.batch_execute("SELECT b FROM books.two").await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501");
    }
    for who in [user.clone(), format!("{user}_clone")] {
        assert_eq!(text(&admin, &member(&who)).await, "false");
    }
    // The master has given back what it borrowed.
    let rights = format!("SELECT pg_has_role('{user}_clone', 'USAGE')::text");
    assert_eq!(text(&master, &rights).await, "false");
}

#[tokio::test]
async fn attributes_and_settings_follow_the_first_user() {
    let user = name("attributes");
    let mut secret = Secret::alternating(&user).await;
    let admin = admin(&user).await;
    let set = format!(
        "ALTER ROLE {user} CONNECTION LIMIT 7 VALID UNTIL '2099-01-01';
         ALTER ROLE {user} SET search_path = \"$user\", 'We\"ird, one', public; ALTER ROLE {user} SET work_mem = '5MB'"
    );
    admin.batch_execute(&set).await.unwrap();
    secret.rotate().await.unwrap();
    assert_eq!(login(&admin, &format!("{user}_clone")).await, login(&admin, &user).await);
    assert_eq!(text(&secret.connect().await, "SHOW work_mem").await, "5MB");

    let reset =
        format!("ALTER ROLE {user} RESET work_mem; ALTER ROLE {user} CONNECTION LIMIT 8 VALID UNTIL 'infinity'");
    admin.batch_execute(&reset).await.unwrap();
    secret.rotate().await.unwrap();
    assert_eq!(login(&admin, &format!("{user}_clone")).await, login(&admin, &user).await);
}

#[tokio::test]
async fn i175_two_users_that_the_templates_made_become_one() {
    let user = name("template");
    let mut secret = Secret::alternating(&user).await;
    let (clone, password) = (format!("{user}_clone"), random_word(24));
    let made = format!(
        "CREATE ROLE {clone} LOGIN PASSWORD '{password}'; GRANT {user} TO {clone}; GRANT CREATE ON DATABASE {user} TO {clone}"
    );
    admin(&user).await.batch_execute(&made).await.unwrap();
    let arn = secret.value["masterarn"].clone();
    secret.value = value(&clone, &password, &user).await;
    secret.value["masterarn"] = arn;
    secret.connect().await.batch_execute("CREATE SCHEMA s; CREATE TABLE s.invisible (a int)").await.unwrap();

    // In another database it has something that cannot be passed on from here, and must not be lost.
    let elsewhere = Secret::single(&name("elsewhere")).await;
    let own = format!(
        "CREATE SCHEMA s; CREATE TABLE s.own (a int); GRANT ALL ON SCHEMA s TO {clone}; GRANT ALL ON s.own TO {clone}"
    );
    elsewhere.connect().await.batch_execute(&own).await.unwrap();

    secret.rotate().await.unwrap();
    assert_eq!(secret.user(), user);
    secret.connect().await.batch_execute("ALTER TABLE s.invisible ADD b int").await.unwrap();
    secret.rotate().await.unwrap();
    secret.connect().await.batch_execute("CREATE TABLE s.shared (a int)").await.unwrap();
    let there = server().await.connect(&clone, secret.password(), elsewhere.user()).await.unwrap();
    there.batch_execute("INSERT INTO s.own VALUES (1)").await.unwrap();
    secret.rotate().await.unwrap();
    secret.connect().await.batch_execute("ALTER TABLE s.shared ADD b int").await.unwrap();
}
