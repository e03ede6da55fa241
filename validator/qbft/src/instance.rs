//! The state of one height at a time, and `step`: dispatch only. The handlers stand in `on/`, one file per input.

use crate::{
    block::Proposal,
    config::{Config, MAX_ROUND, PAST_ROUNDS},
    digest,
    future::Future,
    input::{Input, NewHead, Ticket, Timer, TimerKind},
    justification::Rules,
    message::{Certificate, Message, Phase, RoundChangeMessage},
    output::Output,
    pace::Timed,
    presence::Presence,
    proposer::proposer,
    record::{Record, Recovered},
    reject::Rejected,
    round::RoundState,
    vote::{Stage, Vote},
};
use alloc::{sync::Arc, vec::Vec};
use alloy_primitives::{Address, B256};
use chain::quorum::quorum;

/// The protocol at one node: one height at a time, [`Input::NewBlock`] moves it on.
#[derive(Clone, Debug)]
pub struct Instance<B: Proposal> {
    pub(crate) config: Config,
    pub(crate) head: NewHead,
    pub(crate) round: u32,
    /// When round 0's block is due, Unix milliseconds.
    pub(crate) due_ms: u64,
    /// The tick has come: a built block may be proposed.
    pub(crate) is_due: bool,
    /// The round for which a block was asked for.
    pub(crate) building: Option<u32>,
    /// The block built for `building`.
    pub(crate) candidate: Option<B>,
    /// Rounds with anything known, from `PAST_ROUNDS` behind to `FUTURE_ROUNDS` ahead.
    pub(crate) rounds: Vec<RoundState<B>>,
    /// The highest ROUND-CHANGE of each author.
    pub(crate) round_changes: Vec<Arc<RoundChangeMessage<B>>>,
    /// The lock: the newest round in which this node saw a quorum prepare.
    pub(crate) prepared: Option<Arc<Certificate<B>>>,
    pub(crate) votes: Vec<Vote<B>>,
    /// The round timer of the current round, once it was started.
    pub(crate) timed: Option<Timed>,
    /// Rounds entered in this height since a quorum was last missed: what timeouts grow with.
    pub(crate) failures: u32,
    /// When this height was first seen to need another round.
    pub(crate) unsettled_ms: u64,
    pub(crate) presence: Presence,
    pub(crate) is_decided: bool,
    pub(crate) next_ticket: u64,
    pub(crate) future: Future<B>,
    pub(crate) recovered: Recovered<B>,
    pub(crate) now_ms: u64,
    pub(crate) out: Vec<Output<B>>,
}

impl<B: Proposal> Instance<B> {
    /// Starts after `head`; `recovered` is what the journal holds, `now_ms` the local clock (Unix milliseconds).
    ///
    /// Below the newest height in the journal nothing is signed, should the head have fallen behind it.
    pub fn new(
        config: Config,
        head: NewHead,
        recovered: Recovered<B>,
        now_ms: u64,
    ) -> (Self, Vec<Output<B>>) {
        let mut config = config;
        config.votes_from = config.votes_from.max(recovered.height().unwrap_or(0));
        let mut instance = Self {
            config,
            head,
            round: 0,
            due_ms: 0,
            is_due: false,
            building: None,
            candidate: None,
            rounds: Vec::new(),
            round_changes: Vec::new(),
            prepared: None,
            votes: Vec::new(),
            timed: None,
            failures: 0,
            unsettled_ms: now_ms,
            presence: Presence::default(),
            is_decided: false,
            next_ticket: 0,
            future: Future::default(),
            recovered,
            now_ms,
            out: Vec::new(),
        };
        instance.start_height();
        let out = core::mem::take(&mut instance.out);
        (instance, out)
    }

    /// Takes one input at local time `now_ms`; what to do about it, in order, or why it was refused. A refused input
    /// has changed nothing but when its author was last heard.
    pub fn step(&mut self, input: Input<B>, now_ms: u64) -> Result<Vec<Output<B>>, Rejected> {
        self.now_ms = now_ms;
        let result = match input {
            Input::Message(message) => self.on_message(message),
            Input::Timeout(timer) => self.on_timeout(timer),
            Input::NewBlock(head) => self.on_new_block(head),
            Input::Reseated(head) => self.on_reseated(head),
            Input::Built { height, round, block } => self.on_built(height, round, block),
            Input::BuildFailed { height, round } => self.on_build_failed(height, round),
            Input::Validated { height, round, digest, verdict } => {
                self.on_validated(height, round, digest, verdict)
            }
            Input::Persisted { ticket } => self.on_persisted(ticket),
            Input::Signed { ticket, signatures } => self.on_signed(ticket, signatures),
            Input::SignFailed { ticket } => self.on_sign_failed(ticket),
            Input::TransactionsWait => {
                self.end_empty_wait();
                Ok(())
            }
            Input::VoteFrom { height } => {
                self.on_vote_from(height);
                Ok(())
            }
        };
        let out = core::mem::take(&mut self.out);
        result.map(|()| out)
    }

