//! A block of a few words, with hashes that are quick to compute and as distinct as the real ones.

use crate::rng::mix;
use alloy_primitives::{Address, B256};
use qbft::{Proposal, Symbolic};

/// A block without transactions: `salt` stands for its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimBlock {
    /// Number.
    pub height: u64,
    /// Parent's hash.
    pub parent: B256,
    /// Beneficiary.
    pub proposer: Address,
    /// Seconds.
    pub timestamp: u64,
    /// Round in `extraData`.
    pub round: u32,
    /// Content.
    pub salt: u64,
    /// Hash of everything but the round.
    pub hash: B256,
}

impl SimBlock {
    /// A block of round `round`.
    #[must_use]
    pub fn new(height: u64, parent: B256, proposer: Address, timestamp: u64, round: u32, salt: u64) -> Self {
        let mut words = [height, timestamp, salt, 0];
        for bytes in [parent.as_slice(), proposer.as_slice()] {
            for (index, chunk) in bytes.chunks(8).enumerate() {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                words[index % 4] = mix(words[index % 4] ^ u64::from_le_bytes(word));
            }
        }
        let hash = mixed(words);
        Self { height, parent, proposer, timestamp, round, salt, hash }
    }
}

fn mixed(words: [u64; 4]) -> B256 {
    let mut bytes = [0; 32];
    let mut state = 0;
    for _ in 0..2 {
        for word in words {
            state = mix(state ^ word);
        }
    }
    for chunk in bytes.chunks_mut(8) {
        state = mix(state);
        chunk.copy_from_slice(&state.to_le_bytes());
    }
    B256::from(bytes)
}

impl Proposal for SimBlock {
    type Auth = Symbolic;

    fn height(&self) -> u64 {
        self.height
    }
    fn parent(&self) -> B256 {
        self.parent
    }
    fn proposer(&self) -> Address {
        self.proposer
    }
    fn timestamp(&self) -> u64 {
        self.timestamp
    }
    fn round(&self) -> u32 {
        self.round
    }
    fn digest(&self) -> B256 {
        self.commit_hash(self.round)
    }
    fn with_round(&self, round: u32) -> Self {
        Self { round, ..*self }
    }
    fn commit_hash(&self, round: u32) -> B256 {
        let mut bytes = self.hash.0;
        let tail = u64::from_le_bytes([
            bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
        ]);
        if round > 0 {
            bytes[..8].copy_from_slice(&mix(tail ^ u64::from(round)).to_le_bytes());
            bytes[31] ^= 0x55;
        }
        B256::from(bytes)
    }
}
