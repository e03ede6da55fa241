//! Scenarios from seeds.

use crate::rng::Rng;

/// Virtual time at which a scenario ends, milliseconds.
pub const END_MS: u64 = 36_000;
/// No fault begins after this.
pub const FAULTS_END_MS: u64 = 16_000;
/// From then on the store loses nothing and is never late.
pub const WELL_MS: u64 = 23_000;
/// From then on somebody must be voting.
pub const QUIET_MS: u64 = 30_000;

/// What happens to processes and store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGSTOP, and SIGCONT so much later.
    Pause {
        /// How long.
        ms: u64,
    },
    /// kill -9, and a new process on some disk so much later.
    Crash {
        /// How long.
        ms: u64,
        /// Which disk it finds.
        disk: Disk,
    },
    /// The node is drained: it gives the identity up, ends, and comes back.
    Move {
        /// How long it is away.
        ms: u64,
    },
    /// The clock that it measures waits with is wrong by so much more.
    Jump {
        /// How much.
        ms: i64,
    },
    /// The store answers nobody.
    StoreAway {
        /// How long.
        ms: u64,
    },
    /// The object is written by somebody else, and the record in it stays.
    Touch,
    /// The object is deleted.
    Delete,
}

/// What a process that comes back finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// Its own.
    Own,
    /// Its own as it was some time ago.
    Old,
    /// A copy of another's.
    Cloned {
        /// Whose.
        of: usize,
    },
}

/// Whom a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one that holds this identity then.
    Holder(usize),
    /// Whatever it is then.
    Process(usize),
}

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// For everything drawn later.
    pub seed: u64,
    /// How many identities there are. Of several, each has a process of its own, and the processes beyond stand by for all.
    pub identities: usize,
    /// How many processes have a key.
    pub processes: usize,
    /// The second one has the first one's name: one manifest in two clusters.
    pub twins: bool,
    /// Each identity belongs to its own process: the first, where there is one.
    pub preferred: bool,
    /// A block comes so often; while the chain is halted, seldom.
    pub period_ms: u64,
    /// Longest way to the store and back, milliseconds.
    pub store_ms: u64,
    /// Requests and answers lost, in a thousand.
    pub loss: u64,
    /// Requests that arrive after their sender has given up, in a thousand.
    pub late: u64,
    /// Reads through a cache, in a thousand.
    pub cached: u64,
    /// What happens when, to whom.
    pub faults: Vec<(u64, Target, Fault)>,
}

/// The scenario of a seed.
#[must_use]
pub fn draw(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed);
    let identities = if rng.chance(400) { rng.pick(&[2, 2, 3]) } else { 1 };
    let spares = usize::try_from(rng.between(1, if identities == 1 { 3 } else { 2 })).unwrap_or(1);
    let processes = identities + spares;
    let twins = identities == 1 && rng.chance(150);
    let preferred = rng.chance(300);
    let period_ms = rng.pick(&[1_000, 1_000, 15_000]);
    let store_ms = rng.pick(&[10, 30, 60, 400]);
    let (loss, late, cached) = (rng.pick(&[0, 0, 20, 150]), rng.pick(&[0, 10, 50]), rng.pick(&[0, 100, 500]));
    let count = rng.between(1, 6);
    let faults = (0..count).map(|_| fault(&mut rng, identities, processes)).collect();
    Scenario {
        seed,
        identities,
        processes,
        twins,
        preferred,
        period_ms,
        store_ms,
        loss,
        late,
        cached,
        faults,
    }
}

fn fault(rng: &mut Rng, identities: usize, processes: usize) -> (u64, Target, Fault) {
    let at = rng.between(2_500, FAULTS_END_MS);
    let someone = usize::try_from(rng.below(processes as u64)).unwrap_or(0);
    let identity = usize::try_from(rng.below(identities as u64)).unwrap_or(0);
    let target = if rng.chance(700) { Target::Holder(identity) } else { Target::Process(someone) };
    let ms = rng.between(50, 7_000);
    let fault = match rng.below(100) {
        0..35 => Fault::Pause { ms },
        35..58 => {
            let disk = match rng.below(10) {
                0..6 => Disk::Own,
                6..8 => Disk::Old,
                _ => Disk::Cloned { of: someone },
            };
            Fault::Crash { ms, disk }
        }
        58..78 => Fault::Move { ms },
        78..86 => Fault::Jump { ms: rng.around(4_000) },
        86..94 => Fault::StoreAway { ms },
        94..99 => Fault::Touch,
        _ => Fault::Delete,
    };
    // A request to make the first record that is still on its way would make another where it was deleted.
    let at = if fault == Fault::Delete { at.max(12_000) } else { at };
    (at, target, fault)
}
