//! What goes wrong with a vault, and when: every draw is a function of the seed, what is asked for, and how often it was.

use crate::{operation::Operation, seeded::Draw};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What is wrong at present. Shares are of 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Faults {
    /// Milliseconds that the way takes: every answer comes so much later, refusals too.
    pub network_ms: u64,
    /// Milliseconds that work takes. What is refused, throttled for one, is refused before it.
    pub latency_ms: u64,
    /// Milliseconds of work on top, evenly between none and so many.
    pub jitter_ms: u64,
    /// Share of requests that are too many.
    pub throttled: f64,
    /// Seconds that these are told to wait; not told when absent.
    pub retry_after_s: Option<u32>,
    /// Share of requests answered with 503.
    pub failing: f64,
    /// Share of requests whose work is done and whose answer is never sent: the connection closes.
    pub dropped: f64,
    /// Operations that the three shares above are of; all when there are none here.
    pub only: BTreeSet<Operation>,
    /// Share of signatures with the higher of the two possible `s`; Key Vault does not care which it gives.
    pub high_s: f64,
    /// Share of signatures that are another key's.
    pub foreign: f64,
    /// Coordinates of public keys lose their leading zeros, and new keys are such that have some.
    pub short_coordinates: bool,
    /// Access tokens whose clock is wrong.
    pub tokens: TokenClock,
    /// Client ids that no role holds for any more.
    pub revoked: BTreeSet<String>,
    /// Nobody answers.
    pub away: Option<Away>,
}

/// The clock of whoever issues access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenClock {
    /// The vault's.
    #[default]
    Right,
    /// Hours behind: tokens have expired when they are issued, whatever `expires_in` says.
    Behind,
    /// Hours ahead: tokens are not valid yet.
    Ahead,
}

/// How a vault is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Away {
    /// Connections end, and new ones are refused.
    Refusing,
    /// Connections stay, and nothing comes on them.
    Hanging,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            network_ms: 0,
            latency_ms: 0,
            jitter_ms: 0,
            throttled: 0.0,
            retry_after_s: None,
            failing: 0.0,
            dropped: 0.0,
            only: BTreeSet::new(),
            high_s: 0.5,
            foreign: 0.0,
            short_coordinates: false,
            tokens: TokenClock::Right,
            revoked: BTreeSet::new(),
            away: None,
        }
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Served,
    Throttled,
    Failed,
    /// Served, and nobody is told.
    Dropped,
}

/// A request's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) way: Duration,
    pub(crate) work: Duration,
    pub(crate) outcome: Outcome,
}

impl Faults {
    /// The fate that is drawn for this operation.
    pub(crate) fn fate(&self, operation: Operation, draw: &mut Draw) -> Fate {
        let jitter = if self.jitter_ms == 0 { 0 } else { draw.below(self.jitter_ms.saturating_add(1)) };
        let share = draw.share();
        let (throttled, failing) = (self.throttled, self.throttled + self.failing);
        let spared = !self.only.is_empty() && !self.only.contains(&operation);
        let outcome = match share {
            _ if spared => Outcome::Served,
            _ if share < throttled => Outcome::Throttled,
            _ if share < failing => Outcome::Failed,
            _ if share < failing + self.dropped => Outcome::Dropped,
            _ => Outcome::Served,
        };
        let work = Duration::from_millis(self.latency_ms.saturating_add(jitter));
        Fate { way: Duration::from_millis(self.network_ms), work, outcome }
    }
}

/// How often each thing was asked for, so that the draws of one do not depend on the others'.
#[derive(Debug, Default)]
pub(crate) struct Ordinals(BTreeMap<(&'static str, String), u64>);

/// Names that are told apart; the rest share one count.
const MOST_NAMES: usize = 8192;

impl Ordinals {
    /// The next one.
    pub(crate) fn next(&mut self, operation: &'static str, name: &str) -> u64 {
        let known = (operation, name.to_owned());
        let place = if self.0.len() < MOST_NAMES || self.0.contains_key(&known) {
            known
        } else {
            (operation, String::new())
        };
        let count = self.0.entry(place).or_default();
        *count = count.saturating_add(1);
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::{Fate, Faults, Outcome};
    use crate::{operation::Operation, seeded::Seed};
    use std::{collections::BTreeSet, time::Duration};

    fn fates(seed: u64, faults: &Faults) -> Vec<Fate> {
        let draw = |n: u64| Seed(seed).draw(&[b"sign", &n.to_be_bytes()]);
        (0..2000).map(|n| faults.fate(Operation::Sign, &mut draw(n))).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_fates_and_another_does_not() {
        let faults =
            Faults { jitter_ms: 20, throttled: 0.1, failing: 0.1, dropped: 0.1, ..Faults::default() };
        assert_eq!(fates(7, &faults), fates(7, &faults));
        assert_ne!(fates(7, &faults), fates(8, &faults));
    }

    #[test]
    fn each_fault_comes_as_often_as_its_share_says() {
        let faults = Faults { throttled: 0.1, failing: 0.2, dropped: 0.3, ..Faults::default() };
        let fates = fates(1, &faults);
        for (outcome, share) in [(Outcome::Throttled, 200), (Outcome::Failed, 400), (Outcome::Dropped, 600)] {
            let count = fates.iter().filter(|fate| fate.outcome == outcome).count();
            assert!(count.abs_diff(share) < 80, "{outcome:?}: {count} of 2000");
        }
    }

    #[test]
    fn faults_of_some_operations_spare_the_others() {
        let only = BTreeSet::from([Operation::CreateKey]);
        let faults = Faults { dropped: 1.0, only, ..Faults::default() };
        let outcome = |operation| faults.fate(operation, &mut Seed(1).draw(&[b"any"])).outcome;
        assert_eq!(outcome(Operation::CreateKey), Outcome::Dropped);
        assert_eq!(outcome(Operation::ListKeyVersions), Outcome::Served);
    }

    #[test]
    fn work_takes_its_latency_and_jitter_on_top() {
        let faults = Faults { latency_ms: 50, jitter_ms: 10, ..Faults::default() };
        let bounds = Duration::from_millis(50)..=Duration::from_millis(60);
        assert!(fates(3, &faults).iter().all(|fate| bounds.contains(&fate.work)));
        assert_eq!(fates(3, &Faults::default())[0].work, Duration::ZERO);
    }

    #[test]
    fn a_fault_that_is_misspelt_is_refused() {
        for wrong in [r#"{"throtled":1}"#, r#"{"only":["make-key"]}"#] {
            assert!(serde_json::from_str::<Faults>(wrong).is_err(), "{wrong}");
        }
        let faults: Faults = serde_json::from_str(r#"{"only":["create-key"]}"#).unwrap();
        assert_eq!(faults.only, BTreeSet::from([Operation::CreateKey]));
        let faults: Faults = serde_json::from_str(r#"{"throttled":0.5,"away":"hanging"}"#).unwrap();
        assert_eq!(faults.throttled.to_string(), "0.5");
    }
}
