//! Whether a vault is asked at all: not while it wants to be left alone, and not while it fails. Pure: time and chance are
//! arguments.

use std::time::{Duration, Instant};

/// Failures in a row after which the vault is left alone.
const FAILURES: u32 = 5;
/// First and longest time it is left alone for; short, as the seat has no vote meanwhile.
const ALONE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));
/// A trial of which nothing is heard for so long is one that was given up.
const TRIAL: Duration = Duration::from_secs(5);
/// Longest wish to be left alone that is obeyed.
pub(super) const LONGEST_WISH: Duration = Duration::from_mins(1);

/// Whether a vault is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// It is.
    Closed,
    /// With one request, to see whether it answers again.
    HalfOpen,
    /// It is left alone.
    Open,
}

impl Circuit {
    /// As a gauge.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// What who wants to ask is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admit {
    /// Ask.
    Now,
    /// The vault wants to be left alone for so long.
    After(Duration),
    /// Do not ask.
    Open,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { since: Instant },
}

/// The state machine.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// In a row.
    failures: u32,
    /// Times it opened since it was closed.
    opened: u32,
    quiet_until: Option<Instant>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed, failures: 0, opened: 0, quiet_until: None }
    }
}

impl Breaker {
    /// Whether to ask now; who is told so has to tell how it went.
    pub(super) fn admit(&mut self, now: Instant) -> Admit {
        if let Some(left) = self.quiet_until.map(|until| until.saturating_duration_since(now))
            && !left.is_zero()
        {
            return Admit::After(left);
        }
        match self.state {
            State::Closed => Admit::Now,
            State::Open { until } if now < until => Admit::Open,
            State::HalfOpen { since } if now < since + TRIAL => Admit::Open,
            State::Open { .. } | State::HalfOpen { .. } => {
                self.state = State::HalfOpen { since: now };
                Admit::Now
            }
        }
    }

    /// The vault did what it was asked.
    pub(super) fn succeeded(&mut self) {
        let quiet_until = self.quiet_until;
        *self = Self { quiet_until, ..Self::default() };
    }

    /// The vault answers again, though not yet with what it failed to do: it is asked for that, and left alone again at the first
    /// failure.
    pub(super) const fn answered(&mut self) {
        if matches!(self.state, State::HalfOpen { .. }) {
            self.state = State::Closed;
            self.failures = FAILURES - 1;
        }
    }

    /// The vault answered, and wants less: it is there, but what it was asked for is still not done.
    pub(super) fn throttled(&mut self, now: Instant, wish: Option<Duration>) {
        if let Some(wish) = wish {
            let until = now + wish.min(LONGEST_WISH);
            self.quiet_until = Some(self.quiet_until.map_or(until, |known| known.max(until)));
        }
        if matches!(self.state, State::HalfOpen { .. }) {
            self.state = State::Closed;
            self.failures = 0;
        }
    }

    /// The vault did not do what it was asked. `chance` is from 0 to 1.
    pub(super) fn failed(&mut self, now: Instant, chance: f64) {
        self.failures = self.failures.saturating_add(1);
        let opens = match self.state {
            State::Closed => self.failures >= FAILURES,
            State::HalfOpen { .. } => true,
            // Of a request from before.
            State::Open { .. } => false,
        };
        if opens {
            let alone = ALONE.0.saturating_mul(1 << self.opened.min(8)).min(ALONE.1);
            self.opened = self.opened.saturating_add(1);
            self.state = State::Open { until: now + alone.mul_f64(0.75 + chance.clamp(0.0, 1.0) / 4.0) };
        }
    }

    /// As it is told of.
    pub(super) const fn circuit(&self) -> Circuit {
        match self.state {
            State::Closed => Circuit::Closed,
            State::HalfOpen { .. } => Circuit::HalfOpen,
            State::Open { .. } => Circuit::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(at: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert_eq!(breaker.admit(at), Admit::Now);
            breaker.failed(at, 1.0);
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_not_after_some_among_others() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            for _ in 1..FAILURES {
                breaker.failed(now, 0.5);
            }
            breaker.succeeded();
        }
        assert_eq!(breaker.circuit(), Circuit::Closed);
        let mut breaker = opened(now);
        assert_eq!((breaker.circuit(), breaker.admit(now)), (Circuit::Open, Admit::Open));
    }

    #[test]
    fn after_a_while_one_tries_and_the_others_wait_for_what_comes_of_it() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + ALONE.0;
        assert_eq!(breaker.admit(later), Admit::Now);
        assert_eq!((breaker.circuit(), breaker.admit(later)), (Circuit::HalfOpen, Admit::Open));
        breaker.succeeded();
        assert_eq!((breaker.circuit(), breaker.admit(later)), (Circuit::Closed, Admit::Now));
    }

    #[test]
    fn a_trial_that_fails_opens_it_for_longer_up_to_the_longest() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for alone in [500, 1_000, 2_000, 2_000, 2_000] {
            let alone = Duration::from_millis(alone);
            assert_eq!(breaker.admit(now + alone.mul_f64(0.99)), Admit::Open);
            now += alone;
            assert_eq!(breaker.admit(now), Admit::Now);
            breaker.failed(now, 1.0);
        }
    }

    #[test]
    fn a_vault_that_only_answers_is_left_alone_for_longer_at_the_next_failure() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + ALONE.0;
        assert_eq!(breaker.admit(later), Admit::Now);
        breaker.answered();
        assert_eq!((breaker.circuit(), breaker.admit(later)), (Circuit::Closed, Admit::Now));
        breaker.failed(later, 1.0);
        assert_eq!(breaker.admit(later + ALONE.0), Admit::Open);
        assert_eq!(breaker.admit(later + ALONE.0 * 2), Admit::Now);
    }

    #[test]
    fn a_trial_that_nothing_is_heard_of_is_followed_by_another() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + ALONE.0;
        assert_eq!(breaker.admit(later), Admit::Now);
        assert_eq!(breaker.admit(later + TRIAL), Admit::Now);
    }

    #[test]
    fn failures_of_requests_from_before_do_not_prolong_it() {
        let now = Instant::now();
        let mut breaker = opened(now);
        breaker.failed(now + Duration::from_millis(400), 1.0);
        assert_eq!(breaker.admit(now + ALONE.0), Admit::Now);
    }

    #[test]
    fn a_wish_to_be_left_alone_is_obeyed_by_all_and_bounded() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.throttled(now, Some(Duration::from_secs(7)));
        breaker.throttled(now, Some(Duration::from_secs(1)));
        breaker.succeeded();
        assert_eq!(breaker.admit(now), Admit::After(Duration::from_secs(7)));
        assert_eq!(breaker.admit(now + Duration::from_secs(7)), Admit::Now);
        breaker.throttled(now, Some(Duration::from_hours(1)));
        assert_eq!(breaker.admit(now), Admit::After(LONGEST_WISH));
    }

    #[test]
    fn a_vault_that_wants_less_is_there() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + ALONE.0;
        assert_eq!(breaker.admit(later), Admit::Now);
        breaker.throttled(later, None);
        assert_eq!(breaker.admit(later), Admit::Now);
        for _ in 0..100 {
            breaker.throttled(later, None);
        }
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }
}
