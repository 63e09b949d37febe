//! MariaDB from Debian's packages. Not a part of every stack: whoever needs one installs and starts it.

use std::path::PathBuf;

use anyhow::Result;

use super::debian::{self, Package};
use crate::cache::Cache;
use crate::progress::Progress;

const SERVER: &str = "/usr/sbin/mariadbd";
const PACKAGE: Package =
    Package { name: "mariadb-server", what: "the database whose passwords are rotated", program: SERVER, find };

/// The server's program; `mariadb-install-db` is in `/usr/bin`.
pub(crate) async fn install(cache: &Cache, progress: &Progress) -> Result<PathBuf> {
    debian::install(&PACKAGE, cache, progress).await
}

fn find() -> Option<PathBuf> {
    Some(PathBuf::from(SERVER)).filter(|server| server.is_file())
}
