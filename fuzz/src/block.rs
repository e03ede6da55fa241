//! A real block as the core sees it, as the node's driver makes it: whole header, body, `extraData` of QBFT.

use alloy_primitives::{Address, B256};
use alloy_rlp::{BufMut, Decodable, Encodable};
use chain::{
    Extra,
    hash::{ProposalRound, commit_hash, proposal_digest, with_round_and_seals},
};
use qbft::{Ecdsa, Proposal};

/// A block whose `extraData` decodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    block: devp2p::Block,
    round: u32,
    digest: B256,
}

impl Block {
    fn new(block: devp2p::Block) -> alloy_rlp::Result<Self> {
        let round = Extra::decode_exact(&block.header.extra_data)?.round;
        let digest = proposal_digest(&block.header, ProposalRound::Real)?;
        Ok(Self { block, round, digest })
    }
}

impl Proposal for Block {
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
        let header = with_round_and_seals(&self.block.header, round, Vec::new()).expect("it decoded before");
        let block = devp2p::Block { header, body: self.block.body.clone() };
        Self::new(block).expect("it decoded before")
    }
    fn commit_hash(&self, round: u32) -> B256 {
        commit_hash(&self.block.header, round).expect("it decoded before")
    }
}

impl Encodable for Block {
    fn encode(&self, out: &mut dyn BufMut) {
        self.block.encode(out);
    }
    fn length(&self) -> usize {
        self.block.length()
    }
}

impl Decodable for Block {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        Self::new(devp2p::Block::decode(buf)?)
    }
}
