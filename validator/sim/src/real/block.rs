//! A block as the core and the wire see it.

use alloy_primitives::{Address, B256};
use alloy_rlp::{BufMut, Decodable, Encodable};
use chain::{
    Extra, Seal,
    hash::{ProposalRound, block_hash, commit_hash, proposal_digest, with_round_and_seals},
};
use ledger::Block;
use qbft::{Ecdsa, Proposal};
use std::sync::Arc;

/// A block whose `extraData` is known to be QBFT's.
#[derive(Clone, Debug)]
pub struct RealBlock {
    block: Arc<Block>,
    round: u32,
    digest: B256,
    hash: B256,
}

impl RealBlock {
    /// Takes a block; refuses `extraData` that is not QBFT's.
    pub fn new(block: Arc<Block>) -> Result<Self, alloy_rlp::Error> {
        let round = Extra::decode_exact(&block.header.extra_data)?.round;
        let digest = proposal_digest(&block.header, ProposalRound::Real)?;
        let hash = block_hash(&block.header)?;
        Ok(Self { block, round, digest, hash })
    }

    /// The block.
    #[must_use]
    pub const fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// Its on-chain hash.
    #[must_use]
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// With the round it was committed in and its seals: what ledgers store.
    pub fn sealed(&self, round: u32, seals: &[Seal]) -> Result<Block, alloy_rlp::Error> {
        let header = with_round_and_seals(&self.block.header, round, seals.to_vec())?;
        Ok(Block { header, body: self.block.body.clone() })
    }
}

impl PartialEq for RealBlock {
    fn eq(&self, other: &Self) -> bool {
        self.block == other.block
    }
}

impl Eq for RealBlock {}

impl Proposal for RealBlock {
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
        // Decoding cannot fail: the constructor decoded the same bytes.
        let block = self.sealed(round, &[]).map(Arc::new).and_then(Self::new);
        block.unwrap_or_else(|_| self.clone())
    }
    fn commit_hash(&self, round: u32) -> B256 {
        commit_hash(&self.block.header, round).unwrap_or_default()
    }
}

impl Encodable for RealBlock {
    fn encode(&self, out: &mut dyn BufMut) {
        self.block.encode(out);
    }
    fn length(&self) -> usize {
        self.block.length()
    }
}

impl Decodable for RealBlock {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        Self::new(Arc::new(Block::decode(buf)?))
    }
}
