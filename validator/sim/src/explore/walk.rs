//! The same network in its own, fine steps: single messages, in any order, silent and poisonous ones too. It holds the
//! search to its word, and shows that no state is a dead end.

use super::{
    Setting,
    moves::Move,
    replica::{HEIGHT, Replica},
    search::Search,
    vocabulary::{Part, Vocabulary},
};
use crate::{rng::Rng, symbolic::SimBlock};
use alloy_primitives::Address;
use qbft::{Input, Message, Phase, Timer, TimerKind};

/// Most rounds that honest seats, left alone, may take to decide: four for each to have its turn, and twice that for
/// those who are rounds behind.
pub const MOST_ROUNDS: u32 = 12;

/// What a walk met.
#[derive(Debug, Default)]
pub struct Walked {
    /// Single moves.
    pub steps: u64,
    /// Moves to states that the search has not found, by description: there must be none.
    pub unknown: Vec<String>,
    /// States of the search whose way on was tried.
    pub sampled: u64,
    /// States from which honest seats did not come to a decision: there must be none.
    pub stuck: u64,
}

/// Walks through `setting` by seed; `search` is the finished search of the same setting.
#[must_use]
pub fn walk(setting: &Setting, search: &Search, seed: u64, steps: u32) -> Walked {
    let mut rng = Rng::new(seed);
    let honest = setting.honest();
    let mut replicas: Vec<_> = honest.iter().map(|seat| Replica::start(setting, *seat)).collect();
    let (mut heard, mut walked) = (Vec::new(), Walked::default());
    for _ in 0..steps {
        let place = usize::try_from(rng.below(replicas.len() as u64)).unwrap_or(0);
        let me = setting.validators()[honest[place]];
        let Some(step) = draw(&replicas[place], me, setting, &heard, &mut rng) else { continue };
        let crashes: u8 = replicas.iter().map(|replica| replica.crashes).sum();
        if crashes < setting.crashes && rng.chance(60) {
            replicas[place].fuse = Some(u32::try_from(rng.below(4)).unwrap_or(0));
        }
        let before = replicas[place].clone();
        step.perform(&mut replicas[place]);
        replicas[place].fuse = None;
        if replicas[place].instance.round() >= setting.rounds {
            replicas[place] = before;
            continue;
        }
        for message in std::mem::take(&mut replicas[place].outbox) {
            if !heard.contains(&message) {
                heard.push(message);
            }
        }
        walked.steps += 1;
        if !search.has(&replicas) {
            walked.unknown.push(format!("seat {}: {}", honest[place] + 1, step.describe()));
            return walked;
        }
    }
    walked.stuck += u64::from(!decides(&mut replicas));
    walked
}

/// Any single move.
fn draw(
    replica: &Replica,
    me: Address,
    setting: &Setting,
    heard: &[Message<SimBlock>],
    rng: &mut Rng,
) -> Option<Move> {
    let round = replica.instance.round();
    match rng.below(12) {
        0 | 1 if !replica.pending.is_empty() => {
            let index = rng.below(replica.pending.len() as u64);
            return Some(Move::Answer(replica.pending[usize::try_from(index).unwrap_or(0)]));
        }
        2 if round == 0 => return Some(Move::Timer(TimerKind::BlockDue, 0)),
        3 if round + 1 < setting.rounds && rng.chance(400) => {
            return Some(Move::Timer(TimerKind::Round, round));
        }
        4 => return Some(Move::Timer(TimerKind::Resend, round)),
        _ => {}
    }
    let vocabulary = Vocabulary::new(setting, heard.to_vec());
    let mut parts: Vec<Part> = vocabulary.parts().to_vec();
    if rng.chance(700) {
        parts.retain(|part| heard.contains(&part.message) || part.message.phase() == Phase::RoundChange);
    }
    for block in vocabulary.blocks() {
        let proposed =
            (block.round..setting.rounds).map(|round| (round, qbft::Proposal::with_round(block, round)));
        for (round, block) in proposed {
            let digest = qbft::Proposal::digest(&block);
            parts.extend(vocabulary.votes(me, Phase::Prepare, round, digest));
            parts.extend(vocabulary.votes(me, Phase::Commit, round, digest));
        }
    }
    parts.retain(|part| part.message.author() != me && part.message.round() < setting.rounds);
    let index = usize::try_from(rng.below(parts.len() as u64)).unwrap_or(0);
    (!parts.is_empty()).then(|| Move::Deliver(vec![parts.swap_remove(index)]))
}

/// Whether the honest seats alone, everything under way lost and the network timely from now on, decide; timers run
/// out only where the core has started them, lower rounds first, and only once re-sending has brought nothing new.
pub fn decides(replicas: &mut [Replica]) -> bool {
    for replica in replicas.iter_mut() {
        replica.outbox.clear();
    }
    loop {
        settle(replicas);
        if replicas.iter().any(|replica| replica.finalised.is_some()) {
            return true;
        }
        let before = states(replicas);
        for replica in replicas.iter_mut() {
            time_out(replica, TimerKind::Resend);
        }
        settle(replicas);
        if states(replicas) != before {
            continue;
        }
        let timed = |replica: &&mut Replica| replica.is_timed();
        let lowest = replicas.iter_mut().filter(timed).map(|replica| replica.instance.round()).min();
        let Some(lowest) = lowest.filter(|round| *round < MOST_ROUNDS) else { return false };
        for replica in replicas.iter_mut().filter(timed).filter(|replica| replica.instance.round() == lowest)
        {
            time_out(replica, TimerKind::Round);
        }
    }
}

fn time_out(replica: &mut Replica, kind: TimerKind) {
    let round = replica.instance.round();
    replica.take(Input::Timeout(Timer { kind, height: HEIGHT, round }));
}

fn states(replicas: &[Replica]) -> Vec<Vec<u64>> {
    replicas.iter().map(|replica| replica.key(MOST_ROUNDS)).collect()
}

/// Delivers and answers until nothing is under way.
fn settle(replicas: &mut [Replica]) {
    loop {
        let mut sent = Vec::new();
        for replica in replicas.iter_mut() {
            time_out_tick(replica);
            while let Some(pending) = replica.pending.first().copied() {
                replica.answer(pending);
            }
            sent.append(&mut replica.outbox);
        }
        if sent.is_empty() {
            return;
        }
        for message in sent {
            for replica in replicas.iter_mut().filter(|replica| replica.identity() != message.author()) {
                replica.take(Input::Message(message.clone()));
            }
        }
    }
}

fn time_out_tick(replica: &mut Replica) {
    if replica.instance.round() == 0 {
        time_out(replica, TimerKind::BlockDue);
    }
}
