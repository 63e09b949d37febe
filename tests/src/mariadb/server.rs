//! Creating a data directory and starting its server, as the user `mysql` where we are root.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{ADMIN, Options};
use crate::cache::{Cache, RunDir};
use crate::home::Home;
use crate::net::free_port;
use crate::process::Process;
use crate::progress::Progress;
use crate::tls::Authority;
use crate::tools;

/// The user of Debian's package.
const USER: &str = "mysql";
const INSTALL: &str = "/usr/bin/mariadb-install-db";

/// A server that was started and may not be ready yet.
pub(super) struct Started {
    pub(super) process: Process,
    pub(super) port: u16,
    pub(super) admin_password: String,
    pub(super) ca: String,
    pub(super) statements: PathBuf,
    pub(super) run: RunDir,
}

pub(super) async fn start(options: &Options) -> Result<Started> {
    let cache = Cache::open()?;
    let program = tools::mariadb(&cache, &Progress::stderr()).await?;
    let run = RunDir::create(&cache)?;
    let logs = run.join("mariadb")?;
    let home = Home::create(&run, &logs, USER)?;
    let path = |name: &str| home.path().join(name);
    let data = option("datadir", &path("data"));
    home.spec("mariadb-install-db", INSTALL.into(), &logs)
        .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", &data])
        .run()
        .await?;

    let admin_password = crate::random_word(24);
    let authority = Authority::new("rekey-local-mariadb")?;
    let identity = if options.expired { authority.expired_server()? } else { authority.server(&[])? };
    // Runs before anybody can connect, and is not logged.
    let grant = format!("GRANT ALL ON *.* TO {ADMIN}@'%' IDENTIFIED BY '{admin_password}' WITH GRANT OPTION;\n");
    let init = home.file("init.sql", &format!("CREATE DATABASE app;\nDROP USER root@localhost;\n{grant}"))?;
    let port = free_port()?;
    let statements = path("statements.log");
    let mut arguments = vec![
        "--no-defaults".to_owned(),
        data,
        option("init-file", &init),
        option("socket", &path("socket")),
        option("general-log-file", &statements),
        format!("--port={port}"),
    ];
    let fixed = [
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--general-log",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-buffer-pool-size=16M",
        "--skip-log-bin",
    ];
    arguments.extend(fixed.iter().chain(&options.options).map(|&option| option.to_owned()));
    if !options.plain {
        arguments.push(option("ssl-cert", &home.file("server.crt", &identity.certificate)?));
        arguments.push(option("ssl-key", &home.file("server.key", &identity.key)?));
        arguments.push(option("ssl-ca", &home.file("ca.crt", authority.pem())?));
    }
    let process = home.spec("mariadbd", program, &logs).args(arguments).start()?;
    Ok(Started { process, port, admin_password, ca: authority.pem().to_owned(), statements, run })
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}
