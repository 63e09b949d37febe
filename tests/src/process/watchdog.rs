//! A shell that waits at a pipe for our end and then kills the process groups that are still on its list.
//!
//! It is needed for what the children start themselves (compilers, Lambda processes): the kernel's death signal reaches
//! the children only.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Reads `+ PGID` and `- PGID` until the pipe ends. The second of grace is for servers that tidy up on the kernel's signal.
const SCRIPT: &str = r#"
groups=""
while read -r sign group; do
  rest=""
  for known in $groups; do [ "$known" = "$group" ] || rest="$rest $known"; done
  groups="$rest"
  [ "$sign" = - ] || groups="$groups $group"
done
[ -z "$groups" ] || sleep 1
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
exit 0
"#;

static WATCHDOG: OnceLock<Option<Mutex<(Child, ChildStdin)>>> = OnceLock::new();

/// Puts a process group on the list.
pub(super) fn watch(group: u32) {
    tell('+', group);
}

/// Takes a process group off the list, so that its number may be used again by somebody else.
pub(super) fn forget(group: u32) {
    tell('-', group);
}

fn tell(sign: char, group: u32) {
    // Without a shell there is no watchdog, and the kernel's signal still ends the children themselves.
    if let Some(watchdog) = WATCHDOG.get_or_init(start) {
        let mut watchdog = watchdog.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(watchdog.1, "{sign} {group}");
    }
}

fn start() -> Option<Mutex<(Child, ChildStdin)>> {
    use std::os::unix::process::CommandExt;
    let mut child = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "rekey-watchdog"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .ok()?;
    let pipe = child.stdin.take()?;
    Some(Mutex::new((child, pipe)))
}
