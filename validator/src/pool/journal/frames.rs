//! The file's format: [`MAGIC`], then frames of `length u32 LE ‖ CRC-32 of the payload u32 LE ‖ payload`.

use crate::pool::raw::MAX_TRANSACTION_BYTES;
use alloy_primitives::Bytes;

/// Names the format and its version.
pub(super) const MAGIC: &[u8] = b"QPOOL\0\0\x01";
const HEAD: usize = 8;

/// Bytes that a transaction takes in the file.
pub(super) fn size(raw: &Bytes) -> usize {
    HEAD + raw.len()
}

/// Appends one frame. Transactions are at most 128 KiB, so the length always fits.
pub(super) fn write(raw: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(raw.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(raw).to_le_bytes());
    out.extend_from_slice(raw);
}

/// Reads frames up to the first that is torn; returns them and the length of the good part.
pub(super) fn read(bytes: &[u8]) -> (Vec<Bytes>, usize) {
    let mut payloads = Vec::new();
    let mut good = 0;
    while let Some(payload) = bytes.get(good..).and_then(read_one) {
        good += HEAD + payload.len();
        payloads.push(Bytes::copy_from_slice(payload));
    }
    (payloads, good)
}

fn read_one(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length == 0 || length > MAX_TRANSACTION_BYTES {
        return None;
    }
    let payload = rest.get(..length)?;
    (crc32fast::hash(payload) == u32::from_le_bytes(*crc)).then_some(payload)
}
