//! A plan: which scenario, which fault, at which write.

use crate::faults::{
    front::{Answer, Fate, Silence},
    network::Delivery,
    scenario::Scenario,
};
use std::{fmt, str::FromStr};

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The operator dies before write k is made.
    KillBefore,
    /// It dies after write k was made, without knowing.
    KillAfter,
    /// Killed before or after a write again and again, as the number k draws it.
    Kills,
    /// Killed before write k; then its reads show for a while what was before the scenario began.
    StaleStart,
    /// Killed after write k; then its reads show for a while what was half-way there.
    StaleHalf,
    /// 409 to write k.
    Conflict,
    /// 429 to write k and the requests after it.
    TooManyRequests,
    /// 500 to write k and the requests after it.
    InternalError,
    /// 504 to write k and the requests after it, none of them made.
    Timeout,
    /// Write k is made, and answered with 504.
    CommitTimeout,
    /// Write k is made and never answered.
    Hang,
    /// Write k, an eviction, is granted and never carried out, and the operator dies.
    EvictionCut,
    /// From write k on watch events come late.
    WatchLate,
    /// From write k on watch events are lost with their connections.
    WatchCut,
    /// From write k on watches end in 410.
    WatchGone,
    /// Lists come in small pages, and the k-th further page is 410.
    ContinueGone,
    /// The operator is paused within write k, another takes over and settles; then write k is made and the first goes on.
    Zombie,
    /// Two operators lead from the beginning.
    TwoLeaders,
    /// Transaction k is in the pool, the answer is lost.
    TxReplyLost,
    /// Transaction k is answered and never in the pool.
    TxDropped,
    /// Transaction k is neither taken nor answered.
    TxRefused,
    /// Transaction k is not answered, and in the pool only blocks later.
    TxLate,
    /// Transaction k waits for ever; when another one is sent in its place both are there.
    TxHeld,
    /// Transaction k waits for some blocks, and is then forgotten.
    TxForgotten,
    /// Planted: with the operator's new key an old one is rewritten, and put back.
    LieKey,
    /// Planted: with the pod that the operator restarts another goes.
    LieTwo,
    /// Planted: the API server is given another image than the operator says.
    LieImage,
}

/// Each with its name in plans.
const FAULTS: [(Fault, &str); 28] = [
    (Fault::None, "none"),
    (Fault::KillBefore, "kill-before"),
    (Fault::KillAfter, "kill-after"),
    (Fault::Kills, "kills"),
    (Fault::StaleStart, "stale-start"),
    (Fault::StaleHalf, "stale-half"),
    (Fault::Conflict, "conflict"),
    (Fault::TooManyRequests, "too-many-requests"),
    (Fault::InternalError, "internal-error"),
    (Fault::Timeout, "timeout"),
    (Fault::CommitTimeout, "commit-timeout"),
    (Fault::Hang, "hang"),
    (Fault::EvictionCut, "eviction-cut"),
    (Fault::WatchLate, "watch-late"),
    (Fault::WatchCut, "watch-cut"),
    (Fault::WatchGone, "watch-gone"),
    (Fault::ContinueGone, "continue-gone"),
    (Fault::Zombie, "zombie"),
    (Fault::TwoLeaders, "two-leaders"),
    (Fault::TxReplyLost, "tx-reply-lost"),
    (Fault::TxDropped, "tx-dropped"),
    (Fault::TxRefused, "tx-refused"),
    (Fault::TxLate, "tx-late"),
    (Fault::TxHeld, "tx-held"),
    (Fault::TxForgotten, "tx-forgotten"),
    (Fault::LieKey, "lie-key"),
    (Fault::LieTwo, "lie-two"),
    (Fault::LieImage, "lie-image"),
];

impl Fault {
    /// All that an operator must survive.
    pub fn all() -> impl Iterator<Item = Self> {
        FAULTS.into_iter().map(|(fault, _)| fault).filter(|fault| *fault != Self::None && !fault.is_lie())
    }

    /// What no operator survives: planted to see that it is found.
    #[must_use]
    pub const fn is_lie(self) -> bool {
        matches!(self, Self::LieKey | Self::LieTwo | Self::LieImage)
    }

    /// Counted in transactions instead of writes.
    #[must_use]
    pub const fn is_of_chain(self) -> bool {
        matches!(
            self,
            Self::TxReplyLost
                | Self::TxDropped
                | Self::TxRefused
                | Self::TxLate
                | Self::TxHeld
                | Self::TxForgotten
                | Self::ContinueGone
        )
    }

    /// Writes between two plans of this fault: those that say much the same at neighbouring writes are drawn sparsely.
    #[must_use]
    pub const fn stride(self) -> usize {
        match self {
            Self::WatchLate | Self::WatchCut | Self::WatchGone | Self::Hang | Self::Kills => 4,
            Self::StaleStart | Self::StaleHalf | Self::TooManyRequests | Self::Timeout => 2,
            Self::TwoLeaders | Self::ContinueGone => 8,
            _ => 1,
        }
    }

