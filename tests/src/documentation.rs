//! Commands of the documentation, so that a test can run them as they stand there.
//!
//! A block that is run is preceded by `<!-- run: NAME -->`. Words in capitals stand for what a reader fills in.

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
    use super::*;

    #[test]
    fn a_block_is_found_by_its_name_and_filled() {
        let text =
            "a\n<!-- run: other -->\n```sh\nno\n```\n<!-- run: this -->\n```sh\naws x --arn ARN \\\n  --y\n```\nb";
        let block = found(text, "this").unwrap();
        assert_eq!(filled(&block, &[("ARN", "arn:x")]), "aws x --arn arn:x \\\n  --y\n");
        assert!(found(text, "absent").is_none());
    }
}
