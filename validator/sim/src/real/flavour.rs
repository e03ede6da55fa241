//! What the world asks of a network, by real ledgers, keys and bytes.

use super::{RealBlock, RealChain, network};
use crate::{
    flavour::{Flavour, Order, Rules, Sealed},
    governance::Call,
    rng::Rng,
};
use alloy_primitives::{Address, B256};
use chain::{Extra, Seal};
use ledger::{At, BuildAttributes, Ledger, Recovered};
use qbft::{
    Encoding, Message, Proposal, Record, Unsigned, Verdict, Verified,
    message::{Commit, Prepare, ProposalPayload, RoundChange},
    wire,
};
use std::{collections::HashMap, sync::Arc};

impl RealChain {
    /// A block with these calls, in their order.
    fn block_of(
        &mut self,
        ledger: &Ledger,
        attributes: &BuildAttributes,
        calls: Vec<(Address, Call)>,
    ) -> Option<RealBlock> {
        let mut nonces: HashMap<Address, u64> = HashMap::new();
        let mut transactions: Vec<Recovered> = Vec::new();
        for (sender, call) in calls {
            let known = nonces.get(&sender).copied();
            let nonce = match known {
                Some(nonce) => nonce,
                None => ledger.account(sender, At::Head).ok()?.nonce,
            };
            let hash_of = |height| ledger.block_hash(At::Number(height)).ok().flatten();
            let Some(made) = self.accounts.transaction(sender, nonce, &call, hash_of) else { continue };
            nonces.insert(sender, nonce + 1);
            self.calls.insert(made.hash, (sender, call));
            transactions.push(made);
        }
        let mut transactions = transactions.into_iter();
        let built = ledger.build(attributes, || transactions.next(), || false).ok()?;
        RealBlock::new(built.block).ok()
    }

    fn ledger_at(&self, parent: B256) -> Option<Ledger> {
        let ledgers = self.nodes.iter().map(|(_, ledger)| ledger);
        ledgers.chain([&self.observer.1]).find(|ledger| ledger.head().hash == parent).cloned()
    }

    /// Keeps the first fault; the next import tells it.
    fn note(&mut self, node: usize, outcome: Result<(), network::Fault>) {
        if let Err(fault) = outcome {
            self.fault.get_or_insert((node, fault.to_string()));
        }
    }
}

impl Flavour for RealChain {
    type Block = RealBlock;

