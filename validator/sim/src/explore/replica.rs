//! One honest seat of the explored network: the real core, its journal, and what it has ever signed and sent. Disk and
//! signer answer at once; a fuse makes it crash at any persist, sign or send, after which it restarts from its journal.

use super::{
    Setting,
    claim::{Claim, word},
};
use crate::symbolic::SimBlock;
use alloy_primitives::{Address, B256};
use chain::quorum::quorum;
use qbft::{
    Authenticator, Config, Input, Instance, Message, NewHead, Output, Pace, Phase, Proposal, Record,
    Recovered, Signatures, Symbolic, TimerKind, Unsigned, Verdict, view::View,
};
use std::{collections::VecDeque, sync::Arc};

/// The height explored.
pub const HEIGHT: u64 = 1;
/// The genesis block's timestamp, seconds.
const GENESIS_S: u64 = 1_000;
/// The clock, everywhere and for ever: every block is due, none comes from the future.
const NOW_MS: u64 = (GENESIS_S + 10) * 1_000;
/// The content that execution refuses.
pub const INVALID_SALT: u64 = 666;

/// The block before the explored one.
#[must_use]
pub fn genesis() -> SimBlock {
    SimBlock::new(0, B256::ZERO, Address::ZERO, GENESIS_S, 0, 0)
}

/// A block on the genesis block.
#[must_use]
pub fn block_of(proposer: Address, round: u32, salt: u64) -> SimBlock {
    SimBlock::new(HEIGHT, genesis().hash, proposer, GENESIS_S + 1, round, salt)
}

/// A promise broken by a single seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Broken {
    /// Two different things signed for one round and phase.
    DoubleSign,
    /// Signed without a record in the journal.
    NotDurable,
    /// Finalised without a quorum of good seals, off the chain, or a block that execution refuses.
    Unsound,
    /// Finalised two blocks, before a crash and after it.
    Fork,
}

/// An answer that the core waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pending {
    /// A block, for the round and with the timestamp.
    Built(u32, u64),
    /// A verdict, for the round and digest; the flag is the verdict.
    Validated(u32, B256, bool),
}

/// An honest seat.
#[derive(Clone, Debug)]
pub struct Replica {
    /// The core.
    pub instance: Instance<SimBlock>,
    identity: Address,
    head: NewHead,
    forgets_lock: bool,
    journal: Vec<Arc<Record<SimBlock>>>,
    /// What the core waits for, ascending.
    pub pending: Vec<Pending>,
    /// Everything ever signed, ascending.
    pub signed: Vec<Claim>,
    /// Everything ever sent, ascending.
    pub sent: Vec<Claim>,
    /// Messages broadcast since the caller last emptied it, re-sent ones included.
    pub outbox: Vec<Message<SimBlock>>,
    /// Content hash of the first block finalised, in whichever life.
    pub finalised: Option<B256>,
    /// The round whose timer was last started in this life.
    timed: Option<u32>,
    /// Crashes so far.
    pub crashes: u8,
    /// The first promise broken.
    pub broken: Option<Broken>,
    /// Persists, signs and sends until it crashes.
    pub fuse: Option<u32>,
    /// Persists, signs and sends since the caller last set it to 0.
    pub boundaries: u32,
}

impl Replica {
    /// The seat, started for the first time.
    #[must_use]
    pub fn start(setting: &Setting, seat: usize) -> Self {
        let validators = setting.validators();
        let identity = validators[seat];
        let head = NewHead {
            number: 0,
            hash: genesis().hash,
            timestamp: GENESIS_S,
            proposer: Address::ZERO,
            validators: validators.into(),
            period_ms: 1_000,
            empty_period_ms: 0,
            request_timeout_ms: 1_000,
            first_round: 0,
        };
        let (instance, outputs) = Instance::new(config(identity), head.clone(), Recovered::default(), NOW_MS);
        let mut replica = Self {
            instance,
            identity,
            head,
            forgets_lock: setting.forgets_lock,
            journal: Vec::new(),
            pending: Vec::new(),
            signed: Vec::new(),
            sent: Vec::new(),
            outbox: Vec::new(),
            finalised: None,
            timed: None,
            crashes: 0,
            broken: None,
            fuse: None,
            boundaries: 0,
        };
        replica.work(outputs, VecDeque::new());
        replica
    }

