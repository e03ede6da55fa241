//! The network: one virtual clock, one queue of events, every choice drawn from the seed.

use crate::{
    block::SimBlock,
    byzantine::{applaud, twist},
    node::Node,
    oracle::{Oracle, Violation},
    plan::Plan,
    rng::{Rng, mix},
};
use alloy_primitives::{Address, B256};
use chain::Seal;
use qbft::{
    Config, Input, Instance, Message, NewHead, Output, Phase, Record, Signatures, Symbolic, Ticket, Timer,
    TimerKind, Unsigned, Verdict,
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    sync::Arc,
};

/// Virtual time 0 in Unix milliseconds.
const EPOCH_MS: u64 = 1_700_000_000_000;
/// Longest wait for the next height once the network is timely: two capped timeouts.
const PATIENCE_MS: u64 = 130_000;
/// Delay once the network is timely.
const TIMELY_DELAY_MS: u64 = 30;

enum Event {
    Deliver { to: usize, message: Message<SimBlock> },
    Step { node: usize, life: u32, input: Input<SimBlock> },
    Timer { node: usize, life: u32, generation: u32, timer: Timer },
    Durable { node: usize, life: u32, ticket: Ticket, record: Arc<Record<SimBlock>> },
    Import { node: usize, life: u32, block: SimBlock },
    Build { node: usize, life: u32, height: u64, round: u32, timestamp: u64 },
    Announce { to: usize, block: SimBlock },
    Sync { node: usize },
    Restart { node: usize },
}

/// How a scenario went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The broken promise, if any.
    pub violation: Option<Violation>,
    /// Hash over everything that happened, in order.
    pub trace: u64,
    /// Virtual milliseconds.
    pub duration_ms: u64,
    /// Events processed.
    pub events: u64,
    /// Rounds entered above 0.
    pub round_changes: u64,
    /// Crashes.
    pub crashes: u64,
}

/// Runs the scenario of a seed.
#[must_use]
pub fn run(seed: u64, seats: usize, heights: u64) -> Outcome {
    let mut rng = Rng::new(seed);
    let plan = Plan::draw(&mut rng, seats, heights);
    World::new(plan, rng).run()
}

struct World {
    plan: Plan,
    rng: Rng,
    now: u64,
    queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    events: Vec<Option<Event>>,
    free: Vec<usize>,
    sequence: u64,
    nodes: Vec<Node>,
    validators: Arc<[Address]>,
    oracle: Oracle,
    salt: u64,
    outcome: Outcome,
    /// When the highest height last grew.
    progress_at: u64,
}

impl World {
    fn new(plan: Plan, mut rng: Rng) -> Self {
        let validators: Arc<[Address]> = (1..=plan.seats)
            .map(|seat| Address::with_last_byte(u8::try_from(seat).unwrap_or(u8::MAX)))
            .collect();
        let genesis = SimBlock::new(0, B256::ZERO, Address::ZERO, EPOCH_MS / 1_000 - 1, 0, 0);
        let nodes = (0..plan.nodes()).map(|_| Node::new(genesis, rng.below(plan.skew_ms + 1))).collect();
        let outcome =
            Outcome { violation: None, trace: 0, duration_ms: 0, events: 0, round_changes: 0, crashes: 0 };
        Self {
            oracle: Oracle::new(plan.nodes(), genesis.hash),
            plan,
            rng,
            now: 0,
            queue: BinaryHeap::new(),
            events: Vec::new(),
            free: Vec::new(),
            sequence: 0,
            nodes,
            validators,
            salt: 0,
            outcome,
            progress_at: 0,
        }
    }

    fn run(mut self) -> Outcome {
        for node in 0..self.nodes.len() {
            let at = self.rng.below(200);
            self.schedule(at, Event::Restart { node });
            self.schedule(at + 1_000, Event::Sync { node });
        }
        while let Some(Reverse((at, _, slot))) = self.queue.pop() {
            self.now = at;
            if let Some(event) = self.events[slot].take() {
                self.free.push(slot);
                self.outcome.events += 1;
                self.happen(event);
            }
            if self.is_over() {
                break;
            }
        }
        self.outcome.violation = self.oracle.violation.take();
        self.outcome.duration_ms = self.now;
        self.outcome
    }

