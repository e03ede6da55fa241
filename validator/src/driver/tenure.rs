//! Votes of an identity that can move: what is asked of the fence with each, and what a tenure starts from.
//!
//! The evidence of a vote is what a restart would need of the journal: the record that holds the newest lock, and the votes of
//! the newest round. So a node that takes the identity over goes on as the one before would have after a crash.

use super::{Driver, EFFECTS, ProposedBlock, recover, timers::Timers};
use crate::{journal::Record as Kept, lease::Change};
use alloy_primitives::{B256, Bytes};
use chain::hash::ProposalRound;
use fence::{Block, Evidence, Journaled, Place, Vote};
use qbft::{Instance, Phase, Record, Recovered, wire::decode_record};
use tokio::sync::mpsc;

/// First byte of the promises: how the rest is written.
const FORMAT: u8 = 1;
/// What a record of the fence takes beside the promises, bytes.
const REST: usize = 2 * 1024;

/// The tenure under way, and what was promised in its newest height.
#[derive(Debug, Default)]
pub(super) struct Tenure {
    /// None: this node does not hold the identity, or its identity cannot move.
    epoch: Option<u64>,
    kept: Vec<(Kept, bool)>,
}

impl Tenure {
    /// What to ask the fence for this vote; none outside a tenure.
    pub(super) fn wish(&mut self, record: &Record<ProposedBlock>, vote: &Kept, limit: usize) -> Option<Vote> {
        let epoch = self.epoch?;
        self.keep(vote.clone(), is_lock(record));
        let evidence = self.evidence(limit);
        Some(Vote { epoch, place: place(vote), digest: vote.digest, evidence })
    }

    /// Whether this node holds the identity.
    pub(super) const fn is_held(&self) -> bool {
        self.epoch.is_some()
    }

    fn keep(&mut self, vote: Kept, is_lock: bool) {
        self.kept.retain(|(kept, locks)| {
            kept.height == vote.height && if *locks { !is_lock } else { kept.round == vote.round }
        });
        // A proposal's block is long, and no promise.
        if vote.phase != Phase::Proposal.code() {
            self.kept.push((vote, is_lock));
        }
    }

    /// All of it if it fits; else all but the lock, and which block that is about.
    fn evidence(&self, limit: usize) -> Evidence {
        let promise = written(self.kept.iter().map(|(vote, _)| vote));
        if promise.len().saturating_add(REST) <= limit {
            return Evidence { promise, block: Block::None };
        }
        let digest =
            self.kept.iter().find(|(_, is_lock)| *is_lock).map_or(B256::ZERO, |(lock, _)| lock.digest);
        let rest = self.kept.iter().filter(|(_, is_lock)| !is_lock).map(|(vote, _)| vote);
        Evidence { promise: written(rest), block: Block::Elsewhere(digest) }
    }
}

/// The newest vote of a journal, for the fence.
pub fn journaled(records: &[Kept], rule: ProposalRound, limit: usize) -> Option<Journaled> {
    let mut votes: Vec<&Kept> = records.iter().collect();
    votes.sort_by_key(|vote| place(vote));
    let newest = votes.last()?;
    let mut tenure = Tenure::default();
    for vote in &votes {
        // One that does not decode may have held the lock.
        let is_lock = decode_record::<ProposedBlock>(vote.phase, &vote.payload)
            .map_or(true, |record| is_lock(&record.with_blocks(|block| block.under(rule))));
        tenure.keep((*vote).clone(), is_lock);
    }
    Some(Journaled { place: place(newest), digest: newest.digest, evidence: tenure.evidence(limit) })
}

/// Whether the record carries the newest lock.
const fn is_lock(record: &Record<ProposedBlock>) -> bool {
    match record {
        Record::Commit { .. } => true,
        Record::RoundChange { certificate, .. } => certificate.is_some(),
        Record::Proposal { .. } | Record::Prepare(_) => false,
    }
}

/// Slots in the order in which the core casts them: the ROUND-CHANGE of a round is its first vote.
fn place(vote: &Kept) -> Place {
    let step = if vote.phase == Phase::RoundChange.code() { 0 } else { vote.phase };
    Place { height: vote.height, round: vote.round, phase: step }
}

