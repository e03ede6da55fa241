//! One instance under test: what it is told, and what it wants, in short lines that read as a protocol run.

use alloy_primitives::{Address, B256, keccak256};
use chain::Seal;
use qbft::{
    Config, Input, Instance, Message, NewHead, Output, Proposal, Record, Recovered, Signatures, Symbolic,
    Timer, TimerKind, Unsigned, Verdict, Verified,
    message::{
        Commit, Justification, Prepare, Prepared, ProposalMessage, ProposalPayload, RoundChange,
        RoundChangeMessage,
    },
};
use std::sync::Arc;

/// A block that is nothing but its header's essentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub height: u64,
    pub parent: B256,
    pub proposer: Address,
    pub timestamp: u64,
    pub round: u32,
    pub content: u8,
}

impl Proposal for Block {
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
        keccak256(format!("{:?}", self.with_round(round)))
    }
}

/// Timestamp of the head, seconds.
pub const HEAD: u64 = 1_000;
/// When block 1 is due: period 2 s.
pub const DUE: u64 = 1_002_000;
/// Request timeout, milliseconds.
pub const TIMEOUT: u64 = 1_000;

/// Seat `n`, 1 to 4; it is the proposer of height 1 in round `n - 1`.
pub fn seat(n: u8) -> Address {
    Address::with_last_byte(n)
}

pub fn head(number: u64) -> NewHead {
    NewHead {
        number,
        hash: B256::with_last_byte(u8::try_from(number).unwrap()),
        timestamp: HEAD + 2 * number,
        proposer: Address::ZERO,
        validators: [4, 2, 3, 1].map(seat).into(),
        period_ms: 2_000,
        empty_period_ms: 0,
        request_timeout_ms: TIMEOUT,
        first_round: 0,
    }
}

/// A block of height 1 made by `proposer` in `round`.
pub fn block(proposer: u8, round: u32) -> Block {
    Block { height: 1, parent: B256::ZERO, proposer: seat(proposer), timestamp: HEAD + 2, round, content: 0 }
}

pub fn prepare(from: u8, block: &Block) -> Verified<Prepare> {
    let prepare = Prepare { height: block.height, round: block.round, digest: block.digest() };
    Verified::symbolic(prepare, seat(from))
}

pub fn prepares(from: &[u8], block: &Block) -> Arc<[Verified<Prepare>]> {
    from.iter().map(|from| prepare(*from, block)).collect()
}

pub fn prepare_message(from: u8, block: &Block) -> Input<Block> {
    Input::Message(Message::Prepare(prepare(from, block)))
}

pub fn commit(from: u8, block: &Block) -> Input<Block> {
    let seal = Symbolic::sign(seat(from), block.commit_hash(block.round));
    sealed_commit(from, block, seal)
}

pub fn sealed_commit(from: u8, block: &Block, seal: Seal) -> Input<Block> {
    let commit = Commit { height: block.height, round: block.round, digest: block.digest(), seal };
    Input::Message(Message::Commit(Verified::symbolic(commit, seat(from))))
}

pub fn proposal(from: u8, round: u32, block: &Block) -> Input<Block> {
    justified(from, round, block, vec![], &[])
}

pub fn justified(
    from: u8,
    round: u32,
    block: &Block,
    round_changes: Vec<Verified<RoundChange>>,
    prepares: &[Verified<Prepare>],
) -> Input<Block> {
    let payload = ProposalPayload { height: block.height, round, block: *block };
    let justification = Justification { round_changes, prepares: prepares.into() };
    let proposal = Verified::symbolic(payload, seat(from));
    Input::Message(Message::Proposal(Arc::new(ProposalMessage { proposal, justification })))
}

/// The signed part of a ROUND-CHANGE of height 1.
pub fn round_change(from: u8, round: u32, prepared: Option<&Block>) -> Verified<RoundChange> {
    let prepared = prepared.map(|block| Prepared { round: block.round, digest: block.digest() });
    Verified::symbolic(RoundChange { height: 1, round, prepared }, seat(from))
}

/// A ROUND-CHANGE with the evidence an honest node would send: PREPAREs of seats 1, 2 and 3.
pub fn round_change_message(from: u8, round: u32, prepared: Option<&Block>) -> Input<Block> {
    let evidence = prepared.map_or_else(|| Arc::from([]), |block| prepares(&[1, 2, 3], block));
    evidenced(round_change(from, round, prepared), prepared.copied(), evidence)
}

pub fn evidenced(
    round_change: Verified<RoundChange>,
    block: Option<Block>,
    prepares: Arc<[Verified<Prepare>]>,
) -> Input<Block> {
    Input::Message(Message::RoundChange(Arc::new(RoundChangeMessage { round_change, block, prepares })))
}

pub fn timeout(kind: TimerKind, round: u32) -> Input<Block> {
    Input::Timeout(Timer { kind, height: 1, round })
}

/// The instance and a driver that answers at once: persisted, signed and, if told so, valid.
pub struct Bench {
    pub instance: Instance<Block>,
    pub now_ms: u64,
    /// Every record asked to be made durable.
    pub journal: Vec<Record<Block>>,
    /// Every message sent.
    pub sent: Vec<Message<Block>>,
    /// Every block finalised.
    pub finalised: Vec<(Block, u32, Vec<Seal>)>,
    identity: u8,
    /// Answers `Validate`; `None` leaves it open.
    pub verdict: Option<Verdict>,
    /// Answers `Persist` and `Sign`.
    pub answers: bool,
}

