//! What a server keeps of a password, computed here, so that a statement need not hold the password itself.

mod crypt;

use std::fmt::{self, Write as _};

use rekey_rotation::engine::EngineError;
use rekey_rotation::password::PasswordError;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::rand::{SecureRandom, SystemRandom};

/// A way to authenticate whose verifiers can be computed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugin {
    /// `mysql_native_password`: MariaDB's usual one, and MySQL's until 8.0.
    Native,
    /// `caching_sha2_password`: MySQL's since 8.0.
    CachingSha2,
}

impl Plugin {
    /// By its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Native, Self::CachingSha2].into_iter().find(|plugin| plugin.name() == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
        }
    }
}

/// A password's verifier, as the server stores it. Whoever has it may guess passwords, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// How it was computed.
    pub plugin: Plugin,
    /// `*` and 40 hexadecimal digits; or `$A$005$`, 20 characters of salt and 43 of digest, where 005 are the thousands of
    /// rounds in hexadecimal.
    pub text: String,
}

impl Verifier {
    /// The verifier of a password.
    pub fn new(plugin: Plugin, password: &str) -> Result<Self, EngineError> {
        Self::with_rounds(plugin, USUAL_ROUNDS, password)
    }

    /// The verifier of another password for the same account: as strong as this one, whatever number of rounds the server
    /// is set to (`caching_sha2_password_digest_rounds`) or was when this one was made.
    pub fn renewed(&self, password: &str) -> Result<Self, EngineError> {
        Self::with_rounds(self.plugin, self.sha2().map_or(USUAL_ROUNDS, |(rounds, _)| rounds), password)
    }

    fn with_rounds(plugin: Plugin, rounds: usize, password: &str) -> Result<Self, EngineError> {
        let text = match plugin {
            Plugin::Native => native(password),
            Plugin::CachingSha2 => sha2(password, rounds, &salt()?),
        };
        Ok(Self { plugin, text })
    }

    /// Whether it is this password's; nothing if the server does not show what it keeps.
    #[must_use]
    pub fn matches(&self, password: &str) -> Option<bool> {
        match self.plugin {
            Plugin::Native => self.text.starts_with('*').then(|| self.text.eq_ignore_ascii_case(&native(password))),
            Plugin::CachingSha2 => {
                let (rounds, salt) = self.sha2()?;
                Some(sha2(password, rounds, salt) == self.text)
            }
        }
    }

    /// Rounds and salt, where it tells them.
    fn sha2(&self) -> Option<(usize, &str)> {
        let (thousands, rest) = self.text.strip_prefix(SHA2)?.split_at_checked(3)?;
        let thousands = usize::from_str_radix(thousands, 16).ok()?;
        Some((thousands * 1_000, rest.strip_prefix('$')?.get(..SALT)?))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({}, …)", self.plugin.name())
    }
}

/// `SHA1(SHA1(password))`, as the function PASSWORD() of old.
#[must_use]
pub fn native(password: &str) -> String {
    let sha1 = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let mut text = "*".to_owned();
    for byte in sha1(sha1(password.as_bytes()).as_ref()).as_ref() {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// SHA-256 crypt, the only digest that there is.
const SHA2: &str = "$A$";
/// What MySQL uses unless told otherwise, and at least.
const USUAL_ROUNDS: usize = 5_000;
/// MySQL's salt is longer than that of crypt(3).
const SALT: usize = 20;

fn sha2(password: &str, rounds: usize, salt: &str) -> String {
    let digest = crypt::sha256(password.as_bytes(), salt.as_bytes(), rounds);
    format!("{SHA2}{:03X}${salt}{digest}", rounds / 1_000)
}

/// The server's own salts hold any 7-bit characters; these need no escaping.
fn salt() -> Result<String, EngineError> {
    let mut bytes = [0; SALT];
    SystemRandom::new().fill(&mut bytes).map_err(|_| PasswordError::Randomness)?;
    Ok(bytes.iter().map(|byte| char::from(crypt::ALPHABET[usize::from(byte % 64)])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_native_verifier_is_that_of_the_servers() {
        // MariaDB 10.11: SELECT PASSWORD('hunter2').
        assert_eq!(native("hunter2"), "*58815970BE77B3720276F63DB198B1FA42E5CC02");
        let verifier = Verifier::new(Plugin::Native, "hunter2").unwrap();
        assert_eq!((verifier.matches("hunter2"), verifier.matches("hunter3")), (Some(true), Some(false)));
    }

    #[test]
    fn the_sha2_verifier_has_a_salt_of_its_own_that_needs_no_escaping() {
        let verifier = Verifier::new(Plugin::CachingSha2, "hunter2-é'").unwrap();
        let other = Verifier::new(Plugin::CachingSha2, "hunter2-é'").unwrap();
        assert_eq!(verifier.text.len(), 70);
        assert_ne!(verifier.text, other.text);
        assert!(verifier.text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"$./".contains(&byte)));
        assert_eq!((verifier.matches("hunter2-é'"), verifier.matches("hunter2")), (Some(true), Some(false)));
        let hidden = Verifier { plugin: Plugin::CachingSha2, text: "<secret>".to_owned() };
        assert_eq!(hidden.matches("hunter2"), None);
        assert!(!format!("{verifier:?}").contains(&verifier.text));
    }

    #[test]
    fn a_new_password_has_as_many_rounds_as_the_one_before() {
        let salt = "abcdefghijklmnopqrst";
        let hardened = Verifier { plugin: Plugin::CachingSha2, text: sha2("hunter2", 12_000, salt) };
        assert!(hardened.text.starts_with("$A$00C$abcdefghijklmnopqrst"));
        assert_eq!((hardened.matches("hunter2"), hardened.matches("hunter3")), (Some(true), Some(false)));
        let renewed = hardened.renewed("hunter3").unwrap();
        assert!(renewed.text.starts_with("$A$00C$") && renewed.text.len() == 70);
        assert_eq!((renewed.matches("hunter3"), renewed.matches("hunter2")), (Some(true), Some(false)));
        let hidden = Verifier { plugin: Plugin::CachingSha2, text: "<secret>".to_owned() };
        assert!(hidden.renewed("hunter2").unwrap().text.starts_with("$A$005$"));
    }
}
