//! The handle the owner holds.

use crate::{
    Block, BlockBody, BlockId, ChainReader, CounterSnapshot, Event, Misbehaviour, NetworkOptions, PeerId, PeerInfo,
    RequestError,
};
use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_primitives::{B256, Bytes, U256};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::sync::mpsc;

/// Why the network does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port cannot be taken.
    #[error("cannot listen for peers on {address}: {source}; free the port or set another p2p listen address")]
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
    shared: Arc<crate::shared::Shared>,
}

/// Starts listening and dialling. Events wait in a bounded queue: a slow owner slows its peers down.
///
/// The task that drains the events must not itself await an answer from a peer, or both wait for each other.
pub async fn start(
    options: NetworkOptions,
    reader: Arc<dyn ChainReader>,
) -> Result<(Network, mpsc::Receiver<Event>), StartError> {
    todo!()
}

impl Network {
    /// Sends a consensus payload to every `istanbul/100` peer that has neither shown nor been sent it. Never waits: a
    /// peer whose queue is full is dropped. Codes outside [`crate::CONSENSUS_CODES`] are ignored.
    pub fn broadcast_consensus(&self, code: u8, payload: Bytes, except: Option<PeerId>) {
        todo!()
    }

    /// Sends a consensus payload to one peer, even if it was sent before; false when it is not connected.
    pub fn send_consensus(&self, peer: PeerId, code: u8, payload: Bytes) -> bool {
        todo!()
    }

    /// Forgets which consensus payloads were delivered, so that the same bytes are delivered again if a peer sends them
    /// again. For the owner to call when it starts an instance that may have missed them.
    pub fn forget_consensus(&self) {
        todo!()
    }

    /// Sends a block to every peer that has not shown it.
    pub fn announce_block(&self, block: &Block, total_difficulty: U256) {
        todo!()
    }

    /// Sends transactions (EIP-2718) in full to `istanbul/100` peers and by hash to the others, leaving out what a peer
    /// has shown or been sent.
    pub fn broadcast_transactions(&self, raw: Vec<Bytes>, except: Option<PeerId>) {
        todo!()
    }

    /// Asks for up to `amount` headers from `origin` upward, at most 192 in one request.
    pub async fn headers(&self, peer: PeerId, origin: BlockId, amount: u64) -> Result<Vec<Header>, RequestError> {
        todo!()
    }

    /// Asks for bodies, at most 128 in one request; the answer may be shorter and skip unknown ones.
    pub async fn bodies(&self, peer: PeerId, hashes: Vec<B256>) -> Result<Vec<BlockBody>, RequestError> {
        todo!()
    }

    /// Asks for receipts of blocks, at most 128 in one request.
    pub async fn receipts(&self, peer: PeerId, hashes: Vec<B256>) -> Result<Vec<Vec<ReceiptEnvelope>>, RequestError> {
        todo!()
    }

    /// Asks for pooled transactions, at most 256 in one request; EIP-2718 encoded.
    pub async fn pooled_transactions(&self, peer: PeerId, hashes: Vec<B256>) -> Result<Vec<Bytes>, RequestError> {
        todo!()
    }

    /// Connected peers, by id.
    pub fn peers(&self) -> Vec<PeerInfo> {
        todo!()
    }

    /// Drops a peer. A static one is dialled again after a back-off.
    pub fn penalise(&self, id: PeerId, reason: Misbehaviour) {
        todo!()
    }

    /// Address listened on, with the real port.
    pub fn local_address(&self) -> SocketAddr {
        todo!()
    }

    /// This node's id.
    pub fn local_id(&self) -> PeerId {
        todo!()
    }

    /// Counters for metrics: connections refused by cause, payloads dropped and so on.
    pub fn counters(&self) -> Vec<CounterSnapshot> {
        todo!()
    }

    /// Says goodbye to all peers, stops listening and dialling, and waits until all tasks have ended.
    pub async fn shutdown(self) {
        todo!()
    }
}
