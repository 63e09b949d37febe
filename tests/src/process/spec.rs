//! How to start a program: arguments, environment, user, and what happens to it when we die.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use super::{Process, spawner, watchdog};

/// How to start a program.
#[derive(Debug, Clone)]
pub struct Spec {
    name: String,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    clean_env: bool,
    foreign: Vec<String>,
    directory: Option<PathBuf>,
    log: PathBuf,
    user: Option<String>,
    death: Death,
}

/// What becomes of a child when this process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    Kill,
    Quit,
}

impl Spec {
    /// `program` under the `name` that errors call it by. Its output is appended to `log`.
    pub fn new(name: &str, program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            clean_env: false,
            foreign: Vec::new(),
            directory: None,
            log: log.into(),
            user: None,
            death: Death::Kill,
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts from an empty environment: the program sees only what [`Spec::env`] gives it.
    #[must_use]
    pub fn clean_env(mut self) -> Self {
        self.clean_env = true;
        self
    }

    /// Hides the variables of our environment whose names begin with `prefix`.
    #[must_use]
    pub fn hide_env(mut self, prefix: &str) -> Self {
        self.foreign.push(prefix.to_owned());
        self
    }

    /// The working directory.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Runs as this user and group; needs root.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// Has the kernel send SIGQUIT when this process dies, not SIGKILL: for a server that must tidy up behind itself and
    /// is quick about it.
    #[must_use]
    pub fn quit_on_death(mut self) -> Self {
        self.death = Death::Quit;
        self
    }

    /// Starts the program and leaves it running.
    pub fn start(self) -> Result<Process> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("open the log {}", self.log.display()))?;
        let command = self.command(Stdio::from(log.try_clone()?), log);
        let begin = std::fs::metadata(&self.log)?.len();
        let child = spawner::spawn(command).with_context(|| format!("start {}", self.name))?;
        watchdog::watch(child.id());
        Ok(Process { name: self.name, pid: child.id(), log: self.log, begin, child: Mutex::new(Some(child)) })
    }

    /// Runs the program to its end and hands back what it wrote, standard output and standard error together. Dropping
    /// the future kills it.
    ///
    /// # Errors
    /// When it cannot be started or ends with another code than 0: with the end of its output.
    pub async fn run(self) -> Result<String> {
        let process = self.start()?;
        let status = process.wait().await?;
        if !status.success() {
            bail!("{}", process.ended(status));
        }
        Ok(process.output())
    }

    /// As [`Spec::run`], but hands back standard output alone; standard error goes to the log.
    pub async fn stdout(self) -> Result<String> {
        use std::io::Read;
        let (mut reader, writer) = std::io::pipe()?;
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let begin = log.metadata()?.len();
        let command = self.command(Stdio::from(writer), log);
        let child = spawner::spawn(command).with_context(|| format!("start {}", self.name))?;
        watchdog::watch(child.id());
        let process =
            Process { name: self.name, pid: child.id(), log: self.log, begin, child: Mutex::new(Some(child)) };
        // A pipe holds 64 KiB: it must be read while the program runs.
        let reading = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        let status = process.wait().await?;
        if !status.success() {
            bail!("{}", process.ended(status));
        }
        Ok(reading.await??)
    }

    fn command(&self, stdout: Stdio, stderr: File) -> Command {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new("setpriv");
        if let Some(user) = &self.user {
            // A change of user clears the death signal, so it is asked for by a second setpriv, behind the change.
            command.args(["--reuid", user, "--regid", user, "--clear-groups", "--", "setpriv"]);
        }
        let death = match self.death {
            Death::Kill => "KILL",
            Death::Quit => "QUIT",
        };
        command.args(["--pdeathsig", death, "--"]).arg(&self.program).args(&self.args);
        if self.clean_env {
            command.env_clear();
        }
        for prefix in &self.foreign {
            for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        // A group of its own: Ctrl-C on the terminal reaches us alone, and we stop the children in order.
        command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::from(stderr)).process_group(0);
        command
    }
}
