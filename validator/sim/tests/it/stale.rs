//! What if nodes took the validator set from one block too early? The oracle has to say so: it knows the right one.

use alloy_primitives::{Address, B256};
use chain::Seal;
use qbft::{
    Verdict, Verified,
    message::{Commit, Prepare, ProposalPayload, RoundChange},
};
use qbft_sim::{
    flavour::{Flavour, Order, Rules, Sealed},
    governance::consortium::{Course, Trend},
    governed::{GovernedBlock, GovernedChain},
    oracle::Violation,
    rng::Rng,
    scenario::Scenario,
    world::World,
};
use std::collections::HashMap;

/// A network whose nodes all believe in the set after their head's parent.
struct Stale {
    chain: GovernedChain,
    blocks: HashMap<B256, GovernedBlock>,
}

impl Flavour for Stale {
    type Block = GovernedBlock;

    fn genesis(&self) -> GovernedBlock {
        self.chain.genesis()
    }
    fn identity(&self, seat: usize) -> Address {
        self.chain.identity(seat)
    }
    fn hash(&self, block: &GovernedBlock) -> B256 {
        self.chain.hash(block)
    }
    fn rules(&mut self, node: usize, head: &GovernedBlock) -> Rules {
        let fresh = self.chain.rules(node, head);
        let parent = self.blocks.get(&head.core.parent).cloned();
        parent.map_or(fresh, |parent| self.chain.rules(node, &parent))
    }
    fn rules_after(&mut self, head: &GovernedBlock) -> Rules {
        self.chain.rules(0, head)
    }
    fn build(&mut self, order: &Order<'_, GovernedBlock>, rng: &mut Rng) -> Option<GovernedBlock> {
        self.chain.build(order, rng)
    }
    fn validate(&mut self, node: usize, parent: &GovernedBlock, block: &GovernedBlock) -> Verdict {
        self.chain.validate(node, parent, block)
    }
    fn import(&mut self, _node: usize, sealed: &Sealed<GovernedBlock>) -> Result<(), String> {
        self.blocks.insert(sealed.block.core.hash, sealed.block.clone());
        Ok(())
    }
    fn variant(&mut self, block: &GovernedBlock) -> GovernedBlock {
        self.chain.variant(block)
    }
    fn corrupt(&mut self, block: &GovernedBlock) -> GovernedBlock {
        self.chain.corrupt(block)
    }
    fn is_genuine(&mut self, parent: &GovernedBlock, block: &GovernedBlock) -> bool {
        self.chain.is_genuine(parent, block)
    }
    fn seal(&self, identity: Address, hash: B256) -> Seal {
        self.chain.seal(identity, hash)
    }
    fn proposal(
        &self,
        identity: Address,
        payload: ProposalPayload<GovernedBlock>,
    ) -> Verified<ProposalPayload<GovernedBlock>> {
        self.chain.proposal(identity, payload)
    }
    fn prepare(&self, identity: Address, payload: Prepare) -> Verified<Prepare> {
        self.chain.prepare(identity, payload)
    }
    fn commit(&self, identity: Address, payload: Commit) -> Verified<Commit> {
        self.chain.commit(identity, payload)
    }
    fn round_change(&self, identity: Address, payload: RoundChange) -> Verified<RoundChange> {
        self.chain.round_change(identity, payload)
    }
}

#[test]
fn seals_by_the_set_of_one_block_too_early_are_no_quorum() {
    for trend in [Trend::Grow, Trend::Shrink] {
        let course = Course { first: 6, members: 2, calls: 3, trend };
        let scenario = Scenario { seed: 5, course: Some(course), ..Scenario::calm(12, 30) };
        let (chain, blocks) = (GovernedChain::new(&scenario, course), HashMap::new());
        let mut world = World::with_flavour(scenario, Stale { chain, blocks });
        world.run_until(u64::MAX);
        assert!(matches!(world.violation(), Some(Violation::Unsealed { .. })), "{:?}", world.violation());
    }
}
