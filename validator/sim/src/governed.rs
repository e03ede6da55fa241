//! The quick flavour with a validator set that changes: blocks carry calls to the governance contract, and who validates
//! next follows from the reference model's state after them. Signatures and hashes are those of [`crate::symbolic`].

use crate::{
    flavour::{Flavour, Order, Rules},
    governance::{
        Call, Model,
        consortium::{Consortium, Course},
        draw::Cast,
    },
    rng::Rng,
    scenario::Scenario,
    symbolic::{SimBlock, SymbolicChain},
};
use alloy_primitives::{Address, B256};
use chain::Seal;
use qbft::{
    Proposal, Symbolic, Verdict, Verified,
    message::{Commit, Prepare, ProposalPayload, RoundChange},
};
use std::{collections::HashMap, sync::Arc};

/// A block of words with calls. Its content number stands for the calls in its hash: no two built blocks share one.
#[derive(Clone, Debug)]
pub struct GovernedBlock {
    /// The words.
    pub core: SimBlock,
    /// Who calls what, in order.
    pub calls: Arc<[(Address, Call)]>,
}

impl PartialEq for GovernedBlock {
    fn eq(&self, other: &Self) -> bool {
        self.core == other.core
    }
}

impl Eq for GovernedBlock {}

impl Proposal for GovernedBlock {
    type Auth = Symbolic;

    fn height(&self) -> u64 {
        self.core.height
    }
    fn parent(&self) -> B256 {
        self.core.parent
    }
    fn proposer(&self) -> Address {
        self.core.proposer
    }
    fn timestamp(&self) -> u64 {
        self.core.timestamp
    }
    fn round(&self) -> u32 {
        self.core.round
    }
    fn digest(&self) -> B256 {
        self.core.digest()
    }
    fn with_round(&self, round: u32) -> Self {
        Self { core: self.core.with_round(round), calls: self.calls.clone() }
    }
    fn commit_hash(&self, round: u32) -> B256 {
        self.core.commit_hash(round)
    }
}

/// The state after a block.
#[derive(Debug)]
struct After {
    height: u64,
    model: Model,
    rules: Rules,
}

impl After {
    fn new(height: u64, model: Model) -> Self {
        let [period_s, request_timeout_ms, gas_limit, ..] = model.parameters(height + 1);
        let rules = Rules {
            validators: model.validators().collect(),
            period_ms: period_s * 1_000,
            request_timeout_ms,
            gas_limit,
        };
        Self { height, model, rules }
    }
}

/// The network of symbols whose members vote, seat and unseat.
#[derive(Debug)]
pub struct GovernedChain {
    symbolic: SymbolicChain,
    consortium: Consortium,
    states: HashMap<B256, Arc<After>>,
}

/// The address of an account that signs nothing here.
fn account(kind: u8, number: u8) -> Address {
    let mut address = Address::with_last_byte(number);
    address.0[0] = kind;
    address
}

impl GovernedChain {
    /// The scenario's seats under a course.
    #[must_use]
    pub fn new(scenario: &Scenario, course: Course) -> Self {
        let symbolic = SymbolicChain::new(scenario);
        let cast = Cast {
            admins: (1..=12).map(|number| account(1, number)).collect(),
            operators: (1..=20).map(|number| account(2, number)).collect(),
            identities: (0..scenario.seats).map(|seat| symbolic.identity(seat)).collect(),
        };
        let consortium = Consortium::new(course, cast, scenario);
        let genesis = consortium.genesis(scenario.period_ms / 1_000, scenario.request_timeout_ms);
        let states = [(symbolic.genesis().hash, Arc::new(After::new(0, Model::genesis(&genesis))))].into();
        Self { symbolic, consortium, states }
    }

    /// The state after a block that the network has built on.
    #[must_use]
    pub fn model(&self, hash: B256) -> Option<&Model> {
        self.states.get(&hash).map(|after| &after.model)
    }

    fn after(&mut self, head: &GovernedBlock) -> Option<Arc<After>> {
        if let Some(known) = self.states.get(&head.core.hash) {
            return Some(known.clone());
        }
        let before = self.states.get(&head.core.parent)?;
        let mut model = before.model.clone();
        for (sender, call) in &*head.calls {
            // A refused call is a transaction that reverts: it stays in the block and changes nothing.
            let _refused = model.apply(head.core.height, *sender, call);
        }
        let after = Arc::new(After::new(head.core.height, model));
        self.states.retain(|_, state| state.height + KEPT > head.core.height);
        self.states.insert(head.core.hash, after.clone());
        Some(after)
    }
}

/// States of so many heights are kept: more than any node lags behind.
const KEPT: u64 = 4_096;

impl Flavour for GovernedChain {
    type Block = GovernedBlock;

    fn genesis(&self) -> GovernedBlock {
        GovernedBlock { core: self.symbolic.genesis(), calls: [].into() }
    }
    fn identity(&self, seat: usize) -> Address {
        self.symbolic.identity(seat)
    }
    fn hash(&self, block: &GovernedBlock) -> B256 {
        block.core.hash
    }
    fn rules(&mut self, node: usize, head: &GovernedBlock) -> Rules {
        match self.after(head) {
            Some(after) => after.rules.clone(),
            None => self.symbolic.rules(node, &head.core),
        }
    }
    fn build(&mut self, order: &Order<'_, GovernedBlock>, rng: &mut Rng) -> Option<GovernedBlock> {
        let before = self.after(order.parent)?;
        let calls = self.consortium.calls(&before.model, order.height, order.flaps, rng);
        let Order { node, beneficiary, parent, height, round, timestamp, flaps } = *order;
        let order = Order { node, beneficiary, parent: &parent.core, height, round, timestamp, flaps };
        let core = self.symbolic.build(&order, rng)?;
        Some(GovernedBlock { core, calls: calls.into() })
    }
    fn validate(&mut self, node: usize, parent: &GovernedBlock, block: &GovernedBlock) -> Verdict {
        self.symbolic.validate(node, &parent.core, &block.core)
    }
    /// Without the calls: so the two blocks of an equivocating proposer lead to two validator sets.
    fn variant(&mut self, block: &GovernedBlock) -> GovernedBlock {
        GovernedBlock { core: self.symbolic.variant(&block.core), calls: [].into() }
    }
    fn corrupt(&mut self, block: &GovernedBlock) -> GovernedBlock {
        GovernedBlock { core: self.symbolic.corrupt(&block.core), calls: block.calls.clone() }
    }
    fn is_genuine(&mut self, parent: &GovernedBlock, block: &GovernedBlock) -> bool {
        self.symbolic.is_genuine(&parent.core, &block.core)
    }
    fn seal(&self, identity: Address, hash: B256) -> Seal {
        Symbolic::sign(identity, hash)
    }
    fn proposal(
        &self,
        identity: Address,
        payload: ProposalPayload<GovernedBlock>,
    ) -> Verified<ProposalPayload<GovernedBlock>> {
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
