//! The function's environment variables, those of AWS's rotation templates among them.
//!
//! A template passes an empty variable where nothing was asked for, so an empty one is one that is not set.

/// The variable, if it is set and not empty.
#[must_use]
pub fn get(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// What a switch says, in the spellings of AWS's templates; nothing if that is neither.
#[must_use]
pub fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" => Some(false),
        _ => None,
    }
}
