//! What an operator of the ledger may choose; nothing here is consensus.

use crate::SEGMENT_BLOCKS;

/// Limits and sizes of one ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Blocks whose state stays readable behind the head; 0 keeps every block. Default 4096.
    pub history_blocks: u64,
    /// The state file is made durable every so many blocks, and lags at most that far, and the blocks that wait to be
    /// written, behind after a crash. Default 8.
    pub state_durable_every: u64,
    /// Blocks whose state waits to be written, at most; a commit waits for room. Default 16.
    pub unwritten_blocks: usize,
    /// Memory of what waits to be written in bytes, nearly. Default 64 MiB.
    pub unwritten_bytes: usize,
    /// Page cache of the state file in bytes. Default 64 MiB.
    pub state_cache_bytes: usize,
    /// Memory for state tries in bytes; what was touched lately stays. Default 192 MiB.
    pub trie_bytes: usize,
    /// Page cache of the block file in bytes. Default 16 MiB.
    pub block_cache_bytes: usize,
    /// Blocks of one segment at most, what durable commits are shared by while catching up. Default 8000.
    pub segment_blocks: usize,
    /// Gas that one call or estimate may use. Default 50 M.
    pub call_gas_cap: u64,
    /// Blocks that one log query may span. Default 10,000.
    pub log_range_blocks: u64,
    /// Logs that one log query may return. Default 20,000.
    pub log_results: usize,
    /// Bytes that their topics and data may take as hexadecimal digits. Default 25 MiB.
    pub log_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            history_blocks: 4096,
            state_durable_every: 8,
            unwritten_blocks: 16,
            unwritten_bytes: 64 << 20,
            state_cache_bytes: 64 << 20,
            trie_bytes: 192 << 20,
            block_cache_bytes: 16 << 20,
            segment_blocks: SEGMENT_BLOCKS,
            call_gas_cap: 50_000_000,
            log_range_blocks: 10_000,
            log_results: 20_000,
            log_bytes: 25 << 20,
        }
    }
}
