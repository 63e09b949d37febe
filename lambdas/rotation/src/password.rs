//! New passwords, from the operating system's random numbers.
//!
//! The default alphabet (letters, digits, `-`, `_`, `.`) needs no escaping in URLs, shells, DSNs or JSON, and the first
//! character is a letter or a digit so that no tool takes the password for an option. The variables of AWS's rotation
//! templates are honoured: `PASSWORD_LENGTH`, `EXCLUDE_CHARACTERS`, `EXCLUDE_NUMBERS`, `EXCLUDE_PUNCTUATION`,
//! `EXCLUDE_UPPERCASE`, `EXCLUDE_LOWERCASE`, `REQUIRE_EACH_INCLUDED_TYPE`. One differs on purpose: only an explicit
//! `EXCLUDE_PUNCTUATION=false` asks for all of ASCII's punctuation, as the templates would use it by default.

use rand::TryRng;
use rand::rngs::SysRng;
use thiserror::Error;
use zeroize::Zeroizing;

const SAFE_PUNCTUATION: &str = "-_.";
const DEFAULT_LENGTH: usize = 32;
/// What the templates exclude where `EXCLUDE_CHARACTERS` is not set.
const DEFAULT_EXCLUDED: &str = ":/@\"'\\";

/// Why no password can be made.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PasswordError {
    /// `PASSWORD_LENGTH` is no number, or one that is not sensible.
    #[error("PASSWORD_LENGTH must be a number from 16 to 128")]
    Length,
    /// A switch that is neither true nor false.
    #[error("{0} must be true or false")]
    Switch(&'static str),
    /// Too few characters are left.
    #[error("EXCLUDE_… leave {0} characters, too few for a password; allow at least 16")]
    Alphabet(usize),
    /// The operating system gave no random numbers.
    #[error("operating system's random numbers are unavailable; try again")]
    Randomness,
}

/// Length and alphabet of new passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    length: usize,
    /// Lower case, upper case, digits, punctuation, without what is excluded; none is empty.
    classes: Vec<Vec<u8>>,
    require_each: bool,
}

impl PasswordPolicy {
    /// The policy that the variables ask for; `variable` looks one up by name.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, PasswordError> {
        let variable = |name| variable(name).filter(|text| !text.is_empty());
        let switch = |name: &'static str| {
            let read = |text: String| crate::variable::switch(&text).ok_or(PasswordError::Switch(name));
            variable(name).map(read).transpose()
        };
        let length = match variable("PASSWORD_LENGTH") {
            None => DEFAULT_LENGTH,
            Some(text) => {
                text.parse().ok().filter(|length| (16..=128).contains(length)).ok_or(PasswordError::Length)?
            }
        };
        let excluded = variable("EXCLUDE_CHARACTERS").unwrap_or_else(|| DEFAULT_EXCLUDED.to_owned());
        let punctuation: Vec<u8> = match switch("EXCLUDE_PUNCTUATION")? {
            None => SAFE_PUNCTUATION.bytes().collect(),
            Some(true) => Vec::new(),
            Some(false) => (b'!'..=b'~').filter(u8::is_ascii_punctuation).collect(),
        };
        let unless = |name, range: std::ops::RangeInclusive<u8>| {
            switch(name).map(|out| if out == Some(true) { Vec::new() } else { range.collect() })
        };
        let classes: Vec<Vec<u8>> = [
            unless("EXCLUDE_LOWERCASE", b'a'..=b'z')?,
            unless("EXCLUDE_UPPERCASE", b'A'..=b'Z')?,
            unless("EXCLUDE_NUMBERS", b'0'..=b'9')?,
            punctuation,
        ]
        .into_iter()
        .map(|class| class.into_iter().filter(|byte| !excluded.as_bytes().contains(byte)).collect())
        .filter(|class: &Vec<u8>| !class.is_empty())
        .collect();
        let left = classes.iter().map(Vec::len).sum();
        if left < 16 {
            return Err(PasswordError::Alphabet(left));
        }
        Ok(Self { length, classes, require_each: switch("REQUIRE_EACH_INCLUDED_TYPE")?.unwrap_or(true) })
    }

    /// A new password, each one that the policy allows as likely as any other.
    pub fn generate(&self) -> Result<Zeroizing<String>, PasswordError> {
        let all: Vec<u8> = self.classes.concat();
        let alphanumeric: Vec<u8> = all.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
        let first = if alphanumeric.is_empty() { &all } else { &alphanumeric };
        loop {
            // Drawing the whole password again keeps all of the allowed ones equally likely; patching a missing class
            // in would not.
            let mut password = Zeroizing::new(String::with_capacity(self.length));
            for position in 0..self.length {
                password.push(char::from(draw(if position == 0 { first } else { &all })?));
            }
            let holds = |class: &Vec<u8>| password.bytes().any(|byte| class.contains(&byte));
            if !self.require_each || self.classes.iter().all(holds) {
                return Ok(password);
            }
        }
    }
}

