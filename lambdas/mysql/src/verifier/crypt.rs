//! SHA-256 crypt (Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512"), as MySQL uses it: with a salt of 20 bytes
//! where crypt(3) takes 16, which is why no crate for crypt(3) serves.

use ring::digest::{Context, Digest, SHA256};

/// crypt's own base64.
pub(super) const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The 43 characters of the digest.
pub(super) fn sha256(password: &[u8], salt: &[u8], rounds: usize) -> String {
    let mut context = Context::new(&SHA256);
    for part in [password, salt, password] {
        context.update(part);
    }
    let alternate = context.finish();

    let mut context = Context::new(&SHA256);
    context.update(password);
    context.update(salt);
    context.update(&repeated(&alternate, password.len()));
    let mut length = password.len();
    while length > 0 {
        context.update(if length % 2 == 1 { alternate.as_ref() } else { password });
        length /= 2;
    }
    let mut state = context.finish();

    let of_copies = |text: &[u8], copies: usize| {
        let mut context = Context::new(&SHA256);
        for _ in 0..copies {
            context.update(text);
        }
        context.finish()
    };
    let p = repeated(&of_copies(password, password.len()), password.len());
    let first = state.as_ref().first().copied().unwrap_or_default();
    let s = repeated(&of_copies(salt, 16 + usize::from(first)), salt.len());

    for round in 0..rounds {
        let mut context = Context::new(&SHA256);
        let odd = round % 2 == 1;
        context.update(if odd { &p } else { state.as_ref() });
        if round % 3 != 0 {
            context.update(&s);
        }
        if round % 7 != 0 {
            context.update(&p);
        }
        context.update(if odd { state.as_ref() } else { &p });
        state = context.finish();
    }
    encode(&state)
}

/// As many bytes as asked for, from the digest again and again.
fn repeated(digest: &Digest, length: usize) -> Vec<u8> {
    digest.as_ref().iter().copied().cycle().take(length).collect()
}

/// Three bytes at a time, 10 apart: 0, 10, 20; then 21, 1, 11; 12, 22, 2; … ; 9, 19, 29; the last two alone.
fn encode(digest: &Digest) -> String {
    let byte = |at: usize| digest.as_ref().get(at).copied().map_or(0, u32::from);
    let mut text = String::with_capacity(43);
    let mut push = |mut bits: u32, characters: usize| {
        for _ in 0..characters {
            text.push(char::from(ALPHABET[(bits % 64) as usize]));
            bits /= 64;
        }
    };
    let mut group = [0, 10, 20];
    for _ in 0..10 {
        push(byte(group[0]) << 16 | byte(group[1]) << 8 | byte(group[2]), 4);
        group = [group[2] + 1, group[0] + 1, group[1] + 1];
    }
    push(byte(31) << 8 | byte(30), 3);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_drepper_s_algorithm() {
        // The specification's first test vector; `openssl passwd -5` says the same.
        assert_eq!(sha256(b"Hello world!", b"saltstring", 5_000), "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5");
    }

    #[test]
    fn the_number_of_rounds_is_as_asked_for() {
        // The specification's second test vector, `openssl passwd -5 -salt 'rounds=10000$saltstringsaltst'`.
        assert_eq!(sha256(b"Hello world!", b"saltstringsaltst", 10_000), "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA");
    }

    #[test]
    fn it_takes_mysql_s_salt() {
        // hashcat's example of mode 7401, `$mysql$A$005*…`, whose password is "hashcat".
        let salt = b"\xF9\xCC\x98\xCE\x08\x89\x29\x24\xF5\x0A\x21\x3B\x6B\xC5\x71\xA2\xC1\x17\x78\xC5";
        assert_eq!(sha256(b"hashcat", salt, 5_000), "bTy95Y99eAME1dwEkHOA1ndHGBWz.1bxSSRkuTXFGV/");
    }
}
