//! The quick flavour: a block of a few words, with hashes that are as distinct as the real ones, signatures that only
//! name their author, and one validator set for ever.

use crate::{
    flavour::{Flavour, Order, Rules},
    rng::{Rng, mix},
    scenario::Scenario,
    world::EPOCH_MS,
};
use alloy_primitives::{Address, B256};
use chain::Seal;
use qbft::{
    Proposal, Symbolic, Verdict, Verified,
    message::{Commit, Prepare, ProposalPayload, RoundChange},
};

/// Set in the content of a block that execution refuses.
const INVALID: u64 = 1 << 63;
/// Set in the content of a block made to differ from another one.
const VARIANT: u64 = 1 << 62;

/// Set in the content of a block that carries a recovery record.
const RECORD: u64 = 1 << 61;

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

    fn with_salt(&self, salt: u64) -> Self {
        Self::new(self.height, self.parent, self.proposer, self.timestamp, self.round, salt)
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

/// The network of symbols.
#[derive(Clone, Debug)]
pub struct SymbolicChain {
    rules: Rules,
    built: u64,
}

impl SymbolicChain {
    /// Every seat of the scenario validates, at every height.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        Self::seating(scenario, scenario.seats)
    }

    /// Only the first ones do.
    #[must_use]
    pub fn seating(scenario: &Scenario, seats: usize) -> Self {
        let rules = Rules {
            validators: (0..seats).map(identity).collect(),
            period_ms: scenario.period_ms,
            request_timeout_ms: scenario.request_timeout_ms,
            gas_limit: 0,
        };
        Self { rules, built: 0 }
    }
}

/// The identity of a seat.
#[must_use]
pub fn identity(seat: usize) -> Address {
    Address::with_last_byte(u8::try_from(seat + 1).unwrap_or(u8::MAX))
}

impl Flavour for SymbolicChain {
    type Block = SimBlock;

    fn genesis(&self) -> SimBlock {
        SimBlock::new(0, B256::ZERO, Address::ZERO, EPOCH_MS / 1_000 - 1, 0, 0)
    }
    fn identity(&self, seat: usize) -> Address {
        identity(seat)
    }
    fn hash(&self, block: &SimBlock) -> B256 {
        block.hash
    }
    fn rules(&mut self, _node: usize, _head: &SimBlock) -> Rules {
        self.rules.clone()
    }
    fn build(&mut self, order: &Order<'_, SimBlock>, _rng: &mut Rng) -> Option<SimBlock> {
        self.built += 1;
        let Order { beneficiary, parent, height, round, timestamp, .. } = *order;
        Some(SimBlock::new(height, parent.hash, beneficiary, timestamp, round, self.built))
    }
    fn validate(&mut self, _node: usize, parent: &SimBlock, block: &SimBlock) -> Verdict {
        if self.is_genuine(parent, block) { Verdict::Valid } else { Verdict::Invalid }
    }
    fn variant(&mut self, block: &SimBlock) -> SimBlock {
        block.with_salt(block.salt ^ VARIANT)
    }
    fn with_record(&self, block: &SimBlock) -> SimBlock {
        block.with_salt(block.salt | RECORD)
    }
    fn carries_record(&self, block: &SimBlock) -> bool {
        block.salt & RECORD != 0
    }
    fn corrupt(&mut self, block: &SimBlock) -> SimBlock {
        block.with_salt(block.salt | INVALID)
    }
    fn is_genuine(&mut self, parent: &SimBlock, block: &SimBlock) -> bool {
        block.parent == parent.hash && block.salt & INVALID == 0 && *block == block.with_salt(block.salt)
    }
    fn seal(&self, identity: Address, hash: B256) -> Seal {
        Symbolic::sign(identity, hash)
    }
    fn proposal(
        &self,
        identity: Address,
        payload: ProposalPayload<SimBlock>,
    ) -> Verified<ProposalPayload<SimBlock>> {
        Verified::symbolic(payload, identity)
    }
    fn prepare(&self, identity: Address, payload: Prepare) -> Verified<Prepare> {
        Verified::symbolic(payload, identity)
    }
    fn commit(&self, identity: Address, payload: Commit) -> Verified<Commit> {
        Verified::symbolic(payload, identity)
    }
    fn round_change(&self, identity: Address, payload: RoundChange) -> Verified<RoundChange> {
        Verified::symbolic(payload, identity)
    }
}
