//! What must never happen, and how long the seat was without a vote.

use fence::{Place, Record};
use std::collections::BTreeMap;

/// A round and a block prepared in it.
pub type Lock = Option<(u32, u64)>;

/// A signature of the identity, whoever made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its slot.
    pub place: Place,
    /// What for.
    pub content: u64,
    /// The lock that it claims, or makes.
    pub lock: Lock,
}

/// A promise broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Two digests for one slot.
    Conflict {
        /// The slot.
        place: Place,
    },
    /// A ROUND-CHANGE that hides a COMMIT of an earlier round.
    LockHidden {
        /// The ROUND-CHANGE.
        place: Place,
        /// What was committed to.
        committed: (u32, u64),
        /// What it claims.
        claimed: Lock,
    },
    /// The record went back.
    SlotReopened {
        /// The newest slot before.
        before: Place,
        /// And after.
        after: Place,
    },
    /// Signed, and the store never said that it may be.
    Ungranted {
        /// The slot.
        place: Place,
    },
    /// One process votes with two identities.
    TwoTenures,
    /// Faults were over and nobody voted.
    Stuck,
}

/// The phases of the model.
pub mod phase {
    /// ROUND-CHANGE, the first of its round.
    pub const ROUND_CHANGE: u8 = 0;
    /// PREPARE.
    pub const PREPARE: u8 = 2;
    /// COMMIT.
    pub const COMMIT: u8 = 3;
}

/// Everything signed, and everything written.
#[derive(Debug, Default)]
pub struct Oracle {
    signed: BTreeMap<Place, Signed>,
    newest: Option<(Place, u64)>,
    /// The first promise broken.
    pub violation: Option<Violation>,
}

impl Oracle {
    /// A version of the record stands in the store.
    pub fn on_written(&mut self, record: &Record) {
        let after = (record.place, record.epoch);
        if let Some((before, _)) = self.newest.filter(|(before, _)| *before > after.0) {
            self.report(Violation::SlotReopened { before, after: after.0 });
        }
        self.newest = Some(after);
    }

    /// Whether there has ever been a record.
    #[must_use]
    pub const fn has_record(&self) -> bool {
        self.newest.is_some()
    }

    /// A signature leaves a process.
    pub fn on_signed(&mut self, vote: Signed) {
        if self.newest.is_none_or(|(newest, _)| vote.place > newest) {
            self.report(Violation::Ungranted { place: vote.place });
        }
        match self.signed.get(&vote.place) {
            Some(earlier) if earlier.content == vote.content => return,
            Some(_) => return self.report(Violation::Conflict { place: vote.place }),
            None => {}
        }
        self.signed.insert(vote.place, vote);
        self.look_at_locks(vote.place.height);
        let kept = Place { height: vote.place.height.saturating_sub(20), ..Place::default() };
        self.signed = self.signed.split_off(&kept);
    }

    /// Whatever order the signatures came out in: a ROUND-CHANGE claims the newest lock of the rounds before.
    fn look_at_locks(&mut self, height: u64) {
        let of_height = |round, phase| Place { height, round, phase };
        let votes: Vec<Signed> =
            self.signed.range(of_height(0, 0)..of_height(u32::MAX, u8::MAX)).map(|(_, vote)| *vote).collect();
        let mut committed: Lock = None;
        for vote in votes {
            match vote.place.phase {
                phase::COMMIT => committed = Some((vote.place.round, vote.content)),
                phase::ROUND_CHANGE => {
                    let (place, claimed) = (vote.place, vote.lock);
                    if let Some(committed) = committed.filter(|lock| hides(*lock, claimed)) {
                        return self.report(Violation::LockHidden { place, committed, claimed });
                    }
                }
                _ => {}
            }
        }
    }

    /// Keeps the first.
    pub fn report(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }
}

/// A lock of a later round is as good: its COMMIT may have been granted to a process that died before it signed.
fn hides(committed: (u32, u64), claimed: Lock) -> bool {
    claimed.is_none_or(|lock| lock.0 < committed.0 || lock.0 == committed.0 && lock.1 != committed.1)
}
