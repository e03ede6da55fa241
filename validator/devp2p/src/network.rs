//! The handle the owner holds.

use crate::{
    AllowList, Announced, Audience, Block, BlockBody, BlockId, ChainReader, CounterSnapshot,
    DisconnectReason, DownReason, Events, Misbehaviour, NetworkOptions, Notice, PeerId, PeerInfo,
    RequestError, counters::Count, dial::Targets, gossip, identity::public_key, listen::listen,
    own::preview::Preview, request, shared::Shared,
};
use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_primitives::{B256, Bytes, U256};
use chain::enode::Enode;
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::mpsc};
use tracing::info;

/// Events that may wait for the owner.
const EVENTS: usize = 256;

/// Why the network does not start, or a list of static peers is not taken.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port cannot be taken.
    #[error(
        "cannot listen for peers on {address}: {source}; free the port or set another p2p listen address"
    )]
    Listen {
        /// Wanted address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A static peer's id is no key.
    #[error("static peer {host}:{port} has an id that is not a secp256k1 point; copy its enode again")]
    PeerId {
        /// Host of the entry.
        host: String,
        /// Port of the entry.
        port: u16,
    },
}

/// Handle of the running network; cheap to clone. The network stops when [`Network::shutdown`] is called.
#[derive(Clone)]
pub struct Network {
    shared: Arc<Shared>,
}

/// Starts listening and dialling. Events wait in a bounded queue: a slow owner slows its peers down.
///
/// The task that drains the events must not itself await an answer from a peer, or both wait for each other.
pub async fn start(
    options: NetworkOptions,
    reader: Arc<dyn ChainReader>,
) -> Result<(Network, Events), StartError> {
    let listen_error = |source| StartError::Listen { address: options.listen, source };
    let listener = TcpListener::bind(options.listen).await.map_err(listen_error)?;
    let local_address = listener.local_addr().map_err(listen_error)?;
    check_ids(&options.peers)?;
    let (events, events_reader) = mpsc::channel(EVENTS);
    let shared = Arc::new(Shared::new(options, local_address, reader, events));
    Targets::name(&shared, shared.options.peers.clone());
    shared.tasks.spawn(listen(Arc::clone(&shared), listener));
    Ok((Network { shared }, Events(events_reader)))
}

fn check_ids(peers: &[Enode]) -> Result<(), StartError> {
    match peers.iter().find(|peer| public_key(&peer.id).is_err()) {
        Some(peer) => Err(StartError::PeerId { host: peer.host.clone(), port: peer.port }),
        None => Ok(()),
    }
}

