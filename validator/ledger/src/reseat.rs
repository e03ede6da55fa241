//! Emergency re-seat: a record taken up by this node for the next height, and the check of one that a header carries (ADR 34).
//!
//! Which validators a block needs is said by its header and the state before it alone, so that whoever syncs later comes to
//! the same answer. What a node took up changes only whose proposals it is ready for.

use crate::{
    At, CommitError, InvalidBlock, Ledger, LedgerError,
    consensus::KNOWN_CODE,
    ledger::{Chain, Head},
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, keccak256};
use chain::{
    Extra,
    genesis::Engine,
    governance::GOVERNANCE,
    reseat::{RECOVERY_VERSION, RecoveryRecord, Reseat, ReseatError},
};
use std::sync::Arc;

/// A record that this node took up: until its height is filled it votes with this set alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The record.
    pub record: RecoveryRecord,
    /// Its validators, ascending.
    pub validators: Arc<[Address]>,
    digest: B256,
}

/// Why a record is not taken up.
#[derive(Debug, thiserror::Error)]
pub enum RecordRefused {
    /// Of another format: kept, it would not be read at the next start.
    #[error("record has version {got}, this build reads {RECOVERY_VERSION}")]
    Version {
        /// In the record.
        got: u32,
    },
    /// For another network.
    #[error(
        "record is for chain {got} and governance contract {contract}, this chain is {want} with {GOVERNANCE}"
    )]
    Chain {
        /// In the record.
        got: u64,
        /// In the record.
        contract: Address,
        /// Ours.
        want: u64,
    },
    /// Its height was decided: the chain goes on from there.
    #[error(
        "record is for height {height}, which is final here: the head is {head}; no record can undo that"
    )]
    Decided {
        /// In the record.
        height: u64,
        /// Our head.
        head: u64,
    },
    /// This node is behind.
    #[error(
        "record is for height {height}, the head is {head}; it is looked at again when the chain has come so far"
    )]
    NotYet {
        /// In the record.
        height: u64,
        /// Our head.
        head: u64,
    },
    /// Made on another block.
    #[error("record builds on {got}, the head is {want}; prepare it again from this node")]
    Parent {
        /// In the record.
        got: B256,
        /// Our head.
        want: B256,
    },
    /// Another one was taken up before.
    #[error(
        "record has attempt {got}, attempt {have} was taken up with other seats; prepare it with a higher one"
    )]
    Attempt {
        /// In the record.
        got: u32,
        /// Taken up.
        have: u32,
    },
    /// Its contents.
    #[error(transparent)]
    Block(#[from] InvalidBlock),
}

impl Ledger {
    /// Whether a record may decide the next height, signatures and all.
    pub fn check_record(&self, record: &RecoveryRecord) -> Result<(), RecordRefused> {
        self.adoptable(&self.chain.head(), record).map(|_| ())
    }

    /// Whether the seats of a record can be seated in the state after the head, whoever signs.
    pub fn check_seats(&self, reseat: &Reseat) -> Result<(), RecordRefused> {
        let head = self.chain.head();
        let members = head.recoverable(&self.chain)?;
        Ok(reseat.check_seats(&members).map_err(InvalidBlock::Reseat)?)
    }

    /// Whether a block of this chain carries the record.
    pub fn carries(&self, record: &RecoveryRecord) -> Result<bool, LedgerError> {
        let header = self.header(At::Number(record.height))?;
        let carried = header.and_then(|header| Some((reseat_in(&header).ok()??, header.parent_hash)));
        Ok(carried.is_some_and(|(reseat, parent)| {
            reseat.digest(record.chain_id, record.height, parent) == record.digest()
        }))
    }

    /// Takes up a record for the next height, in memory: the caller made it durable before. False if it was taken up already.
    pub fn adopt(&self, record: &RecoveryRecord) -> Result<bool, RecordRefused> {
        let _no_block_meanwhile = self.chain.committing.lock();
        let adopted = self.adoptable(&self.chain.head(), record)?;
        let mut slot = self.chain.adopted.write();
        let is_new = slot.as_ref().is_none_or(|have| have.digest != adopted.digest);
        if is_new {
            *slot = Some(Arc::new(adopted));
        }
        Ok(is_new)
    }

    /// The record taken up for the next height.
    pub fn adopted(&self) -> Option<Arc<Adopted>> {
        self.chain.adopted_on(&self.chain.head())
    }

