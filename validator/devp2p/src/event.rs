//! What the network tells its owner.

use crate::{Block, DisconnectReason, Notice, PeerId, Standing, own::preview::Preview};
use alloy_primitives::{Address, B256, Bytes, U256};
use std::net::SocketAddr;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// A peer whose eth handshake succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its public key.
    pub id: PeerId,
    /// Client name from its Hello, at most 256 characters.
    pub client: String,
    /// Address of the other end.
    pub remote: SocketAddr,
    /// True when the peer dialled us.
    pub inbound: bool,
    /// Whether it is static, a node of the network or a stranger.
    pub standing: Standing,
    /// eth version agreed on.
    pub eth_version: u8,
    /// True when `istanbul/100` is shared: consensus payloads pass.
    pub istanbul: bool,
    /// Hash of the newest block it claims.
    pub head_hash: B256,
    /// Number of the newest block it has shown; the Status of `eth/68` and earlier carries none, so 0 until its first
    /// NewBlock, NewBlockHashes or headers. Announced numbers that the clock rules out are left aside, and so is most of what a
    /// peer announces while it is doubted ([`crate::Network::doubt`]).
    pub head_number: u64,
    /// The first block whose body and receipts it says it has; 0 below `eth/69`, which has no word for it.
    pub earliest: u64,
    /// Total difficulty it claims; genesis difficulty + head number on QBFT chains. One that the clock rules out is
    /// replaced by our own.
    pub total_difficulty: U256,
}

/// Why a peer is gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownReason {
    /// It said goodbye.
    #[error("peer disconnected: {0}")]
    Remote(DisconnectReason),
    /// We said goodbye.
    #[error("disconnected by us: {0}")]
    Local(DisconnectReason),
    /// A second connection to the same peer won the tie-break; a [`Event::PeerUp`] follows.
    #[error("replaced by another connection to the same peer")]
    Replaced,
    /// It could not take messages as fast as they came.
    #[error("outbound queue is full")]
    Slow,
    /// It broke the protocol.
    #[error("protocol breach: {0}")]
    Breach(String),
    /// Nothing came, not even a Pong.
    #[error("idle: nothing received for {0} s")]
    Idle(u64),
    /// The socket failed.
    #[error("connection lost: {0}")]
    Io(String),
    /// This node is stopping.
    #[error("this node is stopping")]
    Shutdown,
}

/// Why the owner wants rid of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaviour {
    /// Sent a header or block that cannot be valid on this chain.
    #[error("invalid block")]
    InvalidBlock,
    /// Sent a consensus payload that does not decode or is not signed by its author.
    #[error("invalid consensus message")]
    InvalidConsensus,
    /// Answered a request with something other than what was asked for.
    #[error("useless answer")]
    UselessAnswer,
    /// Sent a signed document that is not signed by whom it must be.
    #[error("invalid notice")]
    InvalidNotice,
    /// Sent transactions that do not decode.
    #[error("malformed transaction")]
    MalformedTransaction,
}

/// Something a peer did. For one id, `PeerUp` and `PeerDown` alternate, and everything else comes between them.
#[derive(Clone, Debug)]
pub enum Event {
    /// A peer is ready for requests and messages. What was queued on an earlier connection may be lost: the owner sends
    /// its current consensus messages again with [`crate::Network::send_consensus`].
    PeerUp {
        /// Who.
        peer: PeerInfo,
    },
    /// A peer is gone.
    PeerDown {
        /// Who.
        id: PeerId,
        /// Why.
        reason: DownReason,
    },
    /// A consensus payload, delivered once however many peers send the same bytes.
    Consensus {
        /// First peer that sent it.
        from: PeerId,
        /// 0x12 proposal, 0x13 prepare, 0x14 commit, 0x15 round change.
        code: u8,
        /// Bytes as received.
        payload: Bytes,
    },
    /// What a peer says that it will propose; nothing about it has been checked.
    Preview {
        /// Peer that sent it.
        from: PeerId,
        /// What it says.
        preview: Preview,
    },
    /// A signed document; nothing about it has been checked.
    Notice {
        /// Peer that sent it.
        from: PeerId,
        /// What it is.
        notice: Notice,
        /// Its bytes, at most [`Notice::max_bytes`].
        payload: Bytes,
    },
    /// A block announced in full; nothing about it has been checked.
    NewBlock {
        /// Peer that sent it.
        from: PeerId,
        /// The block.
        block: Box<Block>,
        /// Total difficulty up to it, as claimed.
        total_difficulty: U256,
    },
    /// Blocks announced by hash and number.
    NewBlockHashes {
        /// Peer that sent them.
        from: PeerId,
        /// At most 256.
        hashes: Vec<(B256, u64)>,
    },
    /// Transactions in full, EIP-2718 encoded; only their framing has been checked.
    Transactions {
        /// Peer that sent them.
        from: PeerId,
        /// At most [`crate::eth::limits::MAX_TRANSACTIONS`].
        raw: Vec<Bytes>,
    },
    /// The same, each with the account that signed it as the peer says; nothing about that has been checked.
    SignedTransactions {
        /// Peer that sent them.
        from: PeerId,
        /// At most [`crate::eth::limits::MAX_TRANSACTIONS`].
        transactions: Vec<(Bytes, Address)>,
    },
    /// Transactions announced by hash, type and length.
    TransactionHashes {
        /// Peer that sent them.
        from: PeerId,
        /// At most [`crate::eth::limits::MAX_ANNOUNCEMENTS`]; type and length are 0 from `eth/66` peers.
        hashes: Vec<(B256, u8, u32)>,
    },
}

/// Events in the order in which they came, bounded by number and by bytes.
#[derive(Debug)]
pub struct Events(pub(crate) mpsc::Receiver<Weighed>);

impl Events {
    /// The next event; `None` once the network has stopped. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Event> {
        // Its share of the byte budget is free from here on: the owner has it now.
        self.0.recv().await.map(|weighed| weighed.event)
    }
}

/// An event and what it takes of the byte budget while it waits.
#[derive(Debug)]
pub(crate) struct Weighed {
    event: Event,
    _weight: Option<OwnedSemaphorePermit>,
}

impl Weighed {
    pub(crate) const fn new(event: Event, weight: OwnedSemaphorePermit) -> Self {
        Self { event, _weight: Some(weight) }
    }

    /// For events of a fixed small size.
    pub(crate) const fn light(event: Event) -> Self {
        Self { event, _weight: None }
    }
}
