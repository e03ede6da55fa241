//! The protocol core under any sequence of inputs: true and false messages, answers in any order and to nobody, timers,
//! blocks, crashes. What it may never do is checked after each.

use alloy_primitives::{Address, B256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use arbitrary::{Arbitrary, Unstructured};
use chain::quorum::quorum;
use qbft::{
    Authenticator, Config, Encoding, Footprint, Input, Instance, Message, NewHead, Output, Phase, Proposal,
    Record, Recovered, Signatures, Symbolic, Ticket, Timer, TimerKind, Unsigned, Unverified, Verdict,
    Verified,
    message::{
        Commit, Justification, Prepare, Prepared, ProposalMessage, ProposalPayload, RoundChange,
        RoundChangeMessage,
    },
    wire::{decode, encode},
};
use std::{collections::BTreeMap, sync::Arc};

const SEATS: u8 = 4;
const PERIOD_S: u64 = 2;

/// A block whose hashes spell it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct Block {
    height: u64,
    parent: B256,
    proposer: Address,
    timestamp: u64,
    round: u32,
    salt: u8,
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
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&self.height.to_be_bytes());
        hash[8..12].copy_from_slice(&round.to_be_bytes());
        hash[12..20].copy_from_slice(&self.timestamp.to_be_bytes());
        hash[20] = self.salt;
        hash[21] = self.proposer[19];
        hash[22..].copy_from_slice(&self.parent[22..]);
        B256::from(hash)
    }
}

/// A block by what is not given by where it stands.
#[derive(Clone, Copy, Debug, Arbitrary)]
struct Content {
    proposer: u8,
    salt: u8,
    late: u8,
    strange: bool,
}

#[derive(Clone, Debug, Arbitrary)]
struct Proof {
    round: u8,
    content: Content,
    /// One bit for each seat whose PREPARE stands in it.
    seats: u8,
}

/// Where a message stands: mostly in the height and round that the core works at.
#[derive(Clone, Copy, Debug, Arbitrary)]
struct Place {
    seat: u8,
    height: u8,
    round: u8,
}

#[derive(Clone, Debug, Arbitrary)]
enum Op {
    Propose { at: Place, content: Content, round_changes: u8, claims: u8, proof: Option<Proof> },
    Prepare { at: Place, content: Content },
    Commit { at: Place, content: Content, sealed_round: u8 },
    RoundChange { at: Place, proof: Option<Proof> },
    Timer { kind: u8, round: u8 },
    Answer { which: u8, how: u8 },
    Stray { ticket: u8, how: u8 },
    Later { ms: u16 },
    NewBlock { ahead: u8, proposer: u8 },
    VoteFrom { ahead: u8 },
    Crash,
}

/// What the driver owes the core.
#[derive(Clone, Debug)]
enum Owed {
    Persist(Ticket, Arc<Record<Block>>),
    Sign(Ticket, Unsigned<Block>),
    Build(u64, u32, u64),
    Validate(u64, u32, B256),
}

struct Driver {
    instance: Instance<Block>,
    me: Address,
    head: NewHead,
    now_ms: u64,
    owed: Vec<Owed>,
    journal: BTreeMap<(u64, u32, Phase), Arc<Record<Block>>>,
    signed: BTreeMap<(u64, u32, Phase), Unsigned<Block>>,
    valid: Vec<B256>,
    final_block: Option<Block>,
}

/// First byte: the seat; then operations until the bytes end.
pub fn step(data: &[u8]) {
    let Some((seat, data)) = data.split_first() else { return };
    let mut bytes = Unstructured::new(data);
    let mut driver = Driver::start(address(seat % SEATS), head(0, 0), BTreeMap::new(), 0);
    for _ in 0..400 {
        if bytes.is_empty() {
            return;
        }
        let Ok(op) = bytes.arbitrary::<Op>() else { return };
        driver.perform(op);
        driver.check_bounds();
    }
}

fn address(seat: u8) -> Address {
    Address::with_last_byte(seat % (SEATS + 1) + 1)
}

fn head(number: u64, proposer: u8) -> NewHead {
    NewHead {
        number,
        hash: B256::with_last_byte(u8::try_from(number % 256).unwrap_or(0)),
        timestamp: number * PERIOD_S,
        proposer: if number == 0 { Address::ZERO } else { address(proposer) },
        validators: (0..SEATS).map(address).collect(),
        period_ms: PERIOD_S * 1_000,
        empty_period_ms: 0,
        request_timeout_ms: 1_000,
        first_round: 0,
    }
}

