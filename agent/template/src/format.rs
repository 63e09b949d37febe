//! Values as Go's package fmt prints them.

mod numbers;
mod printf;
mod quote;

use zeroize::Zeroizing;

use crate::Error;
use crate::run::Run;
use crate::value::{DEEPEST, IntType, Text, Value, letters};

pub(crate) use numbers::{DAYS, MONTHS, duration, method};
pub(crate) use quote::{is_print, is_punctuation, quote};

use numbers::Sign;

/// What stands between the `%` and the verb of a format.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a letter of the format")]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%#v`
    go_syntax: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `fmt.Sprint(value)`, and so `%v`.
pub(crate) fn display(run: &Run<'_>, value: &Value) -> Result<Text, Error> {
    if let Value::Text(text) = value {
        return Ok(text.clone());
    }
    let mut printer = Printer::new(run);
    printer.argument(value, 'v')?;
    Ok(printer.done())
}

/// `fmt.Sprint`
pub(crate) fn sprint(run: &Run<'_>, values: &[Value]) -> Result<Text, Error> {
    let mut printer = Printer::new(run);
    for (number, value) in values.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        if number > 0 && !is_text(value) && !is_text(&values[number - 1]) {
            printer.push(b" ")?;
        }
        printer.argument(value, 'v')?;
    }
    Ok(printer.done())
}

/// `fmt.Sprintln`
pub(crate) fn sprintln(run: &Run<'_>, values: &[Value]) -> Result<Text, Error> {
    let mut printer = Printer::new(run);
    for (number, value) in values.iter().enumerate() {
        if number > 0 {
            printer.push(b" ")?;
        }
        printer.argument(value, 'v')?;
    }
    printer.push(b"\n")?;
    Ok(printer.done())
}

/// `fmt.Sprintf`
pub(crate) fn sprintf(run: &Run<'_>, format: &Text, values: &[Value]) -> Result<Text, Error> {
    let mut printer = Printer::new(run);
    printf::print(&mut printer, &format.lossy(), values)?;
    Ok(printer.done())
}

/// Collects what is printed, counting it.
struct Printer<'r, 'a> {
    run: &'r Run<'a>,
    out: Zeroizing<Vec<u8>>,
    flags: Flags,
}

impl<'r, 'a> Printer<'r, 'a> {
    fn new(run: &'r Run<'a>) -> Self {
        Self { run, out: Zeroizing::default(), flags: Flags::default() }
    }

