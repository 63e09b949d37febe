//! Go templates for targets, as External Secrets Operator runs them: `text/template` with `missingkey=error` over a map
//! of strings.
//!
//! So far with Go's own functions; a template that calls another one is refused, by name, before it runs. Templates come
//! from people who may write manifests in one namespace of many, so each run has limits ([`limits`]) that no template
//! can raise. The map holds secrets: errors never quote a value, the output wipes itself when dropped, and so does the
//! [`Input`]. The crate reads no clock, no file, no environment and no network.

mod blocks;
mod error;
mod functions;
mod input;
pub mod limits;
mod tree;
#[allow(dead_code, unused_imports)]
pub mod yaml;

use std::fmt;

use gotmpl::{MissingKey, Template};
use zeroize::Zeroizing;

pub use error::Error;
pub use input::Input;

use limits::Budget;

/// Runs a template over a map. `name` says in errors of the parser which template it was.
pub fn render(name: &str, text: &str, input: &Input) -> Result<Zeroizing<String>, Error> {
    if text.len() > limits::TEMPLATE {
        return Err(Error::TemplateTooLarge);
    }
    if input.size() > limits::INPUT {
        return Err(Error::InputTooLarge);
    }
    blocks::check(text)?;
    let parsed = Template::new(name).parse(text).map_err(error::syntax)?;
    for tree in parsed.templates().into_iter().filter_map(|name| parsed.lookup(name)) {
        tree::check(tree, input)?;
    }
    let mut output = Output::default();
    let done = if parsed.lookup(name).is_some() {
        let budget = Budget::new();
        let mut counted = Template::new(name).funcs(functions::guarded(&budget, input));
        for (name, tree) in parsed.templates().into_iter().filter_map(|name| Some((name, parsed.lookup(name)?))) {
            counted = counted.add_parse_tree(name, tree::counted(tree));
        }
        let counted = counted.missing_key(MissingKey::Error).max_range_iters(limits::STEPS);
        let done = counted.execute_template_fmt(&mut output, name, input.value());
        budget.verdict()?;
        done
    } else {
        // Nothing but white space and definitions: no action to run, only that space to copy.
        parsed.execute_fmt(&mut output, &gotmpl::Value::Nil)
    };
    if output.full {
        return Err(Error::OutputTooLarge);
    }
    done.map_err(|problem| error::execution(&problem, input))?;
    Ok(output.text)
}

/// Collects the output and stops the run once there is too much of it.
struct Output {
    text: Zeroizing<String>,
    full: bool,
}

impl Default for Output {
    fn default() -> Self {
        Self { text: Zeroizing::new(String::new()), full: false }
    }
}

impl fmt::Write for Output {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let needed = self.text.len() + part.len();
        if needed > limits::OUTPUT {
            self.full = true;
            return Err(fmt::Error);
        }
        if needed > self.text.capacity() {
            // Growing in place would leave the old buffer behind unwiped.
            let mut grown = Zeroizing::new(String::with_capacity(needed.next_power_of_two().max(256)));
            grown.push_str(&self.text);
            self.text = grown;
        }
        self.text.push_str(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
