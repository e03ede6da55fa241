//! Official tests over this node's own code: state tests and blockchain tests over the ledger (`make evm-conformance`),
//! scripts of the execution-apis format over its JSON-RPC (`make rpc-conformance`).
//!
//! Nothing here ships. Formats are those of `ethereum/tests`, `execution-spec-tests` and `execution-apis`; the state, its root, the block
//! rules and the answers come from the crates that a node runs.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod chain_file;
pub mod evm;
pub mod rpc;
