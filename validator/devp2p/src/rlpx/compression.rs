//! Snappy block format (EIP-706), with the length checked before anything is allocated.

/// Why a payload does not decompress.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompressionError {
    /// Says it is longer than allowed.
    #[error("message announces {got} uncompressed bytes, {max} are allowed")]
    TooLong {
        /// Announced.
        got: usize,
        /// Allowed.
        max: usize,
    },
    /// Not snappy.
    #[error("message is not valid snappy: {0}")]
    Snappy(#[from] snap::Error),
}

/// Compresses message data. Fails only beyond 4 GiB, which no message reaches.
pub fn compress(data: &[u8]) -> Result<Vec<u8>, CompressionError> {
    Ok(snap::raw::Encoder::new().compress_vec(data)?)
}

/// Decompresses message data of at most `max` bytes.
pub fn decompress(data: &[u8], max: usize) -> Result<Vec<u8>, CompressionError> {
    let got = snap::raw::decompress_len(data)?;
    if got > max {
        return Err(CompressionError::TooLong { got, max });
    }
    Ok(snap::raw::Decoder::new().decompress_vec(data)?)
}

/// Longest compressed form of `len` bytes.
#[must_use]
pub fn longest(len: usize) -> usize {
    snap::raw::max_compress_len(len)
}