/// One of the characters, by rejection: a plain remainder would favour the first ones.
fn draw(characters: &[u8]) -> Result<u8, PasswordError> {
    let mut byte = Zeroizing::new([0_u8]);
    let fair = 256 - 256 % characters.len();
    loop {
        SysRng.try_fill_bytes(&mut *byte).map_err(|_| PasswordError::Randomness)?;
        let drawn = usize::from(byte[0]);
        if drawn < fair
            && let Some(character) = characters.get(drawn % characters.len())
        {
            return Ok(*character);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn policy(variables: &[(&str, &str)]) -> Result<PasswordPolicy, PasswordError> {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        PasswordPolicy::from_variables(|name| variables.get(name).map(|&value| value.to_owned()))
    }

    #[test]
    fn the_default_needs_no_escaping_anywhere() {
        let policy = policy(&[]).unwrap();
        let mut seen = BTreeSet::new();
        for _ in 0..200 {
            let password = policy.generate().unwrap();
            assert_eq!(password.len(), 32);
            assert!(password.starts_with(|first: char| first.is_ascii_alphanumeric()));
            assert!(password.chars().all(|c| c.is_ascii_alphanumeric() || SAFE_PUNCTUATION.contains(c)));
            assert!(password.contains(|c: char| c.is_ascii_digit()) && password.contains(|c| "-_.".contains(c)));
            seen.extend(password.bytes());
        }
        assert_eq!(seen.len(), 65, "every character of the alphabet turns up");
    }

    #[test]
    fn the_variables_of_the_templates_are_honoured() {
        let only_digits_and_lower = policy(&[
            ("PASSWORD_LENGTH", "64"),
            ("EXCLUDE_PUNCTUATION", "true"),
            ("EXCLUDE_UPPERCASE", "True"),
            ("EXCLUDE_CHARACTERS", "0oO1lI"),
        ]);
        let password = only_digits_and_lower.unwrap().generate().unwrap();
        assert_eq!(password.len(), 64);
        assert!(password.chars().all(|c| (c.is_ascii_lowercase() || c.is_ascii_digit()) && !"0o1l".contains(c)));

        let wide = policy(&[("EXCLUDE_PUNCTUATION", "false")]).unwrap();
        let used: BTreeSet<u8> = wide.classes.concat().into_iter().collect();
        assert_eq!(used.len(), 94 - DEFAULT_EXCLUDED.len());
    }

    #[test]
    fn an_empty_variable_is_one_that_is_not_set() {
        let names = [
            "PASSWORD_LENGTH",
            "EXCLUDE_CHARACTERS",
            "EXCLUDE_NUMBERS",
            "EXCLUDE_PUNCTUATION",
            "EXCLUDE_UPPERCASE",
            "EXCLUDE_LOWERCASE",
            "REQUIRE_EACH_INCLUDED_TYPE",
        ];
        assert_eq!(policy(&names.map(|name| (name, ""))), policy(&[]));
        let wide = [("EXCLUDE_PUNCTUATION", "false"), ("EXCLUDE_CHARACTERS", "")];
        assert_eq!(policy(&wide), policy(&wide[..1]), "the templates' exclusions stay");
    }

    #[test]
    fn nonsense_is_refused_with_the_variables_name() {
        assert_eq!(policy(&[("PASSWORD_LENGTH", "eight")]), Err(PasswordError::Length));
        assert_eq!(policy(&[("PASSWORD_LENGTH", "4")]), Err(PasswordError::Length));
        assert_eq!(policy(&[("EXCLUDE_NUMBERS", "maybe")]), Err(PasswordError::Switch("EXCLUDE_NUMBERS")));
        let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        assert_eq!(policy(&[("EXCLUDE_CHARACTERS", &format!("{letters}012"))]), Err(PasswordError::Alphabet(10)));
    }
}
