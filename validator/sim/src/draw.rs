//! Scenarios out of seeds.

use crate::{
    fault::{Fault, Lost, Moment, Nodes},
    governance::consortium::{Course, Trend},
    rng::Rng,
    scenario::{Actor, Link, Scenario},
};
use chain::quorum::{max_faulty, quorum};

/// Farthest that a drawn step takes a clock, milliseconds: two such clocks stay within
/// [`crate::world::CLOCK_BOUND_MS`] of each other.
const CLOCK_STEP_MS: u64 = 4_000;
/// Most faults drawn for one scenario.
const FAULTS: u64 = 8;
/// The most validators simulated.
pub const MAX_SEATS: usize = 31;

/// What of a scenario is fixed beforehand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Seats; drawn from 1 to [`MAX_SEATS`] otherwise, every second time 4.
    pub seats: Option<usize>,
    /// Heights; 20 otherwise, and fewer for many seats.
    pub heights: Option<u64>,
}

impl Profile {
    /// Fixed seats and heights.
    #[must_use]
    pub const fn fixed(seats: usize, heights: u64) -> Self {
        Self { seats: Some(seats), heights: Some(heights) }
    }

    fn draw(self, rng: &mut Rng) -> (usize, u64) {
        let (is_four, any) = (rng.chance(500), rng.between(1, MAX_SEATS as u64));
        let drawn = if is_four { 4 } else { usize::try_from(any).unwrap_or(4) };
        let seats = self.seats.unwrap_or(drawn).clamp(1, MAX_SEATS);
        let heights = if seats > 10 { 4 } else { 20 };
        (seats, self.heights.unwrap_or(heights))
    }
}

/// The scenario of a seed; a quarter of the seeds are calm but for the seats that are faulty throughout.
#[must_use]
pub fn draw(seed: u64, profile: Profile) -> Scenario {
    let mut rng = Rng::new(seed);
    let (seats, heights) = profile.draw(&mut rng);
    let is_calm = rng.chance(250);
    let timely_from = if is_calm { 0 } else { rng.between(1_000, 40_000) };
    let mut scenario = Scenario {
        seed: rng.next(),
        timely_from,
        link: Link {
            min_ms: 1,
            max_ms: rng.pick(&[5, 30, 150, 400, 1_500]),
            loss: rng.pick(&[0, 5, 50, 200, 400]),
            duplicate: rng.pick(&[0, 20, 100]),
        },
        commit_loss: rng.pick(&[0, 0, 400, 800]),
        crash: rng.pick(&[0, 1, 5, 20, 60]),
        down_ms: rng.pick(&[50, 1_000, 8_000]),
        disk_ms: rng.pick(&[0, 0, 3, 200]),
        execution_ms: rng.pick(&[0, 10, 300]),
        skew_ms: rng.pick(&[0, 25, 200]),
        request_timeout_ms: rng.pick(&[500, 1_000, 2_000]),
        ..Scenario::calm(seats, heights)
    };
    scenario.timely.duplicate = scenario.link.duplicate;
    let forgetful = draw_seats(&mut scenario, &mut rng);
    // From chances of its own: so the others stay what they would be with a set for ever.
    let mut fate = Rng::new(!seed);
    if scenario.has_flapper() || fate.chance(200) {
        draw_course(&mut scenario, &mut fate);
    }
    if !is_calm {
        draw_faults(&mut scenario, &mut rng, &forgetful);
    }
    scenario
}

/// Who lies and who dies for good: no more than `N − Q` together with those, returned, that may lose their votes.
fn draw_seats(scenario: &mut Scenario, rng: &mut Rng) -> Vec<usize> {
    let seats = scenario.seats;
    let mut order: Vec<usize> = (0..seats).collect();
    for index in (1..seats).rev() {
        order.swap(index, usize::try_from(rng.below(index as u64 + 1)).unwrap_or(0));
    }
    let liars = match rng.below(5) {
        0 | 1 => 0,
        2 => max_faulty(seats),
        _ => usize::try_from(rng.below(max_faulty(seats) as u64 + 1)).unwrap_or(0),
    };
    let mut faulty = order.into_iter().take(seats - quorum(seats));
    for seat in faulty.by_ref().take(liars) {
        scenario.actors.push((seat, rng.pick(&Actor::ALL)));
    }
    let (dies, forgets) = (rng.chance(250), rng.chance(500));
    let mut forgetful = Vec::new();
    for seat in faulty {
        if dies && (!forgets || rng.chance(500)) {
            let at = scenario.timely_from;
            scenario.faults.push(Fault::Crash { node: seat, at, for_ms: Fault::FOR_GOOD });
        } else if forgets {
            forgetful.push(seat);
        }
    }
    forgetful
}

fn draw_faults(scenario: &mut Scenario, rng: &mut Rng, forgetful: &[usize]) {
    let (nodes, end) = (scenario.nodes() as u64, scenario.timely_from);
    let mut stepped = Nodes(0);
    for _ in 0..rng.below(FAULTS + 1) {
        let node = usize::try_from(rng.below(nodes)).unwrap_or(0);
        let at = rng.below(end);
        let until = rng.between(at, end.min(at + 15_000));
        let for_ms = until - at;
        let (from, to) = (Nodes(rng.next()), Nodes(rng.next()));
        let fault = match rng.below(10) {
            0 => {
                scenario.faults.extend(Fault::split(from, at, until));
                continue;
            }
            1 => Fault::Cut { from, to, at, until },
            2 => Fault::Delay { from, to, at, until, min_ms: 200, max_ms: 3_000 },
            3 => Fault::Loss { from, to, at, until, per_mille: rng.between(100, 900) },
            4 if !stepped.has(node) => {
                stepped = Nodes(stepped.0 | Nodes::one(node).0);
                let by_ms = rng.around(CLOCK_STEP_MS);
                scenario.faults.push(Fault::Clock { node, at, by_ms });
                // A clock out of bounds makes its node faulty: it is put right when the network becomes timely.
                Fault::Clock { node, at: until, by_ms: -by_ms }
            }
            5 => Fault::SlowDisk { node, at, until, ms: rng.pick(&[30, 300, 2_000]) },
            6 => Fault::Freeze { node, at, until },
            7 => Fault::CrashAt {
                node,
                moment: rng.pick(&Moment::ALL),
                nth: u32::try_from(rng.below(80)).unwrap_or(0),
                for_ms: rng.between(1, 8_000),
            },
            8 if !forgetful.is_empty() => {
                let node = rng.pick(forgetful);
                Fault::LoseDisk {
                    node,
                    at,
                    for_ms,
                    lost: rng.pick(&[Lost::Journal, Lost::Both, Lost::Chain]),
                }
            }
            _ => Fault::Crash { node, at, for_ms },
        };
        scenario.faults.push(fault);
    }
}

/// A validator set that changes, with a few seats more than validate at first. A flapper has a second identity.
pub(crate) fn draw_course(scenario: &mut Scenario, rng: &mut Rng) {
    let first = scenario.seats;
    let more = usize::try_from(rng.below(4)).unwrap_or(0);
    scenario.seats = (first + more).min(MAX_SEATS);
    if scenario.has_flapper() && first < MAX_SEATS {
        scenario.seats = scenario.seats.max(first + 1);
        scenario.actors.push((first, Actor::Flapper));
    }
    scenario.course = Some(Course {
        first,
        members: usize::try_from(rng.between(1, 3)).unwrap_or(1),
        calls: rng.between(1, 5),
        trend: rng.pick(&[Trend::Churn, Trend::Vote, Trend::Grow, Trend::Shrink]),
    });
}
