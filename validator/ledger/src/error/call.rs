//! Why a call, a simulation or a trace has no result.

use super::LedgerError;
use crate::call::wording;
use alloy_primitives::{Address, B256, Bytes};
use revm::context::result::InvalidTransaction;

/// Why a call or an estimate has no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request itself is no valid call: nonce, funds, intrinsic gas.
    #[error("{}", wording::invalid(.0))]
    Invalid(InvalidTransaction),
    /// The sender of an estimate has less than the value, let alone the gas.
    #[error("insufficient funds for transfer")]
    TransferFunds,
    /// Gas asked for is above the cap.
    #[error("gas {got} is above the cap {cap}")]
    GasCap {
        /// Asked for.
        got: u64,
        /// Allowed.
        cap: u64,
    },
    /// An estimate that reverts at every gas limit.
    #[error("execution reverted")]
    Revert {
        /// Revert data.
        output: Bytes,
    },
    /// An estimate that halts at every gas limit.
    #[error("{reason}")]
    Halt {
        /// EVM halt reason.
        reason: String,
    },
    /// An estimate that needs more than is allowed.
    #[error("gas required exceeds allowance ({allowance})")]
    Allowance {
        /// The highest gas limit tried.
        allowance: u64,
    },
    /// An override of state or block that makes no sense.
    #[error("{0}")]
    Override(String),
    /// It ran for longer than it may.
    #[error("execution aborted: it ran for too long")]
    OutOfTime,
    /// The block asked for, or its state, is not here.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Why a simulation ends without a result.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// No blocks were described.
    #[error("empty input")]
    Empty,
    /// More blocks than one simulation may have.
    #[error("too many blocks: {got}, at most {limit} from the base block on")]
    TooManyBlocks {
        /// Blocks, those that fill gaps included.
        got: u64,
        /// Allowed.
        limit: u64,
    },
    /// A block's number is not above that of the one before.
    #[error("block numbers must be in order: {got} <= {previous}")]
    NumberOrder {
        /// Of the block.
        got: u64,
        /// Of the one before.
        previous: u64,
    },
    /// A block's time is not after that of the one before.
    #[error("block timestamps must be in order: {got} <= {previous}")]
    TimeOrder {
        /// Of the block.
        got: u64,
        /// Of the one before.
        previous: u64,
    },
    /// Difficulty is zero since the merge.
    #[error("block {number}: difficulty override is not allowed after the merge")]
    Difficulty {
        /// Of the block.
        number: u64,
    },
    /// A call wants more gas than is left in its block.
    #[error("block gas limit reached: remaining: {remaining}, required: {required}")]
    BlockGas {
        /// Left in the block.
        remaining: u64,
        /// Asked for.
        required: u64,
    },
    /// The calls together used all gas that a simulation may use.
    #[error("gas cap of {cap} for all calls of a simulation is used up; simulate fewer calls")]
    GasCap {
        /// Allowed.
        cap: u64,
    },
    /// A call cannot be a transaction of its block.
    #[error("err: {}: address {sender} (supplied gas {gas})", wording::invalid(.reason))]
    Invalid {
        /// Why.
        reason: InvalidTransaction,
        /// Who sends it.
        sender: Address,
        /// Its gas limit.
        gas: u64,
    },
    /// It took longer than allowed.
    #[error("execution timeout: simulate fewer calls")]
    OutOfTime,
    /// An override, or the state it starts from.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<LedgerError> for SimulateError {
    fn from(error: LedgerError) -> Self {
        Self::Call(error.into())
    }
}

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Block 0 has no parent and no transactions.
    #[error("genesis is not traceable")]
    Genesis,
    /// No such transaction in the chain.
    #[error("transaction not found")]
    UnknownTransaction,
    /// The block's parent is not here, so neither is the state to run it on.
    #[error("parent {0} not found")]
    UnknownParent(B256),
    /// The tracer, or what configures it, is none of ours.
    #[error("{0}")]
    Tracer(String),
    /// Tracing took longer than allowed.
    #[error("execution timeout: trace one transaction, or ask for a longer `timeout`")]
    OutOfTime,
    /// What the tracer noted down is larger than allowed.
    #[error("trace exceeds {limit} bytes; turn off memory, stack or storage, set `limit`, or use callTracer")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// A transaction of a block that was handed in cannot be run.
    #[error("transaction {index} cannot be run: {reason}")]
    Transaction {
        /// Position.
        index: u64,
        /// Why.
        reason: String,
    },
    /// The traces of a block are larger together than one answer may be.
    #[error("traces exceed {most} bytes; trace single transactions, or use callTracer")]
    Answer {
        /// Bytes allowed.
        most: usize,
    },
    /// The call itself.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<LedgerError> for TraceError {
    fn from(error: LedgerError) -> Self {
        Self::Call(error.into())
    }
}
