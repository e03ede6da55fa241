//! Events in order, faults, and what the shell around a fence does with its outputs.

mod faults;

use super::{
    Flaw, Violation,
    draw::{END_MS, QUIET_MS, Scenario, WELL_MS},
    oracle::{Oracle, Signed},
    process::{Process, Start, Voter},
    store::Store,
};
use crate::rng::Rng;
use fence::{Input, Journaled, Output, Place, ReadAnswer, Record, SwapAnswer, Ticket, Version};
use std::collections::{BTreeMap, BTreeSet};

/// A request without an answer is given up after so long.
const GIVE_UP_MS: u64 = 800;

/// Why a seat was without a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It was given up for another process.
    Planned,
    /// Its process died.
    Crash,
    /// Its process stood still.
    Pause,
    /// More than one thing happened meanwhile, or the store was away.
    Several,
}

/// How a scenario went.
#[derive(Debug, Default)]
pub struct Report {
    /// What must not happen and did.
    pub violation: Option<Violation>,
    /// How often another process took the identity over.
    pub failovers: u64,
    /// Signatures.
    pub signed: u64,
    /// From what happened to the holder to the first vote of the next, milliseconds.
    pub downtimes: Vec<(Cause, u64)>,
    /// Swaps tried.
    pub swaps: u64,
}

enum Asked {
    Read,
    Swap { expected: Option<Version>, record: Box<Record> },
}

enum Event {
    Input { process: usize, life: u32, of: usize, input: Input },
    Tick { process: usize, life: u32, of: usize, number: u64 },
    Work { process: usize, life: u32, of: usize, epoch: u64 },
    Arrive { process: usize, life: u32, of: usize, ticket: Ticket, asked: Asked },
    Sign { process: usize, life: u32, of: usize, epoch: u64, vote: Signed },
    Fault { number: usize },
    Start { process: usize },
}

impl Event {
    /// The process that must be running for it to happen.
    const fn process(&self) -> Option<usize> {
        match self {
            Self::Input { process, .. }
            | Self::Tick { process, .. }
            | Self::Work { process, .. }
            | Self::Sign { process, .. } => Some(*process),
            Self::Arrive { .. } | Self::Fault { .. } | Self::Start { .. } => None,
        }
    }
}

/// A seat without a vote.
struct Down {
    cause: Cause,
    since: u64,
    epoch: u64,
}

/// One identity: its record, and what came of it.
struct Seat {
    store: Store,
    oracle: Oracle,
    down: Option<Down>,
    /// The newest epoch that anybody held.
    epoch: u64,
    last_signed: u64,
    /// Somebody deleted the record: nobody may vote any more.
    is_deleted: bool,
    /// Epochs counted.
    seen: BTreeSet<u64>,
}

impl Seat {
    fn new(flaw: Option<Flaw>) -> Self {
        Self {
            store: Store::new(flaw),
            oracle: Oracle::default(),
            down: None,
            epoch: 0,
            last_signed: 0,
            is_deleted: false,
            seen: BTreeSet::new(),
        }
    }
}

/// One scenario under way.
pub struct World {
    scenario: Scenario,
    flaw: Option<Flaw>,
    rng: Rng,
    now: u64,
    sequence: u64,
    queue: BTreeMap<(u64, u64), Event>,
    seats: Vec<Seat>,
    processes: Vec<Process>,
    report: Report,
    /// Until then some fault lasts.
    busy_until: u64,
}