    /// The height being decided.
    pub fn height(&self) -> u64 {
        self.head.number.saturating_add(1)
    }

    /// The round of that height.
    pub fn round(&self) -> u32 {
        self.round
    }

    /// Whether the height is decided and only waits for [`Input::NewBlock`].
    pub fn is_decided(&self) -> bool {
        self.is_decided
    }

    /// Validators of the height, ascending.
    pub fn validators(&self) -> &[Address] {
        &self.head.validators
    }

    /// The identity, if it has a seat in this height and may sign: not for a set before one that it has voted for.
    pub fn voter(&self) -> Option<Address> {
        let seated = |address: &Address| self.head.validators.binary_search(address).is_ok();
        let height = self.height();
        let is_open = height >= self.config.votes_from && self.recovered.height() != Some(height);
        self.config.identity.filter(seated).filter(|_| is_open)
    }

    /// Whose turn `round` of this height is; `None` without validators.
    pub fn proposer(&self, round: u32) -> Option<Address> {
        proposer(self.config.proposer_rule, &self.head.validators, self.head.proposer, round)
    }

    pub(crate) fn is_my_turn(&self) -> bool {
        self.voter().is_some_and(|voter| self.proposer(self.round) == Some(voter))
    }

    pub(crate) fn quorum(&self) -> usize {
        quorum(self.head.validators.len())
    }

    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules {
            height: self.height(),
            parent: self.head.hash,
            validators: &self.head.validators,
            proposal_round: self.config.proposal_round,
            mixed_digests: self.config.mixed_digests,
            first_round: self.head.first_round,
        }
    }

    /// The highest round of this set that is accepted.
    pub(crate) fn last_round(&self) -> u32 {
        self.head.first_round.saturating_add(MAX_ROUND)
    }

    /// Earliest timestamp of this height's block, Unix milliseconds.
    pub(crate) fn earliest_ms(&self) -> u64 {
        self.head.timestamp.saturating_mul(1_000).saturating_add(self.head.period_ms)
    }

    pub(crate) fn known(&self, round: u32) -> Option<&RoundState<B>> {
        self.rounds.iter().find(|state| state.round == round)
    }

    /// The state of `round`, made if need be. The callers' bounds on rounds bound the list.
    pub(crate) fn state(&mut self, round: u32) -> &mut RoundState<B> {
        let known = self.rounds.iter().position(|state| state.round == round);
        let index = known.unwrap_or(self.rounds.len());
        if known.is_none() {
            self.rounds.push(RoundState::new(round));
        }
        #[expect(clippy::indexing_slicing, reason = "the index was found or made just above")]
        &mut self.rounds[index]
    }

    /// Takes the proposal of `round`; gives its digest.
    pub(crate) fn accept(&mut self, round: u32, block: B, author: Address) -> B256 {
        let other = if self.config.mixed_digests { digest::other(&block) } else { None };
        self.state(round).accept(block, author, other)
    }

    pub(crate) fn drop_past_rounds(&mut self) {
        let oldest = self.round.saturating_sub(PAST_ROUNDS);
        self.rounds.retain(|state| state.round >= oldest);
        // Votes are cast for the current round alone, so older ones cannot be contradicted either.
        self.votes.retain(|vote| vote.record.round() >= oldest);
    }

    pub(crate) fn set_timer(&mut self, kind: TimerKind, at_ms: u64) {
        let timer = Timer { kind, height: self.height(), round: self.round };
        self.out.push(Output::SetTimer { timer, at_ms });
    }

    /// Asks for a vote to be made durable, unless one was cast for its round and phase, or this node may not vote.
    pub(crate) fn cast(&mut self, record: Record<B>) {
        let (round, phase) = (record.round(), record.phase());
        if self.voter().is_none() || self.has_cast(round, phase) {
            return;
        }
        let ticket = self.ticket();
        let record = Arc::new(record);
        self.votes.push(Vote { ticket, record: record.clone(), stage: Stage::Persisting, recovered: false });
        self.out.push(Output::Persist { ticket, record });
    }

    pub(crate) fn has_cast(&self, round: u32, phase: Phase) -> bool {
        self.votes.iter().any(|vote| vote.is(round, phase))
    }

    pub(crate) fn ticket(&mut self) -> Ticket {
        self.next_ticket = self.next_ticket.saturating_add(1);
        Ticket(self.next_ticket)
    }

    /// Counts a message of this node's own. It was checked when it was cast; what has since gone stale is no fault.
    pub(crate) fn count_own(&mut self, message: Message<B>) {
        let _stale = self.on_message(message);
    }
}
