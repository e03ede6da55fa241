//! Every vector of votes of every small network, and after each the departure of every member, its change of mind and a
//! newcomer: the contract's outcome against plain counting.

use crate::contract::{self, Contract, Ended, refusal};
use alloy_primitives::{Address, B256};
use chain::governance::{GenesisGovernance, GenesisMember, GenesisSeat, Status};
use qbft_sim::{
    cores::on_every_core,
    governance::{Call, Motion, Refused, draw::Cast},
};

/// The block in which everything happens: one is as good as another until a proposal expires.
const BLOCK: u64 = 5;
/// The proposal under vote; the first.
const ID: u64 = 1;

/// A vote of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vote {
    For,
    Against,
    None,
}

const VOTES: [Vote; 3] = [Vote::For, Vote::Against, Vote::None];

/// A network part of whose members have voted.
#[derive(Clone)]
struct Ballot {
    contract: Contract,
    members: usize,
    votes: Vec<Vote>,
    /// What counting says of the proposal so far.
    status: Status,
}

/// Every vector for 1 to `members` members.
pub(crate) fn run(members: usize) -> Result<(), String> {
    let cast = contract::cast();
    let ended = on_every_core(
        |index| index < members as u64,
        |index| Some(every_vector(members - usize::try_from(index).unwrap(), &cast)),
    );
    let mut outcomes = 0;
    for (_, checked) in ended {
        outcomes += checked?;
    }
    println!("members={members} vote-outcomes={outcomes} wrong=0");
    Ok(())
}

fn every_vector(members: usize, cast: &Cast) -> Result<u64, String> {
    let mut ballot = Ballot::open(members, cast);
    ballot.cast_vote(Vote::For, cast)?;
    ballot.descend(cast)
}

/// What counting says: a strict majority of the members carries, half of them against refuses.
fn count(votes: &[Vote], members: usize) -> Status {
    let of = |side| votes.iter().filter(|vote| **vote == side).count();
    if 2 * of(Vote::For) > members {
        Status::Executed
    } else if 2 * of(Vote::Against) >= members {
        Status::Rejected
    } else if of(Vote::For) == 0 {
        Status::Withdrawn
    } else {
        Status::Open
    }
}

/// A name for a contract: nothing can stand in the way of it.
fn motion() -> Motion {
    Motion::SetNamedContract {
        name: B256::right_padding_from(b"notary"),
        location: Address::with_last_byte(9),
    }
}

impl Ballot {
    fn open(members: usize, cast: &Cast) -> Self {
        let member = |index: usize| GenesisMember {
            alias: contract::label(index),
            admin: cast.admins[index],
            operator: None,
            capacity: Some(4),
        };
        let seat = |index: usize| GenesisSeat { identity: cast.identities[index], member: index };
        let genesis = GenesisGovernance {
            members: (0..members).map(member).collect(),
            seats: (0..members).map(seat).collect(),
            parameters: contract::PARAMETERS,
        };
        Self { contract: Contract::new(&genesis), members, votes: Vec::new(), status: Status::Open }
    }

    /// The next member votes so, or stays silent.
    fn cast_vote(&mut self, vote: Vote, cast: &Cast) -> Result<(), String> {
        let member = self.votes.len();
        self.votes.push(vote);
        let call = match vote {
            Vote::None => return Ok(()),
            Vote::For if member == 0 => Call::Propose { motion: motion(), memo: String::new() },
            Vote::For => Call::VoteFor(ID),
            Vote::Against => Call::VoteAgainst(ID),
        };
        self.send(cast.admins[member], &call, None)?;
        self.expect(count(&self.votes, self.members))
    }

    /// Every vote of every member that has not voted; whoever votes too late is refused.
    fn descend(&self, cast: &Cast) -> Result<u64, String> {
        if self.status != Status::Open {
            let mut late = self.clone();
            let closed = Some(Refused::ProposalNotOpen);
            late.send(cast.admins[0], &Call::VoteAgainst(ID), closed)?;
            return Ok(1);
        }
        if self.votes.len() == self.members {
            return self.afterwards(cast);
        }
        let mut outcomes = 0;
        for vote in VOTES {
            let mut next = self.clone();
            next.cast_vote(vote, cast)?;
            outcomes += next.descend(cast)?;
        }
        Ok(outcomes)
    }