    fn adoptable(&self, head: &Head, record: &RecoveryRecord) -> Result<Adopted, RecordRefused> {
        if record.version != RECOVERY_VERSION {
            return Err(RecordRefused::Version { got: record.version });
        }
        let want = self.chain.genesis.config.chain_id;
        if record.chain_id != want || record.governance != GOVERNANCE {
            return Err(RecordRefused::Chain { got: record.chain_id, contract: record.governance, want });
        }
        let (height, number) = (record.height, head.info.number);
        if height <= number {
            return Err(RecordRefused::Decided { height, head: number });
        }
        if height > number + 1 {
            return Err(RecordRefused::NotYet { height, head: number });
        }
        if record.parent_hash != head.info.hash {
            return Err(RecordRefused::Parent { got: record.parent_hash, want: head.info.hash });
        }
        let (reseat, digest) = (record.reseat(), record.digest());
        let have = self.chain.adopted_on(head).filter(|have| have.digest != digest);
        if let Some(have) = have.filter(|have| have.record.attempt >= record.attempt) {
            return Err(RecordRefused::Attempt { got: record.attempt, have: have.record.attempt });
        }
        head.check_reseat(&self.chain, &reseat)?;
        Ok(Adopted { record: record.clone(), validators: reseat.validators().into(), digest })
    }
}

impl Chain {
    /// The record taken up on this head.
    pub(crate) fn adopted_on(&self, head: &Head) -> Option<Arc<Adopted>> {
        self.adopted.read().clone().filter(|adopted| adopted.record.parent_hash == head.info.hash)
    }

    /// A proposal is of the set that this node votes with: it carries the record taken up, or none if there is none.
    pub(crate) fn check_adopted(&self, parent: &Head, header: &Header) -> Result<(), InvalidBlock> {
        if self.genesis.engine == Engine::Ethereum {
            return Ok(());
        }
        let carried = reseat_in(header)?.map(|reseat| self.digest(parent, &reseat));
        if carried == self.adopted_on(parent).map(|adopted| adopted.digest) {
            Ok(())
        } else {
            Err(InvalidBlock::OtherSet { carries_record: carried.is_some() })
        }
    }

    fn digest(&self, parent: &Head, reseat: &Reseat) -> B256 {
        reseat.digest(self.genesis.config.chain_id, parent.info.number + 1, parent.info.hash)
    }
}

impl Head {
    /// The validators that decide the block of this header: those of this state, or those of the record that it carries.
    pub(crate) fn validators_of(
        &self,
        chain: &Chain,
        header: &Header,
    ) -> Result<Arc<[Address]>, InvalidBlock> {
        match reseat_in(header)? {
            None => Ok(self.validators(chain)?),
            Some(reseat) => {
                self.check_reseat(chain, &reseat)?;
                Ok(reseat.validators().into())
            }
        }
    }

    fn check_reseat(&self, chain: &Chain, reseat: &Reseat) -> Result<(), InvalidBlock> {
        let members = self.recoverable(chain)?;
        reseat.check(chain.digest(self, reseat), &members).map_err(InvalidBlock::Reseat)
    }

    /// The members, where the contract is one whose storage we know how to write.
    fn recoverable(&self, chain: &Chain) -> Result<Vec<chain::governance::MemberView>, InvalidBlock> {
        let contract = self.contract_in_force(chain)?;
        let code = self.view.account(&keccak256(GOVERNANCE))?.map(|account| account.code_hash);
        if contract != Some(GOVERNANCE) || code != Some(*KNOWN_CODE) {
            return Err(InvalidBlock::NotRecoverable);
        }
        Ok(self.members(chain, GOVERNANCE)?)
    }
}

/// The record that a header carries.
pub(crate) fn reseat_in(header: &Header) -> Result<Option<Reseat>, InvalidBlock> {
    Ok(Extra::decode_exact(&header.extra_data).map_err(InvalidBlock::ExtraData)?.reseat)
}

/// Whose fault it is that no set decides a block: ours if we could not read, its sender's otherwise.
pub(crate) fn undecided(reason: InvalidBlock) -> CommitError {
    match reason {
        InvalidBlock::Ledger(error) => CommitError::Ledger(error),
        reason => CommitError::Record(Box::new(reason)),
    }
}

impl From<LedgerError> for RecordRefused {
    fn from(error: LedgerError) -> Self {
        Self::Block(error.into())
    }
}

impl From<ReseatError> for RecordRefused {
    fn from(error: ReseatError) -> Self {
        Self::Block(InvalidBlock::Reseat(error))
    }
}
