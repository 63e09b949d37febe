//! Go templates for targets, as External Secrets Operator runs them: `text/template` with `missingkey=error` and the
//! functions of sprig, over a map of strings.
//!
//! Templates come from people who may write manifests in one namespace of many, so each run has limits ([`limits`])
//! that no template can raise. The map holds secrets: errors never quote a value, and values wipe themselves when
//! dropped.
//! The crate reads no clock, no file, no environment and no network; time and randomness come with [`Env`].

mod crypto;
mod draft;
mod env;
mod error;
mod exec;
mod format;
mod functions;
mod input;
pub mod json;
pub mod limits;
pub mod regexp;
mod run;
mod syntax;
mod value;
pub mod yaml;

use zeroize::Zeroizing;

pub use env::Env;
pub use error::Error;
pub use input::Input;

use run::Run;

/// Runs a template over a map. The output is any bytes, as values are.
pub fn render(text: &str, input: &Input, env: &Env) -> Result<Zeroizing<Vec<u8>>, Error> {
    if text.len() > limits::TEMPLATE {
        return Err(Error::TemplateTooLarge);
    }
    if input.size() > limits::INPUT {
        return Err(Error::InputTooLarge);
    }
    env.parse(text.as_bytes())?;
    let functions = functions::table();
    let templates = syntax::parse(text, &|name| functions.get(name).is_some())?;
    let run = Run::new(env, text);
    let root = input.value(&run)?;
    let output = exec::execute(&templates, functions, &run, &root)?;
    env.make(output.len())?;
    Ok(output)
}

#[cfg(test)]
mod tests;
