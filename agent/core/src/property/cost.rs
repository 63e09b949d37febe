//! What a property path may cost. The path comes from a manifest, the JSON from AWS, and gjson works on both without
//! limits: it calls itself for each part of a path and for each level that a modifier prints, and tries wildcards by
//! backtracking. One object could end the agent by that, or hold a worker for hours.

/// Bytes of a path.
const PATH: usize = 4096;
/// Parts of a path: members, pipes, modifiers, queries and multipaths.
const PARTS: usize = 64;
/// Levels of JSON that a modifier may have to walk.
const LEVELS: usize = 256;
/// Comparisons of one letter that wildcards may need at worst.
const COMPARISONS: u128 = 100_000_000;

/// Bytes that a path may make out of the JSON by naming it several times.
const COPIES: u128 = 64 * 1024 * 1024;

/// Can this path be looked up in this JSON in a bounded time and on a bounded stack?
pub(super) fn is_bearable(json: &str, path: &str) -> bool {
    let parts = path.bytes().filter(|byte| matches!(byte, b'.' | b'|' | b'@' | b'#' | b'(' | b'[' | b'{')).count();
    path.len() <= PATH
        && parts <= PARTS
        && (!path.contains('@') || levels(json) <= LEVELS)
        && comparisons(json, path) <= COMPARISONS
        && copies(json, path) <= COPIES
}

/// How deep the JSON nests. Brackets in strings count too: this is a bound, not a measure.
fn levels(json: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for byte in json.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// Each further `*` of one pattern may be tried at each letter of what it is compared with.
fn comparisons(json: &str, path: &str) -> u128 {
    // A dot ends a pattern, unless it is escaped or stands in the quotes of a query.
    let unescaped = path.replace("\\.", "");
    let patterns = unescaped.split(|letter| !path.contains('(') && matches!(letter, '.' | '|'));
    let stars = patterns.map(|pattern| pattern.matches('*').count()).max().unwrap_or_default();
    let longest = json.split('"').map(str::len).max().unwrap_or_default() as u128;
    let backtracking = u32::try_from(stars).unwrap_or(u32::MAX).saturating_sub(1);
    (json.len() as u128).saturating_mul(longest.saturating_pow(backtracking))
}

/// `[@this,@this]|[@this,@this]` doubles what it is given at each step. Only a modifier or `..`, which makes a line of
/// its own of the whole JSON, can name all of it; n commas make at most 2 to the n copies.
fn copies(json: &str, path: &str) -> u128 {
    if !path.contains('@') && !path.contains("..") {
        return 0;
    }
    let commas = u32::try_from(path.matches(',').count()).unwrap_or(u32::MAX);
    (json.len() as u128).saturating_mul(2_u128.saturating_pow(commas))
}