/// `format ‖ (phase u8 ‖ height u64 ‖ round u32 ‖ digest ‖ length u32 ‖ payload)*`.
fn written<'a>(votes: impl Iterator<Item = &'a Kept>) -> Bytes {
    let mut out = vec![FORMAT];
    for vote in votes {
        out.push(vote.phase);
        out.extend_from_slice(&vote.height.to_be_bytes());
        out.extend_from_slice(&vote.round.to_be_bytes());
        out.extend_from_slice(vote.digest.as_slice());
        // A record of the fence has at most 8 MiB.
        out.extend_from_slice(&u32::try_from(vote.payload.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&vote.payload);
    }
    out.into()
}

/// Reads what [`written`] wrote; an identity that never voted has promised nothing.
fn read(promise: &[u8]) -> Option<Vec<Kept>> {
    let Some((format, mut rest)) = promise.split_first() else { return Some(Vec::new()) };
    let mut votes = Vec::new();
    if *format != FORMAT {
        return None;
    }
    while !rest.is_empty() {
        let (phase, after) = rest.split_first()?;
        let (height, after) = after.split_first_chunk::<8>()?;
        let (round, after) = after.split_first_chunk::<4>()?;
        let (digest, after) = after.split_first_chunk::<32>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let (payload, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        votes.push(Kept {
            height: u64::from_be_bytes(*height),
            round: u32::from_be_bytes(*round),
            phase: *phase,
            digest: B256::from(*digest),
            payload: Bytes::copy_from_slice(payload),
        });
        rest = after;
    }
    Some(votes)
}

impl Driver {
    /// A tenure begins or is over: the core begins anew, and what was under way for the one before comes back to nobody.
    pub(super) async fn on_change(&mut self, change: Change) {
        match change {
            Change::Over => {
                self.tenure = Tenure::default();
                self.begin_anew(u64::MAX, Recovered::default());
            }
            Change::Held(record) => {
                let height = record.place.height;
                if let Err(error) = self.activate_journal(height).await {
                    return self.parts.faults.report(error);
                }
                let (votes, votes_from) = self.promised(height, &record.evidence);
                let (recovered, decoded_from) =
                    recover::recovered(&votes, self.parts.rules.proposal_round, &self.parts.faults);
                let mut tenure = Tenure { epoch: Some(record.epoch), kept: Vec::new() };
                for vote in votes {
                    let is_lock = decode_record::<ProposedBlock>(vote.phase, &vote.payload)
                        .is_ok_and(|record| is_lock(&record));
                    tenure.keep(vote, is_lock);
                }
                self.tenure = tenure;
                let votes_from = votes_from.max(decoded_from);
                tracing::info!(epoch = record.epoch, votes_from, place = %record.place, "voting begins");
                self.begin_anew(votes_from, recovered);
            }
        }
    }

    /// The votes that the record names, and the height from which on to vote: without the lock of a height, or not sure of it,
    /// nothing is claimed there.
    fn promised(&self, height: u64, evidence: &Evidence) -> (Vec<Kept>, u64) {
        let next = height.saturating_add(1);
        match (&evidence.block, read(&evidence.promise)) {
            (Block::None, Some(votes)) => (votes, height),
            (Block::Elsewhere(digest), _) => {
                tracing::warn!(height, %digest, "the block of the lock is not in the fence's record: this height is left to the others");
                (Vec::new(), next)
            }
            (Block::None | Block::Here(_), _) => {
                let fault = format!(
                    "fence: the promises of height {height} are in a format that this version does not read; not voting at that height"
                );
                self.parts.faults.report(fault);
                (Vec::new(), next)
            }
        }
    }

    /// A journal in place of a lost one: what was voted for is in the fence's record, so there is nothing to sit out.
    async fn activate_journal(&mut self, height: u64) -> Result<(), String> {
        let Some(voter) = self.parts.voter.as_mut().filter(|voter| !voter.active) else { return Ok(()) };
        voter.journal.activate(height.saturating_sub(1)).await.map_err(|refusal| refusal.to_string())?;
        voter.active = true;
        Ok(())
    }

    fn begin_anew(&mut self, votes_from: u64, recovered: Recovered<ProposedBlock>) {
        // Answers to the core before name its tickets: they go with its channel.
        (self.effects, self.results) = mpsc::channel(EFFECTS);
        (self.timers, self.held) = (Timers::default(), None);
        let config = qbft::Config { votes_from, ..self.config.clone() };
        let now_ms = self.parts.clock.unix_ms();
        let (instance, outputs) = Instance::new(config, self.head.clone(), recovered, now_ms);
        self.instance = instance;
        // What was heard went with the core before: what peers send again must reach this one.
        self.parts.network.forget_consensus();
        self.perform(outputs);
    }
}

/// The next change; never, for an identity that cannot move.
pub(super) async fn changed(changes: &mut Option<mpsc::Receiver<Change>>) -> Option<Change> {
    match changes {
        Some(changes) => changes.recv().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(round: u32, phase: Phase, length: usize) -> Kept {
        Kept {
            height: 7,
            round,
            phase: phase.code(),
            digest: B256::repeat_byte(phase.code()),
            payload: vec![phase.code(); length].into(),
        }
    }

    fn kept(tenure: &Tenure) -> Vec<(u32, u8)> {
        tenure.kept.iter().map(|(vote, _)| (vote.round, vote.phase)).collect()
    }

    #[test]
    fn the_newest_lock_and_the_votes_of_the_newest_round_are_promised() {
        let mut tenure = Tenure::default();
        tenure.keep(vote(0, Phase::Proposal, 9), false);
        tenure.keep(vote(0, Phase::Prepare, 9), false);
        tenure.keep(vote(0, Phase::Commit, 9), true);
        let [prepare, commit, change] = [Phase::Prepare, Phase::Commit, Phase::RoundChange].map(Phase::code);
        assert_eq!(kept(&tenure), [(0, prepare), (0, commit)]);
        tenure.keep(vote(1, Phase::RoundChange, 9), true);
        assert_eq!(kept(&tenure), [(1, change)]);
        tenure.keep(vote(1, Phase::Prepare, 9), false);
        tenure.keep(vote(2, Phase::RoundChange, 9), true);
        tenure.keep(vote(2, Phase::Prepare, 9), false);
        assert_eq!(kept(&tenure), [(2, change), (2, prepare)]);
        tenure.keep(Kept { height: 8, ..vote(0, Phase::Prepare, 9) }, false);
        assert_eq!(kept(&tenure), [(0, prepare)]);
    }

    #[test]
    fn slots_are_ordered_as_the_core_casts_them() {
        let phases = [Phase::RoundChange, Phase::Proposal, Phase::Prepare, Phase::Commit];
        let mut places: Vec<Place> =
            (0..3).flat_map(|r| phases.map(|phase| place(&vote(r, phase, 0)))).collect();
        let cast = places.clone();
        places.sort_unstable();
        assert_eq!(places, cast);
    }

    #[test]
    fn promises_are_read_as_they_were_written() {
        let votes = vec![vote(0, Phase::Commit, 300), vote(1, Phase::Prepare, 0)];
        let text = written(votes.iter());
        assert_eq!(read(&text), Some(votes));
        assert_eq!(read(&[]), Some(Vec::new()));
        assert_eq!(read(&[9]), None);
        for length in 1..text.len() {
            let cut = read(&text[..length]);
            assert!(cut.is_none_or(|votes| votes.len() < 2), "{length}");
        }
    }

    #[test]
    fn a_lock_too_long_for_the_store_is_named_by_its_block() {
        let mut tenure = Tenure::default();
        tenure.keep(vote(0, Phase::Prepare, 10), false);
        tenure.keep(vote(0, Phase::Commit, 5_000), true);
        assert_eq!(tenure.evidence(10_000).block, Block::None);
        let evidence = tenure.evidence(4_000);
        assert_eq!(evidence.block, Block::Elsewhere(B256::repeat_byte(Phase::Commit.code())));
        assert_eq!(read(&evidence.promise).map(|votes| votes.len()), Some(1));
    }

    #[test]
    fn a_journal_without_votes_promises_nothing() {
        assert_eq!(journaled(&[], ProposalRound::Real, 10_000), None);
        let newest = journaled(
            &[vote(1, Phase::Prepare, 3), vote(1, Phase::RoundChange, 3)],
            ProposalRound::Real,
            10_000,
        );
        assert_eq!(newest.map(|vote| vote.place), Some(place(&vote(1, Phase::Prepare, 3))));
    }
}
