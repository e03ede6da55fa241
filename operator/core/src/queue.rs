//! Whose turn it is: objects wait here for a pass, each at most once. What a user or a child changed goes before what is
//! merely due, failures wait longer each time, and no object is worked on twice at once. Times are milliseconds of any
//! steady clock.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

/// First wait after a failure.
const FIRST_WAIT_MS: u64 = 500;
/// Longest wait after failures.
const LONGEST_WAIT_MS: u64 = 60_000;
/// Of so many turns one goes to what is merely due, however much has changed.
const DUE_EVERY: u32 = 4;

/// Why an object is to have a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Time has come.
    Due,
    /// Something it depends on has changed; several such changes make one pass.
    Related,
    /// A child of it has changed.
    Changed,
    /// Its user has changed it: earlier failures say nothing about what it is now.
    Edited,
}

/// What became of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; the next pass is due so many milliseconds later.
    Again(u64),
    /// Done; the next pass is when something changes.
    Await,
    /// Failed: longer and longer waits.
    Failed,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// When its pass is due.
    due: Option<u64>,
    /// It goes before those that are merely due.
    urgent: bool,
    /// A pass is under way.
    running: bool,
    /// Failures in a row.
    failures: u32,
    /// Before this nothing but an edit starts a pass.
    rest_until: u64,
}

/// The objects that wait.
#[derive(Debug)]
pub struct Queue<K> {
    entries: HashMap<K, Entry>,
    urgent: BTreeSet<(u64, K)>,
    due: BTreeSet<(u64, K)>,
    turn: u32,
}

impl<K: Clone + Eq + Hash + Ord> Default for Queue<K> {
    fn default() -> Self {
        Self { entries: HashMap::new(), urgent: BTreeSet::new(), due: BTreeSet::new(), turn: 0 }
    }
}

impl<K: Clone + Eq + Hash + Ord> Queue<K> {
    /// Asks for a pass at `at`, or sooner if one is asked for already.
    pub fn wake(&mut self, key: &K, at: u64, urgency: Urgency) {
        let mut entry = self.entries.get(key).copied().unwrap_or_default();
        self.unlist(key, &entry);
        if urgency == Urgency::Edited {
            (entry.failures, entry.rest_until) = (0, 0);
        }
        let at = at.max(entry.rest_until);
        entry.due = Some(entry.due.map_or(at, |due| due.min(at)));
        entry.urgent |= urgency >= Urgency::Changed;
        self.list(key, entry);
    }

    /// The object whose turn it is; its pass begins.
    pub fn next(&mut self, now: u64) -> Option<K> {
        self.turn = self.turn.wrapping_add(1);
        let first = |set: &BTreeSet<(u64, K)>| set.first().filter(|(at, _)| *at <= now).cloned();
        let (urgent, due) = (first(&self.urgent), first(&self.due));
        let chosen = if self.turn.is_multiple_of(DUE_EVERY) { due.or(urgent) } else { urgent.or(due) };
        let (_, key) = chosen?;
        let mut entry = self.entries.get(&key).copied()?;
        self.unlist(&key, &entry);
        (entry.running, entry.due, entry.urgent) = (true, None, false);
        self.entries.insert(key.clone(), entry);
        Some(key)
    }

    /// A pass is over. `jitter` in 0..1 spreads what would else march in step: up to a quarter later.
    pub fn finished(&mut self, key: &K, outcome: Outcome, now: u64, jitter: f64) {
        let Some(mut entry) = self.entries.get(key).copied() else { return };
        entry.running = false;
        match outcome {
            Outcome::Again(after) => {
                let at = now + spread(after, jitter);
                (entry.failures, entry.rest_until) = (0, 0);
                entry.due = Some(entry.due.map_or(at, |due| due.min(at)));
            }
            Outcome::Await => (entry.failures, entry.rest_until) = (0, 0),
            Outcome::Failed => {
                let wait = spread(backoff(entry.failures), jitter);
                entry.failures = entry.failures.saturating_add(1);
                entry.rest_until = now + wait;
                entry.due = Some(entry.rest_until);
            }
        }
        if entry.due.is_none() {
            self.entries.remove(key);
        } else {
            self.list(key, entry);
        }
    }

    /// The object is gone: nothing is due for it.
    pub fn forget(&mut self, key: &K) {
        if let Some(entry) = self.entries.get(key).copied() {
            self.unlist(key, &entry);
            if entry.running {
                self.entries.insert(key.clone(), Entry { running: true, ..Entry::default() });
            } else {
                self.entries.remove(key);
            }
        }
    }

    /// When the next turn comes.
    #[must_use]
    pub fn next_at(&self) -> Option<u64> {
        let at = |set: &BTreeSet<(u64, K)>| set.first().map(|(at, _)| *at);
        at(&self.urgent).into_iter().chain(at(&self.due)).min()
    }