    /// Whether the timer of the current round runs.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        self.timed == Some(self.instance.round())
    }

    /// Whose seat it is.
    #[must_use]
    pub const fn identity(&self) -> Address {
        self.identity
    }

    /// Takes an input and everything that follows from it at once.
    pub fn take(&mut self, input: Input<SimBlock>) {
        self.work(Vec::new(), VecDeque::from([input]));
    }

    /// Answers what was asked for.
    pub fn answer(&mut self, pending: Pending) {
        self.pending.retain(|other| *other != pending);
        self.take(match pending {
            Pending::Built(round, timestamp) => {
                // After a restart the pool has other transactions: another block.
                let salt = u64::from(self.crashes) * 100 + u64::from(round) * 10 + 1;
                let parent = self.head.hash;
                let block = SimBlock::new(HEIGHT, parent, self.identity, timestamp, round, salt);
                Input::Built { height: HEIGHT, round, block }
            }
            Pending::Validated(round, digest, is_valid) => {
                let verdict = if is_valid { Verdict::Valid } else { Verdict::Invalid };
                Input::Validated { height: HEIGHT, round, digest, verdict }
            }
        });
    }

    /// Ends, and starts again with what the journal holds.
    pub fn crash(&mut self) {
        self.fuse = None;
        self.crashes += 1;
        self.timed = None;
        self.pending.clear();
        let forgets_lock = self.forgets_lock;
        let kept = self.journal.iter().filter(|record| !forgets_lock || record.phase() != Phase::Commit);
        let recovered = Recovered::new(kept.map(|record| (**record).clone()));
        let config = config(self.identity);
        let (instance, outputs) = Instance::new(config, self.head.clone(), recovered, NOW_MS);
        self.instance = instance;
        self.work(outputs, VecDeque::new());
    }

    fn work(&mut self, outputs: Vec<Output<SimBlock>>, mut inputs: VecDeque<Input<SimBlock>>) {
        let mut outputs = outputs;
        loop {
            for output in outputs {
                if !self.perform(output, &mut inputs) {
                    return self.crash();
                }
            }
            let Some(input) = inputs.pop_front() else { return };
            outputs = self.instance.step(input, NOW_MS).unwrap_or_default();
        }
    }

    /// `false` if the fuse burnt down.
    fn perform(&mut self, output: Output<SimBlock>, inputs: &mut VecDeque<Input<SimBlock>>) -> bool {
        match output {
            Output::Persist { ticket, record } => {
                if self.burns() {
                    return false;
                }
                self.persist(record);
                inputs.push_back(Input::Persisted { ticket });
            }
            Output::Sign { ticket, unsigned } => {
                if self.burns() {
                    return false;
                }
                let signatures = self.sign(&unsigned);
                inputs.push_back(Input::Signed { ticket, signatures });
            }
            Output::Broadcast { message, .. } => {
                if self.burns() {
                    return false;
                }
                insert(&mut self.sent, Claim::of(&message));
                self.outbox.push(message);
            }
            Output::Build { round, timestamp, .. } => {
                insert(&mut self.pending, Pending::Built(round, timestamp));
            }
            Output::Validate { round, digest, block, .. } => {
                insert(&mut self.pending, Pending::Validated(round, digest, block.salt != INVALID_SALT));
            }
            Output::Finalise { block, round, seals } => self.finalise(&block, round, &seals),
            Output::SetTimer { timer, .. } if timer.kind == TimerKind::Round => {
                self.timed = Some(timer.round);
            }
            Output::Hold { .. }
            | Output::SetTimer { .. }
            | Output::Behind { .. }
            | Output::RoundChanged { .. } => {}
        }
        true
    }

    fn burns(&mut self) -> bool {
        self.boundaries += 1;
        match &mut self.fuse {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    fn persist(&mut self, record: Arc<Record<SimBlock>>) {
        let place = (record.round(), record.phase());
        match self.journal.iter().find(|held| (held.round(), held.phase()) == place) {
            Some(held) if *held == record => {}
            Some(_) => self.breaks(Broken::DoubleSign),
            None => {
                let at = self.journal.partition_point(|held| (held.round(), held.phase()) < place);
                self.journal.insert(at, record);
            }
        }
    }

    fn sign(&mut self, unsigned: &Unsigned<SimBlock>) -> Signatures {
        let claim = Claim::unsigned(unsigned, self.identity);
        let is_other = |other: &Claim| other.round == claim.round && other.phase == claim.phase;
        if self.signed.iter().any(|other| is_other(other) && *other != claim) {
            self.breaks(Broken::DoubleSign);
        }
        if !self.journal.iter().any(|held| (held.round(), held.phase()) == (claim.round, claim.phase)) {
            self.breaks(Broken::NotDurable);
        }
        insert(&mut self.signed, claim);
        let seal = match unsigned {
            Unsigned::Commit { commit_hash, .. } => Some(Symbolic::sign(self.identity, *commit_hash)),
            _ => None,
        };
        Signatures { message: Symbolic::sign(self.identity, B256::ZERO), seal }
    }

    fn finalise(&mut self, block: &SimBlock, round: u32, seals: &[chain::Seal]) {
        let mut signers: Vec<_> = seals
            .iter()
            .filter_map(|seal| Symbolic::recover(block.commit_hash(round), seal).ok())
            .filter(|signer| self.head.validators.contains(signer))
            .collect();
        signers.sort_unstable();
        signers.dedup();
        let is_sealed = signers.len() >= quorum(self.head.validators.len()) && signers.len() == seals.len();
        if !is_sealed || block.parent != self.head.hash || block.salt == INVALID_SALT {
            self.breaks(Broken::Unsound);
        }
        if *self.finalised.get_or_insert(block.hash) != block.hash {
            self.breaks(Broken::Fork);
        }
    }

    fn breaks(&mut self, broken: Broken) {
        self.broken.get_or_insert(broken);
    }

    /// Locks ever taken: a COMMIT record is made the moment a quorum has prepared.
    pub fn locks(&self) -> impl Iterator<Item = (u32, B256)> {
        self.journal.iter().filter_map(|record| match &**record {
            Record::Commit { certificate, .. } => Some((certificate.prepared.round, certificate.block.hash)),
            _ => None,
        })
    }

    /// Whether ROUND-CHANGEs heard decide what this seat will propose in a round still open to it.
    #[must_use]
    pub fn gathers(&self, rounds: u32) -> bool {
        let view = self.instance.view();
        (view.round.max(1)..rounds).any(|round| {
            let is_open = !view.rounds.iter().any(|known| known.round == round && known.accepted.is_some())
                && !view.votes.iter().any(|vote| (vote.0, vote.1) == (round, Phase::Proposal));
            is_open && self.instance.proposer(round) == Some(self.identity)
        })
    }

    /// Everything that the seat's future, and a promise, depends on; the module's documentation argues why no more does.
    #[must_use]
    pub fn key(&self, rounds: u32) -> Vec<u64> {
        self.key_with(rounds, [self.identity; 2])
    }

    /// The key after two other seats have changed places: only ROUND-CHANGEs heard name others.
    #[must_use]
    pub fn key_with(&self, rounds: u32, pair: [Address; 2]) -> Vec<u64> {
        let view = self.instance.view();
        let mut key = vec![
            self.finalised.map_or(0, |hash| word(&hash)),
            u64::from(self.crashes),
            self.broken.map_or(0, |broken| 1 + broken as u64),
            u64::from(view.is_decided),
        ];
        if !view.is_decided {
            self.undecided(&view, rounds, pair, &mut key);
        }
        // All that a restart finds, so all that matters once the height is decided.
        for record in &self.journal {
            let place = u64::from(record.round()) << 8 | u64::from(record.phase().code());
            key.extend([1 << 32 | place, word(&record.digest())]);
        }
        for (kind, claims) in [(2u64, &self.signed), (3, &self.sent)] {
            for claim in claims {
                key.extend(claim.words(kind << 32));
            }
        }
        key
    }

    fn undecided(&self, view: &View, rounds: u32, [a, b]: [Address; 2], key: &mut Vec<u64>) {
        key.extend([
            u64::from(view.round) << 1 | u64::from(view.is_due),
            view.building.map_or(u64::MAX, u64::from),
            view.candidate.map_or(0, |digest| word(&digest)),
            view.prepared.map_or(u64::MAX, |lock| u64::from(lock.round)),
            view.prepared.map_or(0, |lock| word(&lock.digest)),
        ]);
        for known in &view.rounds {
            let Some((digest, is_valid)) = known.accepted else { continue };
            key.extend([4 << 32 | u64::from(known.round) << 1 | u64::from(is_valid), word(&digest)]);
        }
        for (round, phase, digest, progress) in &view.votes {
            let place = u64::from(*round) << 16 | u64::from(phase.code()) << 8 | *progress as u64;
            key.extend([5 << 32 | place, word(digest)]);
        }
        if self.gathers(rounds) {
            let exchanged = |author| match author {
                author if author == a => b,
                author if author == b => a,
                author => author,
            };
            let said = view.round_changes.iter().map(|(author, payload)| (exchanged(*author), payload));
            let mut said: Vec<_> = said.collect();
            said.sort_unstable_by_key(|(author, _)| *author);
            for (author, payload) in said {
                let claim = payload.prepared.map_or((u64::MAX, 0), |p| (u64::from(p.round), word(&p.digest)));
                key.extend([
                    6 << 32 | u64::from(payload.round) << 8 | u64::from(author[19]),
                    claim.0,
                    claim.1,
                ]);
            }
        }
        for pending in &self.pending {
            key.extend(match pending {
                Pending::Built(round, _) => [7 << 32 | u64::from(*round), 0],
                Pending::Validated(round, digest, _) => [8 << 32 | u64::from(*round), word(digest)],
            });
        }
    }
}

/// Every round is entered in turn: which ones a node passes over depends on whom it has heard of late, which is no part
/// of a state's key.
fn config(identity: Address) -> Config {
    Config { pace: Pace::Quorum { passes_over: false }, ..Config::new(Some(identity)) }
}

fn insert<T: Ord>(sorted: &mut Vec<T>, item: T) {
    if let Err(at) = sorted.binary_search(&item) {
        sorted.insert(at, item);
    }
}
