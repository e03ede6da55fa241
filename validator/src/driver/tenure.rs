//! Votes of an identity that can move: what is asked of the fence with each, and what a tenure starts from.
//!
//! The evidence of a vote is what a restart would need of the journal: the record that holds the newest lock, and the votes of
//! the newest round. So a node that takes the identity over goes on as the one before would have after a crash.

mod promise;

use super::{Driver, EFFECTS, Foresight, Own, ProposedBlock, proposals, recover, timers::Timers};
use crate::{
    journal::Record as Kept,
    lease::{Change, Changed},
};
use chain::{hash::ProposalRound, reseat::ROUNDS_PER_ATTEMPT};
use fence::{Journaled, Place, Vote};
use promise::{Lacking, Promised, evidence};
use qbft::{Instance, Message, Phase, Record, Recovered, wire::decode_record};
use tokio::sync::mpsc;

/// The tenure under way, and what was promised in its newest height.
#[derive(Debug, Default)]
pub(super) struct Tenure {
    /// None: this node does not hold an identity, or its identity cannot move.
    epoch: Option<u64>,
    kept: Vec<(Kept, bool)>,
    silent: Option<Silence>,
}

/// A height at which this node claims nothing: it does not know all that was promised there.
#[derive(Debug)]
struct Silence {
    /// The newest vote there.
    place: Place,
    /// The lock, if that is known, whose block has to be found before anything is voted for there.
    lacking: Option<Lacking>,
}

impl Tenure {
    /// What to ask the fence for this vote; none outside a tenure.
    pub(super) fn wish(&mut self, record: &Record<ProposedBlock>, vote: &Kept, limit: usize) -> Option<Vote> {
        let epoch = self.epoch?;
        self.keep(vote.clone(), is_lock(record));
        let evidence = evidence(&self.kept, limit);
        Some(Vote { epoch, place: place(vote), digest: vote.digest, evidence })
    }

    /// Whether this node holds the identity.
    pub(super) const fn is_held(&self) -> bool {
        self.epoch.is_some()
    }

    fn keep(&mut self, vote: Kept, is_lock: bool) {
        for (_, locks) in &mut self.kept {
            *locks &= !is_lock;
        }
        // To the set of a re-seat nothing was promised before it.
        let attempt = |vote: &Kept| vote.round / ROUNDS_PER_ATTEMPT;
        self.kept.retain(|(kept, locks)| {
            let is_promised = kept.height == vote.height && attempt(kept) == attempt(&vote);
            is_promised && (*locks || kept.round == vote.round)
        });
        // A proposal's block is long, and no promise.
        if vote.phase != Phase::Proposal.code() {
            self.kept.push((vote, is_lock));
        }
    }

