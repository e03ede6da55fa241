//! How long a signature may take and when a vault is asked again. Pure: time and chance are arguments.
//!
//! A vote is of use while its round lasts, so that is what it gets; an attempt gets half of it, so that a lost answer leaves
//! time for another one. Pauses are short, because what a vault refuses with 429 it mostly grants a moment later, and never all
//! the same, so that validators which were refused together do not come back together.

use super::breaker::LONGEST_WISH;
use azure_access::vault::VaultError;
use std::time::Duration;

/// For what is no vote.
pub const ASIDE: Duration = Duration::from_secs(2);
/// Least and most that a vote gets.
const VOTE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// Rounds whose timeout doubles, as far as signatures are concerned.
const DOUBLINGS: u32 = 3;
/// Least that an attempt gets, if there is as much.
const LEAST_ATTEMPT: Duration = Duration::from_millis(300);
/// Less is not worth an attempt.
const WORTH_ASKING: Duration = Duration::from_millis(20);
/// Attempts at one signature.
const MOST_ATTEMPTS: u32 = 8;
/// First and longest pause between attempts at one signature.
const PAUSE: (Duration, Duration) = (Duration::from_millis(15), Duration::from_millis(240));
/// First and longest pause of who waits for its key.
const WAIT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// First and longest pause after a token was not renewed.
const RENEWAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// What comes after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another one, after this pause.
    Again(Duration),
    /// Nothing.
    GiveUp,
}

/// For a vote of this round.
#[must_use]
pub fn vote(request_timeout_ms: u64, round: u32) -> Duration {
    let timeout = Duration::from_millis(request_timeout_ms);
    timeout.saturating_mul(1 << round.min(DOUBLINGS)).clamp(VOTE.0, VOTE.1)
}

/// For one attempt, of a budget of which so much is left.
#[must_use]
pub fn attempt(budget: Duration, left: Duration) -> Duration {
    (budget / 2).max(LEAST_ATTEMPT).min(left)
}

/// What to do after this attempt, the first being 1. `chance` is from 0 to 1.
#[must_use]
pub fn after(error: &VaultError, attempts: u32, left: Duration, chance: f64) -> Next {
    if !error.is_passing() || attempts >= MOST_ATTEMPTS {
        return Next::GiveUp;
    }
    let pause = pause(PAUSE, attempts, chance).max(error.retry_after().unwrap_or_default());
    if pause + WORTH_ASKING > left { Next::GiveUp } else { Next::Again(pause) }
}

/// Until a vault is asked again for the key itself; there is no last time. What it wishes comes before, so that those who were refused
/// together do not come back together.
#[must_use]
pub fn wait(error: &VaultError, attempts: u32, chance: f64) -> Duration {
    pause(WAIT, attempts, chance) + error.retry_after().unwrap_or_default().min(LONGEST_WISH)
}

/// Until the token service is asked again whether there is something to renew, after so many failures in a row.
#[must_use]
pub fn renewal(failures: u32, chance: f64) -> Duration {
    if failures == 0 { RENEWAL.0 } else { pause(RENEWAL, failures, chance) }
}

fn pause((first, longest): (Duration, Duration), attempts: u32, chance: f64) -> Duration {
    let doubled = first.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(longest);
    doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn throttled(retry_after: Option<Duration>) -> VaultError {
        VaultError::Throttled { retry_after }
    }

    #[test]
    fn a_vote_has_as_long_as_its_round_within_bounds() {
        for (timeout, round, budget) in [
            (1_500, 0, ms(1_500)),
            (1_500, 1, ms(3_000)),
            (1_500, 2, ms(6_000)),
            (1_500, 3, ms(10_000)),
            (1_500, u32::MAX, ms(10_000)),
            (100, 0, ms(500)),
            (u64::MAX, 9, ms(10_000)),
        ] {
            assert_eq!(vote(timeout, round), budget, "{timeout} ms, round {round}");
        }
    }

    #[test]
    fn an_attempt_leaves_time_for_another_one() {
        for (budget, left, limit) in [
            (ms(1_500), ms(1_500), ms(750)),
            (ms(1_500), ms(200), ms(200)),
            (ms(500), ms(500), ms(300)),
            (ms(500), ms(0), ms(0)),
        ] {
            assert_eq!(attempt(budget, left), limit, "{budget:?}, {left:?} left");
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_differ_by_chance() {
        let error = throttled(None);
        for (attempts, chance, pause) in [
            (1, 0.0, ms(15) / 2),
            (1, 1.0, ms(15)),
            (2, 1.0, ms(30)),
            (5, 1.0, ms(240)),
            (7, 1.0, ms(240)),
            (7, 0.5, ms(180)),
        ] {
            assert_eq!(after(&error, attempts, ms(1_000), chance), Next::Again(pause), "{attempts}");
        }
        assert_eq!(after(&error, MOST_ATTEMPTS, ms(60_000), 0.5), Next::GiveUp);
    }

    #[test]
    fn a_vaults_wish_is_obeyed_and_ends_what_cannot_wait_so_long() {
        let error = throttled(Some(ms(1_000)));
        assert_eq!(after(&error, 1, ms(1_100), 0.5), Next::Again(ms(1_000)));
        assert_eq!(after(&error, 1, ms(1_019), 0.5), Next::GiveUp);
        assert_eq!(wait(&throttled(Some(ms(20_000))), 1, 0.0), ms(20_250));
        assert_eq!(wait(&throttled(Some(ms(3_600_000))), 1, 0.0), ms(60_250));
    }

    #[test]
    fn what_does_not_pass_by_itself_is_not_tried_again_and_neither_is_what_comes_too_late() {
        for error in [
            VaultError::Forbidden { code: "ForbiddenByRbac".to_owned() },
            VaultError::Disabled("KeyDisabled".to_owned()),
            VaultError::NotFound("KeyNotFound".to_owned()),
            VaultError::Token("AADSTS700213".to_owned()),
        ] {
            assert_eq!(after(&error, 1, ms(10_000), 0.5), Next::GiveUp, "{error}");
        }
        assert_eq!(after(&VaultError::Deadline, 1, ms(25), 1.0), Next::GiveUp);
        assert!(matches!(after(&VaultError::Deadline, 1, ms(100), 1.0), Next::Again(_)));
    }

    #[test]
    fn a_token_service_that_refuses_is_asked_ever_more_rarely() {
        assert_eq!(renewal(0, 0.5), ms(1_000));
        for (failures, longest) in [(1, ms(1_000)), (2, ms(2_000)), (4, ms(8_000)), (u32::MAX, ms(60_000))] {
            assert_eq!((renewal(failures, 0.0), renewal(failures, 1.0)), (longest / 2, longest));
        }
    }

    #[test]
    fn who_waits_for_a_key_asks_for_ever_at_most_every_few_seconds() {
        for attempts in [1, 2, 10, u32::MAX] {
            let pause = wait(&VaultError::Deadline, attempts, 1.0);
            assert!((WAIT.0..=WAIT.1).contains(&pause), "{pause:?}");
        }
    }
}
