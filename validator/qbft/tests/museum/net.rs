//! A few nodes in one thread: a virtual clock, links that lose what they are told to lose, disks that can be lost.

use crate::bench::{Block, HEAD, TIMEOUT};
use alloy_primitives::B256;
use qbft::{
    Config, Input, Instance, Message, NewHead, Output, Phase, Proposal, Record, Recovered, Signatures,
    Symbolic, TimerKind, Unsigned, Verdict,
};
use std::collections::{BTreeMap, VecDeque};

/// One way, milliseconds.
const DELAY_MS: u64 = 50;

/// Whether what a seat sends to another one is lost.
type Loss = fn(from: u8, to: u8, message: &Message<Block>) -> bool;

/// What a seat has finalised: the block and the round.
pub type Decided = (Block, u32);

enum Event {
    Deliver { to: u8, message: Message<Block> },
    Built { life: u32, seat: u8, input: Input<Block> },
    Timer { life: u32, generation: u64, seat: u8, timer: qbft::Timer },
}

/// What stays when a node stops.
#[derive(Default)]
struct Disk {
    journal: Vec<Record<Block>>,
    chain: Vec<Decided>,
}

struct Node {
    /// `None` while stopped.
    instance: Option<Instance<Block>>,
    disk: Disk,
    life: u32,
    /// Newest timer of each kind.
    timers: BTreeMap<TimerKind, u64>,
    /// Every vote ever signed, disk or no disk: height, round, phase, digest.
    signed: Vec<(u64, u32, Phase, B256)>,
}

/// Seats 1 to n, and the network between them.
pub struct Net {
    pub now_ms: u64,
    pub loses: Loss,
    /// The empty-block period as each seat has it; every block is empty.
    empty_period_ms: fn(u8) -> u64,
    /// Seats that decide a height.
    seats: fn(u64) -> Vec<u8>,
    nodes: BTreeMap<u8, Node>,
    queue: BTreeMap<(u64, u64), Event>,
    sequence: u64,
}

impl Net {
    /// All of `nodes` with empty disks, block 1 due in 100 ms.
    pub fn new(nodes: &[u8], seats: fn(u64) -> Vec<u8>) -> Self {
        Self::with(nodes, seats, |_| 0)
    }

    /// Seats 1 to 4 that do not agree on how long to wait before an empty block.
    pub fn of_waiting_four(empty_period_ms: fn(u8) -> u64) -> Self {
        Self::with(&[1, 2, 3, 4], |_| vec![1, 2, 3, 4], empty_period_ms)
    }

    fn with(nodes: &[u8], seats: fn(u64) -> Vec<u8>, empty_period_ms: fn(u8) -> u64) -> Self {
        let now_ms = HEAD * 1_000 + 1_900;
        let mut net = Self {
            now_ms,
            loses: |_, _, _| false,
            empty_period_ms,
            seats,
            nodes: BTreeMap::new(),
            queue: BTreeMap::new(),
            sequence: 0,
        };
        for seat in nodes {
            let node = Node {
                instance: None,
                disk: Disk::default(),
                life: 0,
                timers: BTreeMap::new(),
                signed: vec![],
            };
            net.nodes.insert(*seat, node);
            net.start(*seat);
        }
        net
    }

    /// Seats 1 to 4, always.
    pub fn of_four() -> Self {
        Self::new(&[1, 2, 3, 4], |_| vec![1, 2, 3, 4])
    }

    pub fn stop(&mut self, seat: u8) {
        self.node(seat).instance = None;
    }

    /// Starts with what is on the disk.
    pub fn start(&mut self, seat: u8) {
        self.start_with(seat, Config::new(Some(crate::bench::seat(seat))));
    }

    /// Starts with an empty disk where there was one: the node follows and signs nothing until it is told to.
    pub fn start_without_disk(&mut self, seat: u8) {
        self.node(seat).disk = Disk::default();
        self.start_with(seat, Config { votes_from: u64::MAX, ..Config::new(Some(crate::bench::seat(seat))) });
    }

    /// Puts records into the journal of a node, as a former run would have.
    pub fn write_journal(&mut self, seat: u8, records: Vec<Record<Block>>) {
        self.node(seat).disk.journal = records;
    }