    /// All have spoken and nothing is decided: each member leaves, takes its vote back or changes sides, or one is added.
    fn afterwards(&self, cast: &Cast) -> Result<u64, String> {
        let mut undecided = self.clone();
        undecided.send(cast.admins[0], &Call::Execute(ID), Some(Refused::NotPassed))?;
        for member in 0..self.members {
            self.clone().leave(member, cast)?;
            self.clone().rescind(member, cast)?;
            for side in [Vote::For, Vote::Against] {
                self.clone().change(member, side, cast)?;
            }
        }
        self.clone().newcomer(cast)?;
        Ok(2 + 4 * self.members as u64)
    }

    /// The votes of who leaves go, the others are recounted; what thereby wins waits for `execute`.
    fn leave(mut self, member: usize, cast: &Cast) -> Result<(), String> {
        if self.members == 1 {
            return Ok(());
        }
        self.send(cast.admins[member], &Call::Resign, None)?;
        self.votes.remove(member);
        self.members -= 1;
        let anybody = Address::with_last_byte(77);
        let counted = count(&self.votes, self.members);
        if counted != Status::Executed {
            self.expect(counted)?;
            let why = if counted == Status::Open { Refused::NotPassed } else { Refused::ProposalNotOpen };
            return self.send(anybody, &Call::Execute(ID), Some(why));
        }
        self.expect(Status::Open)?;
        self.send(anybody, &Call::Execute(ID), None)?;
        self.expect(Status::Executed)
    }

    fn rescind(mut self, member: usize, cast: &Cast) -> Result<(), String> {
        if self.votes[member] == Vote::None {
            return self.send(cast.admins[member], &Call::Rescind(ID), Some(Refused::NotVoted));
        }
        self.send(cast.admins[member], &Call::Rescind(ID), None)?;
        self.votes[member] = Vote::None;
        self.expect(count(&self.votes, self.members))
    }

    fn change(mut self, member: usize, side: Vote, cast: &Cast) -> Result<(), String> {
        let call = if side == Vote::For { Call::VoteFor(ID) } else { Call::VoteAgainst(ID) };
        if self.votes[member] == side {
            return self.send(cast.admins[member], &call, Some(Refused::AlreadyVoted));
        }
        self.send(cast.admins[member], &call, None)?;
        self.votes[member] = side;
        self.expect(count(&self.votes, self.members))
    }

    /// One more member: a majority is of more, and no vote is lost.
    fn newcomer(mut self, cast: &Cast) -> Result<(), String> {
        let admin = cast.admins[self.members];
        let motion = Motion::Admit {
            admin,
            alias: contract::label(self.members).to_word(),
            capacity: 1,
            operator: Address::ZERO,
        };
        self.send(cast.admins[0], &Call::Propose { motion, memo: String::new() }, None)?;
        for voter in 1..=self.members / 2 {
            self.send(cast.admins[voter], &Call::VoteFor(ID + 1), None)?;
        }
        self.members += 1;
        self.votes.push(Vote::None);
        self.expect(count(&self.votes, self.members))?;
        self.cast_last(Vote::For, admin)
    }

    /// The newcomer votes too.
    fn cast_last(&mut self, vote: Vote, admin: Address) -> Result<(), String> {
        self.send(admin, &Call::VoteFor(ID), None)?;
        if let Some(last) = self.votes.last_mut() {
            *last = vote;
        }
        self.expect(count(&self.votes, self.members))
    }

    /// Sends, and fails unless it is refused for that reason, or done if for none.
    fn send(&mut self, sender: Address, call: &Call, refused: Option<Refused>) -> Result<(), String> {
        let found = match self.contract.send(BLOCK, sender, call)? {
            Ended::Done { .. } => None,
            Ended::Reverted(output) => Some(refusal(&output)),
        };
        if found == refused.map(Some) {
            return Ok(());
        }
        Err(format!("{:?} of {}: {call:?}: got {found:?}, want {refused:?}", self.votes, self.members))
    }

    fn expect(&mut self, status: Status) -> Result<(), String> {
        self.status = status;
        let got = self.contract.proposal(BLOCK, ID);
        let of = |side| self.votes.iter().filter(|vote| **vote == side).count();
        let want = (status, of(Vote::For), of(Vote::Against));
        let got = (got.status, usize::from(got.countFor), usize::from(got.countAgainst));
        if got == want {
            return Ok(());
        }
        Err(format!("{:?} of {}: got {got:?}, want {want:?}", self.votes, self.members))
    }
}
