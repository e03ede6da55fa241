//! Who leads: the record of `coordination.k8s.io/v1` Lease, as client-go's leader election reads and writes it. Another's
//! clock is never trusted: a lease has expired when its record has not changed for its duration by our own clock.

use k8s_openapi::{
    api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime, jiff::Timestamp,
};

/// How long things last, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// A lease that is not renewed for so long may be taken by another.
    pub duration_ms: u64,
    /// A leader that could not renew for so long stops acting; shorter than the lease, so that it ends before another begins.
    pub renew_deadline_ms: u64,
}

/// One candidate.
#[derive(Debug)]
pub struct Candidate {
    me: String,
    terms: Terms,
    seen: Option<(LeaseSpec, u64)>,
}

/// What a candidate does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Write this record, as the successor of the one that was read.
    Write(Box<LeaseSpec>),
    /// Another leads.
    Follow(String),
}

impl Candidate {
    /// One that has seen nothing yet; `me` differs between all replicas.
    #[must_use]
    pub const fn new(me: String, terms: Terms) -> Self {
        Self { me, terms, seen: None }
    }

    /// Whether the record names us.
    #[must_use]
    pub fn holds(&self, record: &LeaseSpec) -> bool {
        record.holder_identity.as_deref() == Some(self.me.as_str())
    }

    /// Looks at the record as it stands; `steady_ms` is a clock that never jumps, `wall` is for people to read.
    pub fn step(&mut self, found: Option<&LeaseSpec>, steady_ms: u64, wall: Timestamp) -> Step {
        let Some(found) = found else { return Step::Write(Box::new(self.record(None, wall))) };
        let since = match &self.seen {
            Some((seen, since)) if seen == found => *since,
            _ => steady_ms,
        };
        self.seen = Some((found.clone(), since));
        let holder = found.holder_identity.clone().unwrap_or_default();
        let lasts = found
            .lease_duration_seconds
            .and_then(|s| u64::try_from(s).ok())
            .map_or(self.terms.duration_ms, |s| s * 1000);
        if holder.is_empty() || holder == self.me || steady_ms >= since.saturating_add(lasts) {
            return Step::Write(Box::new(self.record(Some(found), wall)));
        }
        Step::Follow(holder)
    }

    /// The record that gives the lease up: another may take it at once.
    #[must_use]
    pub fn release(&self, found: &LeaseSpec, wall: Timestamp) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(wall)),
            ..found.clone()
        }
    }

    fn record(&self, before: Option<&LeaseSpec>, wall: Timestamp) -> LeaseSpec {
        let ours = before.is_some_and(|before| self.holds(before));
        let transitions = before.and_then(|before| before.lease_transitions).unwrap_or(0);
        let acquired = before.filter(|_| ours).and_then(|before| before.acquire_time.clone());
        LeaseSpec {
            holder_identity: Some(self.me.clone()),
            lease_duration_seconds: i32::try_from(self.terms.duration_ms.div_ceil(1000)).ok(),
            acquire_time: acquired.or(Some(MicroTime(wall))),
            renew_time: Some(MicroTime(wall)),
            lease_transitions: Some(if ours || before.is_none() { transitions } else { transitions + 1 }),
            ..LeaseSpec::default()
        }
    }
}

/// Until when a leader may write that began the renewal that succeeded at `renewed_ms`.
#[must_use]
pub const fn valid_until(renewed_ms: u64, terms: &Terms) -> u64 {
    renewed_ms.saturating_add(terms.renew_deadline_ms)
}

#[cfg(test)]
mod tests {
    use super::{Candidate, Step, Terms, valid_until};
    use k8s_openapi::{api::coordination::v1::LeaseSpec, jiff::Timestamp};

    const TERMS: Terms = Terms { duration_ms: 15_000, renew_deadline_ms: 10_000 };

    fn candidate(name: &str) -> Candidate {
        Candidate::new(name.to_owned(), TERMS)
    }

    fn written(step: Step) -> LeaseSpec {
        match step {
            Step::Write(record) => *record,
            Step::Follow(holder) => panic!("{holder} leads"),
        }
    }

    #[test]
    fn a_lease_is_taken_when_there_is_none_when_it_is_given_up_and_when_it_stood_still_for_its_duration() {
        let (mut a, mut b) = (candidate("a"), candidate("b"));
        let at = |s: i64| Timestamp::from_second(s).expect("a time");
        let first = written(a.step(None, 0, at(0)));
        assert_eq!(b.step(Some(&first), 1_000, at(1)), Step::Follow("a".to_owned()));
        let renewed = written(a.step(Some(&first), 10_000, at(10)));
        assert_eq!(renewed.acquire_time, first.acquire_time);
        assert_eq!(renewed.lease_transitions, Some(0));
        assert_eq!(b.step(Some(&renewed), 16_000, at(16)), Step::Follow("a".to_owned()), "it moved");
        assert_eq!(b.step(Some(&renewed), 30_999, at(99)), Step::Follow("a".to_owned()), "by our clock");
        let taken = written(b.step(Some(&renewed), 31_000, at(31)));
        assert_eq!((taken.holder_identity.as_deref(), taken.lease_transitions), (Some("b"), Some(1)));
        assert_eq!(a.step(Some(&taken), 31_001, at(31)), Step::Follow("b".to_owned()));
        let given = b.release(&taken, at(32));
        assert_eq!(written(a.step(Some(&given), 31_002, at(32))).holder_identity.as_deref(), Some("a"));
    }

    #[test]
    fn a_leader_stops_before_another_may_begin() {
        let renewal_began = 1_000;
        let another_at_the_earliest = renewal_began + TERMS.duration_ms;
        assert!(valid_until(renewal_began, &TERMS) < another_at_the_earliest);
    }
}
