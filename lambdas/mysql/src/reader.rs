//! Reading the statements that a server writes about an account: SHOW GRANTS and SHOW CREATE USER.
//!
//! Only their outline is understood. What stands between the words that are looked for (names, lists of columns,
//! subjects of certificates) is kept as the server wrote it, quotes and all, and goes back into statements as it is.

/// A statement and how far it has been read.
pub struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
}

#[derive(Clone, Copy)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
    /// How many parentheses are open around it.
    depth: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Quoted,
    Symbol,
}

impl<'a> Reader<'a> {
    /// Takes the statement apart; nothing if a quote does not end.
    #[must_use]
    pub fn new(text: &'a str) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut depth = 0_usize;
        let mut start = 0;
        while let Some(first) = text.get(start..)?.chars().next() {
            let rest = text.get(start..)?;
            let (kind, length) = match first {
                '\'' | '`' | '"' => (Kind::Quoted, quoted(rest, first)?),
                first if is_word(first) => (Kind::Word, rest.find(|c| !is_word(c)).unwrap_or(rest.len())),
                first => (Kind::Symbol, first.len_utf8()),
            };
            match first {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if !first.is_whitespace() {
                tokens.push(Token { kind, start, end: start + length, depth });
            }
            start += length;
        }
        Some(Self { text, tokens, at: 0 })
    }

    /// Reads these words if they are next.
    pub fn take(&mut self, words: &str) -> bool {
        let found = words.split(' ').enumerate().all(|(index, word)| self.is_word(self.at + index, word));
        if found {
            self.at += words.split(' ').count();
        }
        found
    }

    /// Reads the next token, without its quotes.
    pub fn name(&mut self) -> Option<String> {
        let token = *self.tokens.get(self.at)?;
        self.at += 1;
        Some(unquote(self.slice(token.start, token.end)))
    }

    /// Reads that symbol if it is next.
    pub fn symbol(&mut self, symbol: char) -> bool {
        let found = self
            .tokens
            .get(self.at)
            .is_some_and(|token| token.kind == Kind::Symbol && self.slice(token.start, token.end).starts_with(symbol));
        self.at += usize::from(found);
        found
    }

    /// Reads up to the first of these words that stands outside of parentheses and quotes, or to the end.
    pub fn until(&mut self, words: &[&str]) -> &'a str {
        let begin = self.at;
        while self.at < self.tokens.len() && !words.iter().any(|word| self.is_word(self.at, word)) {
            self.at += 1;
        }
        self.between(begin, self.at)
    }

    /// Whether these words stand one after the other anywhere in what is left.
    #[must_use]
    pub fn has(&self, words: &str) -> bool {
        (self.at..self.tokens.len())
            .any(|from| words.split(' ').enumerate().all(|(index, word)| self.is_word(from + index, word)))
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at >= self.tokens.len()
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| {
            token.kind == Kind::Word
                && token.depth == 0
                && self.slice(token.start, token.end).eq_ignore_ascii_case(word)
        })
    }

    fn between(&self, begin: usize, end: usize) -> &'a str {
        match (self.tokens.get(begin), end.checked_sub(1).and_then(|last| self.tokens.get(last))) {
            (Some(first), Some(last)) if begin < end => self.slice(first.start, last.end),
            _ => "",
        }
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }
}

/// The parts of a list, divided by the commas that stand outside of parentheses and quotes.
#[must_use]
pub fn parts(list: &str) -> Vec<&str> {
    let Some(reader) = Reader::new(list) else { return Vec::new() };
    let is_comma =
        |token: &Token| token.kind == Kind::Symbol && token.depth == 0 && reader.slice(token.start, token.end) == ",";
    let commas = reader.tokens.iter().filter(|token| is_comma(token)).map(|token| (token.start, token.end));
    let mut parts = Vec::new();
    let mut from = 0;
    for (start, end) in commas.chain([(list.len(), list.len())]) {
        parts.push(reader.slice(from, start).trim());
        from = end;
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The text of a literal or identifier. Numbers and words are themselves; `0x…` is the bytes it stands for.
fn unquote(raw: &str) -> String {
    if let Some(digits) = raw.strip_prefix("0x") {
        let byte = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        return (0..digits.len()).step_by(2).filter_map(byte).map(char::from).collect();
    }
    let Some(quote @ ('\'' | '`' | '"')) = raw.chars().next() else { return raw.to_owned() };
    let inner = raw.get(1..raw.len() - 1).unwrap_or_default();
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            // A quote inside is written twice.
            character if character == quote => characters.next().unwrap_or(character),
            '\\' if quote != '`' => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('0') => '\0',
                Some('Z') => '\u{1A}',
                Some(other) => other,
                None => '\\',
            },
            character => character,
        });
    }
    text
}

/// The length of the quoted text at the beginning, with its quotes.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote != '`' {
            characters.next();
        } else if character == quote {
            if characters.peek().is_none_or(|&(_, next)| next != quote) {
                return Some(at + 1);
            }
            characters.next();
        }
    }
    None
}

fn is_word(character: char) -> bool {
    // The point makes "1.5" one word; behind a quoted name it begins one of its own, which nobody looks for.
    character.is_alphanumeric() || "_$.".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_quotes_and_parentheses_are_no_landmarks() {
        let mut reader = Reader::new("GRANT SELECT (`TO`, b) ON `a``TO\\`.* TO `it's`@`%` WITH GRANT OPTION").unwrap();
        assert!(reader.take("GRANT"));
        assert_eq!(reader.until(&["ON"]), "SELECT (`TO`, b)");
        assert!(reader.take("ON"));
        assert_eq!(reader.until(&["TO"]), "`a``TO\\`.*");
        assert!(reader.take("to") && !reader.take("TO"));
        assert_eq!(reader.name().unwrap(), "it's");
        assert!(reader.symbol('@') && !reader.symbol('@'));
        assert_eq!(reader.name().unwrap(), "%");
        assert!(reader.has("GRANT OPTION") && !reader.has("ADMIN OPTION") && !reader.is_empty());
    }

    #[test]
    fn literals_are_read_as_the_server_wrote_them() {
        let mut reader = Reader::new(r"'a''b\'c\\' `d\` 0x2441 plain").unwrap();
        let names: Vec<String> = std::iter::from_fn(|| reader.name()).collect();
        assert_eq!(names, [r"a'b'c\", r"d\", "$A", "plain"]);
        assert!(Reader::new("IDENTIFIED BY 'open").is_none());
    }

    #[test]
    fn lists_are_divided_at_their_own_commas() {
        assert_eq!(parts("SELECT (`a`, `b,`), INSERT,`r`@`%`"), ["SELECT (`a`, `b,`)", "INSERT", "`r`@`%`"]);
        assert_eq!(parts(""), [""; 0]);
    }
}
