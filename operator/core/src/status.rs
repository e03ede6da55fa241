//! Status from what was observed, planned and applied; equality that ignores time, so that nothing is written for nothing.

mod consortium;
mod fleet;
mod joined;
mod published;

pub use consortium::{Context as ConsortiumContext, consortium};
pub use fleet::{Context as FleetContext, fleet, moved};

use crate::{
    api::{
        Condition, ConsortiumStatus,
        conditions::{
            ConditionStatus, DEGRADED, DRAINABLE, JOINED, KEY_ACCESS, NETWORK_INFO_CURRENT,
            NETWORK_INFO_PUBLISHED, NODE_POOL_READY, OVERRIDDEN, PEERING_READY, QUORUM_HEALTHY, READY,
            RECONCILING, STALLED, reasons,
        },
    },
    plan::Wait,
    vault::{self, KeyState},
};
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// Conditions that the operator writes; others are others'.
const OURS: [&str; 13] = [
    READY,
    RECONCILING,
    STALLED,
    JOINED,
    NETWORK_INFO_CURRENT,
    NETWORK_INFO_PUBLISHED,
    QUORUM_HEALTHY,
    DRAINABLE,
    OVERRIDDEN,
    DEGRADED,
    NODE_POOL_READY,
    PEERING_READY,
    KEY_ACCESS,
];
/// As many as the schema allows.
const MOST_CONDITIONS: usize = 16;
/// Longest message of a condition.
const MESSAGE: usize = 1000;
/// Waits named in one message.
const NAMED: usize = 4;
/// What `Reconciling` says of a stalled object that waits for nothing else.
const FOR_A_PERSON: &str = "waits for a person";
/// Moving numbers are written at most this often.
const HEARTBEAT_S: i64 = 60;

/// RFC 3339 in whole seconds.
#[must_use]
pub fn rfc3339(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Builds the conditions of one object; times are kept where the status has not changed.
struct Conditions<'a> {
    before: &'a [Condition],
    generation: Option<i64>,
    now: Timestamp,
    made: Vec<Condition>,
}

impl<'a> Conditions<'a> {
    const fn new(before: &'a [Condition], generation: Option<i64>, now: Timestamp) -> Self {
        Self { before, generation, now, made: Vec::new() }
    }

    fn set(&mut self, kind: &str, status: ConditionStatus, reason: &str, message: &str) {
        let same = self.before.iter().find(|condition| condition.kind == kind && condition.status == status);
        let since =
            same.map_or_else(|| rfc3339(self.now), |condition| condition.last_transition_time.clone());
        self.made.push(Condition {
            kind: kind.to_owned(),
            status,
            reason: reason.to_owned(),
            message: message.chars().take(MESSAGE).collect(),
            observed_generation: self.generation,
            last_transition_time: since,
        });
    }

    /// A condition stays as it was; whether there was one.
    fn keep(&mut self, kind: &str) -> bool {
        let Some(before) = self.before.iter().find(|condition| condition.kind == kind).cloned() else {
            return false;
        };
        self.set(kind, before.status, &before.reason, &before.message);
        true
    }

    /// How the keys stand that are in vaults. An operator that starts anew has not looked yet: what is on record is as it was.
    fn key_access(&mut self, states: &[KeyState], users: &str) {
        let Some((status, reason, message)) = vault::condition(states, users) else { return };
        let recorded = states.iter().all(|state| state.pinned.is_some());
        if recorded && status == ConditionStatus::Unknown && self.keep(KEY_ACCESS) {
            return;
        }
        self.set(KEY_ACCESS, status, reason, &message);
    }

    /// Ready, Reconciling and Stalled, as kstatus reads them. A stalled object is never Reconciling, whatever goes on beside it.
    fn progress(&mut self, waits: &[Wait], done: &str) {
        let stalled = waits.iter().find(|wait| wait.stalled);
        match (stalled, waits.first()) {
            (Some(wait), _) => {
                self.set(READY, ConditionStatus::False, wait.reason, &wait.message);
                let passing: Vec<_> = waits.iter().filter(|wait| !wait.stalled).collect();
                let (reason, message) = match passing.first() {
                    Some(first) => {
                        (first.reason, format!("{FOR_A_PERSON}, and beside it: {}", summary(&passing)))
                    }
                    None => (wait.reason, FOR_A_PERSON.to_owned()),
                };
                self.set(RECONCILING, ConditionStatus::False, reason, &message);
                self.set(STALLED, ConditionStatus::True, wait.reason, &wait.message);
            }
            (None, Some(wait)) => {
                let message = summary(&waits.iter().collect::<Vec<_>>());
                self.set(READY, ConditionStatus::False, wait.reason, &message);
                self.set(RECONCILING, ConditionStatus::True, wait.reason, &message);
                self.set(STALLED, ConditionStatus::False, reasons::NOT_STALLED, "");
            }
            (None, None) => {
                self.set(READY, ConditionStatus::True, reasons::SETTLED, done);
                self.set(RECONCILING, ConditionStatus::False, reasons::SETTLED, "");
                self.set(STALLED, ConditionStatus::False, reasons::NOT_STALLED, "");
            }
        }
    }
}

