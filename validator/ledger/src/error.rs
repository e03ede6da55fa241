//! Errors, one enum per way in.

use alloy_primitives::{Address, B256, Bytes, TxHash};
use revm::context::result::InvalidTransaction;
use std::path::PathBuf;

/// Reading or writing went wrong, or what was asked for is not kept.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The storage engine failed: disk full, I/O error, damaged file.
    #[error("storage: {0}; check the disk, then restart")]
    Storage(Box<redb::Error>),
    /// Bytes on disk do not decode: the file is damaged or of another version.
    #[error("stored {what} does not decode; delete state.redb to rebuild it from blocks, or resync")]
    Corrupt {
        /// What was read.
        what: &'static str,
    },
    /// No such block here.
    #[error("unknown block {0}")]
    UnknownBlock(String),
    /// The state of that block is no longer kept.
    #[error(
        "state of block {block} is not kept, oldest is {oldest}; raise the history kept, or ask an archive node"
    )]
    StatePruned {
        /// Asked for.
        block: u64,
        /// Oldest that can be read.
        oldest: u64,
    },
    /// Tries of an older state would have to be put together from too much that changed since.
    #[error(
        "missing trie node: tries go back {limit} blocks and 100,000 changed keys from the head, block {block} is further; ask for a newer block"
    )]
    TriePruned {
        /// Asked for.
        block: u64,
        /// Blocks that tries go back at most.
        limit: u64,
    },
    /// The validator contract did not answer with a list of validators.
    #[error("validator contract {contract} at block {block}: {reason}")]
    ValidatorContract {
        /// Its address.
        contract: Address,
        /// Height of the state it ran on.
        block: u64,
        /// What it did instead.
        reason: String,
    },
    /// A vote scheduled a fork that this version does not have.
    #[error(
        "hardfork {name} is in force from block {block} on and not known to this version; upgrade this node"
    )]
    UnknownHardfork {
        /// As the vote named it.
        name: String,
        /// First block.
        block: u64,
    },
    /// The head moved while a block was built on it.
    #[error("head moved from {was} to {is} meanwhile; build again")]
    HeadMoved {
        /// Number when the work began.
        was: u64,
        /// Number now.
        is: u64,
    },
    /// Attributes that no valid block can have.
    #[error("cannot build: {0}")]
    Attributes(String),
    /// A log query over too many blocks.
    #[error("log query spans {got} blocks, at most {limit} are allowed; split the range")]
    LogRange {
        /// Blocks asked for.
        got: u64,
        /// Allowed.
        limit: u64,
    },
    /// A log query with too many results.
    #[error("log query gives more than {limit} logs; narrow the range or the filter")]
    LogResults {
        /// Allowed.
        limit: usize,
    },
    /// The EVM stopped for a reason that is not the transaction's.
    #[error("execution engine: {0}")]
    Engine(String),
}

/// Opening a ledger's directory failed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made or read.
    #[error("ledger directory {path}: {source}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("{path} is open in another process; stop it first")]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// The directory belongs to another chain.
    #[error(
        "ledger holds the chain of genesis {stored}, the genesis given is {given}; give the right genesis file or another data directory"
    )]
    WrongGenesis {
        /// In the directory.
        stored: B256,
        /// Given.
        given: B256,
    },
    /// State was written for a block that is not there.
    #[error(
        "state is at block {state}, blocks end at {blocks}: the block file was replaced or rolled back; restore it, or delete state.redb to rebuild"
    )]
    StateAhead {
        /// Of the state.
        state: u64,
        /// Of the blocks.
        blocks: u64,
    },
    /// The state is not that of the block it claims.
    #[error(
        "state root at block {block} is {got}, its header says {want}; delete state.redb to rebuild it from blocks"
    )]
    StateRoot {
        /// Height.
        block: u64,
        /// Stored.
        got: B256,
        /// In the header.
        want: B256,
    },
    /// A sealed block does not execute to its own header.
    #[error("replaying block {block}: {source}")]
    Replay {
        /// Height.
        block: u64,
        /// Why.
        source: Box<InvalidBlock>,
    },
    /// Reading or writing.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Why a block is refused. All but [`InvalidBlock::Ledger`] are the proposer's fault.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBlock {
    /// Not the next height.
    #[error("number is {got}, next is {want}")]
    Number {
        /// Of the block.
        got: u64,
        /// Head plus one.
        want: u64,
    },
    /// Not on our head.
    #[error("parent is {got}, head is {want}")]
    Parent {
        /// Of the block.
        got: B256,
        /// Our head.
        want: B256,
    },
    /// A header field is not what the parent, the body or the rules make it.
    #[error("header {field} is {got}, expected {want}")]
    Field {
        /// Its name.
        field: &'static str,
        /// Found.
        got: String,
        /// Expected.
        want: String,
    },
    /// Too early.
    #[error("timestamp is {got}, parent plus period allows {min} at the earliest")]
    Timestamp {
        /// Of the block.
        got: u64,
        /// Earliest allowed.
        min: u64,
    },
    /// The gas limit walked too far.
    #[error("gas limit is {got}, parent {parent} allows {min} to {max}")]
    GasLimit {
        /// Of the block.
        got: u64,
        /// Of the parent.
        parent: u64,
        /// Lowest allowed.
        min: u64,
        /// Highest allowed.
        max: u64,
    },
    /// `extraData` is not canonical QBFT extra data.
    #[error("extra data: {0}")]
    ExtraData(alloy_rlp::Error),
    /// The validators in the header are not the set for this height.
    #[error("header names validators {got:?}, the set is {want:?}")]
    Validators {
        /// In the header.
        got: Vec<Address>,
        /// Expected there (none in contract mode).
        want: Vec<Address>,
    },
    /// A vote in contract mode.
    #[error("header carries a vote, the validator contract decides here")]
    Vote,
    /// The beneficiary is no validator.
    #[error("beneficiary {0} is not a validator of this height")]
    Beneficiary(Address),
    /// A body part that no block of this chain may have.
    #[error("body has {0}, expected none")]
    Body(&'static str),
    /// A contract of the protocol did not do its part.
    #[error("system contract {contract} {reason}")]
    System {
        /// Its address.
        contract: Address,
        /// What it did.
        reason: String,
    },
    /// A transaction without a recoverable sender.
    #[error("transaction {index} ({hash}): signature recovers to nobody")]
    Sender {
        /// Position.
        index: usize,
        /// Its hash.
        hash: TxHash,
    },
    /// A transaction of a type that does not exist here.
    #[error("transaction {index} ({hash}): type {ty} is not supported")]
    TransactionType {
        /// Position.
        index: usize,
        /// Its hash.
        hash: TxHash,
        /// EIP-2718 type.
        ty: u8,
    },
    /// A transaction that may not be in a block on this state.
    #[error("transaction {index} ({hash}): {reason}")]
    Transaction {
        /// Position.
        index: usize,
        /// Its hash.
        hash: TxHash,
        /// Why.
        reason: InvalidTransaction,
    },
    /// A price for gas where only 0 is taken.
    #[error("transaction {index} ({hash}): gas price is {price}, this chain takes only 0")]
    GasPrice {
        /// Position.
        index: usize,
        /// Its hash.
        hash: TxHash,
        /// Offered, wei.
        price: u128,
    },
    /// More gas than is left in the block.
    #[error("transaction {index} ({hash}): needs {needed} gas, {left} left in the block")]
    BlockGas {
        /// Position.
        index: usize,
        /// Its hash.
        hash: TxHash,
        /// Its gas limit.
        needed: u64,
        /// Left.
        left: u64,
    },
    /// Not the block's fault: reading our own state failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl InvalidBlock {
    /// Whether the fault is ours, so that nobody may be blamed for the block.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        matches!(self, Self::Ledger(_))
    }
}