    fn start_with(&mut self, seat: u8, config: Config) {
        let (head, now_ms) = (self.head(seat), self.now_ms);
        let node = self.node(seat);
        node.life += 1;
        let recovered = Recovered::new(node.disk.journal.clone());
        let (instance, outputs) = Instance::new(config, head, recovered, now_ms);
        node.instance = Some(instance);
        self.perform(seat, outputs);
    }

    fn node(&mut self, seat: u8) -> &mut Node {
        self.nodes.get_mut(&seat).unwrap()
    }

    pub fn chain(&self, seat: u8) -> &[Decided] {
        &self.nodes[&seat].disk.chain
    }

    pub fn round(&self, seat: u8) -> u32 {
        self.nodes[&seat].instance.as_ref().unwrap().round()
    }

    pub fn signed(&self, seat: u8) -> &[(u64, u32, Phase, B256)] {
        &self.nodes[&seat].signed
    }

    fn head(&self, seat: u8) -> NewHead {
        let last = self.chain(seat).last().map(|(block, _)| *block);
        let number = last.map_or(0, |block| block.height);
        NewHead {
            number,
            hash: last.map_or(B256::ZERO, |block| block.commit_hash(0)),
            timestamp: last.map_or(HEAD, |block| block.timestamp),
            proposer: last.map_or(crate::bench::seat(0), |block| block.proposer),
            validators: (self.seats)(number + 1).into_iter().map(crate::bench::seat).collect(),
            period_ms: 2_000,
            empty_period_ms: (self.empty_period_ms)(seat),
            request_timeout_ms: TIMEOUT,
            first_round: 0,
        }
    }

    /// Hands a node something, and performs what comes of it.
    pub fn tell(&mut self, seat: u8, input: Input<Block>) {
        let now_ms = self.now_ms;
        let Some(instance) = &mut self.node(seat).instance else { return };
        if let Ok(outputs) = instance.step(input, now_ms) {
            self.perform(seat, outputs);
        }
    }

    fn perform(&mut self, seat: u8, outputs: Vec<Output<Block>>) {
        let mut answers: VecDeque<_> =
            outputs.into_iter().filter_map(|output| self.answer(seat, output)).collect();
        while let Some(answer) = answers.pop_front() {
            let now_ms = self.now_ms;
            let Some(instance) = &mut self.node(seat).instance else { return };
            if let Ok(outputs) = instance.step(answer, now_ms) {
                answers.extend(outputs.into_iter().filter_map(|output| self.answer(seat, output)));
            }
        }
    }

    fn answer(&mut self, seat: u8, output: Output<Block>) -> Option<Input<Block>> {
        match output {
            Output::Persist { ticket, record } => {
                self.node(seat).disk.journal.push((*record).clone());
                Some(Input::Persisted { ticket })
            }
            Output::Sign { ticket, unsigned } => {
                let signatures = self.sign(seat, &unsigned);
                Some(Input::Signed { ticket, signatures })
            }
            Output::Broadcast { message, .. } => {
                self.broadcast(seat, &message);
                None
            }
            Output::Build { height, round, timestamp, due_ms } => {
                let (head, proposer) = (self.head(seat), crate::bench::seat(seat));
                let wait_ms =
                    if round == 0 { head.empty_period_ms.saturating_sub(head.period_ms) } else { 0 };
                let timestamp = timestamp + wait_ms / 1_000;
                let block = Block { height, parent: head.hash, proposer, timestamp, round, content: seat };
                self.sequence += 1;
                let (life, input) = (self.nodes[&seat].life, Input::Built { height, round, block });
                let at_ms = if wait_ms == 0 { self.now_ms } else { due_ms + wait_ms };
                self.queue.insert((at_ms, self.sequence), Event::Built { life, seat, input });
                None
            }
            Output::Validate { height, round, digest, .. } => {
                Some(Input::Validated { height, round, digest, verdict: Verdict::Valid })
            }
            Output::SetTimer { timer, at_ms } => {
                self.sequence += 1;
                let generation = self.sequence;
                let node = self.node(seat);
                node.timers.insert(timer.kind, generation);
                let life = node.life;
                let at_ms = at_ms.max(self.now_ms);
                self.queue.insert((at_ms, generation), Event::Timer { life, generation, seat, timer });
                None
            }
            Output::Finalise { block, round, .. } => {
                self.node(seat).disk.chain.push((block, round));
                Some(Input::NewBlock(self.head(seat)))
            }
            Output::Behind { .. } => self.sync(seat),
            Output::Hold { .. } | Output::RoundChanged { .. } => None,
        }
    }

