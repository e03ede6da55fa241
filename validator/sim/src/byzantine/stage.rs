//! What an actor sees of the world, its one key, and its mouth.

use crate::{flavour::Flavour, rng::Rng};
use alloy_primitives::{Address, B256};
use chain::Seal;
use qbft::{
    Message, Verified,
    message::{
        Commit, Justification, Prepare, ProposalMessage, ProposalPayload, RoundChange, RoundChangeMessage,
    },
};
use std::sync::Arc;

/// The block of a flavour.
pub type Block<F> = <F as Flavour>::Block;

/// Something an actor says.
pub struct Said<F: Flavour> {
    /// To whom.
    pub to: usize,
    /// Held back so long, milliseconds.
    pub after_ms: u64,
    /// What.
    pub message: Message<Block<F>>,
}

/// What an actor sees of the world, its one key, and its mouth.
pub struct Stage<'a, F: Flavour> {
    pub(crate) flavour: &'a mut F,
    /// The actor's draws.
    pub rng: &'a mut Rng,
    pub(crate) identity: Address,
    /// Its node.
    pub node: usize,
    /// Nodes of the network.
    pub nodes: usize,
    /// Height its core works on.
    pub height: u64,
    /// Round its core is in.
    pub round: u32,
    /// Validators of that height.
    pub validators: &'a [Address],
    pub(crate) said: &'a mut Vec<Said<F>>,
}

impl<F: Flavour> Stage<'_, F> {
    /// The other nodes.
    pub fn others(&self) -> impl Iterator<Item = usize> + use<F> {
        let node = self.node;
        (0..self.nodes).filter(move |to| *to != node)
    }

    /// Any node.
    pub fn anybody(&mut self) -> usize {
        usize::try_from(self.rng.below(self.nodes as u64)).unwrap_or(0)
    }

    /// Sends to one node.
    pub fn say(&mut self, to: usize, message: Message<Block<F>>) {
        self.say_later(to, 0, message);
    }

    /// Sends to one node after a while.
    pub fn say_later(&mut self, to: usize, after_ms: u64, message: Message<Block<F>>) {
        if to != self.node {
            self.said.push(Said { to, after_ms, message });
        }
    }

    /// Sends to every other node.
    pub fn tell_all(&mut self, message: &Message<Block<F>>) {
        for to in self.others() {
            self.say(to, message.clone());
        }
    }

    /// Its seal over any hash.
    pub fn seal(&self, hash: B256) -> Seal {
        self.flavour.seal(self.identity, hash)
    }

    /// Its PREPARE.
    pub fn prepare(&self, height: u64, round: u32, digest: B256) -> Verified<Prepare> {
        self.flavour.prepare(self.identity, Prepare { height, round, digest })
    }

    /// Its COMMIT.
    pub fn commit(&self, height: u64, round: u32, digest: B256, seal: Seal) -> Message<Block<F>> {
        Message::Commit(self.flavour.commit(self.identity, Commit { height, round, digest, seal }))
    }

    /// Its signed part of a ROUND-CHANGE.
    pub fn round_change(&self, payload: RoundChange) -> Verified<RoundChange> {
        self.flavour.round_change(self.identity, payload)
    }

    /// Its ROUND-CHANGE without a claim.
    pub fn bare_round_change(&self, height: u64, round: u32) -> Message<Block<F>> {
        let round_change = self.round_change(RoundChange { height, round, prepared: None });
        Message::RoundChange(Arc::new(RoundChangeMessage {
            round_change,
            block: None,
            prepares: Arc::new([]),
        }))
    }

    /// Its PROPOSAL.
    pub fn proposal(
        &self,
        payload: ProposalPayload<Block<F>>,
        justification: Justification,
    ) -> Message<Block<F>> {
        let proposal = self.flavour.proposal(self.identity, payload);
        Message::Proposal(Arc::new(ProposalMessage { proposal, justification }))
    }
}
