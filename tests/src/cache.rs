//! The folder outside the tree in which tools are installed and stacks run.
//!
//! ```text
//! <cache>/<tool>/<key>/       one installation; complete when it holds `.complete`
//! <cache>/run/<pid>-<n>/      what one stack writes: data, logs, kubeconfigs, stack.json; locked while its owner lives
//! ```

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow};

/// The cache of this user: `$REKEY_CACHE`, else `$XDG_CACHE_HOME/rekey`, else `~/.cache/rekey`.
#[derive(Debug, Clone)]
pub struct Cache(PathBuf);

impl Cache {
    /// Finds and creates the folder.
    pub fn open() -> Result<Self> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let path = variable("REKEY_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").map(|base| base.join("rekey")))
            .or_else(|| variable("HOME").map(|home| home.join(".cache/rekey")))
            .ok_or_else(|| anyhow!("neither REKEY_CACHE nor HOME is set: set REKEY_CACHE to a folder for the tools"))?;
        fs::create_dir_all(path.join("run")).with_context(|| format!("create {}", path.display()))?;
        Ok(Self(path.canonicalize()?))
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn runs(&self) -> PathBuf {
        self.0.join("run")
    }

    /// Run directories whose owner still lives, oldest first.
    pub fn live_runs(&self) -> Result<Vec<PathBuf>> {
        let _guard = self.lock_runs()?;
        let mut live = Vec::new();
        for directory in directories(&self.runs())? {
            if is_locked(&directory)? {
                live.push(directory);
            }
        }
        live.sort_by_key(|directory| fs::metadata(directory.join(OWNER)).and_then(|file| file.modified()).ok());
        Ok(live)
    }

    /// Held while run directories are made or removed, so that nobody takes a directory for stale between its creation
    /// and its lock.
    fn lock_runs(&self) -> Result<File> {
        let lock = File::create(self.runs().join(".lock"))?;
        lock.lock()?;
        Ok(lock)
    }
}

/// The file of a run directory that its owner keeps locked. The kernel lets go of it when the owner ends, however it ends.
const OWNER: &str = "owner.lock";

/// In a run directory, the path of data that had to be put elsewhere and belongs to it.
const ELSEWHERE: &str = "elsewhere";

/// The directory of one stack, locked by this process and removed when dropped.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    _owner: File,
}

impl RunDir {
    /// Makes a new one, and removes those whose owners are gone.
    pub fn create(cache: &Cache) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let _guard = cache.lock_runs()?;
        for directory in directories(&cache.runs())? {
            if !is_locked(&directory)? {
                remove(&directory);
            }
        }
        let id = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = cache.runs().join(id);
        fs::create_dir(&path).with_context(|| format!("create {}", path.display()))?;
        let owner = File::create(path.join(OWNER))?;
        owner.lock()?;
        Ok(Self { path, _owner: owner })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `<pid>-<n>`: the name under which this run is known.
    #[must_use]
    pub fn id(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// A subdirectory, created.
    pub fn join(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(path)
    }

    /// Creates a directory outside the cache that goes away with this one: another user cannot reach into a home
    /// directory that only its owner may enter.
    pub fn elsewhere(&self, name: &str) -> Result<PathBuf> {
        // Not TMPDIR, which may be as private as the home directory.
        let path = Path::new("/tmp").join(format!("rekey-{name}-{}", self.id()));
        // Left by a process of the same id that died: nobody else could have made this name.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).with_context(|| format!("create {}", path.display()))?;
        fs::write(self.path.join(ELSEWHERE), path.as_os_str().as_encoded_bytes())?;
        Ok(path)
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Writes a file that only its owner can read.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("write {}", path.display()))?;
    Ok(file.write_all(text.as_bytes())?)
}

fn directories(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn is_locked(directory: &Path) -> Result<bool> {
    let Ok(owner) = File::open(directory.join(OWNER)) else { return Ok(false) };
    match owner.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("look at {}", directory.display())),
    }
}

/// Removal is tidiness, not correctness: what cannot be removed now is tried again by the next run.
fn remove(directory: &Path) {
    if let Ok(elsewhere) = fs::read_to_string(directory.join(ELSEWHERE)) {
        let _ = fs::remove_dir_all(elsewhere);
    }
    let _ = fs::remove_dir_all(directory);
}
