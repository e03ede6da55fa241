//! What peers do, handed to whom it concerns. Never waits: a peer must not be able to hold up another one's votes.

use crate::{
    driver::{Incoming, Verifier},
    gossip::Inbound,
    sync::{Hint, SyncHandle},
};
use devp2p::Event;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Where events go.
pub struct Routes {
    /// Consensus payloads.
    pub verifier: Verifier,
    /// Blocks and heads.
    pub sync: SyncHandle,
    /// Transactions.
    pub gossip: mpsc::Sender<Inbound>,
}

/// Routes events until told to stop; then they are thrown away, so that no peer's task waits while the network stops.
pub async fn route(mut events: mpsc::Receiver<Event>, routes: Routes, stop: CancellationToken) {
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.recv() => event,
        };
        let Some(event) = event else { return };
        match event {
            Event::PeerUp { peer } => {
                tracing::info!(peer = %peer.remote, client = %peer.client, inbound = peer.inbound, "peer connected");
                routes.sync.hint(Hint::Peers);
            }
            Event::PeerDown { id, reason } => {
                tracing::info!(peer = %hex::encode(&id[..4]), %reason, "peer gone");
            }
            Event::Consensus { from, code, payload } => {
                routes.verifier.check(Incoming { from, code, payload });
            }
            Event::NewBlock { from, block, .. } => routes.sync.hint(Hint::Block(from, block)),
            Event::NewBlockHashes { .. } => routes.sync.hint(Hint::Peers),
            // A full queue means more than we can take: other peers, or blocks, will bring them again.
            Event::Transactions { from, raw } => drop(routes.gossip.try_send(Inbound::Full(from, raw))),
            Event::TransactionHashes { from, hashes } => {
                drop(routes.gossip.try_send(Inbound::Announced(from, hashes)));
            }
        }
    }
}
