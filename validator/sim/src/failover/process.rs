//! One process: its disk, its fence, and the small voter in place of a core.

use super::{
    Flaw,
    oracle::{Lock, Signed, phase},
};
use crate::rng::{Rng, mix};
use alloy_primitives::{B256, Bytes};
use fence::{
    Block, Config, Evidence, Fence, Holder, HolderId, Holdings, Input, Journaled, Lease, Name, Output, Place,
    Record, Role, Vote,
};
use std::collections::BTreeMap;

/// Waits of every fence here, milliseconds.
pub const LEASE: Lease =
    Lease { lease_ms: 2_000, restart_ms: 1_000, renew_ms: 500, poll_ms: 200, retry_ms: 100 };

/// What outlives a process: its vote journal.
#[derive(Clone, Debug)]
pub struct Disk {
    /// Id.
    pub journal: B256,
    /// Its newest vote.
    pub newest: Option<Journaled>,
}

/// A process, running or not.
#[derive(Debug)]
pub struct Process {
    /// What it is called.
    pub name: String,
    /// Whose keys it has: its own identity's, or those that it stands by for.
    pub identities: Vec<usize>,
    /// Counts starts.
    pub life: u32,
    /// Running: what decides for all of its identities. A flawed one has one for each.
    holdings: Vec<Holdings>,
    /// Its voter, while it holds an identity, and which.
    pub voter: Option<(usize, Voter)>,
    /// Its monotonic clock against true time.
    pub offset: i64,
    /// It stands still until then.
    pub paused_until: u64,
    /// The wait that counts, by identity.
    pub ticks: BTreeMap<usize, u64>,
    /// It has been told to end, and for how long it is then away.
    pub leaving: Option<u64>,
    /// Its disk, by identity.
    pub disk: BTreeMap<usize, Disk>,
    /// As it was some time ago.
    pub old: BTreeMap<usize, Disk>,
    /// Blocks reach it so much later than the others.
    pub lag_ms: u64,
}

/// How a process starts.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Its identity is its own.
    pub is_preferred: bool,
    /// It makes the first record.
    pub initialise: bool,
    /// It decides for each identity as if it had no other.
    pub is_flawed: bool,
}

impl Process {
    /// Not yet running.
    #[must_use]
    pub fn new(index: usize, name: String, identities: Vec<usize>, rng: &mut Rng) -> Self {
        let journal = |of: usize| word(mix(index as u64 + 77) ^ mix(of as u64));
        let disk: BTreeMap<_, _> =
            identities.iter().map(|of| (*of, Disk { journal: journal(*of), newest: None })).collect();
        Self {
            name,
            identities,
            life: 0,
            holdings: Vec::new(),
            voter: None,
            offset: i64::try_from(rng.between(10_000, 90_000)).unwrap_or(0),
            paused_until: 0,
            ticks: BTreeMap::new(),
            leaving: None,
            old: disk.clone(),
            disk,
            lag_ms: rng.below(150),
        }
    }

    /// Its own clock.
    #[must_use]
    pub const fn local_ms(&self, now: u64) -> u64 {
        now.saturating_add_signed(self.offset)
    }

    /// Whether it runs.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        !self.holdings.is_empty()
    }

    /// Its part in the fence of an identity.
    #[must_use]
    pub fn fence(&self, of: usize) -> Option<&Fence> {
        let (which, part) = self.part(of)?;
        self.holdings.get(which)?.fence(part)
    }

    /// Which identity it holds.
    #[must_use]
    pub fn held(&self) -> Option<usize> {
        let is_held = |of: &&usize| self.fence(**of).is_some_and(|fence| fence.role() == Role::Holder);
        self.identities.iter().find(is_held).copied()
    }

    /// One step for an identity; what to do, and for which.
    pub fn step(&mut self, of: usize, input: Input, now: u64) -> Vec<(usize, Output)> {
        let local = self.local_ms(now);
        let Some((which, part)) = self.part(of) else { return Vec::new() };
        let flawed = self.holdings.len() > 1;
        let Some(holdings) = self.holdings.get_mut(which) else { return Vec::new() };
        let outputs = holdings.step(part, input, local).into_iter();
        let identity = |part: usize| if flawed { of } else { self.identities[part] };
        outputs.map(|(part, output)| (identity(part), output)).collect()
    }

    fn part(&self, of: usize) -> Option<(usize, usize)> {
        let index = self.identities.iter().position(|known| *known == of)?;
        Some(if self.holdings.len() > 1 { (index, 0) } else { (0, index) })
    }

    /// Starts on its disk, as a process that has never been.
    pub fn start(&mut self, start: Start, rng: &mut Rng) {
        self.life += 1;
        self.voter = None;
        self.leaving = None;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&rng.next().to_be_bytes());
        let name = Name::new(self.name.as_str()).unwrap_or_default();
        let fences = self.disk.iter().map(|(of, disk)| {
            Fence::new(Config {
                subject: subject(*of),
                me: Holder { id: HolderId(id), name: name.clone() },
                is_preferred: start.is_preferred,
                journal: disk.journal,
                journaled: disk.newest.clone(),
                initialise: start.initialise,
                limit: 4096,
                lease: LEASE,
            })
        });
        let fences: Vec<_> = fences.collect();
        self.holdings = if start.is_flawed {
            fences.into_iter().map(|fence| Holdings::new(vec![fence])).collect()
        } else {
            vec![Holdings::new(fences)]
        };
    }

    /// Ends at once.
    pub fn end(&mut self) {
        self.holdings.clear();
        self.voter = None;
        self.life += 1;
    }
}

