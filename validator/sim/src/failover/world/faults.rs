//! What happens to processes and stores.

use super::{
    super::{
        draw::{self, Fault, Target},
        process::LEASE,
    },
    Cause, Down, World,
};
use fence::Input;

impl World {
    pub(super) fn fault(&mut self, target: Target, fault: Fault) {
        let holds = |of: usize| {
            self.processes.iter().position(|state| state.held() == Some(of) && state.paused_until <= self.now)
        };
        let (process, of) = match target {
            Target::Holder(of) => (holds(of).unwrap_or(of), of),
            Target::Process(process) => {
                let state = &self.processes[process];
                (process, state.held().or(state.identities.first().copied()).unwrap_or(0))
            }
        };
        let hits_holder = holds(of) == Some(process);
        if self.rng.chance(400) {
            let state = &mut self.processes[process];
            state.old = state.disk.clone();
        }
        self.note_down(of, fault, hits_holder);
        match fault {
            Fault::StoreAway { ms } => self.seats[of].store.away_until = self.now + ms,
            Fault::Touch => self.seats[of].store.touch(),
            // Before its maker knows that the first record stands, it may make it again.
            Fault::Delete if self.is_being_made(of) => {}
            Fault::Delete => {
                self.seats[of].store.delete();
                self.seats[of].is_deleted = true;
            }
            Fault::Jump { ms } => self.processes[process].offset += ms,
            _ if !self.processes[process].is_running() => {}
            Fault::Pause { ms } => self.processes[process].paused_until = self.now + ms,
            Fault::Crash { ms, disk } => {
                self.change_disk(process, disk);
                self.processes[process].paused_until = 0;
                self.leave(process, ms);
            }
            Fault::Move { ms } => self.depart(process, ms),
        }
    }

    /// What it will find when it comes back.
    fn change_disk(&mut self, process: usize, disk: draw::Disk) {
        let found = match disk {
            draw::Disk::Own => return,
            draw::Disk::Old => self.processes[process].old.clone(),
            draw::Disk::Cloned { of } => self.processes[of].disk.clone(),
        };
        // A copy has the journals of its own identities only.
        let state = &mut self.processes[process];
        state.disk.iter_mut().for_each(|(of, disk)| {
            if let Some(found) = found.get(of) {
                *disk = found.clone();
            }
        });
    }

    fn is_being_made(&self, of: usize) -> bool {
        let maker = &self.processes[of];
        let knows = maker.fence(of).is_some_and(|fence| fence.record().is_some());
        !knows && maker.is_running()
    }

    /// A planned end: the identity is given up first, if one is here, and the process waits for that.
    fn depart(&mut self, process: usize, ms: u64) {
        let Some(of) = self.processes[process].held() else { return self.leave(process, ms) };
        if self.processes[process].paused_until <= self.now {
            self.processes[process].leaving = Some(ms);
            // It stands by for nothing more.
            for other in self.processes[process].identities.clone().into_iter().filter(|other| *other != of) {
                self.step(process, other, Input::Ready(false));
            }
            self.step(process, of, Input::Release(fence::Successor::Anybody));
        }
    }

    fn note_down(&mut self, of: usize, fault: Fault, hits_holder: bool) {
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
        let is_busy = self.now < self.busy_until || !self.has_spare(of);
        self.busy_until = self.busy_until.max(self.now + lasts);
        let seat = &mut self.seats[of];
        if let Some(down) = &mut seat.down {
            down.cause = Cause::Several;
        } else if hits_holder && cause != Cause::Several {
            let cause = if is_busy { Cause::Several } else { cause };
            seat.down = Some(Down { cause, since: self.now, epoch: seat.epoch });
        }
    }

    /// Whether some process could take the identity over at once.
    fn has_spare(&self, of: usize) -> bool {
        let is_free = |state: &&super::Process| {
            state.is_running() && state.held().is_none() && state.identities.contains(&of)
        };
        self.processes.iter().any(|state| is_free(&state))
    }
}
