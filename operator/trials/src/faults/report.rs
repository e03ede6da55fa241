//! What is said at the end of many plans.

use crate::faults::{
    plan::{Fault, Plan},
    scenario::Scenario,
    trial::{Reference, Spent, Verdict},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

/// Every plan of a scenario, by the writes of its undisturbed run.
#[must_use]
pub fn plans(scenario: Scenario, reference: &Reference) -> Vec<Plan> {
    let one = |fault: Fault| {
        let last = if fault.is_of_chain() && fault != Fault::ContinueGone {
            reference.transactions
        } else {
            reference.writes.len()
        };
        let all = (1..=last).step_by(fault.stride()).map(move |at| Plan { scenario, fault, at });
        // No API server says 409 Conflict to a creation: what exists already is another matter.
        let write = |at: usize| reference.writes.get(at - 1).map(String::as_str).unwrap_or_default();
        all.filter(move |plan| match fault {
            Fault::Conflict => !write(plan.at).starts_with("Create"),
            Fault::EvictionCut => write(plan.at).ends_with("/eviction"),
            _ => true,
        })
    };
    Fault::all().flat_map(one).collect()
}

/// `count` of them such that scenarios and faults come as evenly as they can; which ones follows from the seed.
#[must_use]
pub fn draw(plans: Vec<Plan>, count: usize, seed: u64) -> Vec<Plan> {
    let rank = |plan: &Plan| {
        let hash = alloy_primitives::keccak256(format!("{seed} {plan}"));
        u64::from_be_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
    };
    let mut groups: BTreeMap<(Scenario, Fault), Vec<Plan>> = BTreeMap::new();
    for plan in plans {
        groups.entry((plan.scenario, plan.fault)).or_default().push(plan);
    }
    let mut ordered: Vec<(usize, u64, Plan)> = Vec::new();
    for group in groups.values_mut() {
        group.sort_by_key(rank);
        ordered.extend(group.iter().enumerate().map(|(turn, plan)| (turn, rank(plan), *plan)));
    }
    ordered.sort_unstable();
    ordered.into_iter().take(count).map(|(_, _, plan)| plan).collect()
}

/// All verdicts of one invocation.
#[derive(Default)]
pub struct Report {
    verdicts: Vec<Verdict>,
    broken: Vec<(Plan, String)>,
}

impl Report {
    /// Takes the outcome of one plan.
    pub fn add(&mut self, plan: Plan, outcome: anyhow::Result<Verdict>) {
        match outcome {
            Ok(verdict) => {
                if !verdict.is_clean() {
                    println!("{}", complaint(&verdict));
                }
                self.verdicts.push(verdict);
            }
            Err(error) => {
                println!("{plan} could not be run: {error:#}\n{}", replay(plan));
                self.broken.push((plan, format!("{error:#}")));
            }
        }
    }

    fn count(&self, has: impl Fn(&Verdict) -> bool) -> usize {
        self.verdicts.iter().filter(|verdict| has(verdict)).count()
    }

    /// Seconds of one part of a plan, on average.
    fn mean(&self, part: impl Fn(&Spent) -> Duration) -> f64 {
        let all: Duration = self.verdicts.iter().map(|verdict| part(&verdict.spent)).sum();
        let plans = u32::try_from(self.verdicts.len()).unwrap_or(u32::MAX).max(1);
        (all / plans).as_secs_f64()
    }

    /// Where the time of a plan went, on average.
    #[must_use]
    pub fn spent(&self) -> String {
        format!(
            "a plan: beginning {:.1} s, steps {:.1} s, silence {:.1} s",
            self.mean(|spent| spent.beginning),
            self.mean(|spent| spent.steps),
            self.mean(|spent| spent.quiet)
        )
    }

    /// Plans that have ended, and those of them that were not clean.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (
            self.verdicts.len() + self.broken.len(),
            self.broken.len() + self.count(|verdict| !verdict.is_clean()),
        )
    }

    /// Nothing was wrong with any.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.broken.is_empty() && self.verdicts.iter().all(Verdict::is_clean)
    }

    /// Plans by fault and scenario, and those of them that were not clean.
    #[must_use]
    pub fn table(&self) -> String {
        let scenarios: BTreeSet<Scenario> =
            self.verdicts.iter().map(|verdict| verdict.plan.scenario).collect();
        let mut cells: BTreeMap<(Fault, Scenario), (usize, usize)> = BTreeMap::new();
        for verdict in &self.verdicts {
            let cell = cells.entry((verdict.plan.fault, verdict.plan.scenario)).or_default();
            cell.0 += 1;
            cell.1 += usize::from(!verdict.is_clean());
        }
        let mut text = format!("{:18}", "plans (bad)");
        for scenario in &scenarios {
            let _ = write!(text, "{:>17}", scenario.to_string());
        }
        for fault in cells.keys().map(|(fault, _)| *fault).collect::<BTreeSet<_>>() {
            let _ = write!(text, "\n{:18}", fault.to_string());
            for scenario in &scenarios {
                let cell =
                    cells.get(&(fault, *scenario)).map_or_else(String::new, |(plans, bad)| match bad {
                        0 => plans.to_string(),
                        bad => format!("{plans} ({bad})"),
                    });
                let _ = write!(text, "{cell:>17}");
            }
        }
        text
    }

    /// For machines.
    #[must_use]
    pub fn json(&self, elapsed: Duration) -> Value {
        let bad: Vec<Value> = self
            .verdicts
            .iter()
            .filter(|verdict| !verdict.is_clean())
            .map(|verdict| {
                json!({
                    "plan": verdict.plan.to_string(), "diverged": verdict.diverged, "keysLost": verdict.keys_lost,
                    "quorumBroken": verdict.quorum_broken,
                })
            })
            .collect();
        let mut took: Vec<u128> = self.verdicts.iter().map(|verdict| verdict.took.as_millis()).collect();
        took.sort_unstable();
        let at =
            |part: usize| took.get(took.len().saturating_sub(1) * part / 100).copied().unwrap_or_default();
        json!({
            "plans": self.verdicts.len(),
            "reached": self.count(|verdict| verdict.is_reached),
            "diverged": self.count(|verdict| !verdict.diverged.is_empty()),
            "keysLost": self.count(|verdict| !verdict.keys_lost.is_empty()),
            "openedTwice": self.count(|verdict| !verdict.opened_twice.is_empty()),
            "votesLost": self.count(|verdict| !verdict.votes_lost.is_empty()),
            "quorumBroken": self.count(|verdict| !verdict.quorum_broken.is_empty()),
            "notRun": self.broken.iter().map(|(plan, why)| json!([plan.to_string(), why])).collect::<Vec<_>>(),
            "elapsedSeconds": elapsed.as_secs_f64(),
            "planMillis": { "p50": at(50), "p99": at(99), "most": at(100) },
            "spentSeconds": {
                "beginning": self.mean(|spent| spent.beginning), "steps": self.mean(|spent| spent.steps),
                "quiet": self.mean(|spent| spent.quiet),
            },
            "bad": bad,
            "all": self.verdicts.iter().map(|verdict| verdict.plan.to_string()).collect::<Vec<_>>(),
        })
    }

    /// The last line.
    #[must_use]
    pub fn summary(&self, elapsed: Duration) -> String {
        format!(
            "plans={} duplicate-proposals={} lost-votes={} diverged={} keys-lost={} quorum-broken={} reached={} not-run={} seconds={}",
            self.verdicts.len(),
            self.count(|verdict| !verdict.opened_twice.is_empty()),
            self.count(|verdict| !verdict.votes_lost.is_empty()),
            self.count(|verdict| !verdict.diverged.is_empty()),
            self.count(|verdict| !verdict.keys_lost.is_empty()),
            self.count(|verdict| !verdict.quorum_broken.is_empty()),
            self.count(|verdict| verdict.is_reached),
            self.broken.len(),
            elapsed.as_secs(),
        )
    }
}