impl World {
    /// Before anything has started.
    #[must_use]
    pub fn new(scenario: Scenario, flaw: Option<Flaw>) -> Self {
        let mut rng = Rng::new(scenario.seed ^ 0x5eed_fe4c_e000_0001);
        let name = |index: usize| match index {
            1 if scenario.twins => "node-0".to_owned(),
            _ => format!("node-{index}"),
        };
        let identities = |index: usize| match index {
            own if own < scenario.identities => vec![own],
            _ => (0..scenario.identities).collect(),
        };
        let processes = (0..scenario.processes)
            .map(|index| Process::new(index, name(index), identities(index), &mut rng))
            .collect();
        let mut world = Self {
            seats: (0..scenario.identities).map(|_| Seat::new(flaw)).collect(),
            scenario,
            flaw,
            rng,
            now: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            processes,
            report: Report::default(),
            busy_until: 0,
        };
        for process in 0..world.scenario.processes {
            let at = world.rng.below(200);
            world.push(at, Event::Start { process });
        }
        for number in 0..world.scenario.faults.len() {
            let at = world.scenario.faults[number].0;
            world.push(at, Event::Fault { number });
        }
        world
    }

    /// To its end, or to the first promise broken.
    #[must_use]
    pub fn run(mut self) -> Report {
        while let Some(((at, _), event)) = self.queue.pop_first() {
            if at > END_MS || self.seats.iter().any(|seat| seat.oracle.violation.is_some()) {
                break;
            }
            self.now = at;
            let paused = event.process().map_or(0, |process| self.processes[process].paused_until);
            if paused > at {
                self.push(paused, event);
            } else {
                self.happen(event);
            }
        }
        for seat in &mut self.seats {
            if seat.last_signed < QUIET_MS && !seat.is_deleted {
                seat.oracle.report(Violation::Stuck);
            }
        }
        // A broken promise ends the scenario before others have had their time.
        let mut found = self.seats.iter_mut().filter_map(|seat| seat.oracle.violation.take());
        let first = found.next();
        self.report.violation = found
            .find(|other| *other != Violation::Stuck)
            .filter(|_| first == Some(Violation::Stuck))
            .or(first);
        self.report
    }

