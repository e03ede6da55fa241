//! A block as the core sees it.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use alloy_rlp::{BufMut, Decodable, Encodable};
use chain::{
    Extra,
    hash::{ProposalRound, block_hash, commit_hash, proposal_digest, with_round_and_seals},
};
use ledger::Block;
use qbft::{Ecdsa, Proposal};
use std::sync::Arc;

/// Which round a proposed header carries on networks of ours.
pub const PROPOSAL_ROUND: ProposalRound = ProposalRound::Real;

/// A proposed block whose `extraData` is known to be canonical. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ProposedBlock {
    block: Arc<Block>,
    round: u32,
    digest: B256,
}

impl ProposedBlock {
    /// Takes a block; refuses `extraData` that is not QBFT's.
    pub fn new(block: Arc<Block>) -> Result<Self, alloy_rlp::Error> {
        let round = Extra::decode_exact(&block.header.extra_data)?.round;
        let digest = proposal_digest(&block.header, PROPOSAL_ROUND)?;
        Ok(Self { block, round, digest })
    }

    /// The block.
    pub fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// The block with its final round and seals.
    pub fn sealed(&self, round: u32, seals: Vec<chain::Seal>) -> Result<Block, alloy_rlp::Error> {
        let header = with_round_and_seals(&self.block.header, round, seals)?;
        Ok(Block { header, body: self.block.body.clone() })
    }

    fn with_header(&self, header: Header) -> Self {
        let block = Arc::new(Block { header, body: self.block.body.clone() });
        Self::new(block).unwrap_or_else(|_| self.clone())
    }
}

impl PartialEq for ProposedBlock {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.block, &other.block) || self.block == other.block
    }
}

impl Eq for ProposedBlock {}

impl Proposal for ProposedBlock {
    type Auth = Ecdsa;

    fn height(&self) -> u64 {
        self.block.header.number
    }

    fn parent(&self) -> B256 {
        self.block.header.parent_hash
    }

    fn proposer(&self) -> Address {
        self.block.header.beneficiary
    }

    fn timestamp(&self) -> u64 {
        self.block.header.timestamp
    }

    fn round(&self) -> u32 {
        self.round
    }

    fn digest(&self) -> B256 {
        self.digest
    }

    fn with_round(&self, round: u32) -> Self {
        if round == self.round {
            return self.clone();
        }
        match with_round_and_seals(&self.block.header, round, Vec::new()) {
            Ok(header) => self.with_header(header),
            // Cannot be: the constructor decoded the same bytes.
            Err(_) => self.clone(),
        }
    }

    fn commit_hash(&self, round: u32) -> B256 {
        commit_hash(&self.block.header, round).unwrap_or_default()
    }
}

impl Encodable for ProposedBlock {
    fn encode(&self, out: &mut dyn BufMut) {
        self.block.encode(out);
    }

    fn length(&self) -> usize {
        self.block.length()
    }
}

impl Decodable for ProposedBlock {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let block = Block::decode(buf)?;
        // The on-chain hash must exist too: it is what a commit will be found by.
        block_hash(&block.header)?;
        Self::new(Arc::new(block))
    }
}
