//! A scenario as one line of text that says it whole: what a failing seed shrinks to, and what replays it.
//!
//! ```
//! use qbft_sim::{draw::{Profile, draw}, scenario::Scenario};
//!
//! let scenario = draw(7, Profile::fixed(4, 20));
//! assert_eq!(scenario.to_string().parse::<Scenario>()?, scenario);
//! # Ok::<(), qbft_sim::plan::PlanError>(())
//! ```

use crate::{
    fault::{Fault, Lost, Moment, Nodes},
    governance::consortium::{Course, Trend},
    scenario::{Actor, Scenario},
};
use std::{fmt, str::FromStr};

/// Why a line is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not of the form `name=value`.
    #[error("{0:?} is not of the form name=value")]
    Form(String),
    /// No such name, or a value it cannot have.
    #[error("{name}={value} says nothing about a scenario")]
    Value {
        /// As found.
        name: String,
        /// As found.
        value: String,
    },
}

impl Scenario {
    /// Everything that is a number, by name.
    pub(crate) fn numbers(&mut self) -> [(&'static str, &mut u64); 21] {
        [
            ("seed", &mut self.seed),
            ("heights", &mut self.heights),
            ("timely-from", &mut self.timely_from),
            ("link-min", &mut self.link.min_ms),
            ("link-max", &mut self.link.max_ms),
            ("link-loss", &mut self.link.loss),
            ("link-duplicate", &mut self.link.duplicate),
            ("timely-min", &mut self.timely.min_ms),
            ("timely-max", &mut self.timely.max_ms),
            ("timely-loss", &mut self.timely.loss),
            ("timely-duplicate", &mut self.timely.duplicate),
            ("commit-loss", &mut self.commit_loss),
            ("crash", &mut self.crash),
            ("down", &mut self.down_ms),
            ("disk", &mut self.disk_ms),
            ("execution", &mut self.execution_ms),
            ("early-sync", &mut self.early_sync),
            ("skew", &mut self.skew_ms),
            ("request-timeout", &mut self.request_timeout_ms),
            ("period", &mut self.period_ms),
            ("kept", &mut self.kept_blocks),
        ]
    }
}

impl fmt::Display for Scenario {
    /// What differs from [`Scenario::calm`] of as many seats.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seats={}", self.seats)?;
        let (mut own, mut calm) = (self.clone(), Self::calm(self.seats, 0));
        for ((name, value), (_, usual)) in own.numbers().into_iter().zip(calm.numbers()) {
            if value != usual {
                write!(f, " {name}={value}")?;
            }
        }
        if let Some(Course { first, members, calls, trend }) = self.course {
            write!(f, " course={first},{members},{calls},{}", trend.name())?;
        }
        for (seat, actor) in &self.actors {
            write!(f, " actor={seat},{}", actor.name())?;
        }
        for fault in &self.faults {
            let (name, values) = to_words(*fault);
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            write!(f, " {name}={}", values.join(","))?;
        }
        Ok(())
    }
}

impl FromStr for Scenario {
    type Err = PlanError;

    fn from_str(line: &str) -> Result<Self, PlanError> {
        let mut scenario = Self::calm(4, 0);
        for word in line.split_whitespace() {
            let (name, value) = word.split_once('=').ok_or_else(|| PlanError::Form(word.to_string()))?;
            let wrong = || PlanError::Value { name: name.to_string(), value: value.to_string() };
            if let Some((_, number)) = scenario.numbers().into_iter().find(|(known, _)| *known == name) {
                *number = value.parse().map_err(|_| wrong())?;
            } else if name == "seats" {
                scenario.seats = value.parse().map_err(|_| wrong())?;
            } else if name == "course" {
                scenario.course = Some(course(value).ok_or_else(wrong)?);
            } else if name == "actor" {
                scenario.actors.push(actor(value).ok_or_else(wrong)?);
            } else {
                let values: Result<Vec<i128>, _> = value.split(',').map(str::parse).collect();
                let fault = from_words(name, &values.map_err(|_| wrong())?);
                scenario.faults.push(fault.ok_or_else(wrong)?);
            }
        }
        Ok(scenario)
    }
}

fn course(value: &str) -> Option<Course> {
    let [first, members, calls, trend] = value.split(',').collect::<Vec<_>>().try_into().ok()?;
    let trend = Trend::ALL.into_iter().find(|known| known.name() == trend)?;
    Some(Course {
        first: first.parse().ok()?,
        members: members.parse().ok()?,
        calls: calls.parse().ok()?,
        trend,
    })
}

fn actor(value: &str) -> Option<(usize, Actor)> {
    let (seat, name) = value.split_once(',')?;
    Some((seat.parse().ok()?, Actor::ALL.into_iter().find(|actor| actor.name() == name)?))
}