    /// A decided height needs no lock.
    pub(super) fn decided(&mut self, number: u64) {
        self.silent.take_if(|silence| silence.place.height <= number);
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
    Some(Journaled { place: place(newest), digest: newest.digest, evidence: evidence(&tenure.kept, limit) })
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

impl Driver {
    /// A tenure begins or is over: the core begins anew, and what was under way for the one before comes back to nobody.
    pub(super) async fn on_change(&mut self, Changed { of, change }: Changed) {
        match change {
            // It had not begun here.
            Change::Over if self.voter != Some(of) => {}
            Change::Over => {
                self.tenure = Tenure::default();
                self.voter = self.own_voter();
                self.begin_anew(u64::MAX, Recovered::default());
            }
            Change::Held(record) => {
                let (height, epoch) = (record.place.height, record.epoch);
                if let Err(error) = self.begin_journal(of, height).await {
                    // Not ready any more, so that the identity is given up.
                    return self.parts.faults.stopped(format!("vote journal: {error}"));
                }
                self.voter = Some(of);
                self.tenure = Tenure { epoch: Some(epoch), ..Tenure::default() };
                tracing::info!(epoch, identity = ?self.identity(), place = %record.place, "a tenure begins");
                self.tenure.silent = Some(Silence { place: record.place, lacking: None });
                match promise::read(&record.evidence) {
                    _ if self.binds_nobody(record.place) => self.go_on_with(height, Vec::new()),
                    Promised::Whole(votes) => self.go_on_with(height, votes),
                    Promised::Lacking(lacking) => self.go_on_without(record.place, lacking),
                    Promised::Unread => {
                        self.parts.faults.report(format!(
                            "fence: the promises of height {height} are in a format that this version does not read; not voting at that height"
                        ));
                        self.begin_anew(height.saturating_add(1), Recovered::default());
                    }
                }
                // Of a height that is decided nothing has to be found.
                self.tenure.decided(self.head.number);
            }
        }
    }

    /// Whether the newest vote is one for a set that decides the present height no more: nothing was promised to the set that does
    /// (ADR 34).
    fn binds_nobody(&self, place: Place) -> bool {
        place.height == self.head.number.saturating_add(1) && place.round < self.head.first_round
    }

    /// Another set decides the height at which this node was silent: what it does not know bound the set before alone. Whether that
    /// is so.
    pub(super) fn end_silence(&mut self) -> bool {
        let place = self.tenure.silent.as_ref().map(|silence| silence.place);
        let Some(place) = place.filter(|place| self.binds_nobody(*place)) else { return false };
        self.go_on_with(place.height, Vec::new());
        true
    }

    /// Votes from `height` on, as whoever cast these votes would.
    fn go_on_with(&mut self, height: u64, votes: Vec<Kept>) {
        let (recovered, decoded_from) =
            recover::recovered(&votes, self.parts.rules.proposal_round, &self.parts.faults);
        let silent = self.tenure.silent.take().filter(|_| decoded_from > height);
        self.tenure.silent = silent.map(|silence| Silence { lacking: None, ..silence });
        for vote in votes {
            let is_lock = decode_record::<ProposedBlock>(vote.phase, &vote.payload)
                .is_ok_and(|record| is_lock(&record));
            self.tenure.keep(vote, is_lock);
        }
        self.begin_anew(height.max(decoded_from), recovered);
    }

    /// Votes at the height of the lock once its block is found: it may have been heard, stand in this node's own journal, or come
    /// yet. Until then nothing is claimed there.
    fn go_on_without(&mut self, place: Place, lacking: Lacking) {
        let height = place.height;
        let rule = self.parts.rules.proposal_round;
        let journaled = self.voter().map_or(&[][..], |voter| &voter.records);
        let journaled = journaled.iter().filter_map(promise::block).map(|block| block.under(rule));
        let heard = self.proposals.all().cloned();
        let whole = heard.chain(journaled).find_map(|block| lacking.with(&block, rule));
        if let Some(votes) = whole {
            tracing::info!(height, "the block of the lock is here");
            return self.go_on_with(height, votes);
        }
        let digest = lacking.prepared().digest;
        tracing::warn!(height, %digest, "the block of the lock is too long for the fence's record and was not heard: no vote at this height until somebody sends it");
        self.tenure.silent = Some(Silence { place, lacking: Some(lacking) });
        self.begin_anew(height.saturating_add(1), Recovered::default());
    }

    /// Keeps the block of a message, if it carries one: some tenure may need it.
    pub(super) fn keep_proposal(&mut self, message: &Message<ProposedBlock>) {
        if self.changes.is_some() {
            self.proposals.note(message, self.instance.height());
        }
    }

    /// A message may carry the block that is looked for, or one that will be.
    pub(super) fn look_for_lock(&mut self, message: &Message<ProposedBlock>) {
        self.keep_proposal(message);
        let height = message.height();
        let silence = self.tenure.silent.as_ref().filter(|silence| silence.place.height == height);
        let lacking = silence.and_then(|silence| silence.lacking.as_ref());
        let Some((lacking, block)) = lacking.zip(proposals::carried(message)) else { return };
        if let Some(votes) = lacking.with(block, self.parts.rules.proposal_round) {
            tracing::info!(height, "the block of the lock has come");
            self.go_on_with(height, votes);
        }
    }

    /// A journal that knows that the identity can move. One in place of a lost one: what was voted for is in the fence's record,
    /// so there is nothing to sit out.
    async fn begin_journal(&mut self, of: usize, height: u64) -> Result<(), String> {
        let Some(voter) = self.parts.voters.get_mut(of) else { return Err("there is none".to_owned()) };
        let before = height.saturating_sub(1);
        voter.journal.begin_tenure(before).await.map_err(|refusal| refusal.to_string())?;
        voter.active = true;
        Ok(())
    }

    fn begin_anew(&mut self, votes_from: u64, recovered: Recovered<ProposedBlock>) {
        // Answers to the core before name its tickets: they go with its channel.
        (self.effects, self.results) = mpsc::channel(EFFECTS);
        (self.timers, self.held) = (Timers::default(), None);
        // Of another key, it may be.
        (self.foresight, self.own) = (Foresight::default(), Own::default());
        let identity = self.identity();
        self.config.identity = identity;
        self.parts.identity.send_if_modified(|shown| std::mem::replace(shown, identity) != identity);
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
pub(super) async fn changed(changes: &mut Option<mpsc::Receiver<Changed>>) -> Option<Changed> {
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
            digest: alloy_primitives::B256::repeat_byte(phase.code()),
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
        tenure.keep(vote(1, Phase::Commit, 9), true);
        assert_eq!(
            kept(&tenure),
            [(1, change), (1, prepare), (1, commit)],
            "others may need its ROUND-CHANGE yet"
        );
        assert_eq!(tenure.kept.iter().filter(|(_, is_lock)| *is_lock).count(), 1);
        tenure.keep(vote(2, Phase::RoundChange, 9), true);
        tenure.keep(vote(2, Phase::Prepare, 9), false);
        assert_eq!(kept(&tenure), [(2, change), (2, prepare)]);
        tenure.keep(Kept { height: 8, ..vote(0, Phase::Prepare, 9) }, false);
        assert_eq!(kept(&tenure), [(0, prepare)]);
    }

    #[test]
    fn a_vote_for_the_set_of_a_re_seat_promises_nothing_of_the_set_before() {
        let mut tenure = Tenure::default();
        tenure.keep(vote(0, Phase::Commit, 9), true);
        tenure.keep(vote(ROUNDS_PER_ATTEMPT, Phase::RoundChange, 9), false);
        assert_eq!(kept(&tenure), [(ROUNDS_PER_ATTEMPT, Phase::RoundChange.code())]);
        tenure.keep(vote(ROUNDS_PER_ATTEMPT, Phase::Commit, 9), true);
        tenure.keep(vote(ROUNDS_PER_ATTEMPT + 1, Phase::RoundChange, 9), false);
        let rounds: Vec<u32> = kept(&tenure).iter().map(|(round, _)| *round).collect();
        assert_eq!(rounds, [ROUNDS_PER_ATTEMPT, ROUNDS_PER_ATTEMPT + 1], "the lock of the set goes on");
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
    fn silence_at_a_height_ends_when_it_is_decided_and_not_before() {
        let place = place(&vote(0, Phase::Commit, 0));
        let mut tenure = Tenure { silent: Some(Silence { place, lacking: None }), ..Tenure::default() };
        tenure.decided(6);
        assert_eq!(tenure.silent.as_ref().map(|silence| silence.place), Some(place));
        tenure.decided(7);
        assert!(tenure.silent.is_none());
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
