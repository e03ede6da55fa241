//! The network: one virtual clock, one queue of events, every choice drawn from the scenario's seed.
//!
//! ```
//! use qbft_sim::{fault::{Fault, Nodes}, scenario::Scenario, world::World};
//!
//! // Two of four are cut off for a minute; when does the first block come afterwards?
//! let side = Nodes::from_iter([0, 1]);
//! let scenario = Fault::split(side, 5_000, 65_000).into_iter().fold(Scenario::calm(4, u64::MAX), Scenario::with);
//! let mut world = World::new(scenario);
//! world.run_until(65_000);
//! let height = world.highest();
//! assert!(world.run_while(80_000, |world| world.highest() == height), "a block within 15 s");
//! assert_eq!(world.violation(), None);
//! ```

mod actors;
mod clock;
mod deliver;
mod faults;
mod perform;
mod reseat;
mod schedule;
mod sync;

use crate::{
    byzantine::{Behaviour, Said, behaviour},
    fault::{Fault, Moment},
    flavour::Flavour,
    node::Node,
    oracle::{Chain, Locks, Progress, Violation, Votes},
    rng::{Rng, mix},
    scenario::Scenario,
    symbolic::SymbolicChain,
};
use alloy_primitives::B256;
use chain::reseat::ROUNDS_PER_ATTEMPT;
use qbft::{Footprint, Input, Phase, Proposal};
use schedule::{Event, Queue};
use std::collections::VecDeque;

/// Virtual time 0 in Unix milliseconds.
pub const EPOCH_MS: u64 = 1_700_000_000_000;
/// How far two clocks may differ for a lost journal to be harmless: the margin of sitting out (10 s, ADR 5) less what a
/// proposal may run ahead ([`qbft::config::MAX_CLOCK_AHEAD_MS`]).
pub const CLOCK_BOUND_MS: u64 = 10_000 - qbft::config::MAX_CLOCK_AHEAD_MS;
/// How far a block's timestamp has to lie behind a node's start to end its sitting out (`validator/src/driver.rs`).
const SIT_OUT_MARGIN_S: u64 = 10;

/// How a scenario went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Times that a node found its votes lost and sat out.
    pub sat_out: u64,
}

/// Messages put on a link, to every receiver one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// By phase, in the order of [`Phase`].
    pub by_phase: [u64; 4],
    /// Of these, re-sent ones.
    pub resent: u64,
}

impl Sent {
    /// Messages of a phase.
    #[must_use]
    pub fn of(&self, phase: Phase) -> u64 {
        self.by_phase[usize::from(phase.code() - Phase::Proposal.code())]
    }
}

/// A network of a flavour, under way.
pub struct World<F: Flavour> {
    scenario: Scenario,
    flavour: F,
    now: u64,
    queue: Queue<F::Block>,
    nodes: Vec<Node<F::Block>>,
    actors: Vec<Option<Box<dyn Behaviour<F>>>>,
    said: Vec<Said<F>>,
    chain: Chain<F::Block>,
    votes: Vec<Votes<F::Block>>,
    locks: Locks,
    /// One node of each seat that lies.
    liars: Vec<usize>,
    progress: Progress,
    violation: Option<Violation>,
    outcome: Outcome,
    sent: Sent,
    /// The recovery record, once the admins have signed one.
    record: Option<reseat::Record>,
    /// Faults of links that are under way.
    links: Vec<Fault>,
    /// Crashes that wait for a moment.
    crash_points: Vec<(usize, Moment, u32, u64)>,
    /// Lowest head of a node that is not dead.
    lowest: u64,
    /// The most that a core has kept.
    heaviest: usize,
}

impl World<SymbolicChain> {
    /// The scenario with symbolic signatures and one validator set.
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        let flavour = SymbolicChain::new(&scenario);
        Self::with_flavour(scenario, flavour)
    }
}

impl<F: Flavour> World<F> {
    /// The scenario on a network of a flavour. Nodes start within the first 200 ms.
    #[must_use]
    pub fn with_flavour(scenario: Scenario, flavour: F) -> Self {
        let mut rng = Rng::new(scenario.seed);
        let genesis = flavour.genesis();
        let nodes: Vec<_> = (0..scenario.nodes())
            .map(|node| {
                let identity = flavour.identity(scenario.seat(node));
                let skew_ms = rng.around(scenario.skew_ms);
                Node::new(identity, skew_ms, Rng::new(rng.next()))
            })
            .collect();
        let mut world = Self {
            actors: (0..nodes.len()).map(|node| scenario.actor(node).and_then(behaviour)).collect(),
            votes: nodes.iter().map(|_| Votes::default()).collect(),
            chain: Chain::new(flavour.hash(&genesis), genesis),
            flavour,
            now: 0,
            queue: Queue::default(),
            said: Vec::new(),
            nodes,
            locks: Locks::default(),
            liars: scenario.actors.iter().map(|(seat, _)| *seat).collect(),
            progress: Progress::new(&scenario),
            violation: None,
            outcome: Outcome::default(),
            sent: Sent::default(),
            record: None,
            links: Vec::new(),
            crash_points: Vec::new(),
            lowest: 0,
            heaviest: 0,
            scenario,
        };
        for node in 0..world.nodes.len() {
            let at = rng.below(200);
            world.queue.push(at, Event::Restart { node, life: 0 });
            world.queue.push(at + 1_000, Event::Sync { node, again: true });
            if world.actors[node].is_some() {
                world.queue.push(at + 1_000, Event::Wake { node });
            }
        }
        for fault in world.scenario.faults.clone() {
            world.inject(fault);
        }
        world.govern();
        world
    }

