//! The template of a release: the one that `sam build` has written, with the zips beside it in place of its folders.

use anyhow::{Result, bail, ensure};

use crate::sam;

/// Both processors, as the template offers them; a release has zips for one.
const ARCHITECTURES: &str = "    Default: arm64\n    AllowedValues:\n    - arm64\n    - x86_64\n";

/// `built` with a zip for each of these functions, and no other processor than theirs.
///
/// # Errors
/// When it has not each function once, or its parameter `Architecture` has changed.
pub(super) fn of_zips<'a>(built: &str, functions: impl Iterator<Item = &'a String>) -> Result<String> {
    let architecture = sam::ARCHITECTURE;
    ensure!(built.matches(ARCHITECTURES).count() == 1, "the built template does not offer arm64 and x86_64");
    let one = format!("    Default: {architecture}\n    AllowedValues:\n    - {architecture}\n");
    let mut text = built.replace(ARCHITECTURES, &one);
    for function in functions {
        let folder = format!("CodeUri: {}\n", sam::resource(function));
        ensure!(text.matches(&folder).count() == 1, "the built template has not one {function}");
        text = text.replace(&folder, &format!("CodeUri: {}\n", super::zip_of(&sam::binary(function))));
    }
    let folder = text.lines().find(|line| line.contains("CodeUri: ") && !line.contains(architecture));
    if let Some(line) = folder {
        bail!("a function has no zip: {line}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: &str = "Parameters:\n  Architecture:\n    Default: arm64\n    AllowedValues:\n    - arm64\n    - x86_64\n\
                         Resources:\n  HeartbeatFunction:\n      CodeUri: HeartbeatFunction\n";

    #[test]
    fn each_function_gets_its_zip_and_the_processor_is_that_of_the_zips() {
        let (heartbeat, redis) = ("heartbeat".to_owned(), "redis".to_owned());
        let text = of_zips(BUILT, [&heartbeat].into_iter()).unwrap();
        assert!(text.contains(&format!("CodeUri: rekey-heartbeat-{}.zip\n", sam::ARCHITECTURE)), "{text}");
        assert!(text.contains(&format!("AllowedValues:\n    - {}\nResources", sam::ARCHITECTURE)), "{text}");
        assert!(of_zips(BUILT, [&heartbeat, &redis].into_iter()).is_err(), "a function that it does not have");
        assert!(of_zips(BUILT, [].into_iter()).is_err(), "a function without a zip");
        assert!(of_zips(&text, [].into_iter()).is_err(), "a template of one processor only");
    }
}