    fn genesis(&self) -> RealBlock {
        self.first.clone()
    }
    fn identity(&self, seat: usize) -> Address {
        self.accounts.cast.identities.get(seat).copied().unwrap_or_default()
    }
    fn hash(&self, block: &RealBlock) -> B256 {
        block.hash()
    }
    fn rules(&mut self, node: usize, head: &RealBlock) -> Rules {
        let known = self.nodes.get(node).filter(|(_, ledger)| ledger.head().hash == head.hash());
        let read = match known {
            Some((_, ledger)) => network::rules(ledger).map_err(network::Fault::from),
            None => Err(network::Fault::Missing { height: head.height() }),
        };
        match read {
            Ok(rules) => rules,
            Err(fault) => {
                self.note(node, Err(fault));
                self.rules_after(head)
            }
        }
    }
    fn rules_after(&mut self, head: &RealBlock) -> Rules {
        let nobody =
            Rules { validators: [].into(), period_ms: 1_000, request_timeout_ms: 1_000, gas_limit: 0 };
        self.rules.get(&head.hash()).cloned().unwrap_or(nobody)
    }
    fn build(&mut self, order: &Order<'_, RealBlock>, rng: &mut Rng) -> Option<RealBlock> {
        let ledger = self.ledger(order.node)?.clone();
        let model = self.models.get(&order.parent.hash())?.clone();
        if ledger.head().hash != order.parent.hash() {
            return None;
        }
        let calls = self.consortium.calls(&model, order.height, order.flaps, rng);
        let attributes = BuildAttributes {
            timestamp: order.timestamp,
            beneficiary: order.beneficiary,
            extra_data: Extra::unsealed(order.round).to_bytes(),
            gas_limit_target: ledger.parameters().ok()?.gas_limit_target,
        };
        self.block_of(&ledger, &attributes, calls)
    }
    fn validate(&mut self, node: usize, _parent: &RealBlock, block: &RealBlock) -> Verdict {
        let Some(ledger) = self.ledger(node) else { return Verdict::Unknown };
        match ledger.validate(block.block()) {
            Ok(()) => Verdict::Valid,
            Err(reason) if reason.is_local() => Verdict::Unknown,
            Err(_) => Verdict::Invalid,
        }
    }
    fn import(&mut self, node: usize, sealed: &Sealed<RealBlock>) -> Result<(), String> {
        self.commit(node, sealed).map_err(|fault| fault.to_string())
    }
    fn reopen(&mut self, node: usize) -> Option<u64> {
        let outcome = self.restart(node);
        self.note(node, outcome);
        Some(self.ledger(node)?.head().number)
    }
    fn lose_chain(&mut self, node: usize, height: u64) {
        let outcome = self.replace(node, height);
        self.note(node, outcome);
    }
    /// Without its calls, or with one that changes nothing.
    fn variant(&mut self, block: &RealBlock) -> RealBlock {
        let Some(ledger) = self.ledger_at(block.parent()) else { return block.clone() };
        let header = &block.block().header;
        let attributes = BuildAttributes {
            timestamp: header.timestamp,
            beneficiary: header.beneficiary,
            extra_data: Extra::unsealed(block.round()).to_bytes(),
            gas_limit_target: header.gas_limit,
        };
        let anybody = self.accounts.cast.operators.last().copied().unwrap_or_default();
        let is_empty = block.block().body.transactions.is_empty();
        let calls = if is_empty { vec![(anybody, Call::Sweep)] } else { Vec::new() };
        self.block_of(&ledger, &attributes, calls).unwrap_or_else(|| block.clone())
    }
    /// With a state root that its execution does not have.
    fn corrupt(&mut self, block: &RealBlock) -> RealBlock {
        let mut other = ledger::Block::clone(block.block());
        other.header.state_root.0[31] ^= 1;
        RealBlock::new(Arc::new(other)).unwrap_or_else(|_| block.clone())
    }
    fn is_genuine(&mut self, parent: &RealBlock, block: &RealBlock) -> bool {
        let observer = &self.observer.1;
        observer.head().hash == parent.hash() && observer.validate(block.block()).is_ok()
    }
    fn seal(&self, identity: Address, hash: B256) -> Seal {
        self.accounts.seal(identity, hash)
    }
    fn proposal(
        &self,
        identity: Address,
        payload: ProposalPayload<RealBlock>,
    ) -> Verified<ProposalPayload<RealBlock>> {
        let unsigned = Unsigned::Proposal(payload.clone());
        self.accounts.vote(identity, payload, &unsigned, None)
    }
    fn prepare(&self, identity: Address, payload: Prepare) -> Verified<Prepare> {
        self.accounts.vote(identity, payload, &Unsigned::Prepare(payload), None)
    }
    fn commit(&self, identity: Address, payload: Commit) -> Verified<Commit> {
        let Commit { height, round, digest, seal } = payload;
        let unsigned = Unsigned::Commit { height, round, digest, commit_hash: B256::ZERO };
        self.accounts.vote(identity, payload, &unsigned, Some(seal))
    }
    fn round_change(&self, identity: Address, payload: RoundChange) -> Verified<RoundChange> {
        self.accounts.vote(identity, payload, &Unsigned::RoundChange(payload), None)
    }
    fn carry(&self, message: &Message<RealBlock>) -> Option<Message<RealBlock>> {
        let bytes = wire::encode(message, Encoding::Besu26);
        wire::decode::<RealBlock>(message.phase().code(), &bytes).ok()?.authenticate().ok()
    }
    fn keep(&self, record: Arc<Record<RealBlock>>) -> Option<Arc<Record<RealBlock>>> {
        let bytes = wire::encode_record(&record);
        wire::decode_record(record.phase().code(), &bytes).ok().map(Arc::new)
    }
}
