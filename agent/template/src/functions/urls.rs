//! URLs, as Go's net/url takes them apart and puts them together.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use super::Table;
use crate::Error;
use crate::run::Run;
use crate::value::{Dict, Of, Text, Value};

pub(super) fn add(table: &mut Table) {
    table.add("urlParse", |run: &Run<'_>, text: Text| {
        let url = Url::parse(&text).ok_or_else(|| Error::Failed("the text is not a URL".to_owned()))?;
        run.make(text.len().saturating_mul(3))?;
        let host_name = host_name(&url.host).to_vec();
        let entries = [
            ("scheme", url.scheme),
            ("host", url.host),
            ("hostname", host_name),
            ("path", url.path),
            ("query", url.query),
            ("opaque", url.opaque),
            ("fragment", url.fragment),
            ("userinfo", url.user.unwrap_or_default()),
        ];
        let entries = entries.into_iter().map(|(key, value)| (key.into(), Value::Text(value.into())));
        run.dict(Of::Any, entries.collect::<BTreeMap<_, _>>())
    });
    table.add("urlJoin", url_join);
}

fn url_join(dict: Dict) -> Result<Vec<u8>, Error> {
    let part = |key: &str| match dict.get(key.as_bytes()) {
        None => Ok(Vec::new()),
        Some(Value::Text(text)) => Ok(text.to_vec()),
        Some(other) => Err(Error::Failed(format!("{key} has to be a string, not {}", other.kind()))),
    };
    let user = match part("userinfo")? {
        user if user.is_empty() => None,
        user => {
            let parsed = Url::parse(&[b"proto://", &*user, b"@host"].concat());
            parsed.ok_or_else(|| Error::Failed("userinfo cannot be part of a URL".to_owned()))?.user
        }
    };
    let url = Url {
        scheme: part("scheme")?,
        user,
        host: part("host")?,
        path: part("path")?,
        query: part("query")?,
        opaque: part("opaque")?,
        fragment: part("fragment")?,
    };
    Ok(url.join())
}

/// The parts of a URL: path and fragment decoded, the user as it would be written.
struct Url {
    scheme: Vec<u8>,
    user: Option<Vec<u8>>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    opaque: Vec<u8>,
    fragment: Vec<u8>,
}

/// Where a part stands, which says what has to be escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Host,
    Zone,
    User,
    Fragment,
}

fn needs_escape(byte: u8, place: Place) -> bool {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b',' | b';' => false,
        b'!' | b'(' | b')' | b'*' if matches!(place, Place::Host | Place::Zone | Place::Fragment) => false,
        b'\'' | b'[' | b']' | b'<' | b'>' | b'"' if matches!(place, Place::Host | Place::Zone) => false,
        b'$' | b'&' | b'+' | b'=' | b':' => place == Place::User && byte == b':',
        b'/' | b'@' => !matches!(place, Place::Path | Place::Fragment),
        b'?' => place != Place::Fragment,
        _ => true,
    }
}

fn escape(text: &[u8], place: Place) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if needs_escape(*byte, place) {
            out.extend(format!("%{byte:02X}").bytes());
        } else {
            out.push(*byte);
        }
    }
    out
}

fn unescape(text: &[u8], place: Place) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let in_host = matches!(place, Place::Host | Place::Zone);
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            if in_host && byte.is_ascii() && needs_escape(*byte, place) {
                return None;
            }
            out.push(*byte);
            continue;
        }
        let byte = digit(rest.first()?)? << 4 | digit(rest.get(1)?)?;
        let allowed = match place {
            Place::Host => byte >= 0x80 || byte == b'%',
            Place::Zone => matches!(byte, b'%' | b' ') || !needs_escape(byte, Place::Host),
            _ => true,
        };
        if !allowed {
            return None;
        }
        out.push(byte);
        rest = &rest[2..];
    }
    Some(out)
}

fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == at) {
        Some(place) => (&text[..place], Some(&text[place + 1..])),
        None => (text, None),
    }
}

