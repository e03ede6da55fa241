//! The JSON-RPC part of the configuration.

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// JSON-RPC over HTTP and WebSocket on one port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RpcConfig {
    /// `address:port` to listen on.
    pub listen: String,
    /// Namespaces answered: any of `eth`, `net`, `web3`, `txpool`, `qbft`, `istanbul`.
    pub namespaces: Vec<String>,
    /// What clients may use, all ports together; what is not named keeps its default.
    #[serde(default, skip_serializing_if = "RpcLimits::is_default")]
    pub limits: RpcLimits,
}

impl RpcConfig {
    /// One port for everybody, with the limits of a node that nobody tuned.
    #[must_use]
    pub fn new(listen: String, namespaces: Vec<String>) -> Self {
        Self { listen, namespaces, limits: RpcLimits::new() }
    }
}

/// What clients of JSON-RPC may use. Every bound answers with an error that names it (`docs/limits.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RpcLimits {
    /// TCP connections.
    pub connections: u32,
    /// TCP connections of one address (of one /64 in IPv6).
    pub connections_per_address: u32,
    /// Bytes of a request body or WebSocket message.
    pub request_bytes: u32,
    /// Arrays and objects within each other in a request.
    pub request_depth: u32,
    /// JSON values in a request.
    pub request_values: u32,
    /// Bytes of the answer to one call.
    pub response_bytes: u32,
    /// Calls in a batch.
    pub batch: u32,
    /// Bytes of the answers to one batch.
    pub batch_response_bytes: u32,
    /// Calls worked on or waiting, of all clients together.
    pub calls: u32,
    /// Calls of one batch, or messages of one WebSocket, worked on at once.
    pub calls_per_connection: u32,
    /// Bytes of requests, their parsed arguments and answers held at once, of all clients together.
    pub memory_bytes: u64,
    /// Subscriptions of one connection.
    pub subscriptions: u32,
    /// Subscriptions of all connections.
    pub subscriptions_total: u32,
    /// Messages that wait for a slow WebSocket client.
    pub messages: u32,
    /// Filters, of all clients together.
    pub filters: u32,
    /// Bytes of addresses and topics that all filters hold, and again that all subscriptions hold.
    pub filter_bytes: u32,
    /// Seconds after which a filter that nobody polls is removed.
    pub filter_idle_s: u64,
    /// Short reads of the ledger worked on at once.
    pub reads: u32,
    /// Calls that run the EVM or search many blocks, worked on at once; 0 is half of the cores, at least one.
    pub heavy_reads: u32,
    /// Seconds that a call may wait for its turn.
    pub read_wait_s: u64,
    /// Gas of a call or an estimate.
    pub call_gas: u64,
    /// Blocks that a log query may span.
    pub log_blocks: u64,
    /// Logs that a log query may return.
    pub logs: u32,
    /// Seconds in which the body of a request must arrive, and again in which a call must be answered.
    pub request_s: u64,
    /// Seconds in which the head of an HTTP request must arrive, from its first byte.
    pub head_s: u64,
    /// Seconds without a request after which an HTTP connection is closed.
    pub idle_s: u64,
    /// Seconds without progress after which a client that does not read its answer is disconnected.
    pub write_s: u64,
}

impl RpcLimits {
    /// The limits of a node that nobody tuned.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connections: 512,
            connections_per_address: 256,
            request_bytes: 5 << 20,
            request_depth: 64,
            request_values: 131_072,
            response_bytes: 25 << 20,
            batch: 1000,
            batch_response_bytes: 25 << 20,
            calls: 1024,
            calls_per_connection: 64,
            memory_bytes: 256 << 20,
            subscriptions: 128,
            subscriptions_total: 4096,
            messages: 256,
            filters: 1000,
            filter_bytes: 16 << 20,
            filter_idle_s: 300,
            reads: 32,
            heavy_reads: 0,
            read_wait_s: 10,
            call_gas: 50_000_000,
            log_blocks: 10_000,
            logs: 20_000,
            request_s: 60,
            head_s: 15,
            idle_s: 120,
            write_s: 30,
        }
    }

    /// Whether nobody tuned them.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::new()
    }
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self::new()
    }
}
