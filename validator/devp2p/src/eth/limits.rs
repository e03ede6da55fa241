//! Limits of the `eth` protocol as clients apply them (`node-facts` B.3).

/// Longest message accepted, uncompressed bytes.
pub const MAX_MESSAGE: usize = 10 * 1024 * 1024;
/// Replies stop growing here, bytes.
pub const SOFT_REPLY: usize = 2 * 1024 * 1024;
/// Headers served in one reply.
pub const SERVE_HEADERS: usize = 1024;
/// Bodies served in one reply.
pub const SERVE_BODIES: usize = 1024;
/// Blocks whose receipts are served in one reply.
pub const SERVE_RECEIPTS: usize = 1024;
/// Pooled transactions served in one reply.
pub const SERVE_POOLED: usize = 256;
/// Headers asked for in one request; the least that clients serve.
pub const ASK_HEADERS: usize = 192;
/// Bodies asked for in one request.
pub const ASK_BODIES: usize = 128;
/// Blocks whose receipts are asked for in one request.
pub const ASK_RECEIPTS: usize = 128;
/// Pooled transactions asked for in one request.
pub const ASK_POOLED: usize = 256;
/// Hashes that one request of a peer may hold before it is a breach.
pub const MAX_ASKED: usize = 4096;
/// Transactions in one Transactions message.
pub const MAX_TRANSACTIONS: usize = 16_384;
/// Hashes in one NewPooledTransactionHashes message (EIP-5793 asks for 4096; twice that is a breach).
pub const MAX_ANNOUNCEMENTS: usize = 8192;
/// Entries in one NewBlockHashes message.
pub const MAX_BLOCK_HASHES: usize = 256;