    fn push(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), event);
    }

    fn after(&mut self, ms: u64, event: Event) {
        self.push(self.now + ms, event);
    }

    fn is_life(&self, process: usize, life: u32) -> bool {
        self.processes[process].life == life && self.processes[process].is_running()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Input { process, life, of, input } if self.is_life(process, life) => {
                self.step(process, of, input);
            }
            Event::Tick { process, life, of, number }
                if self.is_life(process, life) && self.processes[process].ticks.get(&of) == Some(&number) =>
            {
                self.step(process, of, Input::Tick);
            }
            Event::Work { process, life, of, epoch } if self.is_life(process, life) => {
                self.work(process, of, epoch);
            }
            Event::Sign { process, life, of, epoch, vote } if self.is_life(process, life) => {
                self.sign(of, epoch, vote);
            }
            Event::Arrive { process, life, of, ticket, asked } => {
                self.arrive(process, life, of, ticket, asked);
            }
            Event::Fault { number } => {
                let (_, target, fault) = self.scenario.faults[number];
                self.fault(target, fault);
            }
            Event::Start { process } => self.start(process),
            // Of a life that is over.
            Event::Input { .. } | Event::Tick { .. } | Event::Work { .. } | Event::Sign { .. } => {}
        }
    }

    fn start(&mut self, process: usize) {
        let is_own = process < self.scenario.identities;
        // The operator knows from the first record on that the identity has one.
        let is_new = is_own && !self.seats[process].oracle.has_record();
        let start = Start {
            is_preferred: self.scenario.preferred && is_own,
            initialise: is_new || self.flaw == Some(Flaw::MadeAnew),
            is_flawed: self.flaw == Some(Flaw::HoldsTwo),
        };
        self.processes[process].start(start, &mut self.rng);
        let life = self.processes[process].life;
        let synced = self.rng.between(10, 600);
        for of in self.processes[process].identities.clone() {
            self.after(synced, Event::Input { process, life, of, input: Input::Ready(true) });
            self.step(process, of, Input::Tick);
        }
    }

    /// One step of a process's fence, and what it asks for.
    fn step(&mut self, process: usize, of: usize, input: Input) {
        for (of, output) in self.processes[process].step(of, input, self.now) {
            self.perform(process, of, output);
        }
    }

    fn perform(&mut self, process: usize, of: usize, output: Output) {
        match output {
            Output::Read { ticket } => self.ask(process, of, ticket, Asked::Read),
            Output::Swap { ticket, expected, record } => {
                let mut record = record;
                if self.flaw == Some(Flaw::PlaceForgotten) && record.beat == 1 && record.epoch > 1 {
                    record.place = Place::default();
                }
                self.report.swaps += 1;
                self.ask(process, of, ticket, Asked::Swap { expected, record });
            }
            Output::Held { record } => self.on_held(process, of, &record),
            Output::Granted { place, .. } => self.on_granted(process, of, place),
            Output::Refused { place, .. } => self.on_refused(process, of, place),
            Output::Lost(_) | Output::Stopped(_) | Output::Released(_) => self.on_over(process, of),
            Output::Resumed => {}
            Output::WaitUntil { at_ms } => {
                let state = &mut self.processes[process];
                let number = state.ticks.get(&of).map_or(1, |number| number + 1);
                state.ticks.insert(of, number);
                let life = state.life;
                let left = at_ms.saturating_sub(state.local_ms(self.now)).max(1);
                self.after(left, Event::Tick { process, life, of, number });
            }
        }
    }

    /// A request on its way; whether it arrives, when, and whether its answer does, is drawn.
    fn ask(&mut self, process: usize, of: usize, ticket: Ticket, asked: Asked) {
        let life = self.processes[process].life;
        let given_up = match asked {
            Asked::Read => Input::Read { ticket, answer: ReadAnswer::Away },
            Asked::Swap { .. } => self.unknown(ticket),
        };
        let way = self.way();
        if !self.is_lost() {
            self.after(way, Event::Arrive { process, life, of, ticket, asked });
        }
        self.after(GIVE_UP_MS, Event::Input { process, life, of, input: given_up });
    }

    fn unknown(&self, ticket: Ticket) -> Input {
        let answer = match self.flaw {
            Some(Flaw::UnknownIsWon) => SwapAnswer::Won { version: Version("0".into()) },
            _ => SwapAnswer::Unknown,
        };
        Input::Swapped { ticket, answer }
    }

    fn is_lost(&mut self) -> bool {
        self.now < WELL_MS && self.rng.chance(self.scenario.loss)
    }

    fn way(&mut self) -> u64 {
        if self.now < WELL_MS && self.rng.chance(self.scenario.late) {
            return self.rng.between(GIVE_UP_MS, 6_000);
        }
        let most = (self.scenario.store_ms / 2).max(2);
        self.rng.between(most / 2, most)
    }

    fn arrive(&mut self, process: usize, life: u32, of: usize, ticket: Ticket, asked: Asked) {
        let seat = &mut self.seats[of];
        if self.now < seat.store.away_until {
            return;
        }
        let input = match asked {
            Asked::Read => {
                let is_cached = self.rng.chance(self.scenario.cached);
                Input::Read { ticket, answer: seat.store.read(&mut self.rng, is_cached) }
            }
            Asked::Swap { expected, record } => {
                let answer = seat.store.swap(expected.as_ref(), &record);
                if matches!(answer, SwapAnswer::Won { .. }) {
                    seat.oracle.on_written(&record);
                }
                Input::Swapped { ticket, answer }
            }
        };
        if !self.is_lost() {
            let way = self.way();
            self.after(way, Event::Input { process, life, of, input });
        }
    }

    fn on_held(&mut self, process: usize, of: usize, record: &Record) {
        let (flaw, taste) = (self.flaw, self.rng.next());
        let voter = Voter::new(record, taste, flaw, &mut self.rng);
        let seat = &mut self.seats[of];
        if self.processes[process].voter.as_ref().is_some_and(|(other, _)| *other != of) {
            seat.oracle.report(Violation::TwoTenures);
        }
        self.processes[process].voter = Some((of, voter));
        if record.epoch > 1 {
            self.report.failovers += u64::from(seat.seen.insert(record.epoch));
        }
        seat.epoch = seat.epoch.max(record.epoch);
        self.keep_working(process, of, record.epoch);
    }

    fn keep_working(&mut self, process: usize, of: usize, epoch: u64) {
        let (life, pause) = (self.processes[process].life, self.rng.between(10, 50));
        self.after(pause, Event::Work { process, life, of, epoch });
    }

    /// The voter of this epoch looks at the chain.
    fn work(&mut self, process: usize, of: usize, epoch: u64) {
        let (now, flaw) = (self.now, self.flaw);
        let state = &mut self.processes[process];
        let is_holder = state.fence(of).is_some_and(|fence| fence.epoch() == Some(epoch));
        let voter = state.voter.as_mut().filter(|(held, _)| is_holder && *held == of);
        let Some((_, voter)) = voter else { return };
        let height = now.saturating_sub(state.lag_ms) / self.scenario.period_ms + 1;
        let next = voter.next(height, flaw, &mut self.rng);
        if let Some(vote) = next {
            let life = state.life;
            let asked = voter.asked(vote.place).filter(|_| flaw == Some(Flaw::SignsBeforeSwap));
            if let Some(vote) = asked {
                self.after(1, Event::Sign { process, life, of, epoch, vote });
            }
            // A wish may wait long in its process, through the loss of the identity and its return.
            let wait = if self.now < WELL_MS && self.rng.chance(40) {
                self.rng.between(500, 9_000)
            } else {
                self.rng.below(5)
            };
            self.after(wait, Event::Input { process, life, of, input: Input::Wish(vote) });
        }
        self.keep_working(process, of, epoch);
    }

    fn on_granted(&mut self, process: usize, of: usize, place: Place) {
        let state = &mut self.processes[process];
        let Some(record) = state.fence(of).and_then(fence::Fence::record) else { return };
        let Record { place: newest, digest, evidence, epoch, .. } = record.clone();
        if let Some(disk) = state.disk.get_mut(&of) {
            disk.newest = Some(Journaled { place: newest, digest, evidence });
        }
        let life = state.life;
        let voter = state.voter.as_mut().filter(|(held, _)| *held == of);
        if let Some(vote) = voter.and_then(|(_, voter)| voter.on_granted(place, &mut self.rng)) {
            let wait = self.rng.below(40);
            self.after(wait, Event::Sign { process, life, of, epoch, vote });
        }
    }

    fn on_refused(&mut self, process: usize, of: usize, place: Place) {
        let life = self.processes[process].life;
        let voter = self.processes[process].voter.as_mut().filter(|(held, _)| *held == of);
        let refused = voter.and_then(|(_, voter)| voter.on_refused(place));
        if let Some(vote) = refused.filter(|_| self.flaw == Some(Flaw::RefusedIsSigned)) {
            let epoch = self.seats[of].epoch;
            self.after(1, Event::Sign { process, life, of, epoch, vote });
        }
    }

    /// It votes no more; a process that was to end ends.
    fn on_over(&mut self, process: usize, of: usize) {
        let state = &mut self.processes[process];
        state.voter.take_if(|(held, _)| *held == of);
        if state.held().is_none()
            && let Some(ms) = state.leaving.take()
        {
            self.leave(process, ms);
        }
    }

    fn leave(&mut self, process: usize, ms: u64) {
        self.processes[process].end();
        self.after(ms, Event::Start { process });
    }

    fn sign(&mut self, of: usize, epoch: u64, vote: Signed) {
        self.report.signed += 1;
        let seat = &mut self.seats[of];
        seat.last_signed = self.now;
        seat.oracle.on_signed(vote);
        if let Some(down) = seat.down.take_if(|down| epoch > down.epoch) {
            self.report.downtimes.push((down.cause, self.now - down.since));
        }
    }
}
