//! How much one search may read. A target holds a megabyte, and an account may hold half a million secrets.

use super::ReadProblem;

/// Pages that a search goes through at most: 50,000 secrets, or 5,000 parameters.
const PAGES: usize = 500;
/// Sources that it finds at most.
const FOUND: usize = 2000;
/// Bytes of all their values: what Kubernetes stores in one Secret.
const BYTES: usize = 1 << 20;

/// What a search has come to.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pages: usize,
    found: usize,
    bytes: usize,
}

impl Limits {
    /// One more source is found, with a value of so many bytes.
    pub fn add(&mut self, action: &'static str, bytes: usize) -> Result<(), ReadProblem> {
        self.found += 1;
        self.bytes += bytes;
        match () {
            () if self.found > FOUND => Err(too_broad(action, format!("the search finds more than {FOUND} sources"))),
            () if self.bytes > BYTES => {
                Err(too_broad(action, "what the search finds does not fit into a Secret (1 MiB)".to_owned()))
            }
            () => Ok(()),
        }
    }

    /// There is another page.
    pub fn turn_page(&mut self, action: &'static str) -> Result<(), ReadProblem> {
        self.pages += 1;
        if self.pages < PAGES {
            return Ok(());
        }
        Err(too_broad(action, format!("the search goes through more than {PAGES} pages")))
    }
}

fn too_broad(action: &'static str, message: String) -> ReadProblem {
    ReadProblem::TooBroad { action, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_refused_and_not_cut_off() {
        let mut limits = Limits::default();
        assert!((0..FOUND).all(|_| limits.add("a", 0).is_ok()) && limits.add("a", 0).is_err());
        assert!(Limits::default().add("a", BYTES).is_ok() && Limits::default().add("a", BYTES + 1).is_err());
        let mut limits = Limits::default();
        assert!((1..PAGES).all(|_| limits.turn_page("a").is_ok()) && limits.turn_page("a").is_err());
    }
}
