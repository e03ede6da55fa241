//! Breadth first through all states, with the promises checked in each.

use super::{
    Setting,
    claim::Claim,
    moves::{Move, moves},
    replica::{Broken, Replica},
    vocabulary::Vocabulary,
};
use crate::symbolic::SimBlock;
use alloy_primitives::{B256, map::HashMap};
use chain::quorum::quorum;
use qbft::{Message, Phase};
use std::sync::Arc;

/// Numbers of the honest seats' states, in seat order; unused places are 0.
pub type State = [u32; 4];

/// A promise that a state breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// One seat alone broke it.
    Seat(usize, Broken),
    /// Two seats finalised two blocks.
    Fork,
    /// A block could be committed in a round, and another one was locked in a later round.
    Lock,
}

/// What a search came to.
#[derive(Debug)]
pub struct Found {
    /// Distinct states.
    pub states: usize,
    /// Moves tried that led to another state.
    pub transitions: u64,
    /// Moves from the start to the farthest state.
    pub depth: usize,
    /// States of single seats, and what the core was asked.
    pub seat_states: usize,
    /// Steps of the real core that were computed.
    pub core_moves: u64,
    /// Nothing was left to explore.
    pub is_complete: bool,
    /// The first broken promise, with the way to it.
    pub violation: Option<(Violation, Vec<String>)>,
    /// States in which some seat has decided.
    pub decided: usize,
}

/// One seat's state, and what the promises need of it.
struct Local {
    replica: Replica,
    /// Equal for equal states of interchangeable seats.
    class: u32,
    /// The class after those have changed places.
    mirrored: u32,
    sent: u128,
    finalised: Option<B256>,
    committed: Vec<(u32, B256)>,
    locked: Vec<(u32, B256)>,
}

type Successors = Arc<[u32]>;

/// The states found so far, and the memory of what leads where.
pub struct Search {
    setting: Setting,
    honest: Vec<usize>,
    locals: Vec<Vec<Local>>,
    numbers: Vec<HashMap<Vec<u64>, u32>>,
    /// Places of two seats whose turn never comes: they may change places.
    pair: Option<[usize; 2]>,
    classes: HashMap<(usize, Vec<u64>), u32>,
    messages: Vec<(Claim, Message<SimBlock>)>,
    vocabularies: HashMap<u128, Arc<Vocabulary>>,
    /// What one move of one seat comes to.
    answers: HashMap<(usize, u32, u64, bool), Successors>,
    successors: HashMap<(usize, u32, u128, bool), Successors>,
    /// Every state, by its classes: the state itself, and the one it was reached from.
    visited: HashMap<State, (State, State)>,
    core_moves: u64,
}

impl Search {
    /// Explores `setting` until all is found, a promise is broken, or `limit` states are known.
    #[must_use]
    pub fn run(setting: Setting, limit: usize) -> (Self, Found) {
        let honest = setting.honest();
        let idle = honest.iter().enumerate().filter(|(_, seat)| **seat >= setting.rounds as usize);
        let idle: Vec<_> = idle.map(|(place, _)| place).collect();
        let mut search = Self {
            locals: honest.iter().map(|_| Vec::new()).collect(),
            numbers: honest.iter().map(|_| HashMap::default()).collect(),
            pair: <[usize; 2]>::try_from(idle).ok(),
            classes: HashMap::default(),
            honest,
            setting,
            messages: Vec::new(),
            vocabularies: HashMap::default(),
            answers: HashMap::default(),
            successors: HashMap::default(),
            visited: HashMap::default(),
            core_moves: 0,
        };
        let found = search.explore(limit);
        (search, found)
    }

    fn explore(&mut self, limit: usize) -> Found {
        let mut start = State::default();
        for (place, seat) in self.honest.clone().into_iter().enumerate() {
            let replica = Replica::start(&self.setting, seat);
            start[place] = self.intern(place, replica);
        }
        self.visited.insert(self.class(&start), (start, start));
        let (mut frontier, mut depth, mut transitions, mut decided) = (vec![start], 0, 0, 0);
        let mut broken = self.broken(&start).map(|violation| (violation, start));
        while broken.is_none() && !frontier.is_empty() && self.visited.len() < limit {
            let mut next = Vec::new();
            for state in frontier {
                for place in 0..self.honest.len() {
                    for number in self.successors(&state, place).iter() {
                        transitions += 1;
                        let mut reached = state;
                        reached[place] = *number;
                        let class = self.class(&reached);
                        if self.visited.contains_key(&class) {
                            continue;
                        }
                        self.visited.insert(class, (reached, state));
                        decided += usize::from(self.is_decided(&reached));
                        if broken.is_none() {
                            broken = self.broken(&reached).map(|violation| (violation, reached));
                        }
                        next.push(reached);
                    }
                }
            }
            depth += usize::from(!next.is_empty());
            frontier = next;
        }
        Found {
            states: self.visited.len(),
            transitions,
            depth,
            seat_states: self.locals.iter().map(Vec::len).sum(),
            core_moves: self.core_moves,
            is_complete: broken.is_none() && frontier.is_empty(),
            violation: broken.map(|(violation, state)| (violation, self.way(state))),
            decided,
        }
    }

