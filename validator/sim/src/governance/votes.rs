//! Proposals and votes: one member, one vote; a strict majority of the present members decides.

use super::{Motion, Parameter, Proposal, Refused, Role, Status, Turn};
use std::collections::BTreeSet;

const MAX_OPEN: usize = 64;
const MAX_OPEN_PER_MEMBER: usize = 8;
const MAX_MEMO_BYTES: usize = 256;

impl Turn {
    /// Equal content is one proposal: who proposes what is open votes for that.
    pub(super) fn propose(&mut self, motion: &Motion, memo: &str) -> Result<(), Refused> {
        let member = self.require(Role::Admin)?;
        self.sweep();
        let same = self.state.open.iter().find(|(_, open)| open.motion == *motion).map(|(id, _)| *id);
        let id = match same {
            Some(id) => id,
            None => self.open(member, motion, memo)?,
        };
        self.vote(id, member, true)
    }

    fn open(&mut self, proposer: u32, motion: &Motion, memo: &str) -> Result<u64, Refused> {
        motion.check()?;
        if let Some(obstacle) = self.obstacle(motion) {
            return Err(Refused::Obstructed(obstacle));
        }
        let own = self.state.open.values().filter(|open| open.proposer == proposer).count();
        let is_full = self.state.open.len() >= MAX_OPEN || own >= MAX_OPEN_PER_MEMBER;
        if memo.len() > MAX_MEMO_BYTES || is_full {
            return Err(Refused::LimitReached);
        }
        let proposal = Proposal {
            motion: motion.clone(),
            memo: memo.to_string(),
            proposer,
            opened_at: self.block,
            expires_at: self.block + self.state.parameter(Parameter::VotingBlocks, self.block + 1),
            votes_for: BTreeSet::new(),
            votes_against: BTreeSet::new(),
        };
        self.state.last_proposal += 1;
        self.state.open.insert(self.state.last_proposal, proposal);
        Ok(self.state.last_proposal)
    }

    pub(super) fn vote_on(&mut self, id: u64, in_favour: bool) -> Result<(), Refused> {
        let member = self.require(Role::Admin)?;
        self.live(id)?;
        self.vote(id, member, in_favour)
    }

    /// A vote replaces the member's opposite one, and may decide.
    fn vote(&mut self, id: u64, member: u32, in_favour: bool) -> Result<(), Refused> {
        let proposal = self.live(id)?;
        let (yes, no) = (&mut proposal.votes_for, &mut proposal.votes_against);
        let (cast, other) = if in_favour { (yes, no) } else { (no, yes) };
        if !cast.insert(member) {
            return Err(Refused::AlreadyVoted);
        }
        other.remove(&member);
        if self.close_if_lost(id) || !self.is_won(id) {
            return Ok(());
        }
        let motion = self.live(id)?.motion.clone();
        if self.obstacle(&motion).is_none() {
            self.close_and_carry_out(id, &motion);
        }
        Ok(())
    }

    pub(super) fn rescind(&mut self, id: u64) -> Result<(), Refused> {
        let member = self.require(Role::Admin)?;
        let proposal = self.live(id)?;
        let had = proposal.votes_for.remove(&member) || proposal.votes_against.remove(&member);
        if !had {
            return Err(Refused::NotVoted);
        }
        if proposal.votes_for.is_empty() {
            self.close(id, Status::Withdrawn);
        }
        Ok(())
    }

    pub(super) fn execute(&mut self, id: u64) -> Result<(), Refused> {
        let motion = self.live(id)?.motion.clone();
        if !self.is_won(id) {
            return Err(Refused::NotPassed);
        }
        if let Some(obstacle) = self.obstacle(&motion) {
            return Err(Refused::Obstructed(obstacle));
        }
        self.close_and_carry_out(id, &motion);
        Ok(())
    }

    pub(super) fn sweep(&mut self) {
        self.close_all(Status::Expired, |turn, open| turn.block > open.expires_at);
    }

    /// After a membership change, the votes of who left being gone: what is void or lost is closed; what has thereby
    /// won waits for `execute`.
    pub(super) fn recount(&mut self) {
        self.sweep();
        self.close_all(Status::Superseded, |turn, open| turn.is_stale(&open.motion));
        let ids: Vec<u64> = self.state.open.keys().copied().collect();
        for id in ids {
            self.close_if_lost(id);
        }
    }

    fn close_and_carry_out(&mut self, id: u64, motion: &Motion) {
        self.close(id, Status::Executed);
        self.carry_out(motion);
        if matches!(motion, Motion::Admit { .. } | Motion::Expel(_)) {
            self.recount();
        }
    }

    /// Lost is what no majority can win any more, and what nobody supports.
    fn close_if_lost(&mut self, id: u64) -> bool {
        let Some(open) = self.state.open.get(&id) else { return false };
        let status = if open.votes_against.len() * 2 >= self.state.members.len() {
            Status::Rejected
        } else if open.votes_for.is_empty() {
            Status::Withdrawn
        } else {
            return false;
        };
        self.close(id, status);
        true
    }

    fn is_won(&self, id: u64) -> bool {
        self.state.open.get(&id).is_some_and(|open| open.votes_for.len() >= self.state.votes_needed())
    }

    fn close_all(&mut self, status: Status, is_due: impl Fn(&Self, &Proposal) -> bool) {
        let due: Vec<u64> =
            self.state.open.iter().filter(|(_, open)| is_due(self, open)).map(|(id, _)| *id).collect();
        for id in due {
            self.close(id, status);
        }
    }

    fn close(&mut self, id: u64, status: Status) {
        self.state.open.remove(&id);
        self.closed.push((id, status));
    }

    /// An open proposal that can still be voted on.
    fn live(&mut self, id: u64) -> Result<&mut Proposal, Refused> {
        let block = self.block;
        let open = self.state.open.get_mut(&id).ok_or(Refused::ProposalNotOpen)?;
        if block > open.expires_at { Err(Refused::ProposalExpired) } else { Ok(open) }
    }
}
