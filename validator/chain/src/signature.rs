//! secp256k1 signatures in the 65-byte form of devp2p and QBFT: `r(32) ‖ s(32) ‖ v(1)`, `v ∈ {0, 1}`, low `s`.

use alloy_primitives::{Address, B256, FixedBytes, Signature};

/// A signature as it stands in messages and headers: `r ‖ s ‖ v`.
pub type Seal = FixedBytes<65>;

/// Why a signature names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The last byte is neither 0 nor 1.
    #[error("signature v is {got}, expected 0 or 1")]
    RecoveryId {
        /// The byte found.
        got: u8,
    },
    /// `s` is in the upper half of the order: the malleable twin of a valid signature (EIP-2).
    #[error("signature s is in the upper half of the curve order, expected the lower half (EIP-2)")]
    HighS,
    /// No public key fits.
    #[error("signature does not recover to a public key")]
    Unrecoverable,
}

/// The address whose key signed `hash`. Strict: refuses high `s` and any `v` but 0 and 1 (`qbft-facts` §2.4).
pub fn recover(hash: B256, seal: &Seal) -> Result<Address, SignatureError> {
    let signature = parse(seal)?;
    signature.recover_address_from_prehash(&hash).map_err(|_| SignatureError::Unrecoverable)
}

fn parse(seal: &Seal) -> Result<Signature, SignatureError> {
    let v = seal.0[64];
    let parity = match v {
        0 => false,
        1 => true,
        got => return Err(SignatureError::RecoveryId { got }),
    };
    let signature = Signature::from_bytes_and_parity(&seal.0[..64], parity);
    if signature.normalize_s().is_some() {
        return Err(SignatureError::HighS);
    }
    Ok(signature)
}

/// The 65-byte form of a signature made elsewhere.
#[must_use]
pub fn seal_from(signature: &Signature) -> Seal {
    let mut bytes = [0u8; 65];
    bytes[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
    bytes[32..64].copy_from_slice(&signature.s().to_be_bytes::<32>());
    bytes[64] = u8::from(signature.v());
    Seal::from(bytes)
}
