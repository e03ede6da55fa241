//! Several tries to reach one peer, beside each other: at most one of them goes so far that the other end may hold it for
//! the connection.

use super::keepalive::ping;
use crate::peers::{peer::Peer, table::Refusal};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Between two tries while nothing is heard of the peer.
const APART: Duration = Duration::from_millis(500);
/// Longest pause between two answers of a peer that is there, on a path of the longest round trips.
const ANSWER: Duration = Duration::from_secs(1);

/// What the tries know of each other.
pub(crate) struct Race {
    /// The session that a suspicion fell on, if there is one.
    older: Option<Arc<Peer>>,
    state: Mutex<State>,
    committed: Notify,
}

struct State {
    /// When it is time for another try.
    next: Instant,
    /// The try that may have become the connection, and since when.
    committed: Option<(u64, Instant)>,
}

/// One try.
pub(crate) struct Try {
    race: Arc<Race>,
    pub(crate) number: u64,
    /// A Ping on the older session, sent when this try began.
    ping: Option<u64>,
}

impl Race {
    pub(crate) fn new(older: Option<Arc<Peer>>) -> Arc<Self> {
        let state = Mutex::new(State { next: Instant::now(), committed: None });
        Arc::new(Self { older, state, committed: Notify::new() })
    }

    /// Begins a try.
    pub(crate) fn begin(self: &Arc<Self>, number: u64) -> Try {
        self.postpone(APART);
        let ping = self.older.as_deref().and_then(ping);
        Try { race: Arc::clone(self), number, ping }
    }

    fn postpone(&self, pause: Duration) {
        let mut state = self.state.lock();
        state.next = state.next.max(Instant::now() + pause);
    }

    /// Waits until it is time for another try.
    pub(crate) async fn next(&self) {
        loop {
            let next = self.state.lock().next;
            if next <= Instant::now() {
                return;
            }
            sleep_until(next).await;
        }
    }

    /// Waits until a try was committed. Gives its number.
    pub(crate) async fn committed(&self) -> u64 {
        loop {
            self.committed.notified().await;
            if let Some((number, _)) = self.state.lock().committed {
                return number;
            }
        }
    }
}

impl Try {
    /// The peer has answered.
    pub(crate) fn moved(&self) {
        self.race.postpone(ANSWER);
    }

    /// To be called before the Status is sent, with which the other end gives up older connections. Waits for a try
    /// that went so far before; refuses if the older session has answered while this try went on.
    pub(crate) async fn commit(&self) -> Result<(), Refusal> {
        let lives = |older: &Arc<Peer>| {
            !older.is_stopped() && self.ping.is_some_and(|ping| older.activity.answered(ping))
        };
        if self.race.older.as_ref().is_some_and(lives) {
            return Err(Refusal::Duplicate);
        }
        while let Some(until) = self.taken_until() {
            sleep_until(until).await;
        }
        self.moved();
        Ok(())
    }

    /// Takes the place, or tells until when another has it.
    fn taken_until(&self) -> Option<Instant> {
        let mut state = self.race.state.lock();
        let now = Instant::now();
        let until = state.committed.map(|(_, since)| since + ANSWER).filter(|until| *until > now);
        if until.is_none() {
            state.committed = Some((self.number, now));
            drop(state);
            self.race.committed.notify_one();
        }
        until
    }
}

#[cfg(test)]
mod tests {
    use super::{super::keepalive::tests::peer, ANSWER, APART, Race};
    use crate::peers::table::Refusal;
    use std::{sync::Arc, time::Duration};
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn another_try_begins_after_half_a_second_and_a_second_after_the_last_answer() {
        let race = Race::new(None);
        let began = Instant::now();
        let one = race.begin(1);
        race.next().await;
        assert_eq!(began.elapsed(), APART);
        one.moved();
        race.next().await;
        assert_eq!(began.elapsed(), APART + ANSWER);
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_waits_until_the_one_that_went_so_far_has_had_its_answer() {
        let race = Race::new(None);
        let (one, two) = (race.begin(1), race.begin(2));
        let began = Instant::now();
        one.commit().await.unwrap();
        assert_eq!(race.committed().await, 1);
        assert_eq!(began.elapsed(), Duration::ZERO);
        two.commit().await.unwrap();
        assert_eq!(race.committed().await, 2);
        assert_eq!(began.elapsed(), ANSWER);
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_is_given_up_when_the_older_session_has_answered_since_it_began() {
        let (older, _outbound) = peer();
        let older = Arc::new(older);
        older.activity.ping_sent();
        let race = Race::new(Some(Arc::clone(&older)));
        let one = race.begin(1);
        // To the Ping before.
        older.activity.ponged();
        assert_eq!(one.commit().await, Ok(()));
        older.activity.ponged();
        assert_eq!(one.commit().await, Err(Refusal::Duplicate));
    }
}
