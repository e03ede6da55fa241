//! What can happen next at one seat.

use super::{
    Setting,
    claim::Claim,
    replica::{HEIGHT, Pending, Replica},
    vocabulary::{Part, Vocabulary},
};
use alloy_primitives::Address;
use chain::quorum::one_honest;
use qbft::{Input, Phase, Timer, TimerKind};
use std::hash::{DefaultHasher, Hash, Hasher};

/// One move: all of it happens before anything else does at this seat.
#[derive(Clone, Debug)]
pub enum Move {
    /// A timer runs out.
    Timer(TimerKind, u32),
    /// What was asked for is there.
    Answer(Pending),
    /// Messages arrive, in this order.
    Deliver(Vec<Part>),
    /// The process ends and starts again.
    Crash,
}

impl Move {
    /// Performs it; the rest of a delivery is lost in a crash.
    pub fn perform(&self, replica: &mut Replica) {
        match self {
            Self::Timer(kind, round) => {
                replica.take(Input::Timeout(Timer { kind: *kind, height: HEIGHT, round: *round }));
            }
            Self::Answer(pending) => replica.answer(*pending),
            Self::Deliver(parts) => {
                let lives = replica.crashes;
                for part in parts {
                    if replica.crashes > lives {
                        return;
                    }
                    replica.take(Input::Message(part.message.clone()));
                }
            }
            Self::Crash => replica.crash(),
        }
    }

    /// 64 bits of a hash: equal for equal moves.
    #[must_use]
    pub fn name(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Timer(kind, round) => (0, *kind as u64, *round).hash(&mut hasher),
            Self::Answer(Pending::Built(round, _)) => (1, *round).hash(&mut hasher),
            Self::Answer(Pending::Validated(round, digest, _)) => (2, *round, digest).hash(&mut hasher),
            Self::Deliver(parts) if parts.len() == 1 => return parts[0].name,
            Self::Deliver(parts) => parts.iter().for_each(|part| part.name.hash(&mut hasher)),
            Self::Crash => 3.hash(&mut hasher),
        }
        hasher.finish()
    }

    /// For people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Timer(kind, round) => format!("timer {kind:?} of round {round}"),
            Self::Answer(Pending::Built(round, _)) => format!("block for round {round} built"),
            Self::Answer(Pending::Validated(round, digest, is_valid)) => {
                format!("block {digest:.8} of round {round} executed: valid {is_valid}")
            }
            Self::Deliver(parts) => {
                let said: Vec<_> = parts.iter().map(|part| describe(&Claim::of(&part.message))).collect();
                format!("hears {}", said.join(", "))
            }
            Self::Crash => "crashes and restarts".to_owned(),
        }
    }
}

fn describe(claim: &Claim) -> String {
    let Claim { author, phase, round, digest, prepared } = claim;
    let prepared = prepared.map_or_else(String::new, |round| format!(" prepared in {round}"));
    format!("{} r{round} {digest:.8}{prepared} of {}", phase.label(), author[19])
}

/// Every move of a seat that has not decided, as large as it takes for something to come of it and no larger.
#[must_use]
pub fn moves(replica: &Replica, me: Address, setting: &Setting, vocabulary: &Vocabulary) -> Vec<Move> {
    let instance = &replica.instance;
    if instance.is_decided() {
        return Vec::new();
    }
    let mut moves: Vec<_> = replica.pending.iter().map(|pending| Move::Answer(*pending)).collect();
    let round = instance.round();
    if round == 0 {
        moves.push(Move::Timer(TimerKind::BlockDue, 0));
    }
    if round + 1 < setting.rounds {
        moves.push(Move::Timer(TimerKind::Round, round));
    }
    let is_open = |part: &&Part| {
        let message = &part.message;
        message.author() != me && message.round() >= round && message.round() < setting.rounds
    };
    let of =
        |phase| vocabulary.parts().iter().filter(is_open).filter(move |part| part.message.phase() == phase);
    // A round takes one proposal; that it takes no second one is seen with any.
    let view = instance.view();
    let mut closed: Vec<_> = view.rounds.iter().filter(|known| known.accepted.is_some()).collect();
    moves.extend(of(Phase::Proposal).filter_map(|part| {
        let at = closed.iter().position(|known| known.round == part.message.round());
        let is_taken =
            view.rounds.iter().any(|known| known.round == part.message.round() && known.accepted.is_some());
        (!is_taken || at.map(|at| closed.remove(at)).is_some()).then(|| Move::Deliver(vec![part.clone()]))
    }));
    if replica.gathers(setting.rounds) {
        moves.extend(of(Phase::RoundChange).map(|part| Move::Deliver(vec![part.clone()])));
    } else {
        let above = of(Phase::RoundChange).filter(|part| part.message.round() > round);
        let above: Vec<_> = above.cloned().collect();
        joins(&above, one_honest(setting.seats), &mut Vec::new(), &mut moves);
    }
    for known in &view.rounds {
        let Some((digest, true)) = known.accepted else { continue };
        if known.round == round {
            moves.push(Move::Deliver(vocabulary.votes(me, Phase::Prepare, round, digest)));
        }
        moves.push(Move::Deliver(vocabulary.votes(me, Phase::Commit, known.round, digest)));
    }
    moves
}

/// Every choice of ROUND-CHANGEs by `witnesses` distinct authors.
fn joins(from: &[Part], witnesses: usize, chosen: &mut Vec<Part>, moves: &mut Vec<Move>) {
    if chosen.len() == witnesses {
        moves.push(Move::Deliver(chosen.clone()));
        return;
    }
    for (index, part) in from.iter().enumerate() {
        if chosen.iter().any(|other| other.message.author() == part.message.author()) {
            continue;
        }
        chosen.push(part.clone());
        joins(&from[index + 1..], witnesses, chosen, moves);
        chosen.pop();
    }
}
