//! Creating a database cluster and starting its server, as the user `postgres` where we are root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::ADMIN;
use crate::cache::RunDir;
use crate::net::free_port;
use crate::process::{Process, Spec};
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
    let owner = Owner::find()?;
    // Root's home is closed to the user postgres.
    let home = if owner.is_some() { run.elsewhere("postgres")? } else { logs.join("data") };
    fs::create_dir_all(&home)?;
    let place = Place { home, owner };
    place.own(&place.home, 0o700)?;

    let admin_password = crate::random_word(24);
    let authority = Authority::new("rekey-local-postgres")?;
    let identity = authority.server(&[])?;
    let password_file = place.file("password", &admin_password)?;
    let certificate = place.file("server.crt", &identity.certificate)?;
    let key = place.file("server.key", &identity.key)?;
    let hba = place.file("pg_hba.conf", HBA)?;
    let data = place.home.join("cluster");

    place
        .spec("initdb", &tools.postgres, &logs)
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
    let mut server = place.spec("postgres", &tools.postgres, &logs).arg("-D").arg(&data);
    for setting in settings.iter().map(String::as_str).chain(fixed) {
        server = server.args(["-c", setting]);
    }
    let process = server.quit_on_death().start()?;
    Ok(Started { process, port, admin_password, ca: authority.pem().to_owned() })
}

/// Where the cluster lies, and whose it is.
struct Place {
    home: PathBuf,
    owner: Option<Owner>,
}

impl Place {
    fn spec(&self, program: &str, folder: &Path, logs: &Path) -> Spec {
        let spec = Spec::new(program, folder.join(program), logs.join(format!("{program}.log")))
            .directory(&self.home)
            .clean_env()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TZ", "UTC");
        if self.owner.is_some() { spec.user(USER) } else { spec }
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.home.join(name);
        fs::write(&path, text)?;
        self.own(&path, 0o600)?;
        Ok(path)
    }

    fn own(&self, path: &Path, mode: u32) -> Result<()> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        if let Some(owner) = &self.owner {
            chown(path, Some(owner.uid), Some(owner.gid)).with_context(|| format!("chown {}", path.display()))?;
        }
        Ok(())
    }
}

/// Numeric ids of the user `postgres`.
struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    /// `None` when we are an ordinary user, and the server runs as that one.
    fn find() -> Result<Option<Self>> {
        if !rustix::process::getuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
        let entry = users.lines().find_map(|line| line.strip_prefix(USER)?.strip_prefix(':'));
        let mut fields =
            entry.context("there is no user postgres; apt-get install postgresql makes one")?.split(':').skip(1);
        let mut number = || fields.next().and_then(|field| field.parse().ok()).context("read /etc/passwd");
        Ok(Some(Self { uid: number()?, gid: number()? }))
    }
}