fn subject(of: usize) -> B256 {
    word(of as u64)
}

/// How far the voter is in its round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Enter,
    Prepare,
    Commit,
    Done,
}

/// Votes for whatever nobody else would vote for, and keeps its own promises as far as it knows them.
#[derive(Debug)]
pub struct Voter {
    epoch: u64,
    height: u64,
    round: u32,
    stage: Stage,
    lock: Lock,
    prepared: u64,
    /// Asked for, and not answered.
    pending: Vec<Signed>,
    taste: u64,
}

impl Voter {
    /// Starts from what the holder before did and promised.
    #[must_use]
    pub fn new(record: &Record, taste: u64, flaw: Option<Flaw>, rng: &mut Rng) -> Self {
        let stage = match record.place.phase {
            phase::ROUND_CHANGE => Stage::Prepare,
            phase::PREPARE => Stage::Commit,
            _ => Stage::Done,
        };
        let is_ignorant = flaw == Some(Flaw::PromiseIgnored);
        Self {
            epoch: record.epoch,
            height: record.place.height,
            round: record.place.round,
            // Now and then it tries for a slot that is taken.
            stage: if rng.chance(300) { Stage::Prepare } else { stage },
            lock: if is_ignorant { None } else { lock_of(&record.evidence) },
            prepared: number(record.digest),
            pending: Vec::new(),
            taste,
        }
    }

    /// The next vote, if there is one to cast at this height.
    pub fn next(&mut self, height: u64, flaw: Option<Flaw>, rng: &mut Rng) -> Option<Vote> {
        if height > self.height {
            (self.height, self.round, self.stage, self.lock) = (height, 0, Stage::Prepare, None);
            self.pending.clear();
        }
        if height < self.height || !self.pending.is_empty() {
            return None;
        }
        let known = self.lock;
        let (phase, content) = match self.stage {
            // A height that is not decided goes on to further rounds.
            Stage::Done if rng.chance(20) => {
                self.round += 1;
                self.stage = Stage::Enter;
                return None;
            }
            Stage::Done => return None,
            Stage::Enter => {
                (phase::ROUND_CHANGE, self.lock.map_or(1, |(round, block)| mix(u64::from(round) ^ block)))
            }
            Stage::Prepare => {
                let slot = height << 20 | u64::from(self.round);
                self.prepared = mix(self.taste ^ mix(slot)) | 2;
                (phase::PREPARE, self.prepared)
            }
            Stage::Commit if rng.chance(150) => {
                self.round += 1;
                self.stage = Stage::Enter;
                return None;
            }
            Stage::Commit => {
                self.lock = Some((self.round, self.prepared));
                (phase::COMMIT, self.prepared)
            }
        };
        let place = Place { height, round: self.round, phase };
        self.pending.push(Signed { place, content, lock: self.lock });
        let promised = if flaw == Some(Flaw::PromiseLate) { known } else { self.lock };
        Some(Vote { epoch: self.epoch, place, digest: word(content), evidence: evidence(promised) })
    }

    /// What was asked for, once it is granted: it is to be signed.
    pub fn on_granted(&mut self, place: Place, rng: &mut Rng) -> Option<Signed> {
        let vote = self.take(place)?;
        self.stage = match self.stage {
            Stage::Enter => Stage::Prepare,
            Stage::Prepare => Stage::Commit,
            Stage::Commit | Stage::Done if rng.chance(300) && self.round < 5 => {
                self.round += 1;
                Stage::Enter
            }
            Stage::Commit | Stage::Done => Stage::Done,
        };
        Some(vote)
    }

    /// A refused vote: the next round is tried.
    pub fn on_refused(&mut self, place: Place) -> Option<Signed> {
        let vote = self.take(place)?;
        self.round += 1;
        self.stage = Stage::Enter;
        Some(vote)
    }

    /// What was asked for and is not answered yet.
    pub fn asked(&self, place: Place) -> Option<Signed> {
        self.pending.iter().find(|vote| vote.place == place).copied()
    }

    fn take(&mut self, place: Place) -> Option<Signed> {
        let index = self.pending.iter().position(|vote| vote.place == place)?;
        Some(self.pending.swap_remove(index))
    }
}

/// A digest from a number.
#[must_use]
pub fn word(number: u64) -> B256 {
    B256::left_padding_from(&number.to_be_bytes())
}

fn number(digest: B256) -> u64 {
    digest.0.last_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn evidence(lock: Lock) -> Evidence {
    let promise = lock.map_or_else(Bytes::new, |(round, block)| {
        let mut bytes = round.to_be_bytes().to_vec();
        bytes.extend_from_slice(&block.to_be_bytes());
        bytes.into()
    });
    Evidence { promise, block: Block::None }
}

fn lock_of(evidence: &Evidence) -> Lock {
    let (round, block) = evidence.promise.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*round), u64::from_be_bytes(block.try_into().ok()?)))
}
