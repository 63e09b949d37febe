//! Letters by Go's package unicode, which changes the case of one letter into one letter.

use crate::value::Text;

/// `unicode.ToUpper`
pub(super) fn upper(letter: char) -> char {
    single(letter, letter.to_uppercase())
}

/// `unicode.ToLower`
pub(super) fn lower(letter: char) -> char {
    // The only letter whose lower case Rust writes with two.
    if letter == 'İ' { 'i' } else { single(letter, letter.to_lowercase()) }
}

/// `unicode.ToTitle`
pub(super) fn title(letter: char) -> char {
    match letter {
        'Ǆ' | 'ǅ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => 'ǲ',
        '\u{10D0}'..='\u{10FF}' => letter,
        _ => upper(letter),
    }
}

/// Is its case that of titles?
pub(super) fn is_title(letter: char) -> bool {
    matches!(letter, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ')
}

fn single(letter: char, mut cased: impl Iterator<Item = char>) -> char {
    match (cased.next(), cased.next()) {
        (Some(one), None) => one,
        // Greek letters with iota below.
        _ if matches!(letter, '\u{1F80}'..='\u{1FAF}') => char::from_u32(u32::from(letter) | 8).unwrap_or(letter),
        _ if matches!(letter, 'ᾳ' | 'ῃ' | 'ῳ') => char::from_u32(u32::from(letter) + 9).unwrap_or(letter),
        _ => letter,
    }
}

/// `strings.Map`
pub(super) fn map(text: &Text, change: impl FnMut(char) -> char) -> String {
    text.chars().map(change).collect()
}
