//! The expressions that are in use. The same ones stand in many objects, and are read again with each delivery of one.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError, Weak};

use super::{Compiled, Malformed, Regexp};

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Known {
    /// By the source, and whether it was made to match as a whole.
    by_source: HashMap<(bool, String), Weak<Compiled>>,
    /// How many there were when those that nobody uses any more were last left out.
    used: usize,
}

/// The expression that somebody uses already, or one that is compiled now.
pub(super) fn or_compiled(
    whole: bool,
    source: &str,
    compile: impl FnOnce() -> Result<Regexp, Malformed>,
) -> Result<Regexp, Malformed> {
    let key = (whole, source.to_owned());
    if let Some(is) = with(|known| known.by_source.get(&key).and_then(Weak::upgrade)) {
        return Ok(Regexp { is });
    }
    let new = compile()?;
    with(|known| {
        known.by_source.insert(key, std::sync::Arc::downgrade(&new.is));
        if known.by_source.len() > 2 * known.used + 16 {
            known.by_source.retain(|_, is| is.strong_count() > 0);
            known.used = known.by_source.len();
        }
    });
    Ok(new)
}

fn with<T>(act: impl FnOnce(&mut Known) -> T) -> T {
    // It holds no promises between its fields that a panic of another thread could have broken half-way.
    act(&mut KNOWN.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_in_use_is_compiled_once_and_the_rest_is_forgotten() {
        let one = Regexp::parse("known-[0-9]+").unwrap();
        let other = Regexp::parse("known-[0-9]+").unwrap();
        let whole = Regexp::whole("known-[0-9]+").unwrap();
        assert!(Arc::ptr_eq(&one.is, &other.is) && !Arc::ptr_eq(&one.is, &whole.is));
        assert!(one.is_match("unknown-1") && !whole.is_match("unknown-1"));

        for number in 0..1_000 {
            Regexp::parse(&format!("forgotten-{number}")).unwrap();
        }
        let forgotten = |key: &&(bool, String)| key.1.starts_with("forgotten");
        assert!(with(|known| known.by_source.keys().filter(forgotten).count()) < 500);
        assert!(Arc::ptr_eq(&one.is, &Regexp::parse("known-[0-9]+").unwrap().is));
    }

    #[test]
    fn one_that_matches_as_a_whole_is_read_alone() {
        let texts = |source: &str| Regexp::whole(source).map(|regexp| regexp.is_match("a"));
        assert_eq!(texts("a|b"), Ok(true));
        Regexp::parse("^(?:a)|(b)$").unwrap();
        assert!(texts("a)|(b").is_err());
    }
}
