//! Starting a server, with an access list and certificates of its own.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::{ADMIN, Certificate, List, Options};
use crate::cache::{Cache, RunDir, write_private};
use crate::net::free_port;
use crate::process::{Process, Spec};
use crate::progress::Progress;
use crate::tls::Authority;
use crate::tools;

/// A server that was started and may not be ready yet.
pub(super) struct Started {
    pub(super) process: Process,
    pub(super) port: u16,
    pub(super) admin_password: String,
    pub(super) ca: String,
    pub(super) run: RunDir,
}

pub(super) async fn start(options: &Options) -> Result<Started> {
    let cache = Cache::open()?;
    let program = tools::redis(&cache, &Progress::stderr()).await?;
    let run = RunDir::create(&cache)?;
    let home = run.join("redis")?;
    let admin_password = crate::random_word(24);
    let port = free_port()?;
    let users = [
        format!("user {ADMIN} on #{} ~* &* +@all", sha256(&admin_password)),
        "user default off nopass ~* &* +@all".to_owned(),
    ];

    let authority = Authority::new("rekey-local-redis")?;
    let identity = match options.certificate {
        Certificate::Good => authority.server(&[])?,
        Certificate::Expired => authority.expired_server()?,
    };
    let mut settings = vec![
        format!("tls-port {port}"),
        format!("dir {}", home.display()),
        format!("tls-cert-file {}", private(&home, "server.crt", &identity.certificate)?.display()),
        format!("tls-key-file {}", private(&home, "server.key", &identity.key)?.display()),
        format!("tls-ca-cert-file {}", private(&home, "ca.crt", authority.pem())?.display()),
        format!("tls-auth-clients {}", if options.asks_for_client_certificate { "yes" } else { "no" }),
    ];
    let fixed = ["port 0", "bind 127.0.0.1", "appendonly no", "slowlog-log-slower-than 0", "slowlog-max-len 10000"];
    settings.extend(fixed.map(str::to_owned));
    settings.push("save ''".to_owned());
    if let Some(primary) = options.replica_of {
        settings.push(format!("replicaof 127.0.0.1 {primary}"));
    }

    let spec = Spec::new("redis-server", program, home.join("redis.log")).directory(&home).clean_env();
    let spec = match options.list {
        List::AclFile => {
            settings.push(format!("aclfile {}", private(&home, "users.acl", &lines(&users))?.display()));
            spec.arg(private(&home, "redis.conf", &lines(&settings))?)
        }
        List::Configuration => {
            settings.extend(users);
            spec.arg(private(&home, "redis.conf", &lines(&settings))?)
        }
        List::Nowhere => {
            settings.extend(users);
            // On the command line, each setting is an argument with two dashes before its name.
            let words = settings.iter().flat_map(|setting| {
                let (name, value) = setting.split_once(' ').unwrap_or((setting, ""));
                let value = value.trim_matches('\'').split(' ').map(str::to_owned);
                std::iter::once(format!("--{name}")).chain(value)
            });
            spec.args(words.collect::<Vec<_>>())
        }
    };
    Ok(Started { process: spec.start()?, port, admin_password, ca: authority.pem().to_owned(), run })
}

/// The hash that access lists hold of a password.
pub(super) fn sha256(password: &str) -> String {
    Sha256::digest(password.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn private(home: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = home.join(name);
    write_private(&path, text)?;
    Ok(path)
}

fn lines(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}
