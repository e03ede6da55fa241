//! Transactions as eth frames them: legacy ones as a list, typed ones as a byte string (EIP-2976).

use super::list::{DecodeError, raw_item};
use alloy_primitives::Bytes;
use alloy_rlp::{EMPTY_LIST_CODE, Encodable, Header};

/// Highest transaction type known (EIP-7702).
const LAST_TYPE: u8 = 0x04;

/// Reads one; gives its EIP-2718 bytes.
pub(crate) fn decode(buf: &mut &[u8]) -> Result<Bytes, DecodeError> {
    let item = raw_item(buf)?;
    let mut inner = item;
    let header = Header::decode(&mut inner)?;
    if header.list {
        return Ok(Bytes::copy_from_slice(item));
    }
    match inner.first() {
        Some(1..=LAST_TYPE) if inner.len() > 1 => Ok(Bytes::copy_from_slice(inner)),
        Some(kind) => Err(DecodeError::TransactionType(*kind)),
        None => Err(alloy_rlp::Error::InputTooShort.into()),
    }
}

/// Appends one from its EIP-2718 bytes.
pub(crate) fn encode(raw: &[u8], out: &mut Vec<u8>) {
    if is_legacy(raw) {
        out.extend_from_slice(raw);
    } else {
        raw.encode(out);
    }
}

/// Type byte of EIP-2718 bytes; 0 for legacy.
pub(crate) fn kind(raw: &[u8]) -> u8 {
    raw.first().copied().filter(|_| !is_legacy(raw)).unwrap_or(0)
}

/// Whether these EIP-2718 bytes are a list, and so framed as they are.
pub(crate) fn is_legacy(raw: &[u8]) -> bool {
    raw.first().is_some_and(|first| *first >= EMPTY_LIST_CODE)
}
