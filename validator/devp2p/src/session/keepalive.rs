//! Pings, and the decision that a silent peer is gone.

use crate::{
    DownReason,
    peers::{outbound::Frame, peer::Peer},
    rlpx::message_id,
};
use alloy_primitives::Bytes;
use std::time::Duration;
use tokio::time::sleep;

/// Between two Pings. They keep bytes on the way, so that a path that is cut shows (`path`), and tell a
/// peer that this node lives while it does not read.
const PING_EVERY: Duration = Duration::from_secs(1);
/// Silence after which the peer is gone.
const GONE_AFTER: Duration = Duration::from_secs(30);
/// Time to answer when another connection of the same peer raised a doubt.
const PROBE: Duration = Duration::from_secs(3);

/// `c0` in snappy's block format: data of Ping and Pong.
const EMPTY_LIST: &[u8] = &[0x01, 0x00, 0xc0];

/// Runs until the peer is found to be gone.
pub(crate) async fn keepalive(peer: &Peer) -> DownReason {
    loop {
        let probed = tokio::select! {
            () = sleep(PING_EVERY) => false,
            () = peer.activity.probe_asked() => true,
        };
        if probed {
            if let Some(gone) = probe(peer).await {
                return gone;
            }
        } else if peer.activity.silence() >= GONE_AFTER {
            return DownReason::Idle(GONE_AFTER.as_secs());
        } else if ping(peer).is_none() {
            return DownReason::Slow;
        }
    }
}

async fn probe(peer: &Peer) -> Option<DownReason> {
    if ping(peer).is_none() {
        return Some(DownReason::Slow);
    }
    sleep(PROBE).await;
    (peer.activity.silence() >= PROBE).then(|| DownReason::Idle(PROBE.as_secs()))
}

/// Sends a Ping. Gives its number, or nothing when not even that is taken.
pub(crate) fn ping(peer: &Peer) -> Option<u64> {
    send(peer, message_id::PING).then(|| peer.activity.ping_sent())
}

/// Queues a Ping or Pong before everything else; false when not even those are taken.
pub(crate) fn send(peer: &Peer, id: u8) -> bool {
    peer.outbound.push_urgent(Frame { id, data: Bytes::from_static(EMPTY_LIST) }).is_ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::keepalive;
    use crate::{
        DownReason, RequestError,
        eth::{EthVersion, message::Query},
        peers::{outbound::OutboundReader, peer::Peer},
        rlpx::{capability::Shared, compression::compress, message_id},
    };
    use alloy_primitives::{B256, U256};
    use std::{net::SocketAddr, time::Duration};
    use tokio::time::{Instant, timeout};

    pub(in crate::session) fn peer() -> (Peer, OutboundReader) {
        let info = crate::PeerInfo {
            id: crate::PeerId::ZERO,
            client: String::new(),
            remote: SocketAddr::from(([127, 0, 0, 1], 1)),
            inbound: true,
            standing: crate::Standing::Member,
            eth_version: 68,
            istanbul: true,
            head_hash: B256::ZERO,
            head_number: 0,
            earliest: 0,
            total_difficulty: U256::ZERO,
        };
        Peer::new(
            0,
            info,
            Shared { eth: EthVersion::V68, eth_base: 0x10, istanbul_base: Some(0x21), own_base: None },
        )
    }

    #[test]
    fn the_empty_list_is_what_snappy_makes_of_it() {
        assert_eq!(compress(&[0xc0]).unwrap(), super::EMPTY_LIST);
    }

    // The clock is paused: time passes only when every task waits for it.
    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_asked_every_second_and_gone_after_thirty() {
        let (peer, mut outbound) = peer();
        let opened = Instant::now();
        assert_eq!(keepalive(&peer).await, DownReason::Idle(30));
        assert_eq!(opened.elapsed().as_secs(), 30);
        let pings = std::iter::from_fn(|| outbound.try_next()).filter(|frame| frame.id == message_id::PING);
        assert_eq!(pings.count(), 29);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_heard_stays() {
        let (peer, mut outbound) = peer();
        let answering = async {
            while let Some(frame) = outbound.next().await {
                assert_eq!(frame.id, message_id::PING);
                peer.activity.heard();
            }
        };
        let long = timeout(Duration::from_hours(1), async { tokio::join!(keepalive(&peer), answering) });
        assert!(long.await.is_err(), "an hour of Pings and Pongs");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_does_not_count_while_the_owner_is_busy() {
        let (peer, mut outbound) = peer();
        peer.activity.owner_busy(true);
        let draining = async { while outbound.next().await.is_some() {} };
        let long = timeout(Duration::from_hours(1), async { tokio::join!(keepalive(&peer), draining) });
        assert!(long.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_doubted_peer_has_three_seconds_to_answer() {
        let (peer, _outbound) = peer();
        let opened = Instant::now();
        peer.activity.ask_probe();
        assert_eq!(keepalive(&peer).await, DownReason::Idle(3));
        assert_eq!(opened.elapsed().as_secs(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unanswered_request_ends_after_five_seconds() {
        let (peer, mut outbound) = peer();
        let asked = Instant::now();
        let answer = peer.ask(&Query::Bodies(vec![B256::ZERO])).await;
        assert_eq!(answer, Err(RequestError::Timeout { after: Duration::from_secs(5) }));
        assert_eq!(asked.elapsed().as_secs(), 5);
        assert!(outbound.try_next().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_five_requests_are_outstanding() {
        let (peer, mut outbound) = peer();
        let query = Query::Bodies(vec![B256::ZERO]);
        let ask = |seconds| timeout(Duration::from_secs(seconds), peer.ask(&query));
        let six = tokio::join!(ask(4), ask(4), ask(4), ask(4), ask(4), ask(3));
        assert!(six.5.is_err());
        assert_eq!(std::iter::from_fn(|| outbound.try_next()).count(), 5);
    }
}
