//! The catalogue of metric names: one const table, so that dashboards, alerts and code cannot disagree.
//!
//! Prometheus conventions: base units, `_total` for counters. Identity comes from scrape labels, never from a metric.

/// One metric: name, kind and the line of help that `/metrics` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name as exposed; counters gain `_total` in the exposition.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Help text.
    pub help: &'static str,
}

/// Prometheus metric kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Distribution in buckets.
    Histogram,
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, help }
}
const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, help }
}
const fn histogram(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, help }
}

/// Newest durable block.
pub const HEAD_NUMBER: Metric = gauge("quorate_head_number", "Number of the newest durable block");
/// Timestamp of the newest durable block.
pub const HEAD_TIMESTAMP: Metric =
    gauge("quorate_head_timestamp_seconds", "Timestamp of the newest durable block");
/// Distance of block imports from the tick they were due at.
pub const BLOCK_INTERVAL: Metric =
    histogram("quorate_block_interval_seconds", "Time between two imported blocks");
/// Connected peers.
pub const PEERS: Metric = gauge("quorate_peers", "Connected peers");
/// Current round.
pub const ROUND: Metric = gauge("quorate_round", "Round of the height being decided");
/// Rounds left without a block.
pub const ROUND_CHANGES: Metric = counter("quorate_round_changes", "Rounds that ended without a block");
/// Blocks finalised in a round above 0.
pub const ROUND0_MISSED: Metric = counter("quorate_round0_missed", "Blocks finalised in a round above 0");
/// Blocks whose proposer was this node's identity.
pub const BLOCKS_PROPOSED: Metric =
    counter("quorate_blocks_proposed", "Finalised blocks that this identity proposed");
/// Consensus messages refused, by reason.
pub const MESSAGES_REJECTED: Metric =
    counter("quorate_messages_rejected", "Consensus messages refused, by reason");
/// Seats of the next block.
pub const SEATS: Metric = gauge("quorate_seats", "Seats in the validator set of the next block");
/// Live seats.
pub const SEATS_LIVE: Metric = gauge("quorate_seats_live", "Seats heard recently enough to count as live");
/// Executable transactions waiting.
pub const POOL_PENDING: Metric = gauge("quorate_pool_pending", "Transactions ready for a block");
/// Transactions waiting for an earlier nonce.
pub const POOL_QUEUED: Metric = gauge("quorate_pool_queued", "Transactions waiting for an earlier nonce");
/// Transactions that the pool refused.
pub const POOL_REFUSED: Metric =
    counter("quorate_pool_refused", "Transactions refused by the pool, by reason");
/// Transactions finalised.
pub const TRANSACTIONS: Metric = counter("quorate_transactions", "Transactions in finalised blocks");
/// Gas used.
pub const GAS_USED: Metric = counter("quorate_gas_used", "Gas used in finalised blocks");
/// Bytes sent to peers.
pub const P2P_SENT_BYTES: Metric = counter("quorate_p2p_sent_bytes", "Bytes written to peers");
/// What happened between nodes, by kind: connections refused, messages ignored and so on.
pub const P2P_EVENTS: Metric = counter("quorate_p2p_events", "What happened between nodes, by kind");
/// RPC requests, by method and outcome.
pub const RPC_REQUESTS: Metric = counter("quorate_rpc_requests", "JSON-RPC requests, by method and outcome");
/// Time of RPC calls.
pub const RPC_SECONDS: Metric =
    histogram("quorate_rpc_seconds", "Time from a JSON-RPC call's arguments to its answer, by method");
/// Votes signed, by kind.
pub const VOTES_SIGNED: Metric = counter("quorate_votes_signed", "Consensus messages signed, by kind");
/// Signatures by kind and outcome: the trail of what the identity's key was asked for.
pub const SIGNATURES: Metric =
    counter("quorate_signatures", "Signatures that the identity's key was asked for, by kind and outcome");
/// Time of signatures.
pub const SIGNING: Metric =
    histogram("quorate_signing_seconds", "Time from asking for a signature to having it, retries included");
/// What a vault answered.
pub const VAULT_REQUESTS: Metric =
    counter("quorate_vault_requests", "Signatures asked of a key vault, each attempt, by outcome");
