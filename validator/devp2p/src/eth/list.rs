//! RLP lists with an upper bound on their length, so that a short message cannot become a large allocation.

use alloy_rlp::{Decodable, Encodable, Header};

/// Why a message is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not the RLP it should be.
    #[error("malformed RLP: {0}")]
    Rlp(#[from] alloy_rlp::Error),
    /// More items than allowed.
    #[error("list has more than {max} items")]
    TooMany {
        /// Allowed.
        max: usize,
    },
    /// Announcement lists of different lengths.
    #[error("announcement holds {types} types, {sizes} sizes and {hashes} hashes")]
    Lengths {
        /// Types.
        types: usize,
        /// Sizes.
        sizes: usize,
        /// Hashes.
        hashes: usize,
    },
    /// A transaction type nobody knows.
    #[error("transaction type {0:#04x} is unknown")]
    TransactionType(u8),
    /// A message id that eth does not define.
    #[error("eth message id {0:#04x} is not defined in this version")]
    Id(u8),
    /// A range of blocks that ends before it begins.
    #[error(transparent)]
    Range(#[from] super::range::BackwardRange),
    /// Bytes after the message.
    #[error("{0} bytes follow the message")]
    Trailing(usize),
    /// Transactions too small to be signed ones.
    #[error("{count} transactions in {bytes} bytes cannot all be signed")]
    Density {
        /// Items.
        count: usize,
        /// Bytes they share.
        bytes: usize,
    },
}

/// Reads a list of at most `max` items with `item`.
pub(crate) fn list_with<'a, T>(
    buf: &mut &'a [u8],
    max: usize,
    mut item: impl FnMut(&mut &'a [u8]) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut body = Header::decode_bytes(buf, true)?;
    let mut out = Vec::new();
    while !body.is_empty() {
        if out.len() == max {
            return Err(DecodeError::TooMany { max });
        }
        out.push(item(&mut body)?);
    }
    Ok(out)
}

/// Reads a list of at most `max` items.
pub(crate) fn list<T: Decodable>(buf: &mut &[u8], max: usize) -> Result<Vec<T>, DecodeError> {
    list_with(buf, max, |b| Ok(T::decode(b)?))
}

/// Reads a message that is one list; bytes left in it or behind it are refused.
pub(crate) fn whole<'a, T>(
    mut data: &'a [u8],
    read: impl FnOnce(&mut &'a [u8]) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut body = Header::decode_bytes(&mut data, true)?;
    let message = read(&mut body)?;
    match body.len() + data.len() {
        0 => Ok(message),
        rest => Err(DecodeError::Trailing(rest)),
    }
}

/// The next item with its RLP header, left undecoded.
pub(crate) fn raw_item<'a>(buf: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let start = *buf;
    let header = Header::decode(buf)?;
    *buf = buf.get(header.payload_length..).ok_or(alloy_rlp::Error::InputTooShort)?;
    Ok(&start[..start.len() - buf.len()])
}

/// Refuses a list of transactions (with its header) whose items are too small to carry signatures: decoding them would
/// take many times the memory that the message took.
pub(crate) fn check_density(mut transactions: &[u8]) -> Result<(), DecodeError> {
    const SMALLEST: usize = 64;
    const ALWAYS_ALLOWED: usize = 64;
    let mut body = Header::decode_bytes(&mut transactions, true)?;
    let bytes = body.len();
    let mut count = 0usize;
    while !body.is_empty() {
        raw_item(&mut body)?;
        count += 1;
    }
    if count > ALWAYS_ALLOWED + bytes / SMALLEST {
        return Err(DecodeError::Density { count, bytes });
    }
    Ok(())
}

/// Wraps a payload of already encoded items into a list.
pub(crate) fn wrap(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 9);
    Header { list: true, payload_length: payload.len() }.encode(&mut out);
    out.extend_from_slice(payload);
    out
}

/// `[id, body]` where `body` is encoded already.
pub(crate) fn with_request_id(id: u64, body: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(body.len() + 9);
    id.encode(&mut payload);
    payload.extend_from_slice(body);
    wrap(&payload)
}