    /// The number of a seat's state; new ones are entered.
    fn intern(&mut self, place: usize, mut replica: Replica) -> u32 {
        let key = replica.key(self.setting.rounds);
        if let Some(number) = self.numbers[place].get(&key) {
            return *number;
        }
        for message in std::mem::take(&mut replica.outbox) {
            let claim = Claim::of(&message);
            if !self.messages.iter().any(|(known, _)| *known == claim) {
                self.messages.push((claim, message));
            }
        }
        let mut sent = 0u128;
        for (bit, (claim, _)) in self.messages.iter().enumerate() {
            if replica.sent.contains(claim) {
                sent |= 1 << bit;
            }
        }
        let committed = replica.signed.iter().filter(|claim| claim.phase == Phase::Commit);
        let committed: Vec<_> = committed.map(|claim| claim.round).collect();
        let locked: Vec<_> = replica.locks().collect();
        let number = u32::try_from(self.locals[place].len()).unwrap_or(u32::MAX);
        let (class, mirrored) = self.classes(place, &replica, &key);
        let local = Local {
            class,
            mirrored,
            sent,
            finalised: replica.finalised,
            committed: locked.iter().filter(|(round, _)| committed.contains(round)).copied().collect(),
            locked,
            replica,
        };
        self.locals[place].push(local);
        self.numbers[place].insert(key, number);
        number
    }

    fn classes(&mut self, place: usize, replica: &Replica, key: &[u64]) -> (u32, u32) {
        let Some(pair) = self.pair else {
            let number = u32::try_from(self.locals[place].len()).unwrap_or(u32::MAX);
            return (number, number);
        };
        let shared = if pair.contains(&place) { pair[0] } else { place };
        let mut class = |key: Vec<u64>| {
            let next = u32::try_from(self.classes.len()).unwrap_or(u32::MAX);
            *self.classes.entry((shared, key)).or_insert(next)
        };
        let class_now = class(key.to_vec());
        if shared == pair[0] {
            return (class_now, class_now);
        }
        let addresses = pair.map(|place| self.setting.validators()[self.honest[place]]);
        (class_now, class(replica.key_with(self.setting.rounds, addresses)))
    }

    /// The number of a seat's state, if it was found.
    #[must_use]
    pub fn number(&self, place: usize, replica: &Replica) -> Option<u32> {
        self.numbers[place].get(&replica.key(self.setting.rounds)).copied()
    }

    fn locals<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a Local> {
        self.locals.iter().zip(state).map(|(locals, number)| &locals[*number as usize])
    }

    /// The state by classes; a state and its mirror image are one.
    fn class(&self, state: &State) -> State {
        let (mut class, mut mirrored) = (State::default(), State::default());
        for (place, local) in self.locals(state).enumerate() {
            (class[place], mirrored[place]) = (local.class, local.mirrored);
        }
        if let Some([a, b]) = self.pair {
            mirrored.swap(a, b);
        }
        class.min(mirrored)
    }

    /// Whether a state of the whole network was found.
    #[must_use]
    pub fn has(&self, replicas: &[Replica]) -> bool {
        let mut state = State::default();
        for (place, replica) in replicas.iter().enumerate() {
            let Some(number) = self.number(place, replica) else { return false };
            state[place] = number;
        }
        self.visited.contains_key(&self.class(&state))
    }

    /// Every `step`-th state found, as it is.
    pub fn sample(&self, step: usize) -> impl Iterator<Item = Vec<Replica>> {
        let states = self.visited.values().step_by(step.max(1));
        states.map(|(state, _)| self.locals(state).map(|local| local.replica.clone()).collect())
    }

    fn is_decided(&self, state: &State) -> bool {
        self.locals(state).any(|local| local.finalised.is_some())
    }

    fn context(&self, state: &State) -> (u128, bool) {
        let sent = self.locals(state).fold(0, |sent, local| sent | local.sent);
        let crashes: u8 = self.locals(state).map(|local| local.replica.crashes).sum();
        (sent, crashes < self.setting.crashes)
    }

