//! The identity's key in a file, as a mounted Secret gives it.

use super::{
    KeyRefused, LocalKey, Request, Signer, SignerError, Snapshot,
    key_file::{KeyFileError, read_key},
};
use alloy_primitives::{Address, B256};
use chain::Seal;
use futures::future::{BoxFuture, FutureExt as _, ready};
use std::path::Path;

/// Holds the key in memory.
pub struct FileSigner(LocalKey);

impl FileSigner {
    /// Reads the key and checks that it is the identity's.
    pub fn open(path: &Path, identity: Address) -> Result<Self, KeyFileError> {
        let held = Self::of(path)?;
        if held.0.address() == identity {
            return Ok(held);
        }
        Err(KeyFileError::WrongKey { path: path.to_path_buf(), got: held.0.address(), want: identity })
    }

    /// Holds whatever key the file has.
    pub fn of(path: &Path) -> Result<Self, KeyFileError> {
        let secret = read_key(path)?;
        let key = LocalKey::from_bytes(&secret);
        Ok(Self(key.map_err(|_: KeyRefused| KeyFileError::OutOfRange { path: path.to_path_buf() })?))
    }

    /// Signs at once.
    pub fn sign_now(&self, hash: B256) -> Result<Seal, SignerError> {
        self.0.sign(hash)
    }
}

impl Signer for FileSigner {
    fn address(&self) -> Address {
        self.0.address()
    }

    fn sign(&self, request: Request) -> BoxFuture<'_, Result<Seal, SignerError>> {
        ready(self.sign_now(request.hash)).boxed()
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::local()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Purpose, budget},
        *,
    };

    /// Key 1, whose address is well known.
    const KEY: &str = "0000000000000000000000000000000000000000000000000000000000000001\n";

    fn key_file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn a_signature_recovers_to_the_identity() {
        let file = key_file(KEY);
        let address = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf".parse().unwrap();
        let signer = FileSigner::open(file.path(), address).unwrap();
        let hash = B256::repeat_byte(7);
        let request = Request { hash, purpose: Purpose::Prepare, budget: budget::ASIDE };
        let seal = signer.sign(request).now_or_never().unwrap().unwrap();
        assert_eq!(chain::signature::recover(hash, &seal), Ok(address));
    }

    #[test]
    fn a_key_of_another_address_is_refused_with_both_addresses() {
        let file = key_file(KEY);
        let Err(error) = FileSigner::open(file.path(), Address::repeat_byte(1)) else { panic!() };
        let text = error.to_string();
        assert!(text.contains("0x7E5F") && text.contains("0x0101"), "{text}");
    }

    #[test]
    fn a_malformed_key_is_refused_without_showing_it() {
        for text in ["", "abc", "zz", &"f".repeat(64), &"0".repeat(64), &format!("{KEY}00")] {
            let file = key_file(text);
            let Err(error) = FileSigner::open(file.path(), Address::ZERO) else { panic!("{text}") };
            let shown = error.to_string();
            assert!(text.is_empty() || !shown.contains(text.trim()), "{shown}");
        }
    }
}
