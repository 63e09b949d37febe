//! The local PostgreSQL takes verified TLS and the right password, and nothing less.

use anyhow::Result;
use tokio_postgres::NoTls;

use crate::stack;

#[tokio::test]
async fn the_right_password_opens_a_session_over_tls_and_another_does_not() -> Result<()> {
    let postgres = &stack().await.postgres;
    let role = format!("role_{}", rekey_tests::random_word(8));
    postgres.create_role_and_database(&role, "it's right", &role).await?;
    let client = postgres.connect(&role, "it's right", &role).await?;
    let row = client.query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await?;
    assert!(row.get::<_, bool>(0));
    assert!(!postgres.accepts(&role, "wrong", &role).await?);
    let log = std::fs::read_to_string(postgres.log())?;
    assert!(!log.contains("it''s right"), "the log has the password that the harness itself set");
    Ok(())
}

#[tokio::test]
async fn a_connection_without_tls_is_refused() -> Result<()> {
    let postgres = &stack().await.postgres;
    let refused = tokio_postgres::Config::new()
        .host(postgres.host())
        .port(postgres.port())
        .user("admin")
        .password(postgres.admin_password())
        .dbname("postgres")
        .connect(NoTls)
        .await
        .err()
        .expect("it was let in");
    assert_eq!(refused.code(), Some(&tokio_postgres::error::SqlState::INVALID_AUTHORIZATION_SPECIFICATION));
    Ok(())
}
