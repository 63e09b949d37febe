//! How the demo looks on a terminal. Colour only there, and not where NO_COLOR is set.

use std::io::IsTerminal;

/// A heading.
pub fn title(text: &str) {
    println!("\n{}", styled("1", text));
}

/// Something that was seen to be so.
pub fn fact(text: &str) {
    println!("  {} {text}", styled("32", "ok"));
}

/// Text of lesser weight.
pub fn dim(text: &str) -> String {
    styled("2", text)
}

fn styled(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}
