//! What the demo and the end-to-end tests share: a Kubernetes client that applies manifests and waits with a deadline,
//! a JSON-RPC client, an account that signs, and one small contract. Only public surfaces of the product are used.

pub mod account;
pub mod cluster;
pub mod contract;
pub mod drain;
pub mod members;
pub mod patience;
pub mod policies;
pub mod process;
#[cfg(test)]
mod readme;
pub mod rpc;
