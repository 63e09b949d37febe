//! The names of subjects: as text, as Go's `pkix.Name.String` gives it, and as ASN.1.

use std::fmt::Write as _;

use der::asn1::{AnyRef, ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use der::{Decode, Encode, Reader as _, Sequence, SliceReader, Tag, Tagged as _};

/// `AttributeTypeAndValue`
#[derive(Clone, Copy, Sequence)]
struct Attribute<'a> {
    id: ObjectIdentifier,
    value: AnyRef<'a>,
}

/// Attributes that Go keeps in fields, in the order it writes them in: the last first.
const FIELDS: [(&str, &str); 9] = [
    ("2.5.4.6", "C"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.17", "POSTALCODE"),
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
];

/// Of these, Go keeps one.
const SINGLE: [&str; 2] = ["CN", "SERIALNUMBER"];

/// The text of a name.
pub(super) fn text(name: AnyRef<'_>) -> Result<String, der::Error> {
    let mut attributes = Vec::new();
    for set in items::<AnyRef<'_>>(name.value())? {
        attributes.extend(items::<Attribute<'_>>(set.value())?);
    }
    let values = |id: &str| -> Vec<String> {
        let of_id = attributes.iter().filter(|attribute| attribute.id.to_string() == id);
        of_id.filter_map(|attribute| string(attribute.value)).collect()
    };
    let mut parts = Vec::new();
    for attribute in &attributes {
        let id = attribute.id.to_string();
        if FIELDS.iter().all(|(field, _)| *field != id) {
            parts.push(format!("{id}=#{}", hex(&canonical(attribute.value)?)));
        }
    }
    for (id, field) in FIELDS {
        let mut values = values(id);
        if SINGLE.contains(&field) {
            values = values.pop().into_iter().filter(|value| !value.is_empty()).collect();
        }
        if !values.is_empty() {
            let values = values.iter().map(|value| format!("{field}={}", escaped(value)));
            parts.push(values.collect::<Vec<_>>().join("+"));
        }
    }
    parts.reverse();
    Ok(parts.join(","))
}

/// The name that has a common name and nothing else; no part at all if that is empty.
pub(super) fn common(name: &str) -> Result<Vec<u8>, der::Error> {
    if name.is_empty() {
        return Vec::<AnyRef<'_>>::new().to_der();
    }
    let value = plain_string(name)?;
    let attribute =
        Attribute { id: ObjectIdentifier::new_unwrap("2.5.4.3"), value: AnyRef::from_der(&value)? }.to_der()?;
    let set = AnyRef::new(Tag::Set, &attribute)?;
    vec![set].to_der()
}

/// The string of a value; nothing if it is none.
fn string(value: AnyRef<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::NumericString | Tag::Ia5String | Tag::VisibleString => {
            std::str::from_utf8(value.value()).ok().map(str::to_owned)
        }
        Tag::TeletexString => Some(value.value().iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let units = value.value().chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            Some(char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        _ => None,
    }
}

/// A value as Go writes it again: strings in the form it chooses.
fn canonical(value: AnyRef<'_>) -> Result<Vec<u8>, der::Error> {
    string(value).map_or_else(|| value.to_der(), |text| plain_string(&text))
}

fn plain_string(text: &str) -> Result<Vec<u8>, der::Error> {
    // Go takes neither an asterisk nor an ampersand for printable.
    match PrintableStringRef::new(text) {
        Ok(printable) => printable.to_der(),
        Err(_) => Utf8StringRef::new(text)?.to_der(),
    }
}

fn escaped(value: &str) -> String {
    let last = value.len().saturating_sub(1);
    let mut text = String::new();
    for (at, letter) in value.char_indices() {
        let escape = match letter {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => at == 0 || at == last,
            '#' => at == 0,
            _ => false,
        };
        text.extend(escape.then_some('\\'));
        text.push(letter);
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a String does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

/// The values in a collection, in whatever order.
fn items<'a, T: Decode<'a, Error = der::Error>>(bytes: &'a [u8]) -> Result<Vec<T>, der::Error> {
    let mut reader = SliceReader::new(bytes)?;
    let mut items = Vec::new();
    while !reader.is_finished() {
        items.push(T::decode(&mut reader)?);
    }
    Ok(items)
}