impl Network {
    /// Sends a consensus payload to every `istanbul/100` peer of the audience that has neither shown nor been sent it. Never waits: a
    /// peer whose queue is full is dropped. Codes outside [`crate::CONSENSUS_CODES`] are ignored.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers give away what they send; queues share the bytes"
    )]
    pub fn broadcast_consensus(&self, code: u8, payload: Bytes, except: Option<PeerId>) {
        gossip::consensus(&self.shared, code, &payload, except);
    }

    /// Makes ready what [`Self::broadcast_consensus`] will send soon; nothing goes out.
    pub fn prepare_consensus(&self, code: u8, payload: &Bytes) {
        gossip::prepare(&self.shared, code, payload);
    }

    /// Sends a consensus payload to one peer, even if it was sent before; false when it is not connected or not of the
    /// audience.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers give away what they send; queues share the bytes"
    )]
    pub fn send_consensus(&self, peer: PeerId, code: u8, payload: Bytes) -> bool {
        gossip::consensus_to(&self.shared, &peer, code, &payload)
    }

    /// Tells peers of this program what will be proposed, so that they run it while the block is finished.
    pub fn preview(&self, preview: &Preview) {
        gossip::preview(&self.shared, preview);
    }

    /// Forgets which consensus payloads were delivered, so that the same bytes are delivered again if a peer sends them
    /// again. For the owner to call when it starts an instance that may have missed them.
    pub fn forget_consensus(&self) {
        self.shared.delivered.lock().clear();
    }

    /// Says whose connections consensus payloads go to from now on; everybody's until it is said.
    pub fn consensus_audience(&self, audience: Audience) {
        *self.shared.audience.write() = audience;
    }

    /// Dials these too from now on, in place of those that were named before; they are no static peers.
    pub fn also_dial(&self, peers: Vec<Enode>) {
        Targets::announce(&self.shared, peers);
    }

    /// Takes these for its static peers from now on, in place of those of before. Who is connected and is none of them any
    /// more is let in as others are. An id that is no key leaves everything as it is.
    pub fn static_peers(&self, peers: Vec<Enode>) -> Result<(), StartError> {
        check_ids(&peers)?;
        let dropped = Targets::name(&self.shared, peers);
        self.shared.counters.add_many(Count::NotListed, dropped as u64);
        Ok(())
    }

    /// Sends a signed document to every peer of this program.
    pub fn notify(&self, notice: Notice, payload: &[u8], except: Option<PeerId>) {
        gossip::notice(&self.shared, notice, payload, except);
    }

    /// Sends a signed document to one peer, if it is one of this program.
    pub fn notify_peer(&self, peer: PeerId, notice: Notice, payload: &[u8]) {
        gossip::notice_to(&self.shared, &peer, notice, payload);
    }

    /// Lets in by this list from now on, everybody without one; static peers are let in always. Peers that it does not let
    /// in are dropped.
    pub fn allow(&self, list: Option<AllowList>) {
        let dropped = self.shared.table.allow(list);
        self.shared.counters.add_many(Count::NotListed, dropped as u64);
    }

    /// Tells peers that are told of ranges that the head has moved, now and then.
    pub fn head_moved(&self) {
        gossip::range(&self.shared);
    }

    /// Sends a block to every peer that has not shown it.
    pub fn announce_block(&self, block: &Block, total_difficulty: U256) {
        gossip::block(&self.shared, block, total_difficulty);
    }

    /// Sends transactions (EIP-2718) in full to `istanbul/100` peers and by hash to the others, leaving out what a peer
    /// has shown or been sent.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers give away what they send; queues share the bytes"
    )]
    pub fn broadcast_transactions(&self, transactions: Vec<Announced>, except: Option<PeerId>) {
        gossip::transactions(&self.shared, &transactions, except);
    }

    /// Announces transactions by hash to every peer, also to those that were sent them before: what a busy peer dropped
    /// it can fetch now.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers give away what they send; queues share the bytes"
    )]
    pub fn remind_transactions(&self, raw: Vec<Bytes>) {
        gossip::remind(&self.shared, &raw);
    }

    /// Takes back what a peer claims to have above our head, after it could not show it. Until [`Network::believe`] what
    /// it announces counts for two blocks above our head at most.
    pub fn doubt(&self, id: PeerId) {
        if let Some(peer) = self.shared.table.get(&id) {
            self.shared.doubt(&peer);
        }
    }

    /// Believes a peer again, after it has shown a block above our head.
    pub fn believe(&self, id: PeerId) {
        if let Some(peer) = self.shared.table.get(&id) {
            peer.believe();
        }
    }

    /// Asks for up to `amount` headers from `origin` upward, at most 192 in one request.
    pub async fn headers(
        &self,
        peer: PeerId,
        origin: BlockId,
        amount: u64,
    ) -> Result<Vec<Header>, RequestError> {
        request::headers(&self.shared, peer, origin, amount).await
    }

    /// Asks for bodies, at most 128 in one request; the answer may be shorter and skip unknown ones.
    pub async fn bodies(&self, peer: PeerId, hashes: Vec<B256>) -> Result<Vec<BlockBody>, RequestError> {
        request::bodies(&self.shared, peer, hashes).await
    }

    /// Asks for receipts of blocks, at most 128 in one request.
    pub async fn receipts(
        &self,
        peer: PeerId,
        hashes: Vec<B256>,
    ) -> Result<Vec<Vec<ReceiptEnvelope>>, RequestError> {
        request::receipts(&self.shared, peer, hashes).await
    }

    /// Asks for pooled transactions, at most 256 in one request; EIP-2718 encoded.
    pub async fn pooled_transactions(
        &self,
        peer: PeerId,
        hashes: Vec<B256>,
    ) -> Result<Vec<Bytes>, RequestError> {
        request::pooled(&self.shared, peer, hashes).await
    }

    /// Connected peers, by id.
    pub fn peers(&self) -> Vec<PeerInfo> {
        self.shared.table.infos()
    }

    /// Drops a peer. A static one is dialled again after a back-off.
    pub fn penalise(&self, id: PeerId, reason: Misbehaviour) {
        if let Some(peer) = self.shared.table.get(&id) {
            info!(%id, %reason, "peer dropped");
            self.shared.counters.add(Count::Penalised);
            peer.stop(DownReason::Local(DisconnectReason::UselessPeer));
        }
    }

    /// Address listened on, with the real port.
    pub fn local_address(&self) -> SocketAddr {
        self.shared.local_address
    }

    /// This node's id.
    pub fn local_id(&self) -> PeerId {
        self.shared.local_id
    }

    /// Counters for metrics: connections refused by cause, payloads dropped and so on.
    pub fn counters(&self) -> Vec<CounterSnapshot> {
        self.shared.counters.snapshot()
    }

    /// Bytes of frames written to peers since the start.
    pub fn sent_bytes(&self) -> u64 {
        self.shared.counters.get(Count::BytesSent)
    }

    /// Says goodbye to all peers, stops listening and dialling, and waits until all tasks have ended.
    pub async fn shutdown(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}
