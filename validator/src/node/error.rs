//! Why a node did not start, or ended.

use crate::{
    health,
    journal::{self, JournalError},
    lease::FenceSetupError,
    ots_index::IndexError,
    pool,
    reseat::KeptError,
    rpc::RpcError,
};
use alloy_primitives::Address;
use ledger::{LedgerError, OpenError};
use std::{io, path::PathBuf};

/// Why a node did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data directory.
    #[error("data directory {path}: {source}; check that it is mounted and writable")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// The chain database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Reading the chain.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The transaction pool.
    #[error(transparent)]
    Pool(#[from] pool::OpenError),
    /// The vote journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The vote journal, while it was being taken into use.
    #[error("vote journal: {0}")]
    Refusal(#[from] journal::Refusal),
    /// The index from addresses to transactions.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A recovery record that was taken up.
    #[error(transparent)]
    Recovery(#[from] KeptError),
    /// The fence of an identity that can move.
    #[error(transparent)]
    Fence(#[from] FenceSetupError),
    /// That of one that a spare stands by for.
    #[error("standbyFor[{index}], of which the following calls it identity: {source}")]
    FenceOf {
        /// Which entry.
        index: usize,
        /// What is wrong with it.
        source: FenceSetupError,
    },
    /// Other nodes may have the key, and wake.
    #[error(
        "identity.fence is missing, and the vote journal of {0} says that the identity can move: whoever else has its key is kept from voting by the fence alone; name the fence again"
    )]
    Unfenced(Address),
    /// The network.
    #[error(transparent)]
    Network(#[from] devp2p::StartError),
    /// JSON-RPC.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The health port.
    #[error(transparent)]
    Health(#[from] health::ListenError),
    /// No thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The start was interrupted.
    #[error("start was cut short")]
    CutShort,
}

impl NodeError {
    /// Whether the input (files, folders, addresses) must change before another start can go better.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Open(error) => !matches!(error, OpenError::Ledger(_)),
            Self::Journal(error) => !matches!(error, JournalError::Io { .. }),
            Self::Index(error) => matches!(error, IndexError::Genesis { .. } | IndexError::Corrupt(_)),
            Self::DataDir { .. }
            | Self::Recovery(_)
            | Self::Fence(_)
            | Self::FenceOf { .. }
            | Self::Unfenced(_)
            | Self::Network(_)
            | Self::Health(_)
            | Self::Pool(_)
            | Self::Rpc(_) => true,
            Self::Ledger(_) | Self::Refusal(_) | Self::Thread(_) | Self::CutShort => false,
        }
    }
}