    /// Runs until every live node has the scenario's height or a promise is broken.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        self.run_while(u64::MAX, |_| true);
        self.outcome()
    }

    /// Runs to a virtual time, or until the scenario is over.
    pub fn run_until(&mut self, at_ms: u64) {
        self.run_while(at_ms, |_| true);
    }

    /// Runs while the condition holds, to a virtual time at most, or until the scenario is over. `true` if it was the
    /// condition that ended.
    pub fn run_while(&mut self, until_ms: u64, mut condition: impl FnMut(&Self) -> bool) -> bool {
        while !self.is_over() {
            if !condition(self) {
                return true;
            }
            if !self.turn(until_ms) {
                break;
            }
        }
        !condition(self)
    }

    /// One event; `false` if there is none until then.
    fn turn(&mut self, until_ms: u64) -> bool {
        let Some((at, event)) = self.queue.pop(until_ms) else {
            self.now = self.now.max(until_ms);
            return false;
        };
        self.now = at;
        self.outcome.events += 1;
        self.happen(event);
        true
    }

    fn is_over(&mut self) -> bool {
        if self.lowest >= self.scenario.heights || self.violation.is_some() {
            return true;
        }
        let nodes = &self.nodes;
        let rounds = || {
            nodes
                .iter()
                .filter_map(|node| Some(node.instance.as_ref()?.round() % ROUNDS_PER_ATTEMPT))
                .max()
                .unwrap_or(0)
        };
        self.violation = self.progress.check(self.now, self.chain.height(), rounds);
        self.violation.is_some()
    }

    /// How it went so far.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let (violation, duration_ms) = (self.violation.clone(), self.now);
        Outcome { violation, duration_ms, ..self.outcome.clone() }
    }

    /// Virtual milliseconds since the start.
    #[must_use]
    pub const fn now_ms(&self) -> u64 {
        self.now
    }

    /// The broken promise, if any.
    #[must_use]
    pub const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// What is simulated.
    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Its blocks and signatures.
    #[must_use]
    pub const fn flavour(&self) -> &F {
        &self.flavour
    }

    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node<F::Block>] {
        &self.nodes
    }

    /// The finalised blocks.
    #[must_use]
    pub const fn chain(&self) -> &Chain<F::Block> {
        &self.chain
    }

    /// Highest finalised height.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.chain.height()
    }

    /// Lowest durable height of a node that is not dead.
    #[must_use]
    pub const fn lowest(&self) -> u64 {
        self.lowest
    }

    /// The most that a core has kept since this was last asked for ([`Footprint::total`]).
    pub fn take_heaviest(&mut self) -> usize {
        std::mem::take(&mut self.heaviest)
    }

    /// Messages so far.
    #[must_use]
    pub const fn sent(&self) -> &Sent {
        &self.sent
    }

    fn note(&mut self, words: [u64; 3]) {
        for word in words {
            self.outcome.trace = mix(self.outcome.trace ^ word);
        }
    }

    fn report(&mut self, violation: Option<Violation>) {
        if self.violation.is_none() {
            self.violation = violation;
        }
    }

    fn is_timely(&self) -> bool {
        self.now >= self.scenario.timely_from
    }

    fn is_alive(&self, node: usize, life: u32) -> bool {
        self.nodes[node].life == life && self.nodes[node].instance.is_some()
    }

    fn happen(&mut self, event: Event<F::Block>) {
        if let Some(node) = event.node()
            && self.nodes[node].frozen_until > self.now
        {
            return self.queue.push(self.nodes[node].frozen_until, event);
        }
        match event {
            Event::Deliver { to, message } => self.receive(to, &message),
            Event::Step { node, life, input } if self.is_alive(node, life) => self.step(node, input),
            Event::Timer { node, life, generation, timer } if self.is_alive(node, life) => {
                self.on_timer(node, generation, timer);
            }
            Event::Durable { node, life, ticket, record } if self.is_alive(node, life) => {
                self.on_durable(node, ticket, record);
            }
            Event::Import { node, life, sealed } if self.is_alive(node, life) => {
                self.import_own(node, &sealed);
            }
            Event::Build { node, life, height, round, timestamp } if self.is_alive(node, life) => {
                self.build(node, height, round, timestamp);
            }
            Event::Announce { to, height } => self.import(to, height),
            Event::Sync { node, again } => self.sync(node, again),
            Event::Synced { node, life, peer } if self.is_alive(node, life) => self.import_from(node, peer),
            Event::Restart { node, life } => self.restart(node, life),
            Event::Record { node } => self.hear_of_record(node),
            Event::NameSeats { seats, spread_ms } => self.name_seats(seats, spread_ms),
            Event::Begin { fault } => self.begin(fault),
            Event::End { fault } => self.end(fault),
            Event::Wake { node } => self.wake(node),
            _ => {}
        }
    }

    fn step(&mut self, node: usize, input: Input<F::Block>) {
        let mut inputs = VecDeque::new();
        inputs.push_back(input);
        self.work(node, Vec::new(), inputs);
    }

    /// A core keeps most when its height ends or a timer runs out.
    fn weigh(&mut self, node: usize) {
        let Some(instance) = &self.nodes[node].instance else { return };
        let footprint = instance.footprint();
        self.heaviest = self.heaviest.max(footprint.total());
        if !footprint.is_within(&Footprint::bound(instance.validators().len())) {
            self.report(Some(Violation::Memory { node, footprint }));
        }
    }

    fn head_hash(&self, node: usize) -> B256 {
        self.chain.hash(self.nodes[node].head).unwrap_or_default()
    }
}

fn word(hash: B256) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    u64::from_le_bytes(bytes)
}

fn digest_word<B: Proposal>(block: &B) -> u64 {
    word(block.digest())
}
