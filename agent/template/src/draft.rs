//! Text under construction that counts while it grows.

use zeroize::Zeroizing;

use crate::Error;
use crate::run::Run;
use crate::value::{Text, Value};

/// For functions whose output can be much longer than their input.
pub(crate) struct Draft<'r, 'a> {
    run: &'r Run<'a>,
    bytes: Zeroizing<Vec<u8>>,
}

impl<'r, 'a> Draft<'r, 'a> {
    pub(crate) fn new(run: &'r Run<'a>) -> Self {
        Self { run, bytes: Zeroizing::default() }
    }

    pub(crate) fn push(&mut self, part: &[u8]) -> Result<(), Error> {
        self.run.make(part.len())?;
        self.bytes.extend_from_slice(part);
        Ok(())
    }

    pub(crate) fn push_times(&mut self, part: &[u8], times: usize) -> Result<(), Error> {
        self.run.make(part.len().saturating_mul(times))?;
        self.bytes.extend(part.repeat(times));
        Ok(())
    }

    pub(crate) fn text(mut self) -> Text {
        std::mem::take(&mut *self.bytes).into()
    }

    /// The text as the result of a function, which counts no second time.
    pub(crate) fn value(self) -> Value {
        Value::Text(self.text())
    }
}
