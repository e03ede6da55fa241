//! A failing scenario made small: one thing at a time is taken away while the same promise stays broken.

use crate::{
    governance::consortium::{Course, Trend},
    oracle::Violation,
    scenario::Scenario,
};
use std::mem::discriminant;

/// The most scenarios run to shrink one.
const BUDGET: usize = 3_000;

/// The smallest scenario found whose violation is of the same kind, and that violation. `run` must be deterministic.
pub fn shrink(
    scenario: &Scenario,
    violation: &Violation,
    run: impl Fn(&Scenario) -> Option<Violation>,
) -> (Scenario, Violation) {
    let mut found = (scenario.clone(), violation.clone());
    let mut left = BUDGET;
    loop {
        let smaller = candidates(&found.0).into_iter().find_map(|candidate| {
            left = left.checked_sub(1)?;
            let broken = run(&candidate)?;
            (discriminant(&broken) == discriminant(violation)).then_some((candidate, broken))
        });
        match smaller {
            Some(smaller) if left > 0 => found = smaller,
            Some(smaller) => return smaller,
            None => return found,
        }
    }
}

/// Everything that has one thing less, the largest steps first.
fn candidates(scenario: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    let half = scenario.faults.len() / 2;
    if half > 1 {
        all.push(Scenario { faults: scenario.faults[..half].to_vec(), ..scenario.clone() });
        all.push(Scenario { faults: scenario.faults[half..].to_vec(), ..scenario.clone() });
    }
    for index in 0..scenario.faults.len() {
        let mut fewer = scenario.clone();
        fewer.faults.remove(index);
        all.push(fewer);
    }
    for index in 0..scenario.actors.len() {
        let mut fewer = scenario.clone();
        fewer.actors.remove(index);
        all.push(fewer);
    }
    if let Some(course) = scenario.course {
        for smaller in
            [Course { calls: course.calls / 2, ..course }, Course { trend: Trend::Churn, ..course }]
        {
            if smaller != course {
                all.push(Scenario { course: Some(smaller), ..scenario.clone() });
            }
        }
    }
    let is_named = |seat: usize| scenario.actors.iter().any(|(liar, _)| *liar >= seat);
    if scenario.seats > 1 && !is_named(scenario.seats - 1) && !scenario.names_node(scenario.seats - 1) {
        all.push(Scenario { seats: scenario.seats - 1, ..scenario.clone() });
    }
    let mut calm = Scenario::calm(scenario.seats, 0);
    let names = calm.numbers().map(|(name, usual)| (name, *usual));
    for (index, (name, usual)) in names.into_iter().enumerate() {
        // Each number at its calm value; heights, and the time until the network is timely, by halves.
        let value = match name {
            "seed" => continue,
            "heights" | "timely-from" => None,
            _ => Some(usual),
        };
        let mut simpler = scenario.clone();
        if let Some((_, number)) = simpler.numbers().into_iter().nth(index) {
            *number = value.unwrap_or(*number / 2).max(u64::from(name == "heights"));
        }
        if simpler != *scenario {
            all.push(simpler);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        draw::{Profile, draw},
        fault::Fault,
    };

    /// Breaks whenever node 2 crashes at all while messages get lost.
    fn broken(scenario: &Scenario) -> Option<Violation> {
        let crashes = scenario.faults.iter().any(|fault| matches!(fault, Fault::Crash { node: 2, .. }));
        (crashes && scenario.link.loss > 0).then_some(Violation::Fork { height: 1 })
    }

    #[test]
    fn what_has_nothing_to_do_with_the_violation_is_taken_away() {
        let mut scenario =
            (0..9_999).map(|seed| draw(seed, Profile::fixed(7, 20))).find(|s| broken(s).is_some()).unwrap();
        scenario.crash = 5;
        let (small, violation) = shrink(&scenario, &Violation::Fork { height: 1 }, broken);
        assert_eq!(violation, Violation::Fork { height: 1 });
        assert_eq!((small.faults.len(), small.actors.len(), small.heights, small.crash), (1, 0, 1, 0));
        assert!(small.link.loss > 0 && small.seats == 3, "{small}");
    }

    #[test]
    fn another_violation_is_not_taken_for_the_same() {
        let scenario = draw(3, Profile::fixed(4, 20));
        let other = |_: &Scenario| Some(Violation::Stuck { height: 1 });
        assert_eq!(shrink(&scenario, &Violation::Fork { height: 1 }, other).0, scenario);
    }
}
