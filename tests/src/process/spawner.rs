//! The one thread from which every child is forked. It ends with the process and not before, because its end is what
//! the kernel takes for the parent's death.

use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Result, anyhow};

type Job = (Command, Sender<std::io::Result<Child>>);

static SPAWNER: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();

/// Starts `command` from the spawner thread.
pub(super) fn spawn(command: Command) -> Result<Child> {
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, inbox) = channel::<Job>();
        std::thread::spawn(move || {
            while let Ok((mut command, answer)) = inbox.recv() {
                // Nobody waiting for the answer any more: the child is killed rather than left alone.
                if let Err(Ok(mut orphan)) = answer.send(command.spawn()).map_err(|unsent| unsent.0) {
                    let _ = orphan.kill();
                }
            }
        });
        Mutex::new(jobs)
    });
    let (answer, outcome) = channel();
    let program = command.get_program().to_owned();
    spawner.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer))?;
    outcome.recv()?.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => anyhow!("{} is not installed or not on PATH", program.display()),
        _ => anyhow!("{}: {error}", program.display()),
    })
}
