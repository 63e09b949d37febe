//! One version.

use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::LazyLock;

use regex::Regex;

use crate::Error;
use crate::value::{IntType, Object, Value};

/// What follows the numbers of a version and of a constraint: pre-release and metadata.
pub(super) const TAIL: &str = r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";

#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) pre: String,
    metadata: String,
    original: String,
}

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        static VERSION: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(&format!(r"^v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?{TAIL}$")).ok());
        let found = VERSION.as_ref()?.captures(text)?;
        let group = |number: usize| found.get(number).map_or("", |found| found.as_str());
        // Larger numbers than an int64 could not be handed to a template.
        let number = |group: &str| match group.trim_start_matches('.') {
            "" => Some(0),
            digits => digits.parse().ok().filter(|number| i64::try_from(*number).is_ok()),
        };
        let starts_with_zero =
            |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit());
        if group(5).split('.').any(starts_with_zero) {
            return None;
        }
        Some(Self {
            major: number(group(1))?,
            minor: number(group(2))?,
            patch: number(group(3))?,
            pre: group(5).to_owned(),
            metadata: group(8).to_owned(),
            original: text.to_owned(),
        })
    }

    /// Metadata does not matter.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => compare_pre(&self.pre, &other.pre),
        })
    }

    /// The next version; the parts behind the one that grows start anew.
    fn next(&self, part: &str) -> Self {
        let (major, minor, patch) = match part {
            "IncMajor" => (self.major + 1, 0, 0),
            "IncMinor" => (self.major, self.minor + 1, 0),
            _ if self.pre.is_empty() => (self.major, self.minor, self.patch + 1),
            _ => (self.major, self.minor, self.patch),
        };
        let prefix = if self.original.starts_with('v') { "v" } else { "" };
        let original = format!("{prefix}{major}.{minor}.{patch}");
        Self { major, minor, patch, pre: String::new(), metadata: String::new(), original }
    }
}

fn compare_pre(one: &str, other: &str) -> Ordering {
    let (mut parts, mut others) = (one.split('.'), other.split('.'));
    loop {
        let order = match (parts.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(part), Some(other)) => match (part.parse::<u64>(), other.parse::<u64>()) {
                _ if part == other => Ordering::Equal,
                (Ok(part), Ok(other)) if part > other => Ordering::Greater,
                (Ok(_), _) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => part.cmp(other),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

impl Object for Version {
    fn type_name(&self) -> &'static str {
        "*semver.Version"
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn print(&self) -> String {
        let part = |mark: &str, text: &str| if text.is_empty() { String::new() } else { format!("{mark}{text}") };
        let (pre, metadata) = (part("-", &self.pre), part("+", &self.metadata));
        format!("{}.{}.{}{pre}{metadata}", self.major, self.minor, self.patch)
    }

    fn member(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Error>> {
        let number = |number: u64| Value::Int(IntType::Uint64, i64::try_from(number).unwrap_or(i64::MAX));
        if let [Value::Object(_)] = arguments
            && let Some(other) = arguments[0].object::<Self>()
        {
            let order = self.compare(other);
            return Some(Ok(match name {
                "Compare" => Value::Int(IntType::Int, order as i64),
                "Equal" => Value::Bool(order.is_eq()),
                "LessThan" => Value::Bool(order.is_lt()),
                "LessThanEqual" => Value::Bool(order.is_le()),
                "GreaterThan" => Value::Bool(order.is_gt()),
                "GreaterThanEqual" => Value::Bool(order.is_ge()),
                _ => return None,
            }));
        }
        let found = match name {
            "Major" => number(self.major),
            "Minor" => number(self.minor),
            "Patch" => number(self.patch),
            "Prerelease" => self.pre.as_str().into(),
            "Metadata" => self.metadata.as_str().into(),
            "Original" => self.original.as_str().into(),
            "String" => self.print().as_str().into(),
            "IncMajor" | "IncMinor" | "IncPatch" => Value::Object(Rc::new(self.next(name))),
            _ => return None,
        };
        let problem = || Error::Failed(format!("{name} has no arguments"));
        Some(if arguments.is_empty() { Ok(found) } else { Err(problem()) })
    }
}