fn to_words(fault: Fault) -> (&'static str, Vec<i128>) {
    let n = |node: usize| i128::try_from(node).unwrap_or(0);
    let w = i128::from;
    match fault {
        Fault::Crash { node, at, for_ms } => ("crash-node", vec![n(node), w(at), w(for_ms)]),
        Fault::CrashAt { node, moment, nth, for_ms } => {
            ("crash-at", vec![n(node), moment as i128, w(u64::from(nth)), w(for_ms)])
        }
        Fault::LoseDisk { node, at, for_ms, lost } => {
            ("lose-disk", vec![n(node), w(at), w(for_ms), lost as i128])
        }
        Fault::Cut { from, to, at, until } => ("cut", vec![w(from.0), w(to.0), w(at), w(until)]),
        Fault::Delay { from, to, at, until, min_ms, max_ms } => {
            ("delay", vec![w(from.0), w(to.0), w(at), w(until), w(min_ms), w(max_ms)])
        }
        Fault::Loss { from, to, at, until, per_mille } => {
            ("loss", vec![w(from.0), w(to.0), w(at), w(until), w(per_mille)])
        }
        Fault::Clock { node, at, by_ms } => ("clock", vec![n(node), w(at), i128::from(by_ms)]),
        Fault::SlowDisk { node, at, until, ms } => ("slow-disk", vec![n(node), w(at), w(until), w(ms)]),
        Fault::Freeze { node, at, until } => ("freeze", vec![n(node), w(at), w(until)]),
        Fault::Reseat { seats, at, spread_ms } => ("reseat", vec![w(seats.0), w(at), w(spread_ms)]),
    }
}

fn from_words(name: &str, values: &[i128]) -> Option<Fault> {
    let w = |value: i128| u64::try_from(value).ok();
    let n = |value: i128| usize::try_from(value).ok().filter(|node| *node < 64);
    let nodes = |value: i128| w(value).map(Nodes);
    Some(match (name, values) {
        ("crash-node", &[node, at, ms]) => Fault::Crash { node: n(node)?, at: w(at)?, for_ms: w(ms)? },
        ("crash-at", &[node, moment, nth, ms]) => Fault::CrashAt {
            node: n(node)?,
            moment: *Moment::ALL.get(n(moment)?)?,
            nth: u32::try_from(nth).ok()?,
            for_ms: w(ms)?,
        },
        ("lose-disk", &[node, at, ms, lost]) => {
            Fault::LoseDisk { node: n(node)?, at: w(at)?, for_ms: w(ms)?, lost: *Lost::ALL.get(n(lost)?)? }
        }
        ("cut", &[from, to, at, until]) => {
            Fault::Cut { from: nodes(from)?, to: nodes(to)?, at: w(at)?, until: w(until)? }
        }
        ("delay", &[from, to, at, until, min, max]) => {
            let (from, to) = (nodes(from)?, nodes(to)?);
            Fault::Delay { from, to, at: w(at)?, until: w(until)?, min_ms: w(min)?, max_ms: w(max)? }
        }
        ("loss", &[from, to, at, until, rate]) => {
            let (from, to) = (nodes(from)?, nodes(to)?);
            Fault::Loss { from, to, at: w(at)?, until: w(until)?, per_mille: w(rate)? }
        }
        ("clock", &[node, at, by]) => {
            Fault::Clock { node: n(node)?, at: w(at)?, by_ms: i64::try_from(by).ok()? }
        }
        ("slow-disk", &[node, at, until, ms]) => {
            Fault::SlowDisk { node: n(node)?, at: w(at)?, until: w(until)?, ms: w(ms)? }
        }
        ("reseat", &[seats, at, spread]) => {
            Fault::Reseat { seats: nodes(seats)?, at: w(at)?, spread_ms: w(spread)? }
        }
        ("freeze", &[node, at, until]) => Fault::Freeze { node: n(node)?, at: w(at)?, until: w(until)? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::{Profile, draw};

    #[test]
    fn period_and_kept_blocks_make_the_trip_too() {
        let scenario = Scenario { period_ms: 2_000, kept_blocks: 4_096, ..Scenario::calm(4, 9) };
        assert_eq!(scenario.to_string(), "seats=4 heights=9 period=2000 kept=4096");
        assert_eq!(scenario.to_string().parse(), Ok(scenario));
    }

    #[test]
    fn every_drawn_scenario_is_the_same_after_a_trip_through_text() {
        for seed in 0..2_000 {
            let scenario = draw(seed, Profile::default());
            assert_eq!(scenario.to_string().parse(), Ok(scenario), "seed {seed}");
        }
    }

    #[test]
    fn a_line_that_says_nothing_is_refused_with_the_word_that_does_not() {
        assert_eq!("seats".parse::<Scenario>(), Err(PlanError::Form("seats".to_string())));
        for word in
            ["seats=x", "cut=1,2,3", "actor=1,angel", "course=4,1,1,up", "crash-at=0,9,0,0", "freeze=64,1,2"]
        {
            assert!(matches!(word.parse::<Scenario>(), Err(PlanError::Value { .. })), "{word}");
        }
    }
}
