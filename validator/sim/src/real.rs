//! The real flavour: secp256k1 keys, every message through its bytes, blocks built and executed by the ledger (revm, two
//! files per node), the governance contract in the genesis, and one more ledger that nobody votes with: an observer that
//! imports the chain from block 0 and checks every seal.
//!
//! A seed is one schedule here too: signatures are deterministic (RFC 6979), and neither clock nor disk decides anything.

mod accounts;
mod block;
mod flavour;
mod network;
mod store;

pub use block::RealBlock;
pub use network::{Fault, RealChain};
