//! One decision for every position, from what the chain says of it.

use super::{AdminMove, Aim, Ballot, Content, History, Mark, Position, described, kind_name};
use crate::{
    api::consortium::{PositionState, PositionStatus},
    observed::{Governance, MemberObserved, ProposalObserved},
};
use alloy_primitives::{Address, U256};
use chain::governance::Status;

/// Aliases named in one message.
const NAMED: usize = 4;
/// Longest message of a position, in characters.
const MESSAGE: usize = 500;

/// Everything about the votes of one pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VotesPlan {
    /// Where each position stands, in the order of the spec.
    pub positions: Vec<Weighed>,
    /// What the admin account could send now, the first first; one goes out in a pass.
    pub moves: Vec<AdminMove>,
}

/// A position and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighed {
    /// Its line.
    pub line: String,
    /// Its wording.
    pub mark: Mark,
    /// How far it is.
    pub state: PositionState,
    /// One word.
    pub reason: String,
    /// For a person.
    pub message: String,
    /// The proposal it is about.
    pub proposal: Option<u64>,
}

impl Weighed {
    /// As the status shows it.
    #[must_use]
    pub fn status(&self) -> PositionStatus {
        PositionStatus {
            line: self.line.clone(),
            edit: edit(self.mark),
            state: self.state,
            reason: self.reason.clone(),
            message: self.message.chars().take(MESSAGE).collect(),
            proposal: self.proposal.and_then(|id| i64::try_from(id).ok()),
        }
    }
}

impl VotesPlan {
    /// Nothing can be decided. What is in force or rejected stays so: it is what the chain does not tell a second time.
    #[must_use]
    pub fn unknown(positions: &[Position], before: &[PositionStatus], why: &str) -> Self {
        let weighed = |position: &Position| {
            let (line, mark) = (position.line.clone(), position.mark());
            let known = before.iter().find(|known| known.line == line && known.edit == edit(mark));
            match known.filter(|known| {
                matches!(known.state, PositionState::InForce | PositionState::Rejected | PositionState::Open)
            }) {
                Some(known) => Weighed {
                    line,
                    mark,
                    state: known.state,
                    reason: known.reason.clone(),
                    message: known.message.clone(),
                    proposal: known.proposal.and_then(|id| u64::try_from(id).ok()),
                },
                None => Weighed {
                    line,
                    mark,
                    state: PositionState::Unknown,
                    reason: "ChainNotRead".to_owned(),
                    message: why.to_owned(),
                    proposal: None,
                },
            }
        };
        Self { positions: positions.iter().map(weighed).collect(), moves: Vec::new() }
    }

    /// The contract refuses what a line would send.
    pub fn block(&mut self, line: &str, why: &str) {
        for position in self.positions.iter_mut().filter(|position| position.line == line) {
            position.state = PositionState::Blocked;
            "Refused".clone_into(&mut position.reason);
            position.message = format!("{}: the contract refuses it now: {why}", position.message);
        }
    }

    /// What a line would send is for a person to sign.
    pub fn to_sign(&mut self, line: &str) {
        for position in self.positions.iter_mut().filter(|position| position.line == line) {
            position.state = PositionState::ToSign;
            "AwaitingSignature".clone_into(&mut position.reason);
        }
    }
}

/// Enough of a mark to tell two wordings of one line apart.
fn edit(mark: Mark) -> String {
    alloy_primitives::hex::encode(&mark[..8])
}

/// Weighs every position. `before` is what the status said: only of a line that was in force without a vote of ours does it
/// know what the chain cannot, that it had been true.
#[must_use]
pub fn decide(
    positions: &[Position],
    view: &Governance,
    history: &History,
    us: &MemberObserved,
    operator: Option<Address>,
    before: &[PositionStatus],
) -> VotesPlan {
    let scene = Scene { view, history, us, before };
    let mut plan = VotesPlan::default();
    if let Some(operator) = operator.filter(|operator| !us.operators.contains(operator)) {
        plan.moves.push(AdminMove {
            ballot: Ballot::AddOperator(operator),
            mark: None,
            line: None,
            what: format!("register the operator account {operator}"),
        });
    }
    if history.complete {
        plan.moves.extend(scene.taken_back(positions));
    }
    for position in positions {
        let (weighed, wanted) = scene.weigh(position, positions);
        plan.positions.push(weighed);
        plan.moves.extend(wanted);
    }
    plan
}

struct Scene<'a> {
    view: &'a Governance,
    history: &'a History,
    us: &'a MemberObserved,
    before: &'a [PositionStatus],
}