/// Why a sealed block is not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Not the next height: already here, or its predecessors are missing.
    #[error("block {got} is not next, expected {want}")]
    NotNext {
        /// Of the block.
        got: u64,
        /// Head plus one.
        want: u64,
    },
    /// Not on our head.
    #[error("parent is {got}, head is {want}")]
    Parent {
        /// Of the block.
        got: B256,
        /// Our head.
        want: B256,
    },
    /// `extraData` is not canonical QBFT extra data.
    #[error("extra data: {0}")]
    ExtraData(alloy_rlp::Error),
    /// Fewer seals than a quorum.
    #[error("{got} seals, quorum of {validators} validators is {want}")]
    Seals {
        /// In the header.
        got: usize,
        /// Needed.
        want: usize,
        /// Size of the set.
        validators: usize,
    },
    /// More seals than validators cannot be one each.
    #[error("{got} seals for {validators} validators, at most one each is allowed")]
    TooManySeals {
        /// In the header.
        got: usize,
        /// Size of the set.
        validators: usize,
    },
    /// A seal that recovers to nobody.
    #[error("seal {index}: {source}")]
    Seal {
        /// Position.
        index: usize,
        /// Why.
        source: chain::signature::SignatureError,
    },
    /// Two seals of one validator.
    #[error("two seals of {0}")]
    DuplicateSeal(Address),
    /// A seal of somebody else.
    #[error("seal of {0}, who is not a validator of this height")]
    ForeignSeal(Address),
    /// The body is not the one the header was sealed over; ask another peer.
    #[error("body does not belong to the sealed header: {field} is {got}, header says {want}")]
    Body {
        /// Which part.
        field: &'static str,
        /// Of the body.
        got: String,
        /// In the header.
        want: String,
    },
    /// Invalid, and no quorum sealed it: the peer that sent it made it up.
    #[error("block {number} ({hash}) is invalid and no quorum sealed it: {reason}; ask another peer")]
    Unsealed {
        /// Height.
        number: u64,
        /// On-chain hash.
        hash: B256,
        /// Why.
        reason: Box<InvalidBlock>,
    },
    /// A quorum sealed what we find invalid: this node is broken or runs other rules. Stop, do not go on.
    #[error(
        "LOCAL FAULT: block {number} ({hash}) is sealed by a quorum but invalid here: {reason}; stop this node, compare versions and genesis, resync"
    )]
    Diverged {
        /// Height.
        number: u64,
        /// On-chain hash.
        hash: B256,
        /// What differs.
        reason: Box<InvalidBlock>,
    },
    /// Reading or writing.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Why a call or an estimate has no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request itself is no valid call: nonce, funds, intrinsic gas.
    #[error("{0}")]
    Invalid(InvalidTransaction),
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
    /// `movePrecompileToAddress` names the precompile's own address.
    #[error("account {0}: movePrecompileToAddress referenced itself in replacement")]
    PrecompileMovedToItself(Address),
    /// Two precompiles are moved to one address.
    #[error("account {0}: multiple movePrecompileToAddress referencing the same address to replace")]
    PrecompileMovedTwice(Address),
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
    #[error("err: {reason}: address {sender} (supplied gas {gas})")]
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

macro_rules! storage_errors {
    ($($source:ty),* $(,)?) => {$(
        impl From<$source> for LedgerError {
            fn from(source: $source) -> Self {
                Self::Storage(Box::new(source.into()))
            }
        }
    )*};
}

storage_errors!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError,
);

/// So that the EVM can carry our own errors through.
impl revm::database_interface::DBErrorMarker for LedgerError {}