    fn done(mut self) -> Text {
        std::mem::take(&mut *self.out).into()
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.run.make(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Pads to the width.
    fn pad(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(width) = self.flags.width else { return self.push(bytes) };
        let missing = width.saturating_sub(letters(bytes).count());
        self.run.make(missing)?;
        let filling = if self.flags.zero && !self.flags.minus { b"0" } else { b" " }.repeat(missing);
        let (before, after) = if self.flags.minus { (&[][..], &filling[..]) } else { (&filling[..], &[][..]) };
        self.out.extend_from_slice(before);
        self.push(bytes)?;
        self.out.extend_from_slice(after);
        Ok(())
    }

    fn pad_with_spaces(&mut self, text: &str) -> Result<(), Error> {
        let zero = std::mem::take(&mut self.flags.zero);
        let done = self.pad(text.as_bytes());
        self.flags.zero = zero;
        done
    }

    fn argument(&mut self, value: &Value, verb: char) -> Result<(), Error> {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(value, verb),
            (_, 'T') => self.text(value.type_name().as_bytes(), 's', value),
            _ => self.value(value, verb, 0),
        }
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) -> Result<(), Error> {
        if depth > DEEPEST {
            return Err(Error::TooDeep);
        }
        self.run.read(1)?;
        match value {
            Value::Nil if self.flags.go_syntax => self.push(b"interface {}(nil)"),
            Value::Nil => self.push(b"<nil>"),
            Value::Bool(truth) if matches!(verb, 't' | 'v') => self.pad(truth.to_string().as_bytes()),
            Value::Bool(_) => self.bad_verb(value, verb),
            Value::Int(type_, number) => self.int(*type_, *number, verb, value),
            Value::Float(number) => self.float(*number, verb, value),
            Value::Text(text) => self.text(text, verb, value),
            Value::Object(object) => self.text(object.print().as_bytes(), verb, value),
            Value::List(list) => {
                let (open, between, close) = self.brackets(value, "[");
                self.push(open.as_bytes())?;
                for (number, item) in list.iter().enumerate() {
                    if number > 0 {
                        self.push(between)?;
                    }
                    self.value(item, verb, depth + 1)?;
                }
                self.push(close)
            }
            Value::Dict(dict) => {
                let (open, between, close) = self.brackets(value, "map[");
                self.push(open.as_bytes())?;
                for (number, (key, item)) in dict.entries().iter().enumerate() {
                    if number > 0 {
                        self.push(between)?;
                    }
                    self.text(key, verb, &Value::Text(key.clone()))?;
                    self.push(b":")?;
                    self.value(item, verb, depth + 1)?;
                }
                self.push(close)
            }
        }
    }

    /// What stands before, between and after elements.
    fn brackets(&self, value: &Value, open: &str) -> (String, &'static [u8], &'static [u8]) {
        if self.flags.go_syntax {
            (format!("{}{{", value.type_name()), b", ", b"}")
        } else {
            (open.to_owned(), b" ", b"]")
        }
    }

    fn int(&mut self, type_: IntType, number: i64, verb: char, value: &Value) -> Result<(), Error> {
        if let (Some(name), 'v' | 's' | 'x' | 'X' | 'q') = (numbers::named(type_, number), verb)
            && !self.flags.go_syntax
        {
            return self.text(name.as_bytes(), verb, value);
        }
        let unsigned = matches!(type_, IntType::Uint8 | IntType::Uint64);
        let sign = Sign { negative: number < 0, plus: self.flags.plus, space: self.flags.space };
        let (base, upper) = match verb {
            'v' if self.flags.go_syntax && unsigned => {
                let printed = format!("{number:#x}");
                return self.pad_with_spaces(&printed);
            }
            'v' | 'd' => (10, false),
            'b' => (2, false),
            'o' | 'O' => (8, false),
            'x' => (16, false),
            'X' => (16, true),
            'c' | 'q' => {
                let letter = u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{FFFD}');
                let printed = if verb == 'c' { letter.to_string() } else { quote::character(letter, self.flags.plus) };
                return self.pad(printed.as_bytes());
            }
            'U' => {
                self.run.make(self.flags.precision.unwrap_or(0))?;
                let printed = numbers::unicode(number, self.flags);
                return self.pad_with_spaces(&printed);
            }
            _ => return self.bad_verb(value, verb),
        };
        self.run.make(self.flags.precision.or(self.flags.width).unwrap_or(0))?;
        let printed = numbers::integer(number.unsigned_abs(), base, upper, verb == 'O', sign, self.flags);
        self.pad_with_spaces(&printed)
    }

    fn float(&mut self, number: f64, verb: char, value: &Value) -> Result<(), Error> {
        let (verb, precision) = match verb {
            'v' => ('g', None),
            'g' | 'G' => (verb, None),
            'f' | 'e' | 'E' => (verb, Some(6)),
            'F' => ('f', Some(6)),
            _ => return self.bad_verb(value, verb),
        };
        let precision = self.flags.precision.or(precision);
        self.run.make(precision.unwrap_or(0))?;
        let printed = numbers::float(number.abs(), verb, precision, self.flags.sharp);
        let sign = match () {
            () if number.is_sign_negative() && !number.is_nan() => "-",
            () if self.flags.plus => "+",
            () if self.flags.space => " ",
            () => "",
        };
        if !number.is_finite() {
            return self.pad_with_spaces(&format!(
                "{}{printed}",
                if number.is_infinite() && sign.is_empty() { "+" } else { sign }
            ));
        }
        let width = self.flags.width.unwrap_or(0);
        let zeros =
            if self.flags.zero && !self.flags.minus { width.saturating_sub(sign.len() + printed.len()) } else { 0 };
        self.run.make(zeros)?;
        self.pad_with_spaces(&format!("{sign}{}{printed}", "0".repeat(zeros)))
    }

    fn text(&mut self, text: &[u8], verb: char, value: &Value) -> Result<(), Error> {
        match verb {
            'v' if self.flags.go_syntax => self.quoted(text),
            'v' | 's' => self.pad(self.truncated(text)),
            'x' | 'X' => self.hex(text, verb == 'X'),
            'q' => self.quoted(text),
            _ => self.bad_verb(value, verb),
        }
    }

    /// As many letters as the precision allows.
    fn truncated<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(most) = self.flags.precision else { return text };
        let length = letters(text).take(most).map(<[u8]>::len).sum();
        &text[..length]
    }

    fn quoted(&mut self, text: &[u8]) -> Result<(), Error> {
        let text = Text::from(self.truncated(text));
        self.run.make(text.len())?;
        let quoted = if self.flags.sharp && quote::can_backquote(&text) {
            Zeroizing::new(format!("`{}`", &*text.lossy()))
        } else {
            quote::quote(&text, self.flags.plus)
        };
        self.pad(quoted.as_bytes())
    }

    fn hex(&mut self, text: &[u8], upper: bool) -> Result<(), Error> {
        let text = &text[..text.len().min(self.flags.precision.unwrap_or(usize::MAX))];
        self.run.make(text.len().saturating_mul(5))?;
        let prefix = match (self.flags.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let byte = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        let bytes: Zeroizing<Vec<String>> = Zeroizing::new(text.iter().map(byte).collect());
        let printed = match (text.is_empty(), self.flags.space) {
            (true, _) => String::new(),
            (false, true) => format!("{prefix}{}", bytes.join(&format!(" {prefix}"))),
            (false, false) => format!("{prefix}{}", bytes.concat()),
        };
        self.pad(Zeroizing::new(printed).as_bytes())
    }

    fn bad_verb(&mut self, value: &Value, verb: char) -> Result<(), Error> {
        self.push(format!("%!{verb}(").as_bytes())?;
        if matches!(value, Value::Nil) {
            self.push(b"<nil>")?;
        } else {
            self.push(format!("{}=", value.type_name()).as_bytes())?;
            self.value(value, 'v', 0)?;
        }
        self.push(b")")
    }
}
