//! Blocks as they travel: an Ethereum block under both wire profiles, with real signatures.

use alloy_consensus::{Block, Header, TxEnvelope};
use alloy_primitives::{Address, B256};
use alloy_rlp::{Decodable, Encodable};
use chain::{
    Extra,
    hash::{ProposalRound, commit_hash, proposal_digest, with_round_and_seals},
};
use qbft::{Ecdsa, Proposal};
use std::sync::Arc;

/// `ZERO` for the profile that writes round 0 into every proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealBlock<const ZERO: bool>(pub Arc<Block<TxEnvelope>>);

impl<const ZERO: bool> Proposal for RealBlock<ZERO> {
    type Auth = Ecdsa;
    fn height(&self) -> u64 {
        self.0.header.number
    }
    fn parent(&self) -> B256 {
        self.0.header.parent_hash
    }
    fn proposer(&self) -> Address {
        self.0.header.beneficiary
    }
    fn timestamp(&self) -> u64 {
        self.0.header.timestamp
    }
    fn round(&self) -> u32 {
        Extra::decode_exact(&self.0.header.extra_data).unwrap().round
    }
    fn digest(&self) -> B256 {
        let rule = if ZERO { ProposalRound::Zero } else { ProposalRound::Real };
        proposal_digest(&self.0.header, rule).unwrap()
    }
    fn with_round(&self, round: u32) -> Self {
        let header: Header = with_round_and_seals(&self.0.header, round, vec![]).unwrap();
        Self(Arc::new(Block { header, body: self.0.body.clone() }))
    }
    fn commit_hash(&self, round: u32) -> B256 {
        commit_hash(&self.0.header, round).unwrap()
    }
}

impl<const ZERO: bool> Encodable for RealBlock<ZERO> {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.0.encode(out);
    }
}

impl<const ZERO: bool> Decodable for RealBlock<ZERO> {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        Ok(Self(Arc::new(Block::decode(buf)?)))
    }
}
