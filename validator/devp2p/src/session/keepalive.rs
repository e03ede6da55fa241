//! Pings, and the decision that a silent peer is gone.

use crate::{
    DownReason,
    peers::{outbound::Frame, peer::Peer},
    rlpx::message_id,
};
use alloy_primitives::Bytes;
use std::time::Duration;
use tokio::time::sleep;

/// Silence after which a Ping is sent.
const PING_AFTER: Duration = Duration::from_secs(15);
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
            () = sleep(PING_AFTER) => false,
            () = peer.activity.probe_asked() => true,
        };
        if probed {
            if let Some(gone) = probe(peer).await {
                return gone;
            }
        } else if peer.activity.silence() >= GONE_AFTER {
            return DownReason::Idle(GONE_AFTER.as_secs());
        } else if !send(peer, message_id::PING) {
            return DownReason::Slow;
        }
    }
}

async fn probe(peer: &Peer) -> Option<DownReason> {
    if !send(peer, message_id::PING) {
        return Some(DownReason::Slow);
    }
    sleep(PROBE).await;
    (peer.activity.silence() >= PROBE).then(|| DownReason::Idle(PROBE.as_secs()))
}

/// Queues a Ping or Pong before everything else; false when not even those are taken.
pub(crate) fn send(peer: &Peer, id: u8) -> bool {
    peer.outbound.push_urgent(Frame { id, data: Bytes::from_static(EMPTY_LIST) }).is_ok()
}

#[cfg(test)]
mod tests {
    use crate::rlpx::compression::compress;

    #[test]
    fn the_empty_list_is_what_snappy_makes_of_it() {
        assert_eq!(compress(&[0xc0]).unwrap(), super::EMPTY_LIST);
    }
}
