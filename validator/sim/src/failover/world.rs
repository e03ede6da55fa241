//! Events in order, faults, and what the shell around a fence does with its outputs.

use super::{
    Flaw, Violation,
    draw::{self, END_MS, Fault, QUIET_MS, Scenario, Target, WELL_MS},
    oracle::{Oracle, Signed},
    process::{LEASE, Process, Voter},
    store::Store,
};
use crate::rng::Rng;
use fence::{Input, Journaled, Output, Place, ReadAnswer, Record, Role, SwapAnswer, Ticket, Version};
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
    Input { process: usize, life: u32, input: Input },
    Tick { process: usize, life: u32, number: u64 },
    Work { process: usize, life: u32, epoch: u64 },
    Arrive { process: usize, life: u32, ticket: Ticket, asked: Asked },
    Sign { process: usize, life: u32, epoch: u64, vote: Signed },
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

/// One scenario under way.
pub struct World {
    scenario: Scenario,
    flaw: Option<Flaw>,
    rng: Rng,
    now: u64,
    sequence: u64,
    queue: BTreeMap<(u64, u64), Event>,
    store: Store,
    processes: Vec<Process>,
    oracle: Oracle,
    report: Report,
    down: Option<Down>,
    /// Until then some fault lasts.
    busy_until: u64,
    /// The newest epoch that anybody held.
    epoch: u64,
    last_signed: u64,
    /// Somebody deleted the record: nobody may vote any more.
    is_deleted: bool,
    /// Epochs counted.
    seen: BTreeSet<u64>,
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
        let processes =
            (0..scenario.processes).map(|index| Process::new(index, name(index), &mut rng)).collect();
        let mut world = Self {
            store: Store::new(flaw),
            scenario,
            flaw,
            rng,
            now: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            processes,
            oracle: Oracle::default(),
            report: Report::default(),
            down: None,
            busy_until: 0,
            epoch: 0,
            last_signed: 0,
            is_deleted: false,
            seen: BTreeSet::new(),
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
            if at > END_MS || self.oracle.violation.is_some() {
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
        if self.last_signed < QUIET_MS && !self.is_deleted {
            self.oracle.report(Violation::Stuck);
        }
        self.report.violation = self.oracle.violation.take();
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
        self.processes[process].life == life && self.processes[process].fence.is_some()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Input { process, life, input } if self.is_life(process, life) => self.step(process, input),
            Event::Tick { process, life, number }
                if self.is_life(process, life) && self.processes[process].tick == number =>
            {
                self.step(process, Input::Tick);
            }
            Event::Work { process, life, epoch } if self.is_life(process, life) => self.work(process, epoch),
            Event::Sign { process, life, epoch, vote } if self.is_life(process, life) => {
                self.sign(epoch, vote);
            }
            Event::Arrive { process, life, ticket, asked } => self.arrive(process, life, ticket, asked),
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
        let is_preferred = self.scenario.preferred && process == 0;
        // The operator knows from the first record on that the identity has one.
        let is_new = process == 0 && !self.oracle.has_record();
        let initialise = is_new || self.flaw == Some(Flaw::MadeAnew);
        self.processes[process].start(is_preferred, initialise, &mut self.rng);
        let life = self.processes[process].life;
        let synced = self.rng.between(10, 600);
        self.after(synced, Event::Input { process, life, input: Input::Ready(true) });
        self.step(process, Input::Tick);
    }

    /// One step of a process's fence, and what it asks for.
    fn step(&mut self, process: usize, input: Input) {
        let local = self.processes[process].local_ms(self.now);
        let Some(fence) = &mut self.processes[process].fence else { return };
        for output in fence.step(input, local) {
            self.perform(process, output);
        }
    }

    fn perform(&mut self, process: usize, output: Output) {
        match output {
            Output::Read { ticket } => self.ask(process, ticket, Asked::Read),
            Output::Swap { ticket, expected, record } => {
                let mut record = record;
                if self.flaw == Some(Flaw::PlaceForgotten) && record.beat == 1 && record.epoch > 1 {
                    record.place = Place::default();
                }
                self.report.swaps += 1;
                self.ask(process, ticket, Asked::Swap { expected, record });
            }
            Output::Held { record } => self.on_held(process, &record),
            Output::Granted { place, .. } => self.on_granted(process, place),
            Output::Refused { place, .. } => self.on_refused(process, place),
            Output::Lost(_) | Output::Stopped(_) | Output::Released(_) => self.on_over(process),
            Output::Resumed => {}
            Output::WaitUntil { at_ms } => {
                let state = &mut self.processes[process];
                state.tick += 1;
                let (life, number) = (state.life, state.tick);
                let left = at_ms.saturating_sub(state.local_ms(self.now)).max(1);
                self.after(left, Event::Tick { process, life, number });
            }
        }
    }

    /// A request on its way; whether it arrives, when, and whether its answer does, is drawn.
    fn ask(&mut self, process: usize, ticket: Ticket, asked: Asked) {
        let life = self.processes[process].life;
        let given_up = match asked {
            Asked::Read => Input::Read { ticket, answer: ReadAnswer::Away },
            Asked::Swap { .. } => self.unknown(ticket),
        };
        let way = self.way();
        if !self.is_lost() {
            self.after(way, Event::Arrive { process, life, ticket, asked });
        }
        self.after(GIVE_UP_MS, Event::Input { process, life, input: given_up });
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

    fn arrive(&mut self, process: usize, life: u32, ticket: Ticket, asked: Asked) {
        if self.now < self.store.away_until {
            return;
        }
        let input = match asked {
            Asked::Read => {
                let is_cached = self.rng.chance(self.scenario.cached);
                Input::Read { ticket, answer: self.store.read(&mut self.rng, is_cached) }
            }
            Asked::Swap { expected, record } => {
                let answer = self.store.swap(expected.as_ref(), &record);
                if matches!(answer, SwapAnswer::Won { .. }) {
                    self.oracle.on_written(&record);
                }
                Input::Swapped { ticket, answer }
            }
        };
        if !self.is_lost() {
            let way = self.way();
            self.after(way, Event::Input { process, life, input });
        }
    }

    fn on_held(&mut self, process: usize, record: &Record) {
        let (flaw, taste) = (self.flaw, self.rng.next());
        let voter = Voter::new(record, taste, flaw, &mut self.rng);
        self.processes[process].voter = Some(voter);
        if record.epoch > 1 {
            self.report.failovers += u64::from(self.seen.insert(record.epoch));
        }
        self.epoch = self.epoch.max(record.epoch);
        self.keep_working(process, record.epoch);
    }

    fn keep_working(&mut self, process: usize, epoch: u64) {
        let (life, pause) = (self.processes[process].life, self.rng.between(10, 50));
        self.after(pause, Event::Work { process, life, epoch });
    }

    /// The voter of this epoch looks at the chain.
    fn work(&mut self, process: usize, epoch: u64) {
        let (now, flaw) = (self.now, self.flaw);
        let state = &mut self.processes[process];
        let is_holder = state.fence.as_ref().is_some_and(|fence| fence.epoch() == Some(epoch));
        let Some(voter) = state.voter.as_mut().filter(|_| is_holder) else { return };
        let height = now.saturating_sub(state.lag_ms) / self.scenario.period_ms + 1;
        let next = voter.next(height, flaw, &mut self.rng);
        if let Some(vote) = next {
            let life = state.life;
            let asked = voter.asked(vote.place).filter(|_| flaw == Some(Flaw::SignsBeforeSwap));
            if let Some(vote) = asked {
                self.after(1, Event::Sign { process, life, epoch, vote });
            }
            // A wish may wait long in its process, through the loss of the identity and its return.
            let wait = if self.now < WELL_MS && self.rng.chance(40) {
                self.rng.between(500, 9_000)
            } else {
                self.rng.below(5)
            };
            self.after(wait, Event::Input { process, life, input: Input::Wish(vote) });
        }
        self.keep_working(process, epoch);
    }

    fn on_granted(&mut self, process: usize, place: Place) {
        let state = &mut self.processes[process];
        let Some(record) = state.fence.as_ref().and_then(fence::Fence::record) else { return };
        let Record { place: newest, digest, evidence, epoch, .. } = record.clone();
        state.disk.newest = Some(Journaled { place: newest, digest, evidence });
        let life = state.life;
        if let Some(vote) = state.voter.as_mut().and_then(|voter| voter.on_granted(place, &mut self.rng)) {
            let wait = self.rng.below(40);
            self.after(wait, Event::Sign { process, life, epoch, vote });
        }
    }

    fn on_refused(&mut self, process: usize, place: Place) {
        let life = self.processes[process].life;
        let refused = self.processes[process].voter.as_mut().and_then(|voter| voter.on_refused(place));
        if let Some(vote) = refused.filter(|_| self.flaw == Some(Flaw::RefusedIsSigned)) {
            let epoch = self.epoch;
            self.after(1, Event::Sign { process, life, epoch, vote });
        }
    }

    /// It votes no more; a process that was to end ends.
    fn on_over(&mut self, process: usize) {
        self.processes[process].voter = None;
        if let Some(ms) = self.processes[process].leaving.take() {
            self.leave(process, ms);
        }
    }

    fn leave(&mut self, process: usize, ms: u64) {
        self.processes[process].end();
        self.after(ms, Event::Start { process });
    }

    fn sign(&mut self, epoch: u64, vote: Signed) {
        self.report.signed += 1;
        self.last_signed = self.now;
        self.oracle.on_signed(vote);
        if let Some(down) = self.down.take_if(|down| epoch > down.epoch) {
            self.report.downtimes.push((down.cause, self.now - down.since));
        }
    }

    fn fault(&mut self, target: Target, fault: Fault) {
        let is_holder =
            |state: &Process| state.fence.as_ref().is_some_and(|fence| fence.role() == Role::Holder);
        let holder =
            self.processes.iter().position(|state| is_holder(state) && state.paused_until <= self.now);
        let process = match target {
            Target::Holder => holder.unwrap_or(0),
            Target::Process(process) => process,
        };
        if self.rng.chance(400) {
            let state = &mut self.processes[process];
            state.old = state.disk.clone();
        }
        self.note_down(fault, holder == Some(process));
        match fault {
            Fault::StoreAway { ms } => self.store.away_until = self.now + ms,
            Fault::Touch => self.store.touch(),
            // Before its maker knows that the first record stands, it may make it again.
            Fault::Delete if self.is_being_made() => {}
            Fault::Delete => {
                self.store.delete();
                self.is_deleted = true;
            }
            Fault::Jump { ms } => self.processes[process].offset += ms,
            _ if self.processes[process].fence.is_none() => {}
            Fault::Pause { ms } => self.processes[process].paused_until = self.now + ms,
            Fault::Crash { ms, disk } => {
                let found = match disk {
                    draw::Disk::Own => self.processes[process].disk.clone(),
                    draw::Disk::Old => self.processes[process].old.clone(),
                    draw::Disk::Cloned { of } => self.processes[of].disk.clone(),
                };
                self.processes[process].disk = found;
                self.processes[process].paused_until = 0;
                self.leave(process, ms);
            }
            Fault::Move { ms } => self.depart(process, ms),
        }
    }

    fn is_being_made(&self) -> bool {
        let maker = &self.processes[0];
        let knows = maker.fence.as_ref().is_some_and(|fence| fence.record().is_some());
        !knows && maker.fence.is_some()
    }

    /// A planned end: the identity is given up first, if it is here, and the process waits for that.
    fn depart(&mut self, process: usize, ms: u64) {
        let is_holder =
            self.processes[process].fence.as_ref().is_some_and(|fence| fence.role() == Role::Holder);
        if !is_holder {
            return self.leave(process, ms);
        }
        if self.processes[process].paused_until <= self.now {
            self.processes[process].leaving = Some(ms);
            self.step(process, Input::Release(fence::Successor::Anybody));
        }
    }

    fn note_down(&mut self, fault: Fault, hits_holder: bool) {
        let cause = match fault {
            Fault::Pause { ms } if ms >= LEASE.lease_ms => Cause::Pause,
            Fault::Crash { .. } => Cause::Crash,
            Fault::Move { .. } => Cause::Planned,
            Fault::Touch => return,
            Fault::Jump { .. } | Fault::StoreAway { .. } | Fault::Delete | Fault::Pause { .. } => {
                Cause::Several
            }
        };
        let lasts = match fault {
            Fault::Pause { ms } | Fault::Crash { ms, .. } | Fault::Move { ms } | Fault::StoreAway { ms } => {
                ms
            }
            Fault::Jump { ms } => ms.unsigned_abs(),
            Fault::Touch | Fault::Delete => 0,
        };
        let is_busy = self.now < self.busy_until;
        self.busy_until = self.busy_until.max(self.now + lasts);
        if let Some(down) = &mut self.down {
            down.cause = Cause::Several;
        } else if hits_holder && cause != Cause::Several {
            let cause = if is_busy { Cause::Several } else { cause };
            self.down = Some(Down { cause, since: self.now, epoch: self.epoch });
        }
    }
}