impl Bench {
    /// Seat `identity` after genesis, at the tick of block 1; the lines are what it wants at start.
    pub fn start(identity: u8) -> (Self, Vec<String>) {
        Self::restart(Config::new(Some(seat(identity))), vec![])
    }

    /// The same after another head.
    pub fn start_after(identity: u8, head: NewHead) -> (Self, Vec<String>) {
        Self::with(Config::new(Some(seat(identity))), head, vec![])
    }

    pub fn restart(config: Config, records: Vec<Record<Block>>) -> (Self, Vec<String>) {
        Self::with(config, head(0), records)
    }

    /// With a journal, after another head.
    pub fn restart_after(config: Config, head: NewHead, records: Vec<Record<Block>>) -> (Self, Vec<String>) {
        Self::with(config, head, records)
    }

    fn with(config: Config, head: NewHead, records: Vec<Record<Block>>) -> (Self, Vec<String>) {
        let identity = config.identity.map_or(0, |address| address.0[19]);
        let (instance, outputs) = Instance::new(config, head, Recovered::new(records), DUE - 500);
        let mut bench = Self {
            instance,
            now_ms: DUE,
            journal: vec![],
            sent: vec![],
            finalised: vec![],
            identity,
            verdict: Some(Verdict::Valid),
            answers: true,
        };
        let lines = bench.perform(outputs);
        (bench, lines)
    }

    /// Steps, answers what is to be answered, and tells in order what was wanted.
    pub fn tell(&mut self, input: Input<Block>) -> Vec<String> {
        match self.instance.step(input, self.now_ms) {
            Ok(outputs) => self.perform(outputs),
            Err(rejected) => vec![format!("rejected {}", rejected.label())],
        }
    }

    /// A run: description, input, what must be wanted.
    pub fn run(&mut self, steps: Vec<(&str, Input<Block>, &[&str])>) {
        for (description, input, expected) in steps {
            assert_eq!(self.tell(input), expected, "{description}");
        }
    }

    pub fn signatures(&self, unsigned: &Unsigned<Block>) -> Signatures {
        let identity = seat(self.identity);
        let seal = match unsigned {
            Unsigned::Commit { commit_hash, .. } => Some(Symbolic::sign(identity, *commit_hash)),
            _ => None,
        };
        Signatures { message: Symbolic::sign(identity, B256::ZERO), seal }
    }

    fn perform(&mut self, outputs: Vec<Output<Block>>) -> Vec<String> {
        let mut lines = Vec::new();
        let mut answers = Vec::new();
        for output in outputs {
            lines.push(describe(&output));
            match output {
                Output::Persist { ticket, record } => {
                    self.journal.push((*record).clone());
                    answers.extend(self.answers.then_some(Input::Persisted { ticket }));
                }
                Output::Sign { ticket, unsigned } => {
                    let signatures = self.signatures(&unsigned);
                    answers.extend(self.answers.then_some(Input::Signed { ticket, signatures }));
                }
                Output::Validate { height, round, digest, .. } => {
                    answers.extend(self.verdict.map(|verdict| Input::Validated {
                        height,
                        round,
                        digest,
                        verdict,
                    }));
                }
                Output::Broadcast { message, .. } => self.sent.push(message),
                Output::Finalise { block, round, seals } => self.finalised.push((block, round, seals)),
                _ => {}
            }
        }
        for answer in answers {
            lines.extend(self.tell(answer));
        }
        lines
    }
}

fn describe(output: &Output<Block>) -> String {
    match output {
        Output::Persist { record, .. } => format!("persist {} r{}", record.phase().label(), record.round()),
        Output::Sign { unsigned, .. } => match unsigned {
            Unsigned::Proposal(payload) => format!("sign proposal r{}", payload.round),
            Unsigned::Prepare(payload) => format!("sign prepare r{}", payload.round),
            Unsigned::Commit { round, .. } => format!("sign commit r{round}"),
            Unsigned::RoundChange(payload) => format!("sign round_change r{}", payload.round),
        },
        Output::Broadcast { message, resend } => {
            let verb = if *resend { "resend" } else { "send" };
            format!("{verb} {} r{}", message.phase().label(), message.round())
        }
        Output::Hold { message } => format!("hold {} r{}", message.phase().label(), message.round()),
        Output::Build { round, timestamp, due_ms, .. } => {
            format!("build r{round} t={timestamp} due={due_ms}")
        }
        Output::Validate { round, .. } => format!("validate r{round}"),
        Output::SetTimer { timer, at_ms } => {
            let kind = match timer.kind {
                TimerKind::BlockDue => "due",
                TimerKind::Round => "round",
                TimerKind::Resend => "resend",
            };
            format!("timer {kind} r{} +{}", timer.round, at_ms - DUE)
        }
        Output::Finalise { round, seals, .. } => format!("finalise r{round} seals={}", seals.len()),
        Output::Behind { height } => format!("behind {height}"),
        Output::RoundChanged { round, .. } => format!("round {round}"),
    }
}

/// What sending a vote looks like.
pub const PREPARE_R0: [&str; 3] = ["persist prepare r0", "sign prepare r0", "send prepare r0"];
