//! One step of a path, and what follows it.

use std::borrow::Cow;

use super::modifier;

/// What follows a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest<'p> {
    /// Nothing.
    End,
    /// A path into the value.
    More(&'p [u8]),
    /// A path that the value as a whole is handed to.
    Pipe(&'p [u8]),
}

impl<'p> Rest<'p> {
    /// After a dot. A modifier or multipath takes the value as a whole, as after a pipe.
    pub(super) fn after_dot(rest: &'p [u8]) -> Self {
        let takes_all = match rest.first() {
            Some(b'[' | b'{') => true,
            Some(b'@') => {
                let name = rest[1..].split(|byte| matches!(byte, b'.' | b'|' | b':')).next().unwrap_or_default();
                modifier::exists(name)
            }
            _ => false,
        };
        if takes_all { Self::Pipe(rest) } else { Self::More(rest) }
    }
}

/// A step into an object.
pub(super) struct ObjectStep<'p> {
    /// The member's name, without escapes.
    pub part: Cow<'p, [u8]>,
    /// Has the name wildcards?
    pub wild: bool,
    pub rest: Rest<'p>,
}

impl<'p> ObjectStep<'p> {
    pub(super) fn parse(path: &'p [u8]) -> Self {
        let (mut wild, mut unescaped): (bool, Option<Vec<u8>>) = (false, None);
        let mut at = 0;
        let mut rest = Rest::End;
        let mut end = path.len();
        while let Some(byte) = path.get(at) {
            match byte {
                b'|' => {
                    (rest, end) = (Rest::Pipe(&path[at + 1..]), at);
                    break;
                }
                b'.' => {
                    (rest, end) = (Rest::after_dot(&path[at + 1..]), at);
                    break;
                }
                b'\\' => {
                    let letters = unescaped.get_or_insert_with(|| path[..at].to_vec());
                    letters.extend(path.get(at + 1));
                    at += 2;
                    continue;
                }
                b'*' | b'?' => wild = true,
                _ => {}
            }
            if let Some(letters) = &mut unescaped {
                letters.push(*byte);
            }
            at += 1;
        }
        let part = unescaped.map_or(Cow::Borrowed(&path[..end]), Cow::Owned);
        Self { part, wild, rest }
    }
}
