//! The table by drain, and the figures that the bar is held to.

use super::{
    load::Sent,
    timeline::{Drain, Timeline},
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A pause this many times the bar is no slow block: the chain stood still.
const HALT_FACTOR: u64 = 3;

/// What a run is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Times that the chain stood still.
    pub halted: usize,
    /// Most seats down by choice at one moment.
    pub most_down: usize,
    /// Longest pause between two blocks.
    pub worst_gap_ms: u64,
    /// Bar of the pause: block period + request timeout + 500 ms.
    pub bar_ms: u64,
    /// Accepted transactions that were not mined.
    pub lost: usize,
}

impl Figures {
    /// From what was seen up to `now_ms`.
    #[must_use]
    pub fn new(timeline: &Timeline, now_ms: u64, bar_ms: u64, lost: usize) -> Self {
        let gaps = timeline.gaps(now_ms);
        Self {
            halted: gaps.iter().filter(|gap| gap.ms > HALT_FACTOR * bar_ms).count(),
            most_down: timeline.most_down(),
            worst_gap_ms: gaps.iter().map(|gap| gap.ms).max().unwrap_or(u64::MAX),
            bar_ms,
            lost,
        }
    }

    /// Whether the promise holds.
    #[must_use]
    pub const fn good(&self) -> bool {
        self.halted == 0 && self.most_down <= 1 && self.worst_gap_ms <= self.bar_ms && self.lost == 0
    }

    /// `name=value` pairs.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "lost={} halted={} down-by-choice-max={} worst-gap-ms={}",
            self.lost, self.halted, self.most_down, self.worst_gap_ms
        )
    }
}

/// One line for each drain, and below it what happened.
#[must_use]
pub fn table(drains: &[Drain]) -> String {
    let mut text = format!(
        "{:<5} {:<8} {:>5} {:>8} {:>8} {:>14} {:>9}\n",
        "pass", "node", "pods", "seconds", "refused", "worst-gap-ms", "most-down"
    );
    for drain in drains {
        let gap = drain.worst_gap.map_or_else(|| "-".to_owned(), |gap| gap.ms.to_string());
        let _ = writeln!(
            text,
            "{:<5} {:<8} {:>5} {:>8} {:>8} {gap:>14} {:>9}",
            drain.pass,
            drain.node,
            drain.pods,
            seconds(drain.took_ms),
            drain.refused,
            drain.most_down
        );
        for (at, line) in &drain.story {
            let _ = writeln!(text, "        {:>6} s  {line}", seconds(*at));
        }
    }
    text
}

/// The result for a machine.
#[must_use]
pub fn json(figures: &Figures, drains: &[Drain], sent: &Sent) -> Value {
    let drains: Vec<_> = drains
        .iter()
        .map(|drain| {
            json!({
                "pass": drain.pass,
                "node": drain.node,
                "pods": drain.pods,
                "tookMs": drain.took_ms,
                "evictionsRefused": drain.refused,
                "worstGapMs": drain.worst_gap.map(|gap| gap.ms),
                "mostDown": drain.most_down,
            })
        })
        .collect();
    json!({
        "halted": figures.halted,
        "downByChoiceMax": figures.most_down,
        "worstGapMs": figures.worst_gap_ms,
        "barMs": figures.bar_ms,
        "accepted": sent.accepted.len(),
        "lost": figures.lost,
        "requestsRefused": sent.refused,
        "longestHandInMs": u64::try_from(sent.longest.as_millis()).unwrap_or(u64::MAX),
        "drains": drains,
    })
}

fn seconds(ms: u64) -> String {
    format!("{}.{}", ms / 1000, ms % 1000 / 100)
}