fn place(unsigned: &Unsigned<Block>) -> (u64, u32, Phase) {
    match unsigned {
        Unsigned::Proposal(payload) => (payload.height, payload.round, Phase::Proposal),
        Unsigned::Prepare(payload) => (payload.height, payload.round, Phase::Prepare),
        Unsigned::Commit { height, round, .. } => (*height, *round, Phase::Commit),
        Unsigned::RoundChange(payload) => (payload.height, payload.round, Phase::RoundChange),
    }
}

impl Driver {
    fn start(
        me: Address,
        head: NewHead,
        journal: BTreeMap<(u64, u32, Phase), Arc<Record<Block>>>,
        now_ms: u64,
    ) -> Self {
        let recovered = Recovered::new(journal.values().map(|record| (**record).clone()));
        let (instance, outputs) = Instance::new(Config::new(Some(me)), head.clone(), recovered, now_ms);
        let mut driver = Self {
            instance,
            me,
            head,
            now_ms,
            owed: Vec::new(),
            journal,
            signed: BTreeMap::new(),
            valid: Vec::new(),
            final_block: None,
        };
        driver.take(outputs);
        driver
    }

    fn feed(&mut self, input: Input<Block>) {
        if let Ok(outputs) = self.instance.step(input, self.now_ms) {
            self.take(outputs);
        }
    }

    fn perform(&mut self, op: Op) {
        match op {
            Op::Propose { at, content, round_changes, claims, proof } => {
                let message = self.proposal(at, content, round_changes, claims, proof.as_ref());
                self.feed(Input::Message(message));
            }
            Op::Prepare { at, content } => {
                let (author, height, round) = self.place(at);
                let digest = self.block(height, round, content).digest();
                let vote = Verified::symbolic(Prepare { height, round, digest }, author);
                self.feed(Input::Message(Message::Prepare(vote)));
            }
            Op::Commit { at, content, sealed_round } => {
                let (author, height, round) = self.place(at);
                let block = self.block(height, round, content);
                let sealed = if sealed_round < 200 { round } else { u32::from(sealed_round) };
                let seal = Symbolic::sign(author, block.commit_hash(sealed));
                let vote = Commit { height, round, digest: block.digest(), seal };
                self.feed(Input::Message(Message::Commit(Verified::symbolic(vote, author))));
            }
            Op::RoundChange { at, proof } => {
                let (author, height, round) = self.place(at);
                let message = self.round_change(author, height, round, proof.as_ref());
                self.feed(Input::Message(Message::RoundChange(Arc::new(message))));
            }
            Op::Timer { kind, round } => self.time_out(kind, round),
            Op::Answer { which, how } if !self.owed.is_empty() => {
                let owed = self.owed.remove(usize::from(which) % self.owed.len());
                self.answer(owed, how);
            }
            Op::Answer { .. } => {}
            Op::Stray { ticket, how } => self.stray(Ticket(u64::from(ticket)), how),
            Op::Later { ms } => self.now_ms += u64::from(ms),
            Op::NewBlock { ahead, proposer } => {
                let number = self.instance.height() - 1 + u64::from(ahead % 4);
                self.new_block(number, proposer);
            }
            Op::VoteFrom { ahead } => {
                let height = self.instance.height() + u64::from(ahead % 4);
                self.feed(Input::VoteFrom { height });
            }
            Op::Crash => self.crash(),
        }
    }

    fn place(&self, at: Place) -> (Address, u64, u32) {
        let height =
            (self.instance.height() + u64::from(at.height % 4)).saturating_sub(u64::from(at.height / 200));
        let round = match at.round {
            0..128 => self.instance.round(),
            128..250 => u32::from(at.round - 128) % 14,
            _ => u32::MAX - u32::from(at.round),
        };
        (address(at.seat), height, round)
    }

    fn block(&self, height: u64, round: u32, content: Content) -> Block {
        let fair = self.instance.proposer(round).unwrap_or_default();
        let proposer = if content.proposer < 200 { fair } else { address(content.proposer) };
        Block {
            height: if content.strange { height + 1 } else { height },
            parent: B256::with_last_byte(u8::try_from(height.saturating_sub(1) % 256).unwrap_or(0)),
            proposer,
            timestamp: height * PERIOD_S + u64::from(content.late / 64),
            round,
            salt: content.salt % 3,
        }
    }

    fn prove(&self, height: u64, proof: &Proof) -> (Prepared, Block, Arc<[Verified<Prepare>]>) {
        let round = u32::from(proof.round % 4);
        let block = self.block(height, round, proof.content);
        let digest = block.digest();
        let seats = (0..8).filter(|seat| proof.seats >> seat & 1 == 1);
        let prepares = seats.map(|seat| Verified::symbolic(Prepare { height, round, digest }, address(seat)));
        (Prepared { round, digest }, block, prepares.collect())
    }

