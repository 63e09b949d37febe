//! Constraints on versions: `>= 1.2, < 3 || ~4.1`.

use std::sync::LazyLock;

use regex::Regex;

use super::version::{TAIL, Version};

/// Alternatives, each of which asks for all of its parts.
pub(super) struct Constraints(Vec<Vec<Constraint>>);

struct Constraint {
    operator: String,
    version: Version,
    /// Which part is `x` or not written: it and those behind it may be anything.
    open: Open,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Patch,
    Minor,
    Major,
}

struct Syntax {
    one: Regex,
    range: Regex,
    find: Regex,
    valid: Regex,
}

fn syntax() -> Option<&'static Syntax> {
    static SYNTAX: LazyLock<Option<Syntax>> = LazyLock::new(|| {
        let version = format!(r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?{TAIL}");
        let operator = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
        let space = r"[\t\n\f\r ]";
        Some(Syntax {
            one: Regex::new(&format!("^{space}*({operator}){space}*({version}){space}*$")).ok()?,
            range: Regex::new(&format!("{space}*({version}){space}+-{space}+({version}){space}*")).ok()?,
            find: Regex::new(&format!("({operator}){space}*({version})")).ok()?,
            valid: Regex::new(&format!(
                "^({space}*({operator}){space}*({version}){space}*)\
                 ((?:{space}+|,{space}*)({operator}){space}*({version}){space}*)*$"
            ))
            .ok()?,
        })
    });
    SYNTAX.as_ref()
}

impl Constraints {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let syntax = syntax()?;
        let text = syntax.range.replace_all(text, ">= ${1}, <= ${11} ");
        let alternative = |text: &str| {
            if !syntax.valid.is_match(text) {
                return None;
            }
            syntax.find.find_iter(text).map(|found| Constraint::parse(syntax, found.as_str())).collect()
        };
        text.split("||").map(alternative).collect::<Option<_>>().map(Self)
    }

    pub(super) fn allow(&self, version: &Version) -> bool {
        self.0.iter().any(|all| all.iter().all(|one| one.allows(version)))
    }
}

impl Constraint {
    fn parse(syntax: &Syntax, text: &str) -> Option<Self> {
        let found = syntax.one.captures(text)?;
        let group = |number: usize| found.get(number).map_or("", |found| found.as_str());
        let is_open = |part: &str| matches!(part.trim_start_matches('.'), "" | "x" | "X" | "*");
        let (major, minor, pre) = (group(3), group(4), group(6));
        let (open, written) = if is_open(major) {
            (Open::Major, format!("0.0.0{pre}"))
        } else if is_open(minor) {
            (Open::Minor, format!("{major}.0.0{pre}"))
        } else if is_open(group(5)) {
            (Open::Patch, format!("{major}{minor}.0{pre}"))
        } else {
            (Open::Nothing, group(2).to_owned())
        };
        Some(Self { operator: group(1).to_owned(), version: Version::parse(&written)?, open })
    }

    fn allows(&self, version: &Version) -> bool {
        let wanted = &self.version;
        let pre_release_unasked = !version.pre.is_empty() && wanted.pre.is_empty();
        match self.operator.as_str() {
            "!=" => match self.open {
                Open::Nothing => version.compare(wanted).is_ne(),
                _ if pre_release_unasked => false,
                _ => self.differs(version),
            },
            _ if pre_release_unasked => false,
            ">" => self.is_below(version),
            "<" => version.compare(wanted).is_lt(),
            ">=" | "=>" => version.compare(wanted).is_ge(),
            "<=" | "=<" => self.reaches(version),
            "~" | "~>" => self.is_near(version),
            "^" => version.compare(wanted).is_ge() && self.is_compatible(version),
            _ if self.open == Open::Nothing => version.compare(wanted).is_eq(),
            _ => self.is_near(version),
        }
    }

    fn differs(&self, version: &Version) -> bool {
        let wanted = &self.version;
        version.major != wanted.major
            || match self.open {
                Open::Minor => false,
                _ if version.minor != wanted.minor => true,
                Open::Patch => version.pre != wanted.pre,
                _ => version.patch != wanted.patch || version.compare(wanted).is_ne(),
            }
    }

    fn is_below(&self, version: &Version) -> bool {
        let wanted = &self.version;
        match self.open {
            Open::Nothing => version.compare(wanted).is_gt(),
            _ if version.major != wanted.major => version.major > wanted.major,
            Open::Minor => false,
            Open::Patch => version.minor > wanted.minor,
            Open::Major => version.compare(wanted).is_gt(),
        }
    }

    fn reaches(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if self.open == Open::Nothing {
            return version.compare(wanted).is_le();
        }
        let minor_is_over = version.minor > wanted.minor && self.open != Open::Minor;
        version.major < wanted.major || version.major == wanted.major && !minor_is_over
    }

    /// `~1.2` is `>= 1.2, < 1.3`.
    fn is_near(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.compare(wanted).is_lt() {
            return false;
        }
        let anything =
            (wanted.major, wanted.minor, wanted.patch) == (0, 0, 0) && !matches!(self.open, Open::Minor | Open::Patch);
        anything || version.major == wanted.major && (version.minor == wanted.minor || self.open == Open::Minor)
    }

    /// `^1.2` is `>= 1.2, < 2`.
    fn is_compatible(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if wanted.major > 0 || self.open == Open::Minor {
            return version.major == wanted.major;
        }
        if version.major > 0 {
            return false;
        }
        if wanted.minor > 0 || self.open == Open::Patch {
            return version.minor == wanted.minor;
        }
        version.minor == 0 && version.patch == wanted.patch
    }
}
