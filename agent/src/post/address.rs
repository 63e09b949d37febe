//! An address that is never shown.

use std::fmt;

use http::Uri;

/// Where something is posted, or the proxy on the way there.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Uri);

/// The text is no address. It is not repeated: it may hold a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has to be an address like https://host/path (or http://…, which anybody on the way can read)")]
pub struct BadAddress;

impl Address {
    /// Reads an absolute address of HTTP, around which there may be blanks.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let uri: Uri = text.trim().parse().map_err(|_| BadAddress)?;
        let speaks = uri.scheme_str().is_some_and(|scheme| scheme == "https" || scheme == "http");
        let named = uri.host().is_some_and(|host| !host.is_empty());
        if speaks && named { Ok(Self(uri)) } else { Err(BadAddress) }
    }

    pub(super) fn uri(&self) -> Uri {
        self.0.clone()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address")
    }
}
