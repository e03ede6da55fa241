//! What kind of network is simulated: its block, its signatures, and who validates after a block. The world's one type
//! parameter; [`crate::symbolic::SymbolicChain`] is the quick one.

use crate::rng::Rng;
use alloy_primitives::{Address, B256};
use chain::Seal;
use qbft::{
    Config, Message, Proposal, Record, Verdict, Verified,
    message::{Commit, Prepare, ProposalPayload, RoundChange},
};
use std::{fmt::Debug, sync::Arc};

/// What the state after a block says of the next height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Validators of the next height.
    pub validators: Arc<[Address]>,
    /// Block period, milliseconds.
    pub period_ms: u64,
    /// Timeout of round 0, milliseconds.
    pub request_timeout_ms: u64,
    /// Where blocks walk their gas limit to; 0 where blocks have none.
    pub gas_limit: u64,
}

/// A block as it is stored and announced: with the round it was committed in, and a quorum's seals for that round.
#[derive(Clone, Debug)]
pub struct Sealed<B> {
    /// The block.
    pub block: B,
    /// The round of the seals.
    pub round: u32,
    /// The seals; none in the genesis block.
    pub seals: Arc<[Seal]>,
}

/// A block that a node's core asks for.
#[derive(Debug)]
pub struct Order<'a, B> {
    /// Who builds.
    pub node: usize,
    /// Its identity.
    pub beneficiary: Address,
    /// The node's head.
    pub parent: &'a B,
    /// Height.
    pub height: u64,
    /// Round that `extraData` carries.
    pub round: u32,
    /// Unix seconds.
    pub timestamp: u64,
    /// The builder is a validator-set flapper: where sets change by content, it puts a change into every block.
    pub flaps: bool,
}

/// A kind of network. Methods with a `node` speak for that node's own database; the others for the network.
pub trait Flavour: 'static {
    /// The block.
    type Block: Proposal + Debug + 'static;

    /// Block 0; its timestamp is one second before virtual time 0 ([`crate::world::EPOCH_MS`]).
    fn genesis(&self) -> Self::Block;
    /// The identity of a seat; seats are nodes that may or may not be validators at a height.
    fn identity(&self, seat: usize) -> Address;
    /// The on-chain hash: what a child names as its parent.
    fn hash(&self, block: &Self::Block) -> B256;
    /// The protocol's options of a node; the world sets from when on it votes.
    fn config(&self, identity: Address) -> Config {
        Config::new(Some(identity))
    }
    /// The rules for the block after `head`.
    fn rules(&mut self, node: usize, head: &Self::Block) -> Rules;
    /// The oracle's own look at the rules for the block after a final one.
    fn rules_after(&mut self, head: &Self::Block) -> Rules {
        self.rules(0, head)
    }
    /// Makes a block; `None` if it cannot.
    fn build(&mut self, order: &Order<'_, Self::Block>, rng: &mut Rng) -> Option<Self::Block>;
    /// Executes a proposed block on `parent`, the node's head.
    fn validate(&mut self, node: usize, parent: &Self::Block, block: &Self::Block) -> Verdict;
    /// Makes a finalised block durable at a node; it follows the node's head. A refusal is a broken promise, and says why.
    fn import(&mut self, _node: usize, _sealed: &Sealed<Self::Block>) -> Result<(), String> {
        Ok(())
    }
    /// What a restart reads of a record written; `None` if it does not survive the journal.
    fn keep(&self, record: Arc<Record<Self::Block>>) -> Option<Arc<Record<Self::Block>>> {
        Some(record)
    }
    /// The node's chain database is gone down to `height`; import starts after it again.
    fn lose_chain(&mut self, _node: usize, _height: u64) {}
    /// The process starts again: the height its database is at, if there is one.
    fn reopen(&mut self, _node: usize) -> Option<u64> {
        None
    }
    /// Another block that honest nodes find valid in the same place: what an equivocating proposer sends to the rest.
    fn variant(&mut self, block: &Self::Block) -> Self::Block;
    /// The block with a recovery record in its header; the same block where this is not simulated.
    fn with_record(&self, block: &Self::Block) -> Self::Block {
        block.clone()
    }
    /// Whether a block carries a recovery record.
    fn carries_record(&self, _block: &Self::Block) -> bool {
        false
    }
    /// A block for the same place that execution refuses.
    fn corrupt(&mut self, block: &Self::Block) -> Self::Block;
    /// The oracle's own look at a finalised block: its content is valid on `parent` and was never altered.
    fn is_genuine(&mut self, parent: &Self::Block, block: &Self::Block) -> bool;

    /// A commit seal over a commit hash.
    fn seal(&self, identity: Address, hash: B256) -> Seal;
    /// Signs a PROPOSAL.
    fn proposal(
        &self,
        identity: Address,
        payload: ProposalPayload<Self::Block>,
    ) -> Verified<ProposalPayload<Self::Block>>;
    /// Signs a PREPARE.
    fn prepare(&self, identity: Address, payload: Prepare) -> Verified<Prepare>;
    /// Signs a COMMIT, whatever its seal.
    fn commit(&self, identity: Address, payload: Commit) -> Verified<Commit>;
    /// Signs a ROUND-CHANGE.
    fn round_change(&self, identity: Address, payload: RoundChange) -> Verified<RoundChange>;
    /// What arrives of a message sent; `None` if it does not survive the wire. Real networks encode, decode and
    /// authenticate here.
    fn carry(&self, message: &Message<Self::Block>) -> Option<Message<Self::Block>> {
        Some(message.clone())
    }
}
