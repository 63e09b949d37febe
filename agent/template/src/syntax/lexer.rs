//! Cuts the text of a template into tokens.

use crate::Error;

/// A token and where it starts in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What stands between actions, trimmed.
    Text,
    /// `{{`
    Left,
    /// `}}`
    Right,
    /// White space in an action. It separates operands.
    Space,
    /// `"…"` as written.
    Quoted,
    /// `` `…` `` as written.
    Raw,
    /// `'…'` as written.
    Char,
    Number,
    Bool,
    /// `.`
    Dot,
    /// `.name`
    Field,
    /// `$name`
    Variable,
    /// A function's name.
    Identifier,
    /// A word of the grammar.
    Keyword,
    /// `|`, `:=`, `=`, `,`, `(`, `)`
    Sign,
    End,
}

const KEYWORDS: [&str; 11] =
    ["block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"];

/// All tokens of a text, with an [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Error> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    let mut trims = false;
    while let Some(left) = text[lexer.at..].find("{{") {
        let before = lexer.at..lexer.at + left;
        lexer.at = before.end + 2;
        let trims_before = lexer.rest().strip_prefix('-').is_some_and(|rest| rest.starts_with(is_space));
        lexer.text(before.start, before.end, trims, trims_before);
        if trims_before {
            lexer.at += 2;
        }
        trims = if lexer.rest().starts_with("/*") { lexer.comment()? } else { lexer.action(before.end)? };
    }
    lexer.text(lexer.at, text.len(), trims, false);
    lexer.at = text.len();
    lexer.push(Kind::End, text.len());
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Takes what lies between a place and here.
    fn push(&mut self, kind: Kind, from: usize) {
        self.tokens.push(Token { kind, text: &self.text[from..self.at], at: from });
    }

    fn text(&mut self, from: usize, to: usize, trim_start: bool, trim_end: bool) {
        let mut text = &self.text[from..to];
        if trim_start {
            text = text.trim_start_matches(is_space);
        }
        if trim_end {
            text = text.trim_end_matches(is_space);
        }
        if !text.is_empty() {
            self.tokens.push(Token { kind: Kind::Text, text, at: from });
        }
    }

    /// How the action ends here, if it does: the length of the delimiter and whether it trims.
    fn closing(&self) -> Option<(usize, bool)> {
        let rest = self.rest();
        if rest.starts_with("}}") {
            return Some((2, false));
        }
        let trimming = rest.strip_prefix(is_space).is_some_and(|rest| rest.starts_with("-}}"));
        trimming.then_some((4, true))
    }

    /// A comment, which has to touch its delimiters. Does it trim what follows?
    fn comment(&mut self) -> Result<bool, Error> {
        let start = self.at;
        self.at += self.rest().find("*/").ok_or_else(|| problem(self.text, start, "unclosed comment"))? + 2;
        let (length, trims) =
            self.closing().ok_or_else(|| problem(self.text, start, "comment ends before closing delimiter"))?;
        self.at += length;
        Ok(trims)
    }

    /// An action whose delimiter was taken. Does it trim what follows?
    fn action(&mut self, left: usize) -> Result<bool, Error> {
        self.push(Kind::Left, left);
        let mut open = 0_usize;
        loop {
            if let Some((length, trims)) = self.closing() {
                if open > 0 {
                    return Err(self.problem("unclosed left paren"));
                }
                let start = self.at;
                self.at += length;
                self.push(Kind::Right, start);
                return Ok(trims);
            }
            let start = self.at;
            let Some(next) = self.rest().chars().next() else { return Err(self.problem("unclosed action")) };
            let kind = match next {
                _ if is_space(next) => self.space(),
                '"' | '\'' => self.quoted(next)?,
                '`' => self.raw()?,
                '+' | '-' | '0'..='9' => self.number()?,
                '.' if self.rest()[1..].starts_with(|next: char| next.is_ascii_digit()) => self.number()?,
                '.' => self.name(Kind::Dot, Kind::Field)?,
                '$' => self.name(Kind::Variable, Kind::Variable)?,
                '(' | ')' | '|' | '=' | ',' => {
                    open = match next {
                        '(' => open + 1,
                        ')' => open.checked_sub(1).ok_or_else(|| self.problem("unexpected right paren"))?,
                        _ => open,
                    };
                    self.at += 1;
                    Kind::Sign
                }
                ':' if self.rest().starts_with(":=") => {
                    self.at += 2;
                    Kind::Sign
                }
                _ if is_alphanumeric(next) => self.word()?,
                _ => return Err(self.problem(&format!("unexpected {next:?} in action"))),
            };
            self.push(kind, start);
        }
    }

    fn problem(&self, what: &str) -> Error {
        problem(self.text, self.at, what)
    }

    /// White space, but for one that belongs to the closing delimiter.
    fn space(&mut self) -> Kind {
        while self.closing().is_none() && self.rest().starts_with(is_space) {
            self.at += 1;
        }
        Kind::Space
    }

    fn quoted(&mut self, quote: char) -> Result<Kind, Error> {
        let mut escaped = false;
        for (offset, next) in self.rest().char_indices().skip(1) {
            match next {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if next == quote => {
                    self.at += offset + 1;
                    return Ok(if quote == '"' { Kind::Quoted } else { Kind::Char });
                }
                _ => {}
            }
        }
        Err(self.problem(if quote == '"' { "unterminated quoted string" } else { "unterminated character constant" }))
    }

    fn raw(&mut self) -> Result<Kind, Error> {
        let end = self.rest()[1..].find('`').ok_or_else(|| self.problem("unterminated raw quoted string"))?;
        self.at += end + 2;
        Ok(Kind::Raw)
    }

    /// Anything that could be a number: the parser knows which are.
    fn number(&mut self) -> Result<Kind, Error> {
        let start = self.at;
        let digits = self.rest().trim_start_matches(['+', '-']);
        let hex = digits.starts_with("0x") || digits.starts_with("0X");
        let mut before = ' ';
        for next in self.rest().chars() {
            let signed = if hex { matches!(before, 'p' | 'P') } else { matches!(before, 'e' | 'E') };
            if !(is_alphanumeric(next) || next == '.' || matches!(next, '+' | '-') && (before == ' ' || signed)) {
                break;
            }
            before = next;
            self.at += next.len_utf8();
        }
        if super::numbers::number(&self.text[start..self.at]).is_none() {
            return Err(problem(self.text, start, "bad number syntax"));
        }
        Ok(Kind::Number)
    }

    /// `.name` or `$name`; the sign alone is `bare`.
    fn name(&mut self, bare: Kind, named: Kind) -> Result<Kind, Error> {
        self.at += 1;
        let name = self.alphanumeric();
        self.terminated()?;
        Ok(if name.is_empty() { bare } else { named })
    }

    fn word(&mut self) -> Result<Kind, Error> {
        let word = self.alphanumeric();
        self.terminated()?;
        Ok(match word {
            "true" | "false" => Kind::Bool,
            _ if KEYWORDS.contains(&word) => Kind::Keyword,
            _ => Kind::Identifier,
        })
    }

    fn alphanumeric(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|next| !is_alphanumeric(next)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Names end where an operand can end.
    fn terminated(&self) -> Result<(), Error> {
        let rest = self.rest();
        let ends = rest.is_empty()
            || rest.starts_with("}}")
            || rest.starts_with(|next| is_space(next) || matches!(next, '.' | ',' | '|' | ':' | ')' | '('));
        if ends { Ok(()) } else { Err(self.problem("bad character")) }
    }
}

pub(super) fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

/// An error that points into the text.
pub(super) fn problem(text: &str, at: usize, problem: &str) -> Error {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Error::Syntax {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        problem: problem.to_owned(),
    }
}