/// Whether a vault is left alone for having failed.
pub const VAULT_CIRCUIT: Metric = gauge(
    "quorate_vault_circuit",
    "0 while a key vault is asked, 1 while it is tried with one request, 2 while it is left alone for having failed",
);
/// Whether the identity has a key to sign with.
pub const SIGNER_READY: Metric = gauge(
    "quorate_signer_ready",
    "1 when the identity's key signs, 0 when it is awaited, refused or failing",
);
/// Whether a vault has a newer version.
pub const KEY_VERSION_BEHIND: Metric = gauge(
    "quorate_key_version_behind",
    "1 when the vault has a newer version of the identity's key or secret than the one in use",
);
/// Whether this node holds an identity that can move.
pub const FENCE_HOLDER: Metric = gauge(
    "quorate_fence_holder",
    "1 while this node holds the identity, which can move between nodes; by identity",
);
/// Take-overs of the identity.
pub const FENCE_EPOCH: Metric =
    gauge("quorate_fence_epoch", "Take-overs of the identity so far, by whichever node; by identity");
/// Writes to the fence's store.
pub const FENCE_SWAPS: Metric =
    counter("quorate_fence_swaps", "Compare-and-swaps of the fence's record, by outcome: won, lost, unknown");
/// Time of those.
pub const FENCE_SWAP: Metric =
    histogram("quorate_fence_swap_seconds", "Time of a compare-and-swap of the fence's record");
/// Votes that were not granted.
pub const FENCE_REFUSED: Metric =
    counter("quorate_fence_votes_refused", "Votes that the fence did not grant, by reason");
/// Vote journal writes.
pub const JOURNAL_WRITE: Metric = histogram("quorate_journal_write_seconds", "Time to make one vote durable");
/// Where the time of catching up goes.
pub const SYNC_SECONDS: Metric = counter("quorate_sync_seconds", "Seconds spent catching up, by stage");
/// Room for the data.
pub const DATA_FREE_BYTES: Metric =
    gauge("quorate_data_free_bytes", "Bytes left on the disk of the data directory");
/// Size of the disk.
pub const DATA_SIZE_BYTES: Metric =
    gauge("quorate_data_size_bytes", "Size of the disk of the data directory");
/// Changed configuration files under a running node.
pub const CONFIG_RELOADS: Metric = counter(
    "quorate_config_reloads",
    "Changes of the configuration file under the running node, by outcome: taken over, or refused",
);
/// Local faults.
pub const FAULTS: Metric = counter("quorate_faults", "Local faults that need a person");

/// Every metric of the node.
pub const CATALOGUE: &[Metric] = &[
    HEAD_NUMBER,
    HEAD_TIMESTAMP,
    BLOCK_INTERVAL,
    PEERS,
    ROUND,
    ROUND_CHANGES,
    ROUND0_MISSED,
    BLOCKS_PROPOSED,
    MESSAGES_REJECTED,
    SEATS,
    SEATS_LIVE,
    POOL_PENDING,
    POOL_QUEUED,
    POOL_REFUSED,
    TRANSACTIONS,
    GAS_USED,
    P2P_SENT_BYTES,
    P2P_EVENTS,
    RPC_REQUESTS,
    RPC_SECONDS,
    VOTES_SIGNED,
    SIGNATURES,
    SIGNING,
    VAULT_REQUESTS,
    VAULT_CIRCUIT,
    SIGNER_READY,
    KEY_VERSION_BEHIND,
    FENCE_HOLDER,
    FENCE_EPOCH,
    FENCE_SWAPS,
    FENCE_SWAP,
    FENCE_REFUSED,
    JOURNAL_WRITE,
    SYNC_SECONDS,
    DATA_FREE_BYTES,
    DATA_SIZE_BYTES,
    CONFIG_RELOADS,
    FAULTS,
];

#[cfg(test)]
mod tests {
    use super::CATALOGUE;
    use alloc::collections::BTreeSet;

    #[test]
    fn no_two_metrics_share_a_name() {
        let names: BTreeSet<_> = CATALOGUE.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
    }

    #[test]
    fn names_bear_our_prefix_and_leave_total_to_the_exposition() {
        for metric in CATALOGUE {
            assert!(metric.name.starts_with("quorate_"), "{}", metric.name);
            assert!(!metric.name.ends_with("_total"), "{}", metric.name);
        }
    }
}
