//! Outputs of the core put into effect, as `validator/src/driver/perform.rs` does.

use super::{World, digest_word, schedule::Event};
use crate::{
    fault::Moment,
    flavour::{Flavour, Order, Sealed},
    journal::Inserted,
    oracle::{Cast, Finalised, Violation, place},
    scenario::Actor,
};
use chain::{Seal, quorum::quorum, reseat::ROUNDS_PER_ATTEMPT};
use qbft::{Input, Output, Proposal as _, Record, Signatures, Ticket, Unsigned, Verdict, message::Commit};
use std::{collections::VecDeque, sync::Arc};

/// Building starts so long before the block is due, milliseconds.
const LEAD_MS: u64 = 5;

impl<F: Flavour> World<F> {
    /// Performs outputs, and feeds back at once what is answered at once.
    pub(super) fn work(
        &mut self,
        node: usize,
        outputs: Vec<Output<F::Block>>,
        mut inputs: VecDeque<Input<F::Block>>,
    ) {
        let mut outputs = outputs;
        loop {
            for output in outputs {
                if !self.perform(node, output, &mut inputs) {
                    return;
                }
            }
            let Some(input) = inputs.pop_front() else { return };
            let local = self.local_ms(node);
            let state = &mut self.nodes[node];
            if let Input::Validated { height, digest, verdict: Verdict::Valid, .. } = input {
                state.note_valid(height, digest);
            }
            let Some(instance) = &mut state.instance else { return };
            outputs = instance.step(input, local).unwrap_or_default();
        }
    }

    /// `false` if the node crashed over it.
    fn perform(
        &mut self,
        node: usize,
        output: Output<F::Block>,
        inputs: &mut VecDeque<Input<F::Block>>,
    ) -> bool {
        match output {
            Output::Persist { ticket, record } => return self.persist(node, ticket, record, inputs),
            Output::Sign { ticket, unsigned } => {
                if self.may_crash(node, Moment::Sign) {
                    return false;
                }
                let signatures = self.sign(node, &unsigned);
                inputs.push_back(Input::Signed { ticket, signatures });
            }
            Output::Broadcast { message, resend } => return self.broadcast(node, &message, resend),
            Output::Hold { .. } => {}
            Output::Build { height, round, timestamp, due_ms } => {
                let left = due_ms.saturating_sub(LEAD_MS).saturating_sub(self.local_ms(node));
                let life = self.nodes[node].life;
                self.queue.push(
                    self.now.saturating_add(left),
                    Event::Build { node, life, height, round, timestamp },
                );
            }
            Output::Validate { height, round, digest, block } => {
                let verdict = self.execute(node, &block);
                let hash = self.flavour.hash(&block);
                self.nodes[node].note_executed(height, digest, hash);
                self.answer(node, Input::Validated { height, round, digest, verdict }, inputs);
            }
            Output::SetTimer { timer, at_ms } => self.set_timer(node, timer, at_ms),
            Output::Finalise { block, round, seals } => return self.finalise(node, block, round, seals),
            Output::Behind { .. } => self.queue.push(self.now + 1, Event::Sync { node, again: false }),
            Output::RoundChanged { height, round } => {
                self.outcome.round_changes += 1;
                self.note([3, height, u64::from(round)]);
            }
        }
        true
    }

    fn answer(&mut self, node: usize, input: Input<F::Block>, inputs: &mut VecDeque<Input<F::Block>>) {
        let longest = self.scenario.execution_ms;
        if longest == 0 {
            inputs.push_back(input);
            return;
        }
        let (life, at) = (self.nodes[node].life, self.now + self.nodes[node].rng.between(1, longest));
        self.queue.push(at, Event::Step { node, life, input });
    }

    fn execute(&mut self, node: usize, block: &F::Block) -> Verdict {
        if block.parent() != self.head_hash(node) {
            return Verdict::Unknown;
        }
        if self.flavour.carries_record(block) != self.wants_record(node, block.height()) {
            return Verdict::Unknown;
        }
        let Some(parent) = self.chain.get(self.nodes[node].head) else { return Verdict::Unknown };
        self.flavour.validate(node, &parent.block, block)
    }

    pub(super) fn build(&mut self, node: usize, height: u64, round: u32, timestamp: u64) {
        let flaps = self.scenario.actor(node) == Some(Actor::Flapper);
        let state = &mut self.nodes[node];
        let parent = self.chain.get(state.head).filter(|_| state.head + 1 == height);
        let built = parent.and_then(|parent| {
            let parent = &parent.block;
            let beneficiary = state.identity;
            let order = Order { node, beneficiary, parent, height, round, timestamp, flaps };
            self.flavour.build(&order, &mut state.rng)
        });
        let built =
            built.map(
                |block| {
                    if self.wants_record(node, height) { self.flavour.with_record(&block) } else { block }
                },
            );
        self.step(
            node,
            match built {
                Some(block) => Input::Built { height, round, block },
                None => Input::BuildFailed { height, round },
            },
        );
    }