/// What turns a status into another as a merge patch: a field that is no longer said goes, a list is replaced as a whole, so
/// that what somebody else wrote into it does not stay.
#[must_use]
pub fn replacing(before: &Value, after: &Value) -> Value {
    let mut patch = after.clone();
    if let (Some(patch), Some(before)) = (patch.as_object_mut(), before.as_object()) {
        for key in before.keys() {
            patch.entry(key.clone()).or_insert(Value::Null);
        }
    }
    patch
}

/// The conditions made, then those that others keep beside them.
fn with_others(before: &[Condition], mut made: Vec<Condition>) -> Vec<Condition> {
    let others = before.iter().filter(|old| !OURS.contains(&old.kind.as_str()));
    let room = MOST_CONDITIONS.saturating_sub(made.len());
    made.extend(others.take(room).cloned());
    made
}

/// The conditions of an object that a person must correct; the others stay as they are.
#[must_use]
pub fn stalled(
    before: &[Condition],
    generation: Option<i64>,
    now: Timestamp,
    waits: &[Wait],
) -> Vec<Condition> {
    let mut conditions = Conditions::new(before, generation, now);
    conditions.progress(waits, "");
    let made = conditions.made;
    let others = before.iter().filter(|old| made.iter().all(|new| new.kind != old.kind)).cloned();
    made.iter().cloned().chain(others).collect()
}

fn summary(waits: &[&Wait]) -> String {
    let named: Vec<_> = waits.iter().take(NAMED).map(|wait| wait.message.as_str()).collect();
    let more = waits.len().saturating_sub(NAMED);
    let rest = if more == 0 { String::new() } else { format!("; and {more} more") };
    format!("{}{rest}", named.join("; "))
}

/// Whether nothing is to be done but to wait: all of `needed` is true and neither a drain nor this member waits for a vote, or a
/// person must act and nothing else is waited for: a turn, which passes by itself, would be missed.
#[must_use]
pub fn is_settled(conditions: &[Condition], needed: &[&str]) -> bool {
    let is_true = |kind: &str| conditions.iter().any(|c| c.kind == kind && c.status == ConditionStatus::True);
    let settling = conditions.iter().any(|c| c.kind == DRAINABLE && c.reason == reasons::AWAITING_VOTES);
    (needed.iter().all(|kind| is_true(kind)) && !settling && !awaits_admission(conditions))
        || (is_true(STALLED) && !goes_on(conditions))
}

/// Whether a stalled object waits for something beside its person.
fn goes_on(conditions: &[Condition]) -> bool {
    conditions.iter().any(|c| c.kind == RECONCILING && c.message != FOR_A_PERSON)
}

/// The members may admit this one in any block, and its nodes are then to be seated at once.
#[must_use]
pub fn awaits_admission(conditions: &[Condition]) -> bool {
    conditions.iter().any(|c| c.kind == JOINED && c.reason == reasons::NOT_MEMBER)
}

/// Whether two lists of conditions say the same, times aside.
#[must_use]
pub fn conditions_equal(left: &[Condition], right: &[Condition]) -> bool {
    let timeless =
        |condition: &Condition| Condition { last_transition_time: String::new(), ..condition.clone() };
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| timeless(left) == timeless(right))
}

/// Whether a consortium's status is worth writing: something else than height and time has changed, or a minute is over.
#[must_use]
pub fn consortium_worth_writing(before: &ConsortiumStatus, after: &ConsortiumStatus, now: Timestamp) -> bool {
    let still = |status: &ConsortiumStatus| ConsortiumStatus {
        height: None,
        observed_at: None,
        conditions: Vec::new(),
        ..status.clone()
    };
    if still(before) != still(after) || !conditions_equal(&before.conditions, &after.conditions) {
        return true;
    }
    let written = before.observed_at.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    let since = |written: Timestamp| now.as_second().saturating_sub(written.as_second());
    // A time to come is none that this operator wrote: it would silence the height until then.
    let due = written.is_none_or(|written| !(0..HEARTBEAT_S).contains(&since(written)));
    before.height != after.height && due
}

#[cfg(test)]
mod tests;