impl Url {
    fn parse(text: &[u8]) -> Option<Self> {
        let (text, fragment) = cut(text, b'#');
        let fragment = unescape(fragment.unwrap_or_default(), Place::Fragment)?;
        if text.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
            return None;
        }
        let (scheme, rest) = scheme(text)?;
        let (rest, query) = cut(rest, b'?');
        let mut url = Self {
            scheme: scheme.to_ascii_lowercase(),
            user: None,
            host: Vec::new(),
            path: Vec::new(),
            query: query.unwrap_or_default().to_vec(),
            opaque: Vec::new(),
            fragment,
        };
        if text == b"*" {
            url.path = text.to_vec();
            return Some(url);
        }
        if !rest.starts_with(b"/") {
            if !scheme.is_empty() {
                url.opaque = rest.to_vec();
                return Some(url);
            }
            if cut(rest, b'/').0.contains(&b':') {
                return None;
            }
        }
        let mut path = rest;
        if rest.starts_with(b"//") && (!scheme.is_empty() || !rest.starts_with(b"///")) {
            let end = rest[2..].iter().position(|byte| *byte == b'/').map_or(rest.len(), |at| at + 2);
            path = &rest[end..];
            (url.user, url.host) = authority(&rest[2..end], &url.scheme)?;
        }
        url.path = unescape(path, Place::Path)?;
        Some(url)
    }

    fn join(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            self.join_path(&mut out);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        for (mark, part) in [(b'?', self.query.clone()), (b'#', escape(&self.fragment, Place::Fragment))] {
            if !part.is_empty() {
                out.push(mark);
                out.extend(part);
            }
        }
        out
    }

    fn join_path(&self, out: &mut Vec<u8>) {
        let has_authority = !self.host.is_empty() || self.user.is_some();
        if has_authority || !self.scheme.is_empty() && !self.path.is_empty() {
            out.extend_from_slice(b"//");
        }
        if let Some(user) = &self.user {
            out.extend_from_slice(user);
            out.push(b'@');
        }
        out.extend(escape(&self.host, Place::Host));
        let path = if self.path == b"*" { b"*".to_vec() } else { escape(&self.path, Place::Path) };
        if !path.is_empty() && !path.starts_with(b"/") && !self.host.is_empty() {
            out.push(b'/');
        }
        // What looks like a scheme is none.
        if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
            out.extend_from_slice(b"./");
        }
        out.extend(path);
    }
}

/// The scheme, which may be missing, and what follows it.
fn scheme(text: &[u8]) -> Option<(&[u8], &[u8])> {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return None,
            b':' => return Some((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Some((b"", text))
}

/// User and host.
fn authority(text: &[u8], scheme: &[u8]) -> Option<(Option<Vec<u8>>, Vec<u8>)> {
    let Some(at) = text.iter().rposition(|byte| *byte == b'@') else { return Some((None, host(text, scheme)?)) };
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
    if !text[..at].iter().all(valid) {
        return None;
    }
    let (name, password) = cut(&text[..at], b':');
    let again = |part: &[u8]| unescape(part, Place::User).map(|part| escape(&part, Place::User));
    let mut user = again(name)?;
    if let Some(password) = password {
        user.push(b':');
        user.extend(again(password)?);
    }
    Some((Some(user), host(&text[at + 1..], scheme)?))
}

fn is_port(text: &[u8]) -> bool {
    text.is_empty() || text.strip_prefix(b":").is_some_and(|port| port.iter().all(u8::is_ascii_digit))
}

fn host(text: &[u8], scheme: &[u8]) -> Option<Vec<u8>> {
    match text.iter().rposition(|byte| *byte == b'[') {
        Some(0) => {}
        Some(_) => return None,
        None => {
            let colon = if matches!(scheme, b"http" | b"https") {
                text.iter().position(|byte| *byte == b':')
            } else {
                text.iter().rposition(|byte| *byte == b':')
            };
            let port = colon.map_or(&[][..], |at| &text[at..]);
            return if is_port(port) { unescape(text, Place::Host) } else { None };
        }
    }
    let close = text.iter().rposition(|byte| *byte == b']')?;
    let (address, port) = (&text[1..close], &text[close + 1..]);
    if !is_port(port) {
        return None;
    }
    let zone = address.windows(3).position(|part| part == b"%25").unwrap_or(address.len());
    let (plain, zone) = (unescape(&address[..zone], Place::Host)?, unescape(&address[zone..], Place::Zone)?);
    std::str::from_utf8(&plain).ok()?.parse::<Ipv6Addr>().ok()?;
    Some([b"[", &*plain, &*zone, b"]", port].concat())
}

/// The host without its port and brackets.
fn host_name(host: &[u8]) -> &[u8] {
    let colon = host.iter().rposition(|byte| *byte == b':').filter(|at| is_port(&host[*at..]));
    let name = &host[..colon.unwrap_or(host.len())];
    name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name)
}