    fn sign(&mut self, seat: u8, unsigned: &Unsigned<Block>) -> Signatures {
        let (vote, commit_hash) = match unsigned {
            Unsigned::Proposal(payload) => {
                ((payload.height, payload.round, Phase::Proposal, payload.block.digest()), None)
            }
            Unsigned::Prepare(prepare) => {
                ((prepare.height, prepare.round, Phase::Prepare, prepare.digest), None)
            }
            Unsigned::Commit { height, round, digest, commit_hash } => {
                ((*height, *round, Phase::Commit, *digest), Some(*commit_hash))
            }
            Unsigned::RoundChange(payload) => {
                let digest = payload.prepared.map_or(B256::ZERO, |prepared| prepared.digest);
                ((payload.height, payload.round, Phase::RoundChange, digest), None)
            }
        };
        self.node(seat).signed.push(vote);
        let identity = crate::bench::seat(seat);
        Signatures {
            message: Symbolic::sign(identity, B256::ZERO),
            seal: commit_hash.map(|hash| Symbolic::sign(identity, hash)),
        }
    }

    fn broadcast(&mut self, from: u8, message: &Message<Block>) {
        let others: Vec<u8> = self.nodes.keys().copied().filter(|to| *to != from).collect();
        for to in others.into_iter().filter(|to| !(self.loses)(from, *to, message)) {
            self.sequence += 1;
            let event = Event::Deliver { to, message: message.clone() };
            self.queue.insert((self.now_ms + DELAY_MS, self.sequence), event);
        }
    }

    /// Copies the blocks this node lacks from the running node that has most.
    fn sync(&mut self, seat: u8) -> Option<Input<Block>> {
        let best = self
            .nodes
            .values()
            .filter(|node| node.instance.is_some())
            .map(|node| &node.disk.chain)
            .max_by_key(|chain| chain.len())?
            .clone();
        let have = self.chain(seat).len();
        self.node(seat).disk.chain.extend(best.into_iter().skip(have));
        Some(Input::NewBlock(self.head(seat)))
    }

    /// Lets virtual time pass until `done`, at most `patience_ms`; how long it took, `None` if it did not come to pass.
    pub fn run(&mut self, patience_ms: u64, done: impl Fn(&Self) -> bool) -> Option<u64> {
        let start_ms = self.now_ms;
        while !done(self) {
            let Some(next) = self.queue.first_entry().filter(|next| next.key().0 <= start_ms + patience_ms)
            else {
                self.now_ms = start_ms + patience_ms;
                return done(self).then_some(patience_ms);
            };
            self.now_ms = next.key().0;
            match next.remove() {
                Event::Deliver { to, message } => self.tell(to, Input::Message(message)),
                Event::Built { life, seat, input } => {
                    if self.node(seat).life == life {
                        self.tell(seat, input);
                    }
                }
                Event::Timer { life, generation, seat, timer } => {
                    let node = self.node(seat);
                    if node.life == life && node.timers.get(&timer.kind) == Some(&generation) {
                        self.tell(seat, Input::Timeout(timer));
                    }
                }
            }
        }
        Some(self.now_ms - start_ms)
    }

    /// Whether all of these have finalised `height`.
    pub fn have(&self, seats: &[u8], height: usize) -> bool {
        seats.iter().all(|seat| self.chain(*seat).len() >= height)
    }

    /// Agreement: at every height all nodes have the same content, whatever the round it was decided in.
    pub fn assert_no_fork(&self) {
        let longest =
            self.nodes.values().map(|node| &node.disk.chain).max_by_key(|chain| chain.len()).unwrap();
        for (seat, node) in &self.nodes {
            for ((ours, _), (theirs, _)) in node.disk.chain.iter().zip(longest) {
                assert_eq!(ours.with_round(0), theirs.with_round(0), "fork at seat {seat}");
            }
        }
    }

    /// Nobody has ever signed two things for one height, round and phase.
    pub fn assert_no_double_vote(&self) {
        for (seat, node) in &self.nodes {
            for (index, vote) in node.signed.iter().enumerate() {
                let other =
                    node.signed[..index].iter().find(|old| (old.0, old.1, old.2) == (vote.0, vote.1, vote.2));
                assert!(other.is_none_or(|old| old == vote), "seat {seat} signed {vote:?} after {other:?}");
            }
        }
    }
}
