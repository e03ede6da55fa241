//! A transaction as it comes from outside: bytes.

use alloy_consensus::TxEnvelope;
use alloy_eips::eip2718::Decodable2718;

/// Most bytes of an encoded transaction.
pub const MAX_TRANSACTION_BYTES: usize = 128 * 1024;

/// Why bytes are no transaction. Texts are go-ethereum's, as [`super::PoolError`]'s are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RawError {
    /// Not a transaction.
    #[error("{0}")]
    Malformed(String),
    /// A type that no chain here carries.
    #[error("transaction type not supported")]
    TypeNotSupported,
    /// Beyond [`MAX_TRANSACTION_BYTES`].
    #[error("oversized data: transaction size {0}, limit {MAX_TRANSACTION_BYTES}")]
    Oversized(usize),
}

/// Decodes an EIP-2718 transaction; trailing bytes are refused.
pub fn decode(raw: &[u8]) -> Result<TxEnvelope, RawError> {
    if raw.len() > MAX_TRANSACTION_BYTES {
        return Err(RawError::Oversized(raw.len()));
    }
    match raw.first() {
        None => return Err(RawError::Malformed("typed transaction too short".into())),
        // A blob transaction over RPC carries its sidecar, so it is refused before its body is looked at.
        Some(3 | 5..=0x7f) => return Err(RawError::TypeNotSupported),
        Some(_) => {}
    }
    TxEnvelope::decode_2718_exact(raw).map_err(|error| RawError::Malformed(error.to_string()))
}