    fn is_over(&mut self) -> bool {
        let lowest =
            self.nodes.iter().filter(|node| !node.is_dead).map(|node| node.head().height).min().unwrap_or(0);
        if lowest < self.plan.heights && self.now > self.progress_at.max(self.plan.timely_from) + PATIENCE_MS
        {
            self.oracle.report(Violation::Stuck { height: self.oracle.height(), lowest });
        }
        lowest >= self.plan.heights || self.oracle.violation.is_some()
    }

    fn schedule(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        let slot = if let Some(slot) = self.free.pop() {
            self.events[slot] = Some(event);
            slot
        } else {
            self.events.push(Some(event));
            self.events.len() - 1
        };
        self.queue.push(Reverse((at, self.sequence, slot)));
    }

    fn note(&mut self, words: [u64; 3]) {
        for word in words {
            self.outcome.trace = mix(self.outcome.trace ^ word);
        }
    }

    fn is_timely(&self) -> bool {
        self.now >= self.plan.timely_from
    }

    fn is_alive(&self, node: usize, life: u32) -> bool {
        self.nodes[node].life == life && self.nodes[node].instance.is_some()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver { to, message } => {
                self.applaud(to, &message);
                self.step(to, Input::Message(message));
            }
            Event::Step { node, life, input } if self.is_alive(node, life) => self.step(node, input),
            Event::Timer { node, life, generation, timer }
                if self.is_alive(node, life)
                    && self.nodes[node].timers[kind_index(timer.kind)] == generation =>
            {
                self.step(node, Input::Timeout(timer));
            }
            Event::Durable { node, life, ticket, record } if self.is_alive(node, life) => {
                self.persist(node, &record);
                if self.may_crash(node) {
                    return;
                }
                self.step(node, Input::Persisted { ticket });
            }
            Event::Import { node, life, block } if self.is_alive(node, life) => {
                self.import(node, block);
                for to in 0..self.nodes.len() {
                    self.send(node, to, |to| Event::Announce { to, block });
                }
            }
            Event::Build { node, life, height, round, timestamp } if self.is_alive(node, life) => {
                self.salt += 1;
                let (parent, proposer) =
                    (self.nodes[node].head().hash, self.validators[self.plan.seat(node)]);
                let block = SimBlock::new(height, parent, proposer, timestamp, round, self.salt);
                self.step(node, Input::Built { height, round, block });
            }
            Event::Announce { to, block } => self.import(to, block),
            Event::Sync { node } => self.sync(node),
            Event::Restart { node } => self.restart(node),
            _ => {}
        }
    }

    fn restart(&mut self, node: usize) {
        if self.nodes[node].is_dead || self.nodes[node].instance.is_some() {
            return;
        }
        let config = Config::new(Some(self.validators[self.plan.seat(node)]));
        let (head, recovered) = (self.head(node), self.nodes[node].recovered());
        let local = self.local_ms(node);
        let (instance, outputs) = Instance::new(config, head, recovered, local);
        self.nodes[node].instance = Some(instance);
        self.note([1, self.now, node as u64]);
        self.work(node, outputs, VecDeque::new());
    }

    fn head(&self, node: usize) -> NewHead {
        let head = self.nodes[node].head();
        NewHead {
            number: head.height,
            hash: head.hash,
            timestamp: head.timestamp,
            proposer: head.proposer,
            validators: self.validators.clone(),
            period_ms: self.plan.period_ms,
            empty_period_ms: 0,
            request_timeout_ms: self.plan.request_timeout_ms,
        }
    }

    fn local_ms(&self, node: usize) -> u64 {
        EPOCH_MS + self.now + self.nodes[node].skew_ms
    }

    /// A block is durable at a node that it follows the head of.
    fn import(&mut self, node: usize, block: SimBlock) {
        if self.nodes[node].head().hash != block.parent || self.nodes[node].instance.is_none() {
            return;
        }
        self.nodes[node].chain.push(block);
        self.progress_at = self.now;
        self.note([2, self.now ^ node as u64, block.salt]);
        let head = self.head(node);
        self.step(node, Input::NewBlock(head));
    }

    /// Asks one peer for its blocks, as nodes do all the time.
    fn sync(&mut self, node: usize) {
        let at = self.now + 1_000;
        self.schedule(at, Event::Sync { node });
        let peer = usize::try_from(self.rng.below(self.nodes.len() as u64)).unwrap_or(0);
        // Early sync would heal what votes alone must not break: before the network is timely it seldom gets through.
        let is_lost = !self.is_timely() && !self.rng.chance(100);
        if is_lost || self.nodes[peer].instance.is_none() || self.plan.is_cut(self.now, node, peer) {
            return;
        }
        while self.nodes[node].instance.is_some() {
            let next = self.nodes[node].chain.len();
            let Some(block) = self.nodes[peer].chain.get(next).copied() else { return };
            self.import(node, block);
        }
    }

    fn step(&mut self, node: usize, input: Input<SimBlock>) {
        let mut inputs = VecDeque::new();
        inputs.push_back(input);
        self.work(node, Vec::new(), inputs);
    }

    /// Performs outputs, and feeds back at once what is answered at once.
    fn work(&mut self, node: usize, outputs: Vec<Output<SimBlock>>, mut inputs: VecDeque<Input<SimBlock>>) {
        let mut outputs = outputs;
        loop {
            for output in outputs {
                if !self.perform(node, output, &mut inputs) {
                    return;
                }
            }
            let Some(input) = inputs.pop_front() else { return };
            let local = self.local_ms(node);
            let Some(instance) = &mut self.nodes[node].instance else { return };
            outputs = instance.step(input, local).unwrap_or_default();
        }
    }

    /// `false` if the node crashed over it.
    fn perform(
        &mut self,
        node: usize,
        output: Output<SimBlock>,
        inputs: &mut VecDeque<Input<SimBlock>>,
    ) -> bool {
        let life = self.nodes[node].life;
        match output {
            Output::Persist { ticket, record } => {
                if self.may_crash(node) {
                    return false;
                }
                if self.plan.disk_ms > 0 {
                    let at = self.now + self.rng.between(1, self.plan.disk_ms);
                    self.schedule(at, Event::Durable { node, life, ticket, record });
                } else {
                    self.persist(node, &record);
                    inputs.push_back(Input::Persisted { ticket });
                }
            }
            Output::Sign { ticket, unsigned } => {
                if self.may_crash(node) {
                    return false;
                }
                let signatures = self.sign(node, &unsigned);
                inputs.push_back(Input::Signed { ticket, signatures });
            }
            Output::Broadcast { message, resend } => return self.broadcast(node, &message, resend),
            Output::Build { height, round, timestamp, due_ms } => {
                let at = due_ms.saturating_sub(EPOCH_MS + self.nodes[node].skew_ms).max(self.now);
                self.schedule(
                    at.saturating_sub(5).max(self.now),
                    Event::Build { node, life, height, round, timestamp },
                );
            }
            Output::Validate { height, round, digest, block } => {
                let is_valid =
                    block.parent == self.nodes[node].head().hash && block.salt.min(!block.salt) <= self.salt;
                let verdict = if is_valid { Verdict::Valid } else { Verdict::Invalid };
                let input = Input::Validated { height, round, digest, verdict };
                if self.plan.execution_ms == 0 {
                    inputs.push_back(input);
                } else {
                    let at = self.now + self.rng.between(1, self.plan.execution_ms);
                    self.schedule(at, Event::Step { node, life, input });
                }
            }
            Output::SetTimer { timer, at_ms } => {
                let slot = &mut self.nodes[node].timers[kind_index(timer.kind)];
                *slot += 1;
                let generation = *slot;
                let at = at_ms.saturating_sub(EPOCH_MS + self.nodes[node].skew_ms).max(self.now);
                self.schedule(at, Event::Timer { node, life, generation, timer });
            }
            Output::Finalise { block, round, seals } => {
                self.finalise(node, block, round, &seals);
            }
            Output::Behind { .. } => {
                let at = self.now + 1;
                self.schedule(at, Event::Sync { node });
            }
            Output::RoundChanged { height, round } => {
                self.outcome.round_changes += 1;
                self.note([3, height, u64::from(round)]);
            }
        }
        true
    }

    fn finalise(&mut self, node: usize, block: SimBlock, round: u32, seals: &[Seal]) {
        let validators = self.validators.clone();
        self.oracle.on_finalised(&block, round, seals, &validators);
        let at = self.now + self.rng.between(0, 10);
        let life = self.nodes[node].life;
        self.note([4, self.now ^ node as u64, block.salt]);
        self.schedule(at, Event::Import { node, life, block });
    }

    fn persist(&mut self, node: usize, record: &Arc<Record<SimBlock>>) {
        if !self.nodes[node].persist(record.clone()) {
            self.oracle.report(Violation::DoubleSign {
                node,
                height: record.height(),
                round: record.round(),
            });
        }
    }

    fn sign(&mut self, node: usize, unsigned: &Unsigned<SimBlock>) -> Signatures {
        self.oracle.on_signed(node, unsigned);
        let (phase, height, round) = match unsigned {
            Unsigned::Proposal(payload) => (Phase::Proposal, payload.height, payload.round),
            Unsigned::Prepare(payload) => (Phase::Prepare, payload.height, payload.round),
            Unsigned::Commit { height, round, .. } => (Phase::Commit, *height, *round),
            Unsigned::RoundChange(payload) => (Phase::RoundChange, payload.height, payload.round),
        };
        let place = (height, round, phase);
        let is_durable =
            self.nodes[node].journal.iter().any(|held| (held.height(), held.round(), held.phase()) == place);
        if !is_durable {
            self.oracle.report(Violation::NotDurable { node });
        }
        self.note([
            5,
            self.now ^ node as u64,
            height << 40 ^ u64::from(round) << 8 ^ u64::from(phase.code()),
        ]);
        let identity = self.validators[self.plan.seat(node)];
        let seal = match unsigned {
            Unsigned::Commit { commit_hash, .. } => Some(Symbolic::sign(identity, *commit_hash)),
            _ => None,
        };
        Signatures { message: Symbolic::sign(identity, B256::ZERO), seal }
    }

    /// Sends to everybody else; a crash may come between any two of them.
    fn broadcast(&mut self, node: usize, message: &Message<SimBlock>, resend: bool) -> bool {
        self.note([6 + u64::from(resend), message.height(), u64::from(message.round())]);
        for to in 0..self.nodes.len() {
            if self.may_crash(node) {
                return false;
            }
            let lies = self.plan.is_liar(node) && to % 2 == 1;
            let told = if lies { twist(message, self.validators[node]) } else { message.clone() };
            self.send(node, to, |to| Event::Deliver { to, message: told.clone() });
        }
        true
    }

    /// The liar votes for every proposal it sees.
    fn applaud(&mut self, node: usize, message: &Message<SimBlock>) {
        let Message::Proposal(proposal) = message else { return };
        if !self.plan.is_liar(node) || self.nodes[node].instance.is_none() {
            return;
        }
        for message in applaud(proposal, self.validators[node]) {
            for to in 0..self.nodes.len() {
                self.send(node, to, |to| Event::Deliver { to, message: message.clone() });
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, event: impl Fn(usize) -> Event) {
        if from == to || self.plan.is_cut(self.now, from, to) {
            return;
        }
        let is_timely = self.is_timely();
        if !is_timely && self.rng.chance(self.plan.drop) {
            return;
        }
        let delay_ms = if is_timely { TIMELY_DELAY_MS } else { self.plan.delay_ms };
        let at = self.now + self.rng.between(1, delay_ms);
        self.schedule(at, event(to));
        if self.rng.chance(self.plan.duplicate) {
            let at = self.now + self.rng.between(1, delay_ms * 2);
            self.schedule(at, event(to));
        }
    }

    /// Draws whether the node crashes here; the dead do so, for good, when the network becomes timely.
    fn may_crash(&mut self, node: usize) -> bool {
        let is_doomed = node >= self.plan.seats - self.plan.dead && self.is_timely();
        if !is_doomed && (self.is_timely() || !self.rng.chance(self.plan.crash)) {
            return false;
        }
        self.outcome.crashes += 1;
        self.note([8, self.now, node as u64]);
        let state = &mut self.nodes[node];
        state.instance = None;
        state.life += 1;
        state.is_dead = is_doomed;
        let at = self.now + self.rng.between(1, self.plan.down_ms);
        self.schedule(at, Event::Restart { node });
        true
    }
}

fn kind_index(kind: TimerKind) -> usize {
    match kind {
        TimerKind::BlockDue => 0,
        TimerKind::Round => 1,
        TimerKind::Resend => 2,
    }
}
