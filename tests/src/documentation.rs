//! Commands of the documentation, so that a test can run them as they stand there.
//!
//! A block that is run is preceded by `<!-- run: NAME -->`, any other by `<!-- not run: WHY -->`. Words in capitals stand for what a
//! reader fills in.

use anyhow::{Context, Result};

/// The commands of the block `name` in `file`, a path from the repository's root.
pub fn block(file: &str, name: &str) -> Result<String> {
    let path = crate::repository().join(file);
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    found(&text, name).with_context(|| format!("{file} has no block of commands named {name}"))
}

fn found(text: &str, name: &str) -> Option<String> {
    let (_, after) = text.split_once(&format!("<!-- run: {name} -->\n"))?;
    let (block, _) = after.strip_prefix("```sh\n")?.split_once("```")?;
    Some(block.to_owned())
}

/// The commands with what a reader fills in.
#[must_use]
pub fn filled(commands: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(commands.to_owned(), |commands, (word, value)| commands.replace(word, value))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    /// What is wrong with the marks of a page's blocks. `is_run` says whether a test names the block.
    fn unmarked(text: &str, is_run: impl Fn(&str) -> bool) -> Vec<String> {
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        let mut wrong = Vec::new();
        for (number, _) in lines.iter().enumerate().filter(|(_, line)| **line == "```sh") {
            let mark = number.checked_sub(1).map_or("", |above| lines[above]);
            let mark = mark.strip_prefix("<!-- ").and_then(|mark| mark.strip_suffix(" -->")).unwrap_or_default();
            match mark.split_once(": ") {
                Some(("run", name)) if is_run(name) => {}
                Some(("run", name)) => wrong.push(format!("line {}: no test runs {name}", number + 1)),
                Some(("not run", _)) => {}
                _ => wrong.push(format!("line {}: neither run nor marked with why not", number + 1)),
            }
        }
        wrong
    }

    /// Files under `folder` whose names end so.
    fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path, end));
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
        found
    }

    #[test]
    fn a_block_without_a_mark_or_a_test_is_found() {
        let text = "a\n<!-- run: one -->\n```sh\nx\n```\n  <!-- not run: costs money -->\n  ```sh\n  y\n  ```\n";
        assert_eq!(unmarked(text, |name| name == "one"), Vec::<String>::new());
        assert_eq!(unmarked(text, |_| false), ["line 3: no test runs one"]);
        assert_eq!(unmarked("\n```sh\n```\n", |_| true), ["line 2: neither run nor marked with why not"]);
    }

    #[test]
    fn every_block_of_commands_is_run_or_says_why_not() {
        let root = crate::repository();
        let tests = files(&root.join("tests/tests/e2e"), ".rs");
        let tests: Vec<String> = tests.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
        let mut wrong = Vec::new();
        for file in files(&root.join("docs"), ".md").into_iter().chain([root.join("README.md")]) {
            let page = file.strip_prefix(&root).unwrap().display().to_string();
            let is_run = |name: &str| {
                tests.iter().any(|test| test.contains(&format!("\"{page}\"")) && test.contains(&format!("\"{name}\"")))
            };
            let text = std::fs::read_to_string(&file).unwrap();
            wrong.extend(unmarked(&text, is_run).into_iter().map(|what| format!("{page}, {what}")));
        }
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn a_block_is_found_by_its_name_and_filled() {
        let text =
            "a\n<!-- run: other -->\n```sh\nno\n```\n<!-- run: this -->\n```sh\naws x --arn ARN \\\n  --y\n```\nb";
        let block = found(text, "this").unwrap();
        assert_eq!(filled(&block, &[("ARN", "arn:x")]), "aws x --arn arn:x \\\n  --y\n");
        assert!(found(text, "absent").is_none());
    }
}
