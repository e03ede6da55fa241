//! Ethereum's own blocks, from proof of work to the newest fork: what official tests are made of and no network of ours is.
//!
//! Pure rules over values, named by their EIPs; execution, tries and storage are those of every other chain. Proof of work
//! itself is not checked: a test that needs it is run without by every client.

pub(crate) mod answers;
pub(crate) mod blobs;
pub(crate) mod body;
pub(crate) mod difficulty;
pub(crate) mod forks;
pub(crate) mod header;
pub(crate) mod operations;
pub(crate) mod requests;
