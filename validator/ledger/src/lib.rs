//! The ledger: sealed blocks, the state after them, and the execution that leads from one to the next.
//!
//! Synchronous and free of any runtime: callers on an executor use a blocking thread. One writer (`commit`), any number
//! of readers, each on a consistent snapshot. Finality is immediate, so there is one chain, one head, and several
//! candidates for the next height, of which a discarded one leaves no trace.
//!
//! On disk, two files: `blocks.redb` holds what a quorum sealed and is written first; `state.redb` holds what follows
//! from it (state, trie, history, receipts, indices), written behind the blocks: what waits is read from memory, and opening
//! replays what a crash kept from being written.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod attributes;
mod build;
mod call;
mod candidates;
mod commit;
mod committed;
mod consensus;
mod error;
mod ethereum;
mod execute;
mod governed;
mod inspect;
mod ledger;
mod logs;
mod options;
mod past;
mod proof;
mod reader;
mod recent;
mod reseat;
mod sealed;
mod segment;
mod simulate;
pub mod snapshot;
mod spent;
mod store;
mod tally;
mod trace;
mod transition;
mod trie;
mod validate;
mod writer;

pub use attributes::{BuildAttributes, Built, KnownSenders, Parameters, Recovered, SkipReason};
pub use call::{AccessListOutcome, CallOutcome, CallRequest, CallStatus, Overrides};
pub use committed::{CommittedBlock, HeadInfo, TransactionLocation};
pub use consensus::ScheduledFork;
pub use error::{CallError, CommitError, InvalidBlock, LedgerError, OpenError, SimulateError, TraceError};
pub use ethereum::answers::BlobFees;
pub use inspect::{FileStats, Files, InspectError, Stats, TableStats, Verified};
pub use ledger::Ledger;
pub use logs::{LogEntry, LogFilter};
pub use options::Options;
pub use past::PROOF_BLOCKS;
pub use proof::{AccountProof, SlotProof};
pub use reader::{Account, At};
pub use recent::StoredBlock;
pub use reseat::{Adopted, RecordRefused};
pub use segment::{CERTIFIED_EVERY, Prepared, SEGMENT_BLOCKS, Segment, SegmentError, Vouched};
pub use simulate::{MAX_SIMULATED_BLOCKS, SimulatedBlock, Simulation, SimulationBlock, SimulationCall};
pub use spent::Spent;
pub use trace::{Touched, TraceBounds, TraceSink};
pub use transition::Transition;
pub use validate::is_whole;

/// Why the EVM refuses a transaction.
pub use revm::context::result::InvalidTransaction;

/// A signed transaction without blobs; type 3 is refused wherever one could enter.
pub type Transaction = alloy_consensus::TxEnvelope;
/// A block, its header verbatim as proposed or sealed; withdrawals are `Some([])` from Shanghai on.
pub type Block = alloy_consensus::Block<Transaction>;
/// Transactions, ommers (always none) and withdrawals of a block.
pub type BlockBody = alloy_consensus::BlockBody<Transaction>;
/// A receipt with its bloom.
pub type Receipt = alloy_consensus::ReceiptEnvelope;
