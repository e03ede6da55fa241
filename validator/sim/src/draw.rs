//! Scenarios out of seeds.

use crate::{
    fault::{Fault, Nodes},
    governance::consortium::{Course, Trend},
    rng::Rng,
    scenario::{Actor, Link, Scenario},
};
use chain::quorum::max_faulty;

/// The scenario of a seed; a quarter of the seeds are calm.
#[must_use]
pub fn draw(seed: u64, seats: usize, heights: u64) -> Scenario {
    let mut rng = Rng::new(seed);
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
        crash: rng.pick(&[0, 1, 5, 20, 60]),
        down_ms: rng.pick(&[50, 1_000, 8_000]),
        disk_ms: rng.pick(&[0, 0, 3, 200]),
        execution_ms: rng.pick(&[0, 10, 300]),
        skew_ms: rng.pick(&[0, 25, 200]),
        request_timeout_ms: rng.pick(&[500, 1_000, 2_000]),
        ..Scenario::calm(seats, heights)
    };
    scenario.timely.duplicate = scenario.link.duplicate;
    draw_seats(&mut scenario, &mut rng);
    if rng.chance(250) {
        draw_course(&mut scenario, &mut rng);
    }
    let from = rng.below(timely_from.max(1));
    let until = (from + rng.below(15_000)).min(timely_from);
    if from < until {
        scenario.faults.extend(Fault::split(Nodes(rng.next()), from, until));
    }
    scenario
}

fn draw_seats(scenario: &mut Scenario, rng: &mut Rng) {
    let (last, faulty) = (scenario.seats.saturating_sub(1), max_faulty(scenario.seats));
    if faulty > 0 && rng.chance(200) {
        scenario.actors.push((last, Actor::Twins));
    } else if faulty > 0 && rng.chance(250) {
        scenario.actors.push((last, Actor::Equivocator));
    } else if rng.chance(300) {
        for node in scenario.seats - faulty..scenario.seats {
            let at = scenario.timely_from;
            scenario.faults.push(Fault::Crash { node, at, for_ms: Fault::FOR_GOOD });
        }
    }
}

/// A validator set that changes, with a few seats more than validate at first. Of the seats that lie as many are seated as
/// a set tolerates.
pub(crate) fn draw_course(scenario: &mut Scenario, rng: &mut Rng) {
    let first = scenario.seats;
    scenario.seats += usize::try_from(rng.below(4)).unwrap_or(0);
    if scenario.actors.is_empty() && max_faulty(first) > 0 && rng.chance(250) {
        scenario.seats = scenario.seats.max(first + 1);
        scenario.actors.extend([(first - 1, Actor::Flapper), (first, Actor::Flapper)]);
    }
    scenario.course = Some(Course {
        first,
        members: usize::try_from(rng.between(1, 3)).unwrap_or(1),
        calls: rng.between(1, 5),
        trend: rng.pick(&[Trend::Churn, Trend::Churn, Trend::Grow, Trend::Shrink]),
    });
}
