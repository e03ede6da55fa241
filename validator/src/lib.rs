//! The validator node: the shell around the protocol core, the ledger and the network.
//!
//! ```text
//!  peers ──► events ─┬─► verify ─► driver ◄─► qbft core         rpc ──► pool
//!                    ├─► sync ───┐   │  ▲                                │
//!                    └─► gossip  │   │  └── journal, signer, builder ◄───┘
//!                                ▼   ▼
//!                               import ─► ledger, then heads to driver, rpc, peers
//! ```
//!
//! The modules are public so that integration tests and the soak can use them.

pub mod admission;
pub mod announce;
pub mod chain_reader;
pub mod cli;
pub mod clock;
pub mod db;
pub mod devnet;
pub mod driver;
pub mod events;
pub mod faults;
pub mod gossip;
pub mod health;
pub mod import;
pub mod journal;
pub mod lease;
pub mod metrics;
pub mod node;
pub mod node_view;
pub mod ots_index;
pub mod pool;
pub mod reload;
mod replaced;
pub mod reseat;
pub mod room;
pub mod rpc;
pub mod seat_proof;
pub mod setup;
pub mod signatures;
pub mod signer;
pub mod sync;
mod threads;
pub mod votes;
