//! The JSON-RPC part of the configuration.

use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// Namespaces that a configuration may name: every method belongs to the one before its underscore.
pub const RPC_NAMESPACES: [&str; 9] =
    ["debug", "eth", "istanbul", "net", "ots", "qbft", "quorate", "txpool", "web3"];

/// JSON-RPC over HTTP and WebSocket: one port, and further ones with namespaces and rules of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RpcConfig {
    /// `address:port` to listen on.
    pub listen: String,
    /// Namespaces answered: any of [`RPC_NAMESPACES`].
    pub namespaces: Vec<String>,
    /// Protocols spoken on the port; both when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transports: Vec<RpcTransport>,
    /// Who may use the port; anybody by default.
    #[serde(default, skip_serializing_if = "RpcAccess::is_default")]
    pub access: RpcAccess,
    /// TLS of the port; plain TCP when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<RpcTls>,
    /// Further ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<RpcPort>,
    /// What clients may use, all ports together; what is not named keeps its default.
    #[serde(default, skip_serializing_if = "RpcLimits::is_default")]
    pub limits: RpcLimits,
    /// Whether an index from addresses to transactions is kept, for `ots_searchTransactions…`. Costs disk and, for every block
    /// that runs code, its execution once more.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub ots_index: bool,
}

impl RpcConfig {
    /// One port for everybody, with the limits of a node that nobody tuned.
    #[must_use]
    pub fn new(listen: String, namespaces: Vec<String>) -> Self {
        Self {
            listen,
            namespaces,
            transports: Vec::new(),
            access: RpcAccess::default(),
            tls: None,
            ports: Vec::new(),
            limits: RpcLimits::new(),
            ots_index: false,
        }
    }

    /// Every port, the first one first.
    #[must_use]
    pub fn all_ports(&self) -> Vec<RpcPort> {
        let first = RpcPort {
            listen: self.listen.clone(),
            namespaces: self.namespaces.clone(),
            transports: self.transports.clone(),
            access: self.access.clone(),
            tls: self.tls.clone(),
        };
        core::iter::once(first).chain(self.ports.iter().cloned()).collect()
    }
}

/// A port with its own namespaces and rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RpcPort {
    /// `address:port` to listen on.
    pub listen: String,
    /// Namespaces answered.
    pub namespaces: Vec<String>,
    /// Protocols spoken; both when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transports: Vec<RpcTransport>,
    /// Who may use it.
    #[serde(default, skip_serializing_if = "RpcAccess::is_default")]
    pub access: RpcAccess,
    /// TLS; plain TCP when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<RpcTls>,
}

/// How calls come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RpcTransport {
    /// HTTP POST.
    Http,
    /// WebSocket.
    Ws,
}

/// Who may use a port. With keys and a secret either opens it; with neither it is open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RpcAccess {
    /// File of API keys: a key a line, at least 32 characters, then perhaps the namespaces it opens (`eth,net`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<String>,
    /// File with 64 hexadecimal digits: the secret of JSON Web Tokens (HS256), as for the Engine API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt_secret: Option<String>,
    /// Origins whose pages may call from a browser; `*` is any, none by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cors_origins: Vec<String>,
    /// Host names that requests may be addressed to; any when empty. Addresses always may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

impl RpcAccess {
    /// Whether anybody may use the port.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Certificate and key of a port. Both files are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RpcTls {
    /// PEM file with the certificate, followed by those that signed it.
    pub certificate: String,
    /// PEM file with its private key.
    pub key: String,
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
    /// Bytes of notifications that wait for one WebSocket client.
    pub pushed_bytes: u32,
    /// Bytes of notifications that wait for all of them.
    pub pushed_total_bytes: u32,
    /// Seconds that a notification waits for a client that does not read, before the client is disconnected.
    pub push_s: u64,
    /// Filters, of all clients together.
    pub filters: u32,
    /// Bytes of addresses and topics that all filters hold, and again that all subscriptions hold.
    pub filter_bytes: u32,
    /// Seconds after which a filter that nobody polls is removed.
    pub filter_idle_s: u64,
    /// Short reads of the ledger worked on at once.
    pub reads: u32,
    /// Calls and estimates worked on at once; 0 is as many as there are cores.
    pub call_reads: u32,
    /// Traces and searches through many blocks worked on at once; 0 is half of the cores, at least one.
    pub heavy_reads: u32,
    /// Seconds that a call may wait for its turn.
    pub read_wait_s: u64,
    /// Gas of a call or an estimate.
    pub call_gas: u64,
    /// Seconds that a call, an estimate or an access list may take in the EVM; 0 is without end.
    pub evm_timeout_s: u64,
    /// Seconds that a trace may take when the client does not say.
    pub trace_s: u64,
    /// Seconds that a trace may take whatever the client says.
    pub trace_most_s: u64,
    /// Bytes that a tracer may note down for one trace.
    pub trace_bytes: u32,
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
            pushed_bytes: 4 << 20,
            pushed_total_bytes: 64 << 20,
            push_s: 10,
            filters: 1000,
            filter_bytes: 16 << 20,
            filter_idle_s: 300,
            reads: 32,
            call_reads: 0,
            heavy_reads: 0,
            read_wait_s: 10,
            call_gas: 50_000_000,
            evm_timeout_s: 5,
            trace_s: 5,
            trace_most_s: 30,
            trace_bytes: 32 << 20,
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
