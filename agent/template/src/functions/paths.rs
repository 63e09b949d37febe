//! Paths with slashes. Those of the system are the same where ESO and Rekey run.

use super::Table;
use crate::value::Text;

pub(super) fn add(table: &mut Table) {
    for name in ["base", "osBase"] {
        table.add(name, |path: Text| base(&path).to_vec());
    }
    for name in ["dir", "osDir"] {
        table
            .add(name, |path: Text| clean(&path[..path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1)]));
    }
    for name in ["clean", "osClean"] {
        table.add(name, |path: Text| clean(&path));
    }
    for name in ["ext", "osExt"] {
        table.add(name, |path: Text| {
            let file = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            file.iter().rposition(|byte| *byte == b'.').map_or_else(Vec::new, |at| file[at..].to_vec())
        });
    }
    for name in ["isAbs", "osIsAbs"] {
        table.add(name, |path: Text| path.starts_with(b"/"));
    }
}

/// `path.Base`
fn base(path: &[u8]) -> &[u8] {
    let Some(end) = path.iter().rposition(|byte| *byte != b'/') else {
        return if path.is_empty() { b"." } else { b"/" };
    };
    path[..=end].rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// `path.Clean`
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => drop(parts.pop()),
            b".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => [b"/", &*parts.join(&b'/')].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => parts.join(&b'/'),
    }
}