    fn successors(&mut self, state: &State, place: usize) -> Successors {
        let (sent, may_crash) = self.context(state);
        let from = state[place];
        if let Some(known) = self.successors.get(&(place, from, sent, may_crash)) {
            return known.clone();
        }
        let mut numbers = Vec::new();
        for step in self.steps(place, from, sent, may_crash) {
            let name = (place, from, step.name(), may_crash);
            let known = self.answers.get(&name).cloned().unwrap_or_else(|| {
                let reached = self.perform(place, from, &step, may_crash);
                let reached = reached.into_iter().map(|(_, replica)| self.intern(place, replica)).collect();
                self.answers.entry(name).or_insert(reached).clone()
            });
            for number in known.iter().filter(|number| **number != from) {
                if !numbers.contains(number) {
                    numbers.push(*number);
                }
            }
        }
        let numbers: Successors = numbers.into();
        self.successors.insert((place, from, sent, may_crash), numbers.clone());
        numbers
    }

    /// Every move of one seat, when honest seats have sent the messages of these bits.
    fn steps(&mut self, place: usize, from: u32, sent: u128, may_crash: bool) -> Vec<Move> {
        let vocabulary = self.vocabularies.entry(sent).or_insert_with(|| {
            let heard = self.messages.iter().enumerate().filter(|(bit, _)| sent >> bit & 1 == 1);
            let heard = heard.map(|(_, (_, message))| message.clone()).collect();
            Arc::new(Vocabulary::new(&self.setting, heard))
        });
        let me = self.setting.validators()[self.honest[place]];
        let replica = &self.locals[place][from as usize].replica;
        let mut steps = moves(replica, me, &self.setting, vocabulary);
        if may_crash {
            steps.push(Move::Crash);
        }
        steps
    }

    /// What a move comes to, with and without a crash in the middle.
    fn perform(
        &mut self,
        place: usize,
        from: u32,
        step: &Move,
        may_crash: bool,
    ) -> Vec<(Option<u32>, Replica)> {
        let before = &self.locals[place][from as usize].replica;
        let mut after = before.clone();
        after.boundaries = 0;
        step.perform(&mut after);
        let boundaries = if may_crash { after.boundaries } else { 0 };
        let mut reached = vec![(None, after)];
        for fuse in 0..boundaries {
            let mut after = before.clone();
            after.fuse = Some(fuse);
            step.perform(&mut after);
            after.fuse = None;
            reached.push((Some(fuse), after));
        }
        self.core_moves += reached.len() as u64;
        // Which round a timer leads to is the core's own policy; what lies beyond is not explored.
        reached.retain(|(_, replica)| replica.instance.round() < self.setting.rounds);
        reached
    }

    fn broken(&self, state: &State) -> Option<Violation> {
        for (place, local) in self.locals(state).enumerate() {
            if let Some(broken) = local.replica.broken {
                return Some(Violation::Seat(self.honest[place], broken));
            }
        }
        let mut finalised = self.locals(state).filter_map(|local| local.finalised);
        if let Some(first) = finalised.next()
            && finalised.any(|other| other != first)
        {
            return Some(Violation::Fork);
        }
        self.is_lock_broken(state).then_some(Violation::Lock)
    }

    /// Whether a block for which a quorum of COMMITs can be had did not stay the only one to be locked later.
    fn is_lock_broken(&self, state: &State) -> bool {
        let missing = quorum(self.setting.seats).saturating_sub(self.setting.byzantine.len());
        self.locals(state).flat_map(|local| &local.committed).any(|(round, block)| {
            let committed =
                self.locals(state).filter(|local| local.committed.contains(&(*round, *block))).count();
            let mut locks = self.locals(state).flat_map(|local| &local.locked);
            committed >= missing && locks.any(|(later, other)| later > round && other != block)
        })
    }

    /// The moves from the start to a state.
    fn way(&mut self, to: State) -> Vec<String> {
        let (mut way, mut state, rounds) = (Vec::new(), to, self.setting.rounds);
        while let Some((_, before)) = self.visited.get(&self.class(&state)).copied() {
            let Some(place) = (0..self.honest.len()).find(|place| before[*place] != state[*place]) else {
                break;
            };
            let (sent, may_crash) = self.context(&before);
            let key = self.locals[place][state[place] as usize].replica.key(rounds);
            let steps = self.steps(place, before[place], sent, may_crash);
            let seat = self.honest[place] + 1;
            for step in &steps {
                let reached = self.perform(place, before[place], step, may_crash);
                if let Some((fuse, _)) = reached.into_iter().find(|(_, replica)| replica.key(rounds) == key) {
                    let crash =
                        fuse.map_or_else(String::new, |fuse| format!(", crashes after {fuse} effects"));
                    way.push(format!("seat {seat}: {}{crash}", step.describe()));
                    break;
                }
            }
            state = before;
        }
        way.reverse();
        way
    }
}