    /// The answer to requests that are refused.
    #[must_use]
    pub const fn answer(self) -> Option<Answer> {
        match self {
            Self::Conflict => Some(Answer::Conflict),
            Self::TooManyRequests => Some(Answer::TooManyRequests),
            Self::InternalError => Some(Answer::InternalError),
            Self::Timeout => Some(Answer::Timeout),
            _ => None,
        }
    }

    /// What becomes of write k.
    #[must_use]
    pub const fn fate(self) -> Fate {
        match self {
            Self::KillBefore | Self::StaleStart => Fate::KillBefore,
            Self::KillAfter | Self::StaleHalf => Fate::KillAfter,
            Self::CommitTimeout => Fate::CommitThen(Answer::Timeout),
            Self::Hang => Fate::NoAnswer { commit: true },
            Self::EvictionCut => Fate::GrantThenKill,
            _ => match self.answer() {
                Some(answer) => Fate::Answer(answer),
                None => Fate::Pass,
            },
        }
    }

    /// What becomes of a write when the process dies at several, drawn by the plan's number: one in six on average.
    #[must_use]
    pub fn drawn(self, seed: usize, write: usize) -> Option<Fate> {
        if self != Self::Kills {
            return None;
        }
        match alloy_primitives::keccak256(format!("{seed} {write}"))[0] {
            0..=21 => Some(Fate::KillBefore),
            22..=42 => Some(Fate::KillAfter),
            _ => None,
        }
    }

    /// What becomes of transaction k.
    #[must_use]
    pub const fn delivery(self) -> Delivery {
        match self {
            Self::TxReplyLost => Delivery::ReplyLost,
            Self::TxDropped => Delivery::Dropped,
            Self::TxRefused => Delivery::Refused,
            Self::TxLate => Delivery::Late,
            Self::TxHeld => Delivery::Held,
            Self::TxForgotten => Delivery::Forgotten,
            _ => Delivery::Whole,
        }
    }

    /// What becomes of watch events after write k.
    #[must_use]
    pub const fn silence(self) -> Option<Silence> {
        match self {
            Self::WatchLate => Some(Silence::Hold),
            Self::WatchCut => Some(Silence::Cut),
            Self::WatchGone => Some(Silence::Gone),
            _ => None,
        }
    }

    /// Pages that lists come in; 0 leaves them.
    #[must_use]
    pub const fn page(self) -> usize {
        if matches!(self, Self::ContinueGone) { 2 } else { 0 }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FAULTS.iter().find(|(fault, _)| fault == self).map_or("?", |(_, name)| name))
    }
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plan {
    /// What the user does.
    pub scenario: Scenario,
    /// What goes wrong.
    pub fault: Fault,
    /// At which write or transaction, from 1.
    pub at: usize,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.scenario, self.fault, self.at)
    }
}

impl Plan {
    /// Plans that must not end well: they show that what counts is looked at.
    pub const PLANTED: [Self; 3] = [
        Self { scenario: Scenario::ScaleUp, fault: Fault::LieKey, at: 1 },
        Self { scenario: Scenario::ChangeResources, fault: Fault::LieTwo, at: 1 },
        Self { scenario: Scenario::RollImage, fault: Fault::LieImage, at: 1 },
    ];
}

/// A plan that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no plan; write SCENARIO/FAULT/NUMBER, as scale-up/kill-after/12")]
pub struct NotAPlan(String);

impl FromStr for Plan {
    type Err = NotAPlan;

    fn from_str(text: &str) -> Result<Self, NotAPlan> {
        let refused = || NotAPlan(text.to_owned());
        let parts: Vec<&str> = text.split('/').collect();
        let [scenario, fault, at] = parts.as_slice() else { return Err(refused()) };
        let scenario =
            Scenario::ALL.into_iter().find(|one| one.to_string() == *scenario).ok_or_else(refused)?;
        let fault =
            FAULTS.iter().find(|(_, name)| name == fault).map(|(fault, _)| *fault).ok_or_else(refused)?;
        Ok(Self { scenario, fault, at: at.parse().map_err(|_| refused())? })
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Plan};
    use crate::faults::scenario::Scenario;

    #[test]
    fn every_plan_is_read_back_from_its_replay_line() {
        for scenario in Scenario::ALL {
            for fault in Fault::all() {
                let plan = Plan { scenario, fault, at: 7 };
                assert_eq!(plan.to_string().parse(), Ok(plan));
            }
        }
        for wrong in ["", "create", "create/kill-before", "create/kill-before/x", "made/kill-before/1"] {
            assert!(wrong.parse::<Plan>().is_err(), "{wrong}");
        }
    }
}
