//! What goes into building a block and what comes out.

use crate::{Block, Transaction};
use alloy_primitives::{Address, B256, Bytes, TxHash};
use revm::context::result::InvalidTransaction;
use std::sync::Arc;

/// A transaction whose sender was recovered once, when it entered the node.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The transaction.
    pub tx: Arc<Transaction>,
    /// Who signed it.
    pub sender: Address,
    /// Its hash.
    pub hash: B256,
}

/// Senders that are known already, by transaction hash: the pool. The hash covers the signature, so an answer is proof.
pub trait KnownSenders: Send + Sync {
    /// The sender of each transaction that was recovered before, in order.
    fn senders(&self, hashes: &[TxHash]) -> Vec<Option<Address>>;
}

/// What the proposer chooses; everything else follows from the parent and the genesis.
#[derive(Clone, Debug)]
pub struct BuildAttributes {
    /// Seconds; at least parent plus block period.
    pub timestamp: u64,
    /// The proposer.
    pub beneficiary: Address,
    /// Canonical QBFT extra data without seals.
    pub extra_data: Bytes,
    /// Where the gas limit walks to, by less than parent / 1024 a block.
    pub gas_limit_target: u64,
}

/// A built block; its execution is kept, so that committing it does not repeat it.
#[derive(Clone, Debug)]
pub struct Built {
    /// The block, unsealed.
    pub block: Arc<Block>,
    /// Its on-chain hash (round and seals masked).
    pub hash: B256,
    /// Transactions that were offered and left out.
    pub skipped: Vec<(TxHash, SkipReason)>,
}

/// Why an offered transaction is not in the built block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// It does not fit into what is left of this block; a later one may take it.
    #[error("needs {needed} gas, {left} left in this block")]
    NoGasLeft {
        /// Its gas limit.
        needed: u64,
        /// Left in the block.
        left: u64,
    },
    /// The block would exceed its size limit (EIP-7934).
    #[error("block would exceed {limit} bytes")]
    NoBytesLeft {
        /// The limit in bytes.
        limit: usize,
    },
    /// It follows a nonce that is not there yet; a later block may take it.
    #[error("nonce is {got}, account's next is {want}")]
    NonceGap {
        /// Of the transaction.
        got: u64,
        /// Of the state.
        want: u64,
    },
    /// The state or the rules of this block refuse it; see [`SkipReason::is_permanent`] for whether others may take it.
    #[error("invalid: {0}")]
    Invalid(InvalidTransaction),
    /// The chain takes no price for gas (GoQuorum without `gasPriceEnabled`).
    #[error("gas price is {0}, this chain takes only 0")]
    GasPrice(u128),
    /// Blob transactions do not exist on this chain.
    #[error("transaction type {0} is not supported")]
    Type(u8),
}

impl SkipReason {
    /// Whether no later state can take the transaction, so that the pool should drop it rather than offer it again.
    /// Lack of funds, the base fee and the block's gas pass: an account may be funded, fees may fall.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Type(_) => true,
            Self::Invalid(reason) => no_state_takes(reason),
            Self::NoGasLeft { .. } | Self::NoBytesLeft { .. } | Self::NonceGap { .. } | Self::GasPrice(_) => {
                false
            }
        }
    }
}

/// Reasons that lie in the transaction itself, or in a nonce that was used; a reason not listed passes.
const fn no_state_takes(reason: &InvalidTransaction) -> bool {
    use InvalidTransaction as Reason;
    matches!(
        reason,
        Reason::NonceTooLow { .. }
            | Reason::NonceOverflowInTransaction
            | Reason::InvalidChainId
            | Reason::MissingChainId
            | Reason::PriorityFeeGreaterThanMaxFee
            | Reason::OverflowPaymentInTransaction
            | Reason::CallGasCostMoreThanGasLimit { .. }
            | Reason::GasFloorMoreThanGasLimit { .. }
            | Reason::TxGasLimitGreaterThanCap { .. }
            | Reason::CreateInitCodeSizeLimit
            | Reason::EmptyAuthorizationList
            | Reason::AuthorizationListInvalidFields
            | Reason::AccessListNotSupported
            | Reason::AuthorizationListNotSupported
            | Reason::Eip2930NotSupported
            | Reason::Eip1559NotSupported
            | Reason::Eip4844NotSupported
            | Reason::Eip7702NotSupported
    )
}

/// Network parameters in force for the next height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Seconds between blocks, at least 1.
    pub block_period_s: u64,
    /// Seconds that a valid block is after its parent at least; below the period where a transition shortens it late.
    pub min_period_s: u64,
    /// Seconds after which a block without transactions is due; 0, or not above the period: like any other.
    pub empty_block_period_s: u64,
    /// Round-0 timeout in milliseconds, counted from when the block is due.
    pub request_timeout_ms: u64,
    /// Where proposers walk the gas limit to.
    pub gas_limit_target: u64,
}
