//! Crashes, restarts and the faults of the scenario's list.

use super::{World, reseat, schedule::Event};
use crate::{
    fault::{Fault, Lost, Moment},
    flavour::Flavour,
    journal::Journal,
    oracle::Violation,
};
use qbft::Instance;
use std::collections::VecDeque;

impl<F: Flavour> World<F> {
    /// One more fault; a time that is past means now.
    pub fn inject(&mut self, fault: Fault) {
        let at = match fault {
            Fault::CrashAt { node, moment, nth, for_ms } => {
                return self.crash_points.push((node, moment, nth, for_ms));
            }
            Fault::Crash { at, .. }
            | Fault::LoseDisk { at, .. }
            | Fault::Clock { at, .. }
            | Fault::Cut { at, .. }
            | Fault::Delay { at, .. }
            | Fault::Loss { at, .. }
            | Fault::SlowDisk { at, .. }
            | Fault::Freeze { at, .. } => at,
            Fault::Reseat { at, .. } => {
                // Until then nobody can expect a block.
                self.progress.disturb(fault.end().saturating_add(reseat::SETTLED_MS));
                at
            }
        };
        self.queue.push(at.max(self.now), Event::Begin { fault });
    }

    pub(super) fn begin(&mut self, fault: Fault) {
        self.progress.disturb(fault.end().min(u64::MAX / 2).max(self.now));
        match fault {
            Fault::Crash { node, for_ms, .. } => self.stop(node, for_ms),
            Fault::LoseDisk { node, for_ms, lost, .. } => {
                self.stop(node, for_ms);
                self.lose(node, lost);
            }
            Fault::Clock { node, by_ms, .. } => self.step_clock(node, by_ms),
            Fault::Freeze { node, until, .. } => self.nodes[node].frozen_until = until,
            Fault::SlowDisk { node, until, ms, .. } => {
                self.nodes[node].disk_ms = Some(ms);
                self.queue.push(until, Event::End { fault });
            }
            Fault::Cut { until, .. } | Fault::Delay { until, .. } | Fault::Loss { until, .. } => {
                self.links.push(fault);
                self.queue.push(until, Event::End { fault });
            }
            Fault::Reseat { seats, spread_ms, .. } => self.name_seats(seats, spread_ms),
            Fault::CrashAt { .. } => {}
        }
    }

    pub(super) fn end(&mut self, fault: Fault) {
        if let Fault::SlowDisk { node, .. } = fault {
            self.nodes[node].disk_ms = None;
        } else if let Some(index) = self.links.iter().position(|link| *link == fault) {
            self.links.remove(index);
        }
    }

    /// Whether the node crashes here, by the list or by chance.
    pub(super) fn may_crash(&mut self, node: usize, moment: Moment) -> bool {
        let is_timely = self.is_timely();
        let state = &mut self.nodes[node];
        let count = &mut state.moments[moment as usize];
        let nth = *count;
        *count += 1;
        let listed =
            self.crash_points.iter().find(|point| (point.0, point.1, point.2) == (node, moment, nth));
        let for_ms = match listed {
            Some(point) => point.3,
            None if !is_timely && state.rng.chance(self.scenario.crash) => {
                state.rng.between(1, self.scenario.down_ms)
            }
            None => return false,
        };
        self.stop(node, for_ms);
        true
    }

    /// The process ends. What was on its way to the disk may be there or not.
    fn stop(&mut self, node: usize, for_ms: u64) {
        if self.nodes[node].is_dead {
            return;
        }
        self.outcome.crashes += 1;
        self.note([8, self.now, node as u64]);
        let state = &mut self.nodes[node];
        state.instance = None;
        state.life += 1;
        state.due = None;
        state.frozen_until = 0;
        let in_flight = std::mem::take(&mut state.in_flight);
        for (_, record) in in_flight {
            if self.nodes[node].rng.chance(500) {
                self.write(node, record);
            }
        }
        self.progress.disturb(if for_ms == Fault::FOR_GOOD { self.now } else { self.now + for_ms });
        let state = &mut self.nodes[node];
        if for_ms == Fault::FOR_GOOD {
            state.is_dead = true;
            self.find_lowest();
        } else {
            let life = state.life;
            self.queue.push(self.now + for_ms, Event::Restart { node, life });
        }
    }

    fn lose(&mut self, node: usize, lost: Lost) {
        let state = &mut self.nodes[node];
        if matches!(lost, Lost::Journal | Lost::Both) {
            state.journal = Journal::inactive();
            self.outcome.sat_out += 1;
        }
        if lost == Lost::JournalAccepted {
            state.journal = Journal::default();
        }
        if matches!(lost, Lost::Chain | Lost::Both) {
            let height = self.chain.base();
            self.nodes[node].head = height;
            self.flavour.lose_chain(node, height);
            self.find_lowest();
        }
    }

    pub(super) fn restart(&mut self, node: usize, life: u32) {
        if self.nodes[node].is_dead || self.nodes[node].life != life || self.nodes[node].instance.is_some() {
            return;
        }
        let local = self.local_ms(node);
        let was = self.nodes[node].head;
        if let Some(height) = self.flavour.reopen(node).filter(|height| *height < was) {
            self.report(Some(Violation::Lost { node, height, was }));
        }
        self.take_up(node);
        let Some(head) = self.head(node) else { return };
        let state = &mut self.nodes[node];
        state.started_s = local / 1_000;
        let mut config = self.flavour.config(state.identity);
        config.votes_from = if state.journal.is_active() { 0 } else { u64::MAX };
        let (instance, outputs) = Instance::new(config, head, state.journal.reopen(), local);
        state.instance = Some(instance);
        self.note([1, self.now, node as u64]);
        self.work(node, outputs, VecDeque::new());
    }
}
