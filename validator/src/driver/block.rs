//! A block as the core sees it.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use alloy_rlp::{BufMut, Decodable, Encodable};
use chain::{
    Extra,
    hash::{ProposalRound, block_hash, commit_hash, proposal_digest, with_round_and_seals},
};
use devp2p::Block;
use qbft::{Ecdsa, Proposal};
use std::sync::Arc;

/// A proposed block whose `extraData` is known to be canonical. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ProposedBlock {
    block: Arc<Block>,
    round: u32,
    digest: B256,
    rule: ProposalRound,
}

impl ProposedBlock {
    /// Takes a block whose digest follows `rule`; refuses `extraData` that is not QBFT's.
    pub fn new(block: Arc<Block>, rule: ProposalRound) -> Result<Self, alloy_rlp::Error> {
        let round = Extra::decode_exact(&block.header.extra_data)?.round;
        let digest = proposal_digest(&block.header, rule)?;
        Ok(Self { block, round, digest, rule })
    }

    /// The same block under another rule: bytes do not tell which one their network goes by.
    #[must_use]
    pub fn under(self, rule: ProposalRound) -> Self {
        if self.rule == rule {
            return self;
        }
        Self::new(Arc::clone(&self.block), rule).unwrap_or(self)
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
        Self::new(block, self.rule).unwrap_or_else(|_| self.clone())
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
        Self::new(Arc::new(block), ProposalRound::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use devp2p::BlockBody;

    fn block(round: u32) -> ProposedBlock {
        let header = Header { number: 3, extra_data: Extra::unsealed(round).to_bytes(), ..Header::default() };
        ProposedBlock::new(Arc::new(Block { header, body: BlockBody::default() }), ProposalRound::Real)
            .unwrap()
    }

    #[test]
    fn another_round_changes_the_digest_and_not_the_chain_hash() {
        let (first, second) = (block(0), block(0).with_round(2));
        assert_eq!(second, block(2));
        assert_ne!(first.digest(), second.digest());
        assert_eq!(first.commit_hash(2), second.commit_hash(2));
        assert_eq!(block_hash(&first.block().header), block_hash(&second.block().header));
    }

    #[test]
    fn under_the_zero_rule_the_digest_is_the_chain_hash_whatever_the_round() {
        let (plain, zero) = (block(2), block(2).under(ProposalRound::Zero));
        assert_eq!(zero.digest(), block_hash(&plain.block().header).unwrap());
        assert_eq!((zero.round(), zero.with_round(5).digest()), (2, zero.digest()));
        assert_ne!(plain.digest(), zero.digest());
        assert_eq!(zero.under(ProposalRound::Real).digest(), plain.digest());
    }

    #[test]
    fn a_sealed_block_keeps_its_hash_and_carries_round_and_seals() {
        let seals = vec![chain::Seal::repeat_byte(1); 3];
        let sealed = block(1).sealed(4, seals.clone()).unwrap();
        let extra = Extra::decode_exact(&sealed.header.extra_data).unwrap();
        assert_eq!((extra.round, extra.seals), (4, seals));
        assert_eq!(block_hash(&sealed.header), block_hash(&block(1).block().header));
    }

    #[test]
    fn bytes_round_trip_and_foreign_extra_data_is_refused() {
        let bytes = alloy_rlp::encode(block(1));
        assert_eq!(ProposedBlock::decode(&mut bytes.as_slice()).unwrap(), block(1));
        let header = Header { extra_data: [0; 32].into(), ..Header::default() };
        let bytes = alloy_rlp::encode(Block { header, body: BlockBody::default() });
        assert!(ProposedBlock::decode(&mut bytes.as_slice()).is_err());
    }
}
