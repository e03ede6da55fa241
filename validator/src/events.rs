//! What peers do, handed to whom it concerns. Never waits: a peer must not be able to hold up another one's votes.

use crate::{
    announce::Offer as SeatOffer,
    driver::{Incoming, Offer as PreviewOffer, Verifier},
    gossip::{self, Inbound, Offer},
    reseat::Offer as RecordOffer,
    sync::{Hint, SyncHandle},
};
use devp2p::{Event, Events, Notice};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Where events go.
pub struct Routes {
    /// Consensus payloads.
    pub verifier: Verifier,
    /// Blocks and heads.
    pub sync: SyncHandle,
    /// What will be proposed.
    pub previews: mpsc::Sender<PreviewOffer>,
    /// Which node carries which seat.
    pub announced: mpsc::Sender<SeatOffer>,
    /// Recovery records.
    pub recovery: mpsc::Sender<RecordOffer>,
    /// Transactions.
    pub gossip: mpsc::Sender<Inbound>,
}

/// Routes events until told to stop; then they are thrown away, so that no peer's task waits while the network stops.
pub async fn route(mut events: Events, routes: Routes, stop: CancellationToken) {
    let budget = Arc::new(Semaphore::new(gossip::BUDGET_KIB));
    // Without room for it a message is dropped: its sender reminds us, other peers or blocks bring it.
    let offer = |offer: Offer| {
        if let Some(inbound) = Inbound::within(&budget, offer) {
            let _ = routes.gossip.try_send(inbound);
        }
    };
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.recv() => event,
        };
        let Some(event) = event else { return };
        match event {
            Event::PeerUp { peer } => {
                tracing::info!(peer = %peer.remote, client = %peer.client, inbound = peer.inbound, "peer connected");
                routes.sync.hint(Hint::Connected(peer.id));
                let _ = routes.recovery.try_send(RecordOffer::Connected(peer.id));
                let _ = routes.announced.try_send(SeatOffer::Connected(peer.id));
                if peer.istanbul {
                    routes.verifier.arrived(peer.id);
                }
            }
            Event::PeerDown { id, reason } => {
                tracing::info!(peer = %hex::encode(&id[..4]), %reason, "peer gone");
            }
            Event::Consensus { from, code, payload } => {
                routes.verifier.check(Incoming { from, code, payload });
            }
            Event::Preview { from, preview } => {
                // Without room for it the proposal is run when it comes.
                let _ = routes.previews.try_send((from, preview));
            }
            Event::Notice { from, notice: Notice::Recovery, payload } => {
                // Without room for it another peer's will do: whoever took it up sends it to all, and to who connects.
                let _ = routes.recovery.try_send(RecordOffer::Record(from, payload));
            }
            Event::Notice { from, notice: Notice::Identity, payload } => {
                // Without room for it the next renewal brings it.
                let _ = routes.announced.try_send(SeatOffer::Said(from, payload));
            }
            Event::NewBlock { from, block, .. } => routes.sync.block(from, block),
            Event::NewBlockHashes { .. } => routes.sync.hint(Hint::Peers),
            Event::Transactions { from, raw } => {
                offer(Offer::Full(from, raw.into_iter().map(|raw| (raw, None)).collect()));
            }
            Event::SignedTransactions { from, transactions } => {
                let claimed = transactions.into_iter().map(|(raw, sender)| (raw, Some(sender)));
                offer(Offer::Full(from, claimed.collect()));
            }
            Event::TransactionHashes { from, hashes } => offer(Offer::Announced(from, hashes)),
        }
    }
}
