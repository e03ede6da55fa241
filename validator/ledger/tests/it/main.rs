//! The ledger from outside: a chain of blocks built, validated and committed by several ledgers.
#![allow(missing_docs, reason = "tests")]

mod behind;
mod calls;
mod chain_of_blocks;
mod disk;
mod foreign;
mod history;
mod inspect;
mod network;
mod parameters;
mod proofs;
mod proposals;
mod reseat;
mod seals;
mod segments;
mod snapshots;
mod state_roots;
mod traces;
mod traps;
mod vouched;
