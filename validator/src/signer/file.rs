//! The identity's key in a file, as a mounted Secret gives it.

use super::{
    Signer, SignerError,
    key_file::{KeyFileError, read_key},
};
use alloy_primitives::{Address, B256};
use chain::Seal;
use futures::future::{BoxFuture, FutureExt as _, ready};
use k256::ecdsa::SigningKey;
use std::path::Path;

/// Holds the key in memory; the key type wipes itself when dropped and this one has no `Debug`.
pub struct FileSigner {
    key: SigningKey,
    address: Address,
}

impl FileSigner {
    /// Reads the key and checks that it is the identity's.
    pub fn open(path: &Path, identity: Address) -> Result<Self, KeyFileError> {
        let held = Self::of(path)?;
        if held.address == identity {
            return Ok(held);
        }
        Err(KeyFileError::WrongKey { path: path.to_path_buf(), got: held.address, want: identity })
    }

    /// Holds whatever key the file has.
    pub fn of(path: &Path) -> Result<Self, KeyFileError> {
        let secret = read_key(path)?;
        let key = SigningKey::from_slice(secret.as_slice())
            .map_err(|_| KeyFileError::OutOfRange { path: path.to_path_buf() })?;
        Ok(Self { address: Address::from_private_key(&key), key })
    }

    /// Signs at once.
    pub fn sign_now(&self, hash: B256) -> Result<Seal, SignerError> {
        let refused = |why: String| SignerError::Refused { address: self.address, why };
        let (signature, recovery) =
            self.key.sign_prehash_recoverable(hash.as_slice()).map_err(|e| refused(e.to_string()))?;
        let mut seal = [0; 65];
        seal[..64].copy_from_slice(&signature.to_bytes());
        seal[64] = recovery.to_byte();
        if seal[64] > 1 {
            // The curve point's x exceeded the order; chance 2^-127.
            return Err(refused("recovery id above 1".to_string()));
        }
        Ok(Seal::from(seal))
    }
}

impl Signer for FileSigner {
    fn address(&self) -> Address {
        self.address
    }

    fn sign(&self, hash: B256) -> BoxFuture<'_, Result<Seal, SignerError>> {
        ready(self.sign_now(hash)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let seal = signer.sign(hash).now_or_never().unwrap().unwrap();
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