    fn round_change(
        &self,
        author: Address,
        height: u64,
        round: u32,
        proof: Option<&Proof>,
    ) -> RoundChangeMessage<Block> {
        let proven = proof.map(|proof| self.prove(height, proof));
        let prepared = proven.as_ref().map(|(prepared, ..)| *prepared);
        RoundChangeMessage {
            round_change: Verified::symbolic(RoundChange { height, round, prepared }, author),
            block: proven.as_ref().map(|(_, block, _)| *block),
            prepares: proven.map_or_else(|| Arc::from([]), |(.., prepares)| prepares),
        }
    }

    fn proposal(
        &self,
        at: Place,
        content: Content,
        round_changes: u8,
        claims: u8,
        proof: Option<&Proof>,
    ) -> Message<Block> {
        let (other, height, round) = self.place(at);
        let author = if at.seat < 200 { self.instance.proposer(round).unwrap_or_default() } else { other };
        let proven = proof.map(|proof| self.prove(height, proof));
        let block = match &proven {
            Some((_, block, _)) if claims > 0 => block.with_round(round),
            _ => self.block(height, round, content),
        };
        let seats = (0..8).filter(|seat| round_changes >> seat & 1 == 1);
        let round_changes = seats.map(|seat| {
            let prepared =
                proven.as_ref().filter(|_| claims >> seat & 1 == 1).map(|(prepared, ..)| *prepared);
            Verified::symbolic(RoundChange { height, round, prepared }, address(seat))
        });
        let justification = Justification {
            round_changes: round_changes.collect(),
            prepares: proven.map_or_else(|| Arc::from([]), |(.., prepares)| prepares),
        };
        let proposal = Verified::symbolic(ProposalPayload { height, round, block }, author);
        Message::Proposal(Arc::new(ProposalMessage { proposal, justification }))
    }

    fn time_out(&mut self, kind: u8, round: u8) {
        let kind = [TimerKind::BlockDue, TimerKind::Round, TimerKind::Resend][usize::from(kind % 3)];
        let round = if round < 200 { self.instance.round() } else { u32::from(round) };
        self.feed(Input::Timeout(Timer { kind, height: self.instance.height(), round }));
    }

    fn answer(&mut self, owed: Owed, how: u8) {
        match owed {
            Owed::Persist(ticket, record) => {
                let slot = (record.height(), record.round(), record.phase());
                let held = self.journal.entry(slot).or_insert_with(|| record.clone());
                assert_eq!(held.digest(), record.digest(), "two records for {slot:?}");
                self.feed(Input::Persisted { ticket });
            }
            Owed::Sign(ticket, unsigned) if how < 200 => {
                let slot = place(&unsigned);
                assert!(self.journal.contains_key(&slot), "asked to sign what is not durable: {slot:?}");
                let first = self.signed.entry(slot).or_insert_with(|| unsigned.clone());
                assert_eq!(*first, unsigned, "two signatures for {slot:?}");
                let seal = match unsigned {
                    Unsigned::Commit { commit_hash, .. } => Some(Symbolic::sign(self.me, commit_hash)),
                    _ => None,
                };
                let signatures = Signatures { message: Symbolic::sign(self.me, B256::ZERO), seal };
                self.feed(Input::Signed { ticket, signatures });
            }
            Owed::Sign(ticket, _) => self.feed(Input::SignFailed { ticket }),
            Owed::Build(height, round, timestamp) if how < 200 => {
                let parent = B256::with_last_byte(u8::try_from(height.saturating_sub(1) % 256).unwrap_or(0));
                let block = Block { height, parent, proposer: self.me, timestamp, round, salt: how % 3 };
                self.feed(Input::Built { height, round, block });
            }
            Owed::Build(height, round, _) => self.feed(Input::BuildFailed { height, round }),
            Owed::Validate(height, round, digest) => {
                let verdict = [Verdict::Valid, Verdict::Valid, Verdict::Invalid, Verdict::Unknown]
                    [usize::from(how % 4)];
                if verdict == Verdict::Valid {
                    self.valid.push(digest);
                }
                self.feed(Input::Validated { height, round, digest, verdict });
            }
        }
    }

    /// An answer to what was not asked; a ticket that is owed is left out, since that answer would be a lie of the disk.
    fn stray(&mut self, ticket: Ticket, how: u8) {
        let is_owed = self.owed.iter().any(|owed| match owed {
            Owed::Persist(known, _) | Owed::Sign(known, _) => *known == ticket,
            _ => false,
        });
        if is_owed {
            return;
        }
        let signatures = Signatures { message: Symbolic::sign(self.me, B256::ZERO), seal: None };
        self.feed(match how % 5 {
            0 => Input::Persisted { ticket },
            1 => Input::Signed { ticket, signatures },
            2 => Input::SignFailed { ticket },
            3 => Input::BuildFailed { height: u64::from(how), round: u32::from(how) },
            _ => Input::Validated {
                height: 1,
                round: u32::from(how),
                digest: B256::ZERO,
                verdict: Verdict::Valid,
            },
        });
    }

