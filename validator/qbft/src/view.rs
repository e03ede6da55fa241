//! What a model checker may see of an instance (feature `symbolic`): everything that its future at this height depends
//! on, without what only names or orders it.

use crate::{
    block::Proposal,
    instance::Instance,
    message::{Phase, Prepared, RoundChange},
    round::RoundState,
    vote::Stage,
};
use alloc::vec::Vec;
use alloy_primitives::{Address, B256};

/// How far an own vote has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Progress {
    /// Waiting to be durable.
    Persisting,
    /// Waiting for the signer.
    Signing,
    /// Durable, to be signed with the next re-send.
    Unsigned,
    /// Durable and signed before its tick.
    Held,
    /// Sent.
    Sent,
}

/// One round as an instance knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundView {
    /// The round.
    pub round: u32,
    /// Digest of its proposal, and whether it was executed and found valid.
    pub accepted: Option<(B256, bool)>,
    /// PREPAREs heard, by author.
    pub prepares: Vec<(Address, B256)>,
    /// COMMITs heard, by author.
    pub commits: Vec<(Address, B256)>,
}

/// An instance at one height. Left out, because no vote depends on it there: the names of tickets, the order in which
/// votes came, whose PREPAREs prove a certificate, the clock, and what only moves timers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The round.
    pub round: u32,
    /// Whether the tick has come.
    pub is_due: bool,
    /// The round a block was asked for.
    pub building: Option<u32>,
    /// The block built for it.
    pub candidate: Option<B256>,
    /// Rounds with anything known, ascending.
    pub rounds: Vec<RoundView>,
    /// The highest ROUND-CHANGE of each author, by author.
    pub round_changes: Vec<(Address, RoundChange)>,
    /// The lock.
    pub prepared: Option<Prepared>,
    /// Own votes by round and phase; the digest is that of [`crate::Record::digest`].
    pub votes: Vec<(u32, Phase, B256, Progress)>,
    /// Whether the height is decided.
    pub is_decided: bool,
}

impl<B: Proposal> Instance<B> {
    /// See [`View`].
    pub fn view(&self) -> View {
        let Self {
            round,
            is_due,
            building,
            candidate,
            rounds,
            round_changes,
            prepared,
            votes,
            is_decided,
            ..
        } = self;
        let mut rounds: Vec<_> = rounds.iter().map(round_view).collect();
        rounds.sort_unstable_by_key(|known| known.round);
        let mut round_changes: Vec<_> = round_changes
            .iter()
            .map(|kept| (kept.round_change.author(), *kept.round_change.payload()))
            .collect();
        round_changes.sort_unstable_by_key(|(author, _)| *author);
        let mut votes: Vec<_> = votes
            .iter()
            .map(|vote| {
                let progress = match vote.stage {
                    Stage::Persisting => Progress::Persisting,
                    Stage::Signing => Progress::Signing,
                    Stage::Unsigned => Progress::Unsigned,
                    Stage::Held(_) => Progress::Held,
                    Stage::Sent(_) => Progress::Sent,
                };
                (vote.record.round(), vote.record.phase(), vote.record.digest(), progress)
            })
            .collect();
        votes.sort_unstable();
        View {
            round: *round,
            is_due: *is_due,
            building: *building,
            candidate: candidate.as_ref().map(Proposal::digest),
            rounds,
            round_changes,
            prepared: prepared.as_ref().map(|lock| lock.prepared),
            votes,
            is_decided: *is_decided,
        }
    }
}

fn round_view<B: Proposal>(state: &RoundState<B>) -> RoundView {
    let mut prepares: Vec<_> =
        state.prepares.votes().iter().map(|vote| (vote.author(), vote.payload().digest)).collect();
    let mut commits: Vec<_> =
        state.commits.votes().iter().map(|vote| (vote.author(), vote.payload().digest)).collect();
    prepares.sort_unstable();
    commits.sort_unstable();
    RoundView {
        round: state.round,
        accepted: state.accepted.as_ref().map(|accepted| (accepted.digest, accepted.valid)),
        prepares,
        commits,
    }
}
