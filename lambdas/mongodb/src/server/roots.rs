//! The certificates that a connection trusts, as the file that the driver wants them in.

use std::fs::{OpenOptions, remove_file};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rekey_rotation::engine::EngineError;
use rekey_rotation::place::Trust;
use rekey_rotation::tls;

/// A file that nobody else may write, gone when this is dropped.
#[derive(Debug)]
pub struct RootsFile {
    /// Where it is.
    pub path: PathBuf,
}

impl RootsFile {
    /// Writes the certificates.
    pub fn write(trust: &Trust) -> Result<Self, EngineError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mut pem = String::new();
        for certificate in tls::root_certificates(trust).map_err(|e| EngineError::Tls(e.to_string()))? {
            let body = STANDARD.encode(&certificate);
            pem.push_str(&format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"));
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rekey-roots-{}-{number}.pem", std::process::id()));
        let written = || -> io::Result<()> {
            // One that a crashed process of the same number left behind. Whatever is there after this is not ours.
            drop(remove_file(&path));
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(pem.as_bytes())
        };
        match written() {
            Ok(()) => Ok(Self { path }),
            Err(error) => Err(EngineError::Tls(format!("the trusted certificates were not written: {}", error.kind()))),
        }
    }
}

impl Drop for RootsFile {
    fn drop(&mut self) {
        drop(remove_file(&self.path));
    }
}