/// State, reason, message and proposal of a position, and what it sends.
type Verdict = (PositionState, &'static str, String, Option<u64>, Option<Ballot>);

impl Scene<'_> {
    /// Votes that positions cast and that no line stands for any more. What a person cast stays.
    fn taken_back(&self, positions: &[Position]) -> Vec<AdminMove> {
        let wanted: Vec<Content> =
            positions.iter().filter_map(|position| position.aim.content(self.view)).collect();
        let opposed = |id: u64| positions.iter().any(|position| position.aim == Aim::Oppose { id });
        let open = self.view.proposals.iter().filter(|proposal| !proposal.expired);
        let mut moves = Vec::new();
        for proposal in open {
            // A line that wants the other side changes the vote itself.
            let stands =
                self.vote(proposal).is_none() || opposed(proposal.id) || wanted.contains(&proposal.content);
            let Some(mark) = self.history.cast_for(proposal.id).filter(|_| !stands) else { continue };
            moves.push(AdminMove {
                ballot: Ballot::Rescind(proposal.id),
                mark: Some(mark),
                line: None,
                what: format!("take the vote on proposal {} back: its line is gone", proposal.id),
            });
        }
        moves
    }

    fn weigh(&self, position: &Position, positions: &[Position]) -> (Weighed, Option<AdminMove>) {
        let mark = position.mark();
        let (state, reason, message, proposal, ballot) = match &position.aim {
            Aim::Oppose { id } => self.opposed(*id, mark, positions),
            aim => self.wanted(position, aim, mark),
        };
        let wanted = ballot.map(|ballot| AdminMove {
            what: format!("{}: {message}", position.line),
            ballot,
            mark: Some(mark),
            line: Some(position.line.clone()),
        });
        let line = position.line.clone();
        (Weighed { line, mark, state, reason: reason.to_owned(), message, proposal }, wanted)
    }

    fn wanted(&self, position: &Position, aim: &Aim, mark: Mark) -> Verdict {
        let content = aim.content(self.view);
        let same =
            |proposal: &&ProposalObserved| !proposal.expired && Some(&proposal.content) == content.as_ref();
        let open = self.view.proposals.iter().find(same);
        if aim.in_force(self.view, self.us) {
            let message = "the chain is as this line says".to_owned();
            return (PositionState::InForce, "InForce", message, None, None);
        }
        let voted = open.is_some_and(|proposal| self.vote(proposal) == Some(true));
        if !voted && self.was_in_force(&position.line, mark) {
            return rejected("Undone", "it was true, and was changed since", None);
        }
        if let Aim::Operator { address } = aim {
            let message = format!("register the operator account {address}");
            let ballot = Ballot::AddOperator(*address);
            return (PositionState::Sending, "Registering", message, None, Some(ballot));
        }
        if !self.history.complete {
            return unread(self.history);
        }
        match (open, self.history.spent_on(mark)) {
            // Once for each wording: what is proposed again by others needs the line to be edited.
            (Some(proposal), Some(id)) if id != proposal.id && !voted => return self.over(id),
            (Some(proposal), _) => return self.supported(proposal, mark),
            (None, Some(id)) => return self.over(id),
            (None, None) => {}
        }
        let Some(content) = content else {
            let message = "its address is no member's admin account".to_owned();
            return (PositionState::Blocked, "UnknownMember", message, None, None);
        };
        let (subject, values) = described(&content, self.view);
        let message = format!("propose {} {subject} {values}", kind_name(content.kind));
        let ballot = Ballot::Propose { content, memo: position.memo.clone() };
        (PositionState::Sending, "Proposing", message.trim_end().to_owned(), None, Some(ballot))
    }

    /// A proposal of the same content is open.
    fn supported(&self, proposal: &ProposalObserved, mark: Mark) -> Verdict {
        let id = proposal.id;
        match self.vote(proposal) {
            Some(true) if proposal.count_for() >= u32::from(self.view.votes_needed) => {
                let message = format!("carry out proposal {id}, which has its majority");
                (PositionState::Sending, "Passed", message, Some(id), Some(Ballot::Execute(id)))
            }
            Some(true) => (PositionState::Open, "AwaitingVotes", self.awaited(proposal), Some(id), None),
            _ if self.changed_by_hand(id, mark) => {
                let message = format!("this line's vote on proposal {id} was changed by hand");
                rejected("ChangedByHand", &message, Some(id))
            }
            _ => {
                let message = format!("vote for proposal {id}");
                (PositionState::Sending, "Voting", message, Some(id), Some(Ballot::VoteFor(id)))
            }
        }
    }

    /// This line has voted there, and a person voted otherwise since.
    fn changed_by_hand(&self, id: u64, mark: Mark) -> bool {
        self.history.spent_on(mark) == Some(id) && self.history.by_hand(id)
    }

    fn opposed(&self, id: u64, mark: Mark, positions: &[Position]) -> Verdict {
        if !self.history.complete {
            return unread(self.history);
        }
        let Some(proposal) = self.view.proposals.iter().find(|open| open.id == id && !open.expired) else {
            let ended = self.history.ended.get(&id).copied();
            let message = format!("proposal {id} {}", ended.map_or("is not open", outcome));
            return match ended {
                Some(Status::Executed) => rejected("Executed", &message, Some(id)),
                Some(Status::None) | None => {
                    (PositionState::Blocked, "UnknownProposal", message, Some(id), None)
                }
                Some(_) => (PositionState::InForce, "InForce", message, Some(id), None),
            };
        };
        let supports = |other: &&Position| {
            other.aim.content(self.view).is_some_and(|content| content == proposal.content)
        };
        if let Some(other) = positions.iter().find(supports) {
            let message = format!("{} wants what proposal {id} would do: remove one of the two", other.line);
            return (PositionState::Blocked, "Contradiction", message, Some(id), None);
        }
        match self.vote(proposal) {
            Some(false) => (PositionState::Open, "AwaitingVotes", self.awaited(proposal), Some(id), None),
            _ if self.changed_by_hand(id, mark) => {
                let message = format!("this line's vote on proposal {id} was changed by hand");
                rejected("ChangedByHand", &message, Some(id))
            }
            _ => {
                let message = format!("vote against proposal {id}");
                (PositionState::Sending, "Voting", message, Some(id), Some(Ballot::VoteAgainst(id)))
            }
        }
    }

    /// This wording was voted on, and that proposal is over.
    fn over(&self, id: u64) -> Verdict {
        match self.history.ended.get(&id).copied() {
            Some(Status::Executed) => {
                rejected("Undone", &format!("proposal {id} was carried out, and undone since"), Some(id))
            }
            Some(status) => {
                let reason = match status {
                    Status::Rejected => "Outvoted",
                    Status::Superseded => "Superseded",
                    Status::Withdrawn => "Withdrawn",
                    // Expired, and nobody has closed it yet.
                    _ => "Expired",
                };
                let message = format!("proposal {id} {}", outcome(status));
                rejected(reason, &message, Some(id))
            }
            None => {
                let message = format!("how proposal {id} ended is not read yet");
                (PositionState::Unknown, "ReadingHistory", message, Some(id), None)
            }
        }
    }

    /// The status said so of this very wording, or that it was undone since.
    fn was_in_force(&self, line: &str, mark: Mark) -> bool {
        let same = |before: &&PositionStatus| before.line == line && before.edit == edit(mark);
        self.before.iter().find(same).is_some_and(|before| {
            before.state == PositionState::InForce
                || (before.state == PositionState::Rejected && before.reason == "Undone")
        })
    }

    fn vote(&self, proposal: &ProposalObserved) -> Option<bool> {
        proposal.vote_of(self.us)
    }

    fn awaited(&self, proposal: &ProposalObserved) -> String {
        let missing: Vec<_> =
            self.view.members.iter().filter(|member| proposal.vote_of(member).is_none()).collect();
        let names: Vec<_> = missing.iter().take(NAMED).map(|member| member.alias.as_str()).collect();
        let more = match missing.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "proposal {} has {} of {} votes for it, {} against; {}{more} may still vote",
            proposal.id,
            proposal.count_for(),
            self.view.votes_needed,
            proposal.votes_against.count_ones(),
            if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
        )
    }
}