    /// Objects whose pass is due and has not begun.
    #[must_use]
    pub fn waiting(&self, now: u64) -> usize {
        let ready = |set: &BTreeSet<(u64, K)>| set.iter().take_while(|(at, _)| *at <= now).count();
        ready(&self.urgent) + ready(&self.due)
    }

    /// Objects whose last pass failed.
    #[must_use]
    pub fn failing(&self) -> usize {
        self.entries.values().filter(|entry| entry.failures > 0).count()
    }

    /// Running objects are in neither list: what wakes them meanwhile is listed when they have finished.
    fn list(&mut self, key: &K, entry: Entry) {
        if let Some(due) = entry.due.filter(|_| !entry.running) {
            let set = if entry.urgent { &mut self.urgent } else { &mut self.due };
            set.insert((due, key.clone()));
        }
        self.entries.insert(key.clone(), entry);
    }

    fn unlist(&mut self, key: &K, entry: &Entry) {
        if let Some(due) = entry.due.filter(|_| !entry.running) {
            let set = if entry.urgent { &mut self.urgent } else { &mut self.due };
            set.remove(&(due, key.clone()));
        }
    }
}

fn backoff(failures: u32) -> u64 {
    FIRST_WAIT_MS.saturating_mul(1 << failures.min(20)).min(LONGEST_WAIT_MS)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "milliseconds of some minutes"
)]
fn spread(after: u64, jitter: f64) -> u64 {
    after + (after as f64 / 4.0 * jitter.clamp(0.0, 1.0)) as u64
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Queue, Urgency};

    #[test]
    fn what_changed_goes_first_but_what_is_due_gets_every_fourth_turn() {
        let mut queue = Queue::default();
        for number in 0..8 {
            queue.wake(&format!("due-{number}"), 0, Urgency::Due);
            queue.wake(&format!("edited-{number}"), 5, Urgency::Edited);
        }
        let turns: Vec<_> = std::iter::from_fn(|| queue.next(10)).collect();
        assert_eq!(turns.len(), 16);
        assert!(turns[..4].iter().filter(|key| key.starts_with("due")).count() == 1, "{turns:?}");
        assert!(turns[..8].iter().filter(|key| key.starts_with("due")).count() == 2, "{turns:?}");
    }

    #[test]
    fn an_object_has_one_pass_at_a_time_and_what_woke_it_meanwhile_makes_one_more() {
        let mut queue = Queue::default();
        queue.wake(&"a", 0, Urgency::Edited);
        assert_eq!(queue.next(0), Some("a"));
        queue.wake(&"a", 0, Urgency::Changed);
        queue.wake(&"a", 0, Urgency::Related);
        assert_eq!(queue.next(1), None, "its pass is under way");
        queue.finished(&"a", Outcome::Again(10_000), 1, 0.0);
        assert_eq!(queue.next(1), Some("a"));
        queue.finished(&"a", Outcome::Again(10_000), 2, 1.0);
        assert_eq!((queue.next(12_501), queue.next_at()), (None, Some(12_502)), "up to a quarter later");
        assert_eq!(queue.next(12_502), Some("a"));
    }

    #[test]
    fn a_broken_object_waits_longer_each_time_whatever_its_children_do_and_an_edit_ends_the_wait() {
        let mut queue = Queue::default();
        queue.wake(&"broken", 0, Urgency::Edited);
        let mut now = 0;
        for wait in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            assert_eq!(queue.next(now), Some("broken"));
            queue.finished(&"broken", Outcome::Failed, now, 0.0);
            queue.wake(&"broken", now, Urgency::Changed);
            assert_eq!(queue.next(now + wait - 1), None, "rests {wait} ms");
            now += wait;
        }
        assert_eq!((queue.failing(), queue.waiting(now)), (1, 1));
        queue.next(now).expect("its turn");
        queue.finished(&"broken", Outcome::Failed, now, 0.0);
        queue.wake(&"broken", now + 1, Urgency::Edited);
        assert_eq!(queue.next(now + 1), Some("broken"));
        queue.finished(&"broken", Outcome::Await, now + 1, 0.0);
        assert_eq!((queue.failing(), queue.next_at()), (0, None));
    }

    #[test]
    fn what_is_forgotten_comes_back_only_when_woken() {
        let mut queue = Queue::default();
        queue.wake(&"gone", 0, Urgency::Due);
        queue.forget(&"gone");
        assert_eq!(queue.next(1), None);
        queue.wake(&"gone", 0, Urgency::Due);
        assert_eq!(queue.next(1), Some("gone"));
        queue.forget(&"gone");
        queue.finished(&"gone", Outcome::Await, 1, 0.0);
        assert_eq!((queue.waiting(9), queue.next_at()), (0, None));
    }
}
