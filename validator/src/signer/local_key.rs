//! A key in the node's own memory.

use super::SignerError;
use alloy_primitives::{Address, B256};
use chain::Seal;
use k256::ecdsa::SigningKey;
use zeroize::Zeroizing;

/// Why what was found is not the identity's key. No variant carries key material.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// Not 64 hex digits.
    #[error("must be 64 hex digits (32 bytes), found {got} characters of another shape")]
    Shape {
        /// Characters found, without surrounding white space.
        got: usize,
    },
    /// Zero, or not below the curve's order.
    #[error("is a number that is no secp256k1 key; make a new key")]
    OutOfRange,
    /// The key of somebody else.
    #[error(
        "is the key of {got}, the configuration names {want}; name the right key, or the right version of it"
    )]
    WrongKey {
        /// Address of the key found.
        got: Address,
        /// Address configured.
        want: Address,
    },
}

/// Signs at once. The key type wipes itself when dropped and this one has no `Debug`.
pub struct LocalKey {
    key: SigningKey,
    address: Address,
}

impl LocalKey {
    /// From 32 bytes.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self, KeyRefused> {
        let key = SigningKey::from_slice(secret).map_err(|_| KeyRefused::OutOfRange)?;
        Ok(Self { address: Address::from_private_key(&key), key })
    }

    /// From 64 hex digits; a `0x` prefix and surrounding white space are accepted.
    pub fn from_hex(text: &str) -> Result<Self, KeyRefused> {
        Self::from_bytes(&*parse(text)?)
    }

    /// This key, if it is the identity's.
    pub fn of(self, want: Address) -> Result<Self, KeyRefused> {
        if self.address == want { Ok(self) } else { Err(KeyRefused::WrongKey { got: self.address, want }) }
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// `r ‖ s ‖ v` over the hash itself.
    pub fn sign(&self, hash: B256) -> Result<Seal, SignerError> {
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

/// 32 bytes from hex digits.
pub(super) fn parse(text: &str) -> Result<Zeroizing<[u8; 32]>, KeyRefused> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, key.as_mut_slice()).map_err(|_| KeyRefused::Shape { got: digits.len() })?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_or_anothers_is_refused_without_showing_it() {
        let (one, ours) = (format!("{:064x}", 1), Address::repeat_byte(1));
        for text in ["", "abc", "zz", &"f".repeat(64), &"0".repeat(64), &format!("{one}00"), &one] {
            let Err(error) = LocalKey::from_hex(text).and_then(|key| key.of(ours)) else { panic!("{text}") };
            let shown = format!("{error} {error:?}");
            assert!(text.is_empty() || !shown.contains(text), "{shown}");
        }
        let Err(error) = LocalKey::from_hex(&one).and_then(|key| key.of(ours)) else { panic!() };
        assert!(error.to_string().contains("0x7E5F") && error.to_string().contains("0x0101"), "{error}");
    }
}
