//! Why a transaction is refused. Texts are go-ethereum's, because client libraries match them.

use super::{
    journal::JournalError,
    raw::{MAX_TRANSACTION_BYTES, RawError},
};
use alloy_primitives::{Address, B256, U256};

/// A refused transaction.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PoolError {
    /// Not a transaction.
    #[error("{0}")]
    Malformed(String),
    /// A type that this chain does not carry (yet): blobs always, others before their fork.
    #[error("transaction type not supported")]
    TypeNotSupported,
    /// Encoded size beyond 128 KiB.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    Oversized {
        /// Bytes.
        size: usize,
        /// Most bytes.
        limit: usize,
    },
    /// EIP-3860.
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCodeTooLarge {
        /// Bytes.
        size: usize,
        /// Most bytes.
        limit: usize,
    },
    /// EIP-7825.
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas})")]
    GasLimitTooHigh {
        /// The chain's cap.
        cap: u64,
        /// The transaction's.
        gas: u64,
    },
    /// The chain takes no price for gas; GoQuorum's text.
    #[error("Gas price not 0: transaction offers {0} wei, this chain takes only 0")]
    GasPriceNotZero(u128),
    /// More gas than a block has.
    #[error("exceeds block gas limit")]
    ExceedsBlockGasLimit,
    /// EIP-1559.
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveFeeCap,
    /// EIP-1559.
    #[error("max fee per gas less than block base fee: maxFeePerGas: {cap}, baseFee: {base_fee}")]
    FeeCapBelowBaseFee {
        /// The transaction's.
        cap: u128,
        /// Of the next block.
        base_fee: u64,
    },
    /// Signed before EIP-155, so valid on every chain.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    NotReplayProtected,
    /// Signed for another chain.
    #[error("invalid sender: invalid chain id for signer: have {got} want {want}")]
    WrongChain {
        /// The transaction's.
        got: u64,
        /// Ours.
        want: u64,
    },
    /// The signature gives no address.
    #[error("invalid sender")]
    InvalidSender,
    /// Less gas than the transaction costs before it runs.
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGas {
        /// The transaction's limit.
        gas: u64,
        /// The least.
        needed: u64,
    },
    /// EIP-7623.
    #[error("insufficient gas for floor data gas cost: gas {gas}, minimum needed {needed}")]
    FloorGas {
        /// The transaction's limit.
        gas: u64,
        /// The least.
        needed: u64,
    },
    /// EIP-7702.
    #[error("EIP-7702 transaction with empty auth list")]
    EmptyAuthorizationList,
    /// EIP-2681.
    #[error("nonce has max value: nonce {0}")]
    NonceMax(u64),
    /// A peer said that another account had signed it.
    #[error("transaction was not signed by {0}, as a peer claims")]
    FalseSender(Address),
    /// EIP-3607.
    #[error("sender not an eoa: address {address}, codehash: {code_hash}")]
    SenderNotEoa {
        /// The sender.
        address: Address,
        /// Of its code.
        code_hash: B256,
    },
    /// Already mined, or a nonce that was used.
    #[error("nonce too low: next nonce {next}, tx nonce {got}")]
    NonceTooLow {
        /// The account's.
        next: u64,
        /// The transaction's.
        got: u64,
    },
    /// The account cannot pay.
    #[error("insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {}", cost.saturating_sub(*balance))]
    InsufficientFunds {
        /// The account's.
        balance: U256,
        /// Gas limit times fee cap, plus value.
        cost: U256,
    },
    /// The account cannot pay for this one on top of those that wait.
    #[error("insufficient funds for gas * price + value: balance {balance}, queued cost {queued}, tx cost {cost}, overshot {}", queued.saturating_add(*cost).saturating_sub(*balance))]
    InsufficientFundsQueued {
        /// The account's.
        balance: U256,
        /// Of its transactions that wait.
        queued: U256,
        /// Gas limit times fee cap, plus value.
        cost: U256,
    },
    /// The same transaction is here already.
    #[error("already known")]
    AlreadyKnown,
    /// Another transaction has this nonce and the price is not raised enough.
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    /// The sender has as many waiting as one may.
    #[error("account limit exceeded: sender has {have} transactions waiting, limit {limit}")]
    AccountLimit {
        /// Waiting.
        have: usize,
        /// Most.
        limit: usize,
    },
    /// The client or peer has as many waiting as one may.
    #[error("txpool is full: this client has {have} transactions waiting, limit {limit}")]
    SourceLimit {
        /// Waiting.
        have: usize,
        /// Most.
        limit: usize,
    },
    /// The same in bytes.
    #[error(
        "txpool is full: this client has {have} bytes of transactions waiting, limit {limit}, and this one has {size}"
    )]
    SourceBytes {
        /// Waiting.
        have: usize,
        /// Of the refused one.
        size: usize,
        /// Most.
        limit: usize,
    },
    /// No room for more that no block can take yet, of this client or of all.
    #[error(
        "txpool is full for transactions that wait for an earlier nonce: next nonce {next}, tx nonce {got}; send {next} first"
    )]
    GapsFull {
        /// The first one that is missing.
        next: u64,
        /// The transaction's.
        got: u64,
    },
    /// No room.
    #[error("txpool is full")]
    Full,
    /// State could not be read.
    #[error("account state could not be read: {0}")]
    Ledger(String),
    /// The transaction could not be made durable, so it is not accepted.
    #[error("transaction was not stored: {0}")]
    Journal(#[from] JournalError),
    /// The node stops.
    #[error("node is shutting down, send the transaction to another node")]
    Stopping,
}

impl From<RawError> for PoolError {
    fn from(error: RawError) -> Self {
        match error {
            RawError::Malformed(why) => Self::Malformed(why),
            RawError::TypeNotSupported => Self::TypeNotSupported,
            RawError::Oversized(size) => Self::Oversized { size, limit: MAX_TRANSACTION_BYTES },
        }
    }
}

impl PoolError {
    /// The reason as metrics name it: few words, none of them from outside.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Full | Self::GapsFull { .. } => "full",
            Self::SourceLimit { .. } | Self::SourceBytes { .. } => "source_limit",
            Self::AccountLimit { .. } => "account_limit",
            Self::AlreadyKnown => "known",
            Self::NonceTooLow { .. } | Self::NonceMax(_) => "nonce",
            Self::ReplacementUnderpriced => "underpriced",
            Self::InsufficientFunds { .. } | Self::InsufficientFundsQueued { .. } => "funds",
            Self::Ledger(_) | Self::Journal(_) | Self::Stopping => "local",
            Self::FalseSender(_) | Self::Malformed(_) => "breach",
            _ => "invalid",
        }
    }

    /// Whether no honest peer could have sent it, whatever its rules.
    pub fn is_protocol_breach(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::FalseSender(_))
    }
}
