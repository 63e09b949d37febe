//! Marks in a file between which something is rendered.

#[cfg(test)]
use anyhow::{Context, Result};

/// The name in `${NAME}`, if the text is that and nothing else.
pub(super) fn placeholder(text: &str) -> Option<&str> {
    text.strip_prefix("${")?.strip_suffix('}').filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// `text` with what is between each pair of marks replaced: `render` gets what follows `begin` in the mark, and its lines are
/// indented as the mark is.
#[cfg(test)]
pub(super) fn filled(
    text: &str,
    (before, after): (&str, &str),
    render: impl Fn(&str) -> Result<Vec<String>>,
) -> Result<String> {
    let mut lines = text.lines();
    let mut filled = Vec::new();
    while let Some(line) = lines.next() {
        filled.push(line.to_owned());
        let mark = |word: &str, line: &str| {
            line.trim()
                .strip_prefix(&format!("{before}{word} "))
                .and_then(|rest| rest.strip_suffix(after))
                .map(str::to_owned)
        };
        let Some(what) = mark("begin", line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let rendered = render(&what).with_context(|| format!("render {what}"))?;
        filled.extend(rendered.iter().map(|line| format!("{indent}{line}").trim_end().to_owned()));
        let end = lines.find(|line| mark("end", line).is_some());
        filled.push(end.with_context(|| format!("the mark of {what} has no end"))?.to_owned());
    }
    filled.push(String::new());
    Ok(filled.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_marks_is_replaced_and_indented() {
        let text = "a\n  # begin x of y\n  old\n  # end x\nb\n";
        let render = |what: &str| Ok(vec![format!("new {what}"), String::new()]);
        assert_eq!(filled(text, ("# ", ""), render).unwrap(), "a\n  # begin x of y\n  new x of y\n\n  # end x\nb\n");
        assert!(filled("# begin x\n", ("# ", ""), |_| Ok(Vec::new())).is_err());
    }

    #[test]
    fn a_placeholder_is_the_whole_text() {
        assert_eq!(placeholder("${QueueArn}"), Some("QueueArn"));
        assert_eq!(placeholder("${QueueArn}x"), None);
        assert_eq!(placeholder("*"), None);
    }
}