fn unread(history: &History) -> Verdict {
    let message = format!("this member's votes are read up to block {}", history.upto);
    (PositionState::Unknown, "ReadingHistory", message, None, None)
}

fn rejected(reason: &'static str, message: &str, id: Option<u64>) -> Verdict {
    let message = format!("{message}; edit the line, its memo perhaps, to try again");
    (PositionState::Rejected, reason, message, id, None)
}

/// How a proposal ended, after its number.
#[must_use]
pub const fn outcome(status: Status) -> &'static str {
    match status {
        Status::Executed => "was carried out",
        Status::Rejected => "was outvoted",
        Status::Expired | Status::Open => "has expired",
        Status::Withdrawn => "was withdrawn",
        Status::Superseded => "was superseded",
        Status::None | Status::__Invalid => "does not exist",
    }
}

impl ProposalObserved {
    /// Members for it.
    #[must_use]
    pub fn count_for(&self) -> u32 {
        u32::try_from(self.votes_for.count_ones()).unwrap_or(u32::MAX)
    }

    /// A member's vote: for it, against it, or none.
    #[must_use]
    pub fn vote_of(&self, member: &MemberObserved) -> Option<bool> {
        let bit = U256::from(1) << usize::from(member.place);
        if !(self.votes_for & bit).is_zero() {
            return Some(true);
        }
        (!(self.votes_against & bit).is_zero()).then_some(false)
    }
}
