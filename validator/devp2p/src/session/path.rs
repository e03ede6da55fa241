//! How long the path to a peer may deliver nothing before the connection is given up for a new one.
//!
//! TCP doubles its pauses between retransmissions and so finds a healed link as late as the outage was long, while a new
//! connection is there within a second. But `TCP_USER_TIMEOUT` also counts the time in which a living peer acknowledges
//! and has no room for more (tcp(7)), and a peer whose owner is busy stops reading. Such a peer still sends: this node's
//! Pings leave while nothing is read. So the limit is short only while a peer that was seen to do so sends nothing, and
//! meanwhile a new connection is dialled beside it.

use crate::peers::peer::Peer;
use socket2::{SockRef, Socket};
use std::{convert::Infallible, io, time::Duration};
use tokio::{net::TcpStream, time::sleep};

/// What a path may take as long as nothing says that it is cut.
const PATIENT: Duration = Duration::from_secs(20);
/// What it may take while a peer is silent that should not be.
const SUSPECTED: Duration = Duration::from_secs(5);
/// Silence, in the middle of a stream of Pings, that raises the suspicion: more than one of them is missing or late.
const SILENT: Duration = Duration::from_millis(2500);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// The socket of a session, for its limit alone.
pub(crate) struct Path(Socket);

impl Path {
    pub(crate) fn of(stream: &TcpStream) -> io::Result<Self> {
        let path = Self(SockRef::from(stream).try_clone()?);
        path.0.set_tcp_thin_linear_timeouts(true)?;
        path.limit(PATIENT)?;
        Ok(path)
    }

    /// Whether the socket, when it is closed, throws away what the other end has not got, and says so.
    pub(crate) fn reset_on_close(&self, reset: bool) -> io::Result<()> {
        self.0.set_linger(reset.then_some(Duration::ZERO))
    }

    fn limit(&self, limit: Duration) -> io::Result<()> {
        self.0.set_tcp_user_timeout(Some(limit))
    }

    /// Keeps the limit fitting until the session ends; calls when the path begins to be suspected.
    pub(crate) async fn watch(&self, peer: &Peer, suspected: impl Fn()) -> Infallible {
        // A socket that takes no option is closed, which reading and writing find out.
        judge(peer, |limit| drop(self.limit(limit)), suspected).await
    }
}

/// Whether a peer's Hello names the client that this node is, of whatever version: then it pings as this node does.
pub(crate) fn is_our_client(ours: &str, theirs: &str) -> bool {
    ours.split('/').next() == theirs.split('/').next()
}

async fn judge(peer: &Peer, set: impl Fn(Duration), call: impl Fn()) -> Infallible {
    let mut suspected = false;
    loop {
        sleep(LOOK).await;
        let now = peer.activity.is_never_silent() && peer.activity.silence() >= SILENT;
        if now && peer.activity.suspect() {
            call();
        }
        if now != suspected {
            suspected = now;
            set(if suspected { SUSPECTED } else { PATIENT });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::keepalive::tests::peer, *};
    use parking_lot::Mutex;
    use tokio::time::{Instant, timeout};

    /// The limits set within a minute while the peer does something, and when, in seconds.
    async fn limits(peer: &Peer, doing: impl Future<Output = ()>) -> Vec<(u64, u64)> {
        let (opened, set) = (Instant::now(), Mutex::new(vec![]));
        let note = |limit: Duration| set.lock().push((opened.elapsed().as_secs(), limit.as_secs()));
        let minute = timeout(Duration::from_mins(1), async { tokio::join!(judge(peer, note, || ()), doing) });
        assert!(minute.await.is_err());
        set.into_inner()
    }

    async fn pings(peer: &Peer, every: u64, count: usize) {
        for _ in 0..count {
            sleep(Duration::from_secs(every)).await;
            peer.activity.heard();
            peer.activity.pinged();
        }
    }

    // The clock is paused: time passes only when every task waits for it.
    #[tokio::test(start_paused = true)]
    async fn the_limit_is_short_from_two_and_a_half_seconds_after_the_last_ping_until_the_next() {
        let (peer, _outbound) = peer();
        let cut = async {
            pings(&peer, 1, 3).await;
            sleep(Duration::from_millis(5_800)).await;
            pings(&peer, 1, 60).await;
        };
        assert_eq!(limits(&peer, cut).await, [(5, 5), (10, 20)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_path_stays_suspected_for_ten_seconds_after_the_last_silence_and_is_called_once() {
        let (peer, _outbound) = peer();
        let calls = Mutex::new(0);
        let comes_and_goes = async {
            pings(&peer, 1, 3).await;
            sleep(Duration::from_millis(2_600)).await;
            pings(&peer, 1, 2).await;
            sleep(Duration::from_millis(2_600)).await;
            assert!(peer.activity.is_suspected());
            pings(&peer, 1, 9).await;
            assert!(peer.activity.is_suspected());
            pings(&peer, 1, 2).await;
            assert!(!peer.activity.is_suspected());
        };
        tokio::select! {
            never = judge(&peer, |_| (), || *calls.lock() += 1) => match never {},
            () = comes_and_goes => {}
        }
        assert_eq!(*calls.lock(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_pings_seldom_or_never_is_not_suspected() {
        let (seldom, _outbound) = peer();
        assert_eq!(limits(&seldom, pings(&seldom, 15, 4)).await, []);
        let (never, _outbound) = peer();
        assert_eq!(limits(&never, async {}).await, []);
        assert!(!seldom.activity.is_suspected() && !never.activity.is_suspected());
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_of_our_client_is_suspected_though_it_never_pinged() {
        assert!(is_our_client("quorate/1.2.0", "quorate/1.3.0/linux"));
        assert!(!is_our_client("quorate/1.2.0", "besu/v26.2.0/linux"));
        let (peer, _outbound) = peer();
        peer.activity.pings_often();
        assert_eq!(limits(&peer, async {}).await, [(2, 5)]);
    }

    #[tokio::test(start_paused = true)]
    async fn pings_that_come_at_once_after_a_stop_are_not_taken_for_a_habit() {
        let (peer, _outbound) = peer();
        let seldom = async {
            for _ in 0..3 {
                sleep(Duration::from_secs(15)).await;
                (0..3).for_each(|_| peer.activity.pinged());
            }
        };
        assert_eq!(limits(&peer, seldom).await, []);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_while_this_node_does_not_read_raises_no_suspicion() {
        let (peer, _outbound) = peer();
        let busy = async {
            pings(&peer, 1, 3).await;
            peer.activity.owner_busy(true);
        };
        assert_eq!(limits(&peer, busy).await, []);
        assert!(!peer.activity.is_suspected());
    }
}
