//! Where a database server keeps its files, and as whom it runs: as root they refuse to start, or should not be started.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cache::RunDir;
use crate::process::Spec;

/// A directory of the user that the server's package made, where we are root, and of ourselves otherwise.
pub(crate) struct Home {
    path: PathBuf,
    owner: Option<Owner>,
}

impl Home {
    /// An empty one. `logs` is where the server's logs go, and its files too if nobody else has to read them.
    pub(crate) fn create(run: &RunDir, logs: &Path, user: &'static str) -> Result<Self> {
        let owner = Owner::find(user)?;
        // Root's home is closed to other users.
        let path = if owner.is_some() { run.elsewhere(user)? } else { logs.join("data") };
        fs::create_dir_all(&path)?;
        let home = Self { path, owner };
        home.own(&home.path, 0o700)?;
        Ok(home)
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// One of the server's programs, which runs as the directory's owner.
    pub(crate) fn spec(&self, name: &str, program: PathBuf, logs: &Path) -> Spec {
        let spec = Spec::new(name, program, logs.join(format!("{name}.log")))
            .directory(&self.path)
            .clean_env()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            // A mariadbd that starts removes the temporary tables of all others that have the same directory for them.
            .env("TMPDIR", &self.path)
            .env("TZ", "UTC");
        match &self.owner {
            Some(owner) => spec.user(owner.name),
            None => spec,
        }
    }

    /// A file that only the server can read.
    pub(crate) fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
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

/// A user and its numeric ids.
struct Owner {
    name: &'static str,
    uid: u32,
    gid: u32,
}

impl Owner {
    /// `None` when we are an ordinary user, and the server runs as that one.
    fn find(name: &'static str) -> Result<Option<Self>> {
        if !rustix::process::getuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
        let entry = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let entry = entry.with_context(|| format!("there is no user {name}, whom the server's package makes"))?;
        let mut fields = entry.split(':').skip(1);
        let mut number = || fields.next().and_then(|field| field.parse().ok()).context("read /etc/passwd");
        Ok(Some(Self { name, uid: number()?, gid: number()? }))
    }
}
