//! Files that hold one secp256k1 key as 64 hex digits.

use super::local_key::{KeyRefused, parse};
use alloy_primitives::Address;
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Why a key file is refused. No variant carries key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Cannot be read.
    #[error("key file {path} cannot be read: {source}; check the mount and its permissions")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// Not 64 hex digits.
    #[error("key file {path} must hold 64 hex digits (32 bytes), found {got} characters of another shape")]
    Shape {
        /// The file.
        path: PathBuf,
        /// Characters found, without surrounding white space.
        got: usize,
    },
    /// Zero, or not below the curve's order.
    #[error("key file {path} holds a number that is no secp256k1 key; generate a new key")]
    OutOfRange {
        /// The file.
        path: PathBuf,
    },
    /// The key of somebody else.
    #[error("key file {path} holds the key of {got}, the configuration names {want}; mount the right key")]
    WrongKey {
        /// The file.
        path: PathBuf,
        /// Address of the key found.
        got: Address,
        /// Address configured.
        want: Address,
    },
}

/// Reads the 32 bytes; a `0x` prefix and surrounding white space are accepted.
pub fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let unreadable = |source| KeyFileError::Unreadable { path: path.to_path_buf(), source };
    let text = Zeroizing::new(fs::read_to_string(path).map_err(unreadable)?);
    parse(&text).map_err(|refused| match refused {
        KeyRefused::Shape { got } => KeyFileError::Shape { path: path.to_path_buf(), got },
        _ => KeyFileError::OutOfRange { path: path.to_path_buf() },
    })
}

/// Writes a key for its owner's eyes only; refuses to replace a file.
pub fn write_key(path: &Path, key: &Zeroizing<[u8; 32]>) -> io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let text = Zeroizing::new(hex::encode(key.as_slice()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}
