//! Why a block is refused.

use super::LedgerError;
use alloy_primitives::{Address, B256, TxHash};
use revm::context::result::InvalidTransaction;

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
    /// A recovery record that does not hold.
    #[error("recovery record: {0}")]
    Reseat(chain::reseat::ReseatError),
    /// A recovery record where none can be carried out.
    #[error(
        "recovery record on a chain whose validators are not chosen by the governance contract of this version; it cannot be re-seated"
    )]
    NotRecoverable,
    /// Proposed for another set than the one this node votes with.
    #[error("block carries {}, this node took up another one or none", if *carries_record { "a recovery record" } else { "no recovery record" })]
    OtherSet {
        /// Whether it carries a record.
        carries_record: bool,
    },
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
    /// It carries a recovery record that does not hold.
    #[error("{0}")]
    Record(Box<InvalidBlock>),
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
    /// Nothing that is shown of these blocks has the seals of a quorum.
    #[error("none of the blocks {from} to {to} has the seals of a quorum; ask another peer")]
    Uncertified {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
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