    fn persist(
        &mut self,
        node: usize,
        ticket: Ticket,
        record: Arc<Record<F::Block>>,
        inputs: &mut VecDeque<Input<F::Block>>,
    ) -> bool {
        if self.may_crash(node, Moment::Persist) {
            return false;
        }
        let longest = self.scenario.disk_ms;
        let state = &mut self.nodes[node];
        let takes = match state.disk_ms {
            Some(ms) => ms,
            None if longest > 0 => state.rng.between(1, longest),
            None => 0,
        };
        if takes == 0 {
            if self.write(node, record) {
                inputs.push_back(Input::Persisted { ticket });
            }
            return !self.may_crash(node, Moment::Durable);
        }
        state.in_flight.push((ticket, record.clone()));
        let (life, at) = (state.life, self.now + takes);
        self.queue.push(at, Event::Durable { node, life, ticket, record });
        true
    }

    /// Whether the core gets its answer.
    pub(super) fn write(&mut self, node: usize, record: Arc<Record<F::Block>>) -> bool {
        let (height, round) = (record.height(), record.round());
        let Some(record) = self.flavour.keep(record) else {
            self.report(Some(Violation::Unreadable { node, height, round }));
            return false;
        };
        let inserted = self.nodes[node].journal.insert(record);
        if inserted == Inserted::Conflict {
            self.report(Some(Violation::DoubleSign { node, height, round }));
        }
        inserted == Inserted::Durable
    }

    pub(super) fn on_durable(&mut self, node: usize, ticket: Ticket, record: Arc<Record<F::Block>>) {
        self.nodes[node].in_flight.retain(|(waiting, _)| *waiting != ticket);
        let is_durable = self.write(node, record);
        if !self.may_crash(node, Moment::Durable) && is_durable {
            self.step(node, Input::Persisted { ticket });
        }
    }

    fn sign(&mut self, node: usize, unsigned: &Unsigned<F::Block>) -> Signatures {
        let (height, round, phase) = place(unsigned);
        let is_durable = self.nodes[node].journal.holds(height, round, phase);
        let violation = self.votes[node].on_signed(node, unsigned, is_durable);
        self.report(violation);
        self.watch_locks(node, unsigned);
        let place = height << 40 ^ u64::from(round) << 8 ^ u64::from(phase.code());
        self.note([5, self.now ^ node as u64, place]);
        let identity = self.nodes[node].identity;
        let flavour = &self.flavour;
        match unsigned {
            Unsigned::Proposal(payload) => {
                Signatures { message: *flavour.proposal(identity, payload.clone()).signature(), seal: None }
            }
            Unsigned::Prepare(payload) => {
                Signatures { message: *flavour.prepare(identity, *payload).signature(), seal: None }
            }
            Unsigned::Commit { height, round, digest, commit_hash } => {
                let seal = flavour.seal(identity, *commit_hash);
                let commit = Commit { height: *height, round: *round, digest: *digest, seal };
                Signatures { message: *flavour.commit(identity, commit).signature(), seal: Some(seal) }
            }
            Unsigned::RoundChange(payload) => {
                Signatures { message: *flavour.round_change(identity, *payload).signature(), seal: None }
            }
        }
    }

    fn watch_locks(&mut self, node: usize, unsigned: &Unsigned<F::Block>) {
        let (digest, is_commit) = match unsigned {
            Unsigned::Prepare(prepare) => (prepare.digest, false),
            Unsigned::Commit { digest, .. } => (*digest, true),
            Unsigned::Proposal(_) | Unsigned::RoundChange(_) => return,
        };
        let (height, round, _) = place(unsigned);
        let state = &self.nodes[node];
        let (Some(instance), Some(executed)) = (&state.instance, state.executed(height, digest)) else {
            return;
        };
        if self.scenario.actor(node).is_some() {
            return;
        }
        let validators = instance.validators();
        let is_liar = |index: &usize| validators.contains(&self.nodes[*index].identity);
        let liars = self.liars.iter().copied().filter(is_liar).count();
        let enough = quorum(validators.len()).saturating_sub(liars);
        // Sets of one height lock nothing for one another.
        let height = height | u64::from(round / ROUNDS_PER_ATTEMPT) << 48;
        let cast = Cast { height, round, content: executed.hash, node, is_commit };
        let violation = self.locks.on_cast(cast, enough);
        self.report(violation);
    }

    fn finalise(&mut self, node: usize, block: F::Block, round: u32, seals: Vec<Seal>) -> bool {
        self.note([4, self.now ^ node as u64, digest_word(&block)]);
        let state = &self.nodes[node];
        let is_executed =
            state.executed(block.height(), block.digest()).is_some_and(|executed| executed.is_valid);
        // By the chain as the oracle knows it, whatever set this node believes in.
        let parent = block.height().checked_sub(1).and_then(|parent| self.chain.get(parent));
        let rules = parent.map(|parent| self.flavour.rules_after(&parent.block));
        let period_s = rules.as_ref().map_or(0, |rules| rules.period_ms / 1_000);
        let validators = rules.map_or_else(|| [].into(), |rules| rules.validators);
        let validators = self.deciding(&block, validators);
        let sealed = Sealed { block, round, seals: seals.into() };
        let finalised = Finalised { node, sealed: &sealed, validators: &validators, period_s, is_executed };
        let known = self.chain.height();
        let violation = self.chain.on_finalised(&mut self.flavour, &finalised);
        self.report(violation);
        if self.chain.height() > known {
            let late = self.progress.on_decided(self.now, known + 1, round % ROUNDS_PER_ATTEMPT);
            self.report(late);
        }
        if self.may_crash(node, Moment::Import) {
            return false;
        }
        let (life, at) = (self.nodes[node].life, self.now + self.nodes[node].rng.between(0, 10));
        self.queue.push(at, Event::Import { node, life, sealed });
        true
    }
}
