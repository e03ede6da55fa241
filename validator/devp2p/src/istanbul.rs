//! `istanbul/100`: QBFT payloads, passed through as received (22 message ids, four in use).

use std::ops::RangeInclusive;

/// In-protocol ids of proposal, prepare, commit and round change.
pub const CONSENSUS_CODES: RangeInclusive<u8> = 0x12..=0x15;

/// Longest consensus payload, bytes.
pub const MAX_CONSENSUS_PAYLOAD: usize = 10 * 1024 * 1024;
