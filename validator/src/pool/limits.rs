//! What the pool may hold, and for how long.

/// Bounds of the pool. Nothing accepted is evicted to make room: a full pool refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Transactions in all.
    pub transactions: usize,
    /// Bytes of encoded transactions in all.
    pub bytes: usize,
    /// Transactions of one sender.
    pub per_sender: usize,
    /// Transactions of one sender that wait for an earlier nonce.
    pub gapped_per_sender: usize,
    /// The share of places and bytes that only transactions submitted here may take: one in so many.
    pub local_share: usize,
    /// Transactions of peers that wait for an earlier nonce, in all.
    pub gapped_peers: usize,
    /// The same of those submitted here.
    pub gapped_local: usize,
    /// Bytes of peers' transactions that wait for an earlier nonce, and as many again of those submitted here.
    pub gapped_bytes: usize,
    /// Of those, what one RPC client or one peer may have: half, so that others have room.
    pub gapped_per_source: usize,
    /// The same in bytes.
    pub gapped_per_source_bytes: usize,
    /// Transactions that came from one RPC client.
    pub per_source: usize,
    /// The same in bytes: more than a client of ordinary transactions comes to, and a part of the pool that leaves others theirs.
    pub per_source_bytes: usize,
    /// Transactions that came from one peer: of the room that all have, so little that a flood through one of them leaves
    /// the others' clients theirs.
    pub per_peer: usize,
    /// The same in bytes.
    pub per_peer_bytes: usize,
    /// Seconds that a peer's transaction may wait for an earlier nonce.
    pub gapped_life_s: u64,
    /// The same for transactions submitted here, whose hash was returned to a client.
    pub gapped_life_local_s: u64,
    /// Percent by which a replacement must raise both fee caps; it must be strictly higher too.
    pub price_bump_percent: u128,
    /// Batches of submissions worked on at once (signature recovery and state reads).
    pub concurrent_admissions: usize,
    /// The same for what peers send, apart, so that peers cannot make clients wait.
    pub concurrent_peer_admissions: usize,
    /// Accepted transactions that a slow subscriber may lag behind.
    pub accepted_backlog: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            transactions: 32_768,
            bytes: 64 << 20,
            per_sender: 1024,
            gapped_per_sender: 64,
            local_share: 4,
            gapped_peers: 4096,
            gapped_local: 8192,
            gapped_bytes: 8 << 20,
            gapped_per_source: 4096,
            gapped_per_source_bytes: 4 << 20,
            per_source: 24_576,
            per_source_bytes: 16 << 20,
            per_peer: 12_288,
            per_peer_bytes: 16 << 20,
            gapped_life_s: 600,
            gapped_life_local_s: 3 * 3600,
            price_bump_percent: 10,
            concurrent_admissions: 8,
            concurrent_peer_admissions: 4,
            accepted_backlog: 16_384,
        }
    }
}
