//! The index behind the Otterscan methods: which transactions touched an address, who sent which nonce, who made which
//! contract.
//!
//! A redb file of its own, derived from the chain, so that it may be deleted at any time. A thread that stands back writes it
//! behind the head, block after block; what is written of a block and how far the index has come are one transaction, so it
//! goes on where it stood, however it ended. Off unless `rpc.otsIndex` says so.

mod rows;
mod store;
mod writer;

pub use store::{Appearance, IndexError, OtsIndex, Page};
pub use writer::{IndexThread, spawn};