    fn new_block(&mut self, number: u64, proposer: u8) {
        let before = self.instance.height();
        let head = head(number, proposer);
        self.feed(Input::NewBlock(head.clone()));
        if self.instance.height() > before {
            self.head = head;
            self.final_block = None;
            self.valid.clear();
        }
    }

    fn crash(&mut self) {
        let journal = std::mem::take(&mut self.journal);
        let mut again = Self::start(self.me, self.head.clone(), journal, self.now_ms);
        again.signed = std::mem::take(&mut self.signed);
        *self = again;
    }

    fn take(&mut self, outputs: Vec<Output<Block>>) {
        assert!(outputs.len() <= 64, "{} outputs of one input", outputs.len());
        for output in outputs {
            match output {
                Output::Persist { ticket, record } => self.owed.push(Owed::Persist(ticket, record)),
                Output::Sign { ticket, unsigned } => self.owed.push(Owed::Sign(ticket, unsigned)),
                Output::Build { height, round, timestamp, .. } => {
                    self.owed.push(Owed::Build(height, round, timestamp));
                }
                Output::Validate { height, round, digest, .. } => {
                    self.owed.push(Owed::Validate(height, round, digest));
                }
                Output::Broadcast { message, .. } => self.broadcast(&message),
                Output::Finalise { block, round, seals } => self.finalise(block, round, &seals),
                Output::Hold { .. }
                | Output::SetTimer { .. }
                | Output::Behind { .. }
                | Output::RoundChanged { .. } => {}
            }
        }
        self.owed.truncate(256);
    }

    fn broadcast(&self, message: &Message<Block>) {
        let slot = (message.height(), message.round(), message.phase());
        assert_eq!(message.author(), self.me);
        assert!(self.signed.contains_key(&slot), "sent what was not signed: {slot:?}");
        for encoding in [Encoding::Legacy, Encoding::Besu26] {
            let bytes = encode(message, encoding);
            let decoded = decode::<Block>(message.phase().code(), &bytes).expect("what we send decodes");
            assert!(says_the_same(&decoded, message), "{decoded:?} for {message:?}");
        }
    }

    fn finalise(&mut self, block: Block, round: u32, seals: &[chain::Seal]) {
        let mut signers: Vec<_> =
            seals.iter().filter_map(|seal| Symbolic::recover(block.commit_hash(round), seal).ok()).collect();
        signers.sort_unstable();
        signers.dedup();
        assert!(signers.len() == seals.len() && signers.len() >= quorum(usize::from(SEATS)), "too few seals");
        assert!(signers.iter().all(|signer| self.instance.validators().contains(signer)));
        let is_executed = self.valid.iter().any(|digest| *digest == block.with_round(round).digest())
            || self.journal.values().any(|record| matches!(&**record, Record::Commit { certificate, .. } | Record::RoundChange { certificate: Some(certificate), .. } if certificate.block == block));
        assert!(is_executed, "a block that nobody executed is final");
        assert_eq!(*self.final_block.get_or_insert(block), block, "two blocks of one height");
    }

    fn check_bounds(&self) {
        let kept = self.instance.footprint();
        assert!(kept.is_within(&Footprint::bound(usize::from(SEATS))), "{kept:?}");
    }
}

fn says_the_same(decoded: &Unverified<Block>, message: &Message<Block>) -> bool {
    match (decoded, message) {
        (Unverified::Proposal { proposal, round_changes, prepares }, Message::Proposal(message)) => {
            let said = &message.justification;
            proposal.payload == *message.proposal.payload()
                && round_changes
                    .iter()
                    .map(|part| &part.payload)
                    .eq(said.round_changes.iter().map(Verified::payload))
                && prepares.iter().map(|part| &part.payload).eq(said.prepares.iter().map(Verified::payload))
        }
        (Unverified::Prepare(part), Message::Prepare(message)) => part.payload == *message.payload(),
        (Unverified::Commit(part), Message::Commit(message)) => part.payload == *message.payload(),
        (Unverified::RoundChange { round_change, block, prepares }, Message::RoundChange(message)) => {
            round_change.payload == *message.round_change.payload()
                && *block == message.block
                && prepares
                    .iter()
                    .map(|part| &part.payload)
                    .eq(message.prepares.iter().map(Verified::payload))
        }
        _ => false,
    }
}
