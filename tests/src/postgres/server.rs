//! Creating a database cluster and starting its server, as the user `postgres` where we are root.

use std::fs;

use anyhow::Result;

use super::ADMIN;
use crate::cache::RunDir;
use crate::home::Home;
use crate::net::free_port;
use crate::process::Process;
use crate::tls::Authority;
use crate::tools::Tools;

/// The user of Debian's package. PostgreSQL refuses to run as root.
const USER: &str = "postgres";

/// Only TLS, only SCRAM.
const HBA: &str = "hostssl all all 127.0.0.1/32 scram-sha-256\n";

/// A server that was started and may not be ready yet.
pub(super) struct Started {
    pub(super) process: Process,
    pub(super) port: u16,
    pub(super) admin_password: String,
    pub(super) ca: String,
}

pub(super) async fn start(tools: &Tools, run: &RunDir) -> Result<Started> {
    let logs = run.join("postgres")?;
    let home = Home::create(run, &logs, USER)?;

    let admin_password = crate::random_word(24);
    let authority = Authority::new("rekey-local-postgres")?;
    let identity = authority.server(&[])?;
    let password_file = home.file("password", &admin_password)?;
    let certificate = home.file("server.crt", &identity.certificate)?;
    let key = home.file("server.key", &identity.key)?;
    let hba = home.file("pg_hba.conf", HBA)?;
    let data = home.path().join("cluster");

    home.spec("initdb", tools.postgres.join("initdb"), &logs)
        .args(["-A", "scram-sha-256", "-U", ADMIN, "--no-sync", "-E", "UTF8", "--locale=C"])
        .args([format!("--pwfile={}", password_file.display()), format!("--pgdata={}", data.display())])
        .run()
        .await?;
    fs::remove_file(&password_file)?;

    let port = free_port()?;
    let settings = [
        format!("port={port}"),
        format!("hba_file={}", hba.display()),
        format!("ssl_cert_file={}", certificate.display()),
        format!("ssl_key_file={}", key.display()),
    ];
    let fixed = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "ssl=on",
        "fsync=off",
        "full_page_writes=off",
        "log_statement=all",
    ];
    let mut server = home.spec("postgres", tools.postgres.join("postgres"), &logs).arg("-D").arg(&data);
    for setting in settings.iter().map(String::as_str).chain(fixed) {
        server = server.args(["-c", setting]);
    }
    let process = server.quit_on_death().start()?;
    Ok(Started { process, port, admin_password, ca: authority.pem().to_owned() })
}