/// What was wrong with a plan, and how to run it again.
#[must_use]
pub fn complaint(verdict: &Verdict) -> String {
    let mut text = String::new();
    for (what, lines) in [
        ("diverged", &verdict.diverged),
        ("keys lost", &verdict.keys_lost),
        ("quorum broken", &verdict.quorum_broken),
        ("twice", &verdict.opened_twice),
        ("vote lost", &verdict.votes_lost),
    ] {
        for line in lines {
            let _ = writeln!(text, "{}: {what}: {line}", verdict.plan);
        }
    }
    text + &replay(verdict.plan)
}

fn replay(plan: Plan) -> String {
    format!("replay: make operator-faults PLAN=\"{plan}\"")
}

#[cfg(test)]
mod tests {
    use super::draw;
    use crate::faults::{
        plan::{Fault, Plan},
        scenario::Scenario,
    };

    #[test]
    fn a_slice_has_every_scenario_and_fault_before_it_has_one_twice_and_follows_from_its_seed() {
        let mut plans = Vec::new();
        for scenario in [Scenario::Create, Scenario::Delete] {
            for fault in [Fault::KillBefore, Fault::Zombie] {
                plans.extend((1..50).map(|at| Plan { scenario, fault, at }));
            }
        }
        let drawn = draw(plans.clone(), 4, 1);
        let pairs: std::collections::BTreeSet<_> =
            drawn.iter().map(|plan| (plan.scenario, plan.fault)).collect();
        assert_eq!(pairs.len(), 4);
        assert_eq!(drawn, draw(plans.clone(), 4, 1));
        assert_ne!(drawn, draw(plans.clone(), 4, 2));
        assert_eq!(draw(plans.clone(), usize::MAX, 3).len(), plans.len());
    }
}
