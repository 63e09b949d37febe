//! Stands in for what `rekey_template` will offer.

use rekey_template::{Error, Input};
use zeroize::Zeroizing;

/// Clock and randomness.
#[derive(Debug, Default)]
pub struct Env;

pub(crate) fn render(name: &str, text: &str, input: &Input, _env: &Env) -> Result<Zeroizing<Vec<u8>>, Error> {
    rekey_template::render(name, text, input).map(|text| Zeroizing::new(text.as_bytes().to_vec()))
}

pub(crate) mod yaml {
    use std::collections::BTreeMap;

    use zeroize::Zeroizing;

    pub(crate) fn strings(text: &[u8]) -> Result<BTreeMap<String, Zeroizing<String>>, String> {
        let text = String::from_utf8_lossy(text);
        text.lines()
            .filter(|line| !line.is_empty())
            .map(|line| {
                let (key, value) = line.split_once(": ").ok_or_else(|| "no map".to_owned())?;
                Ok((key.to_owned(), Zeroizing::new(value.to_owned())))
            })
            .collect()
    }
}
