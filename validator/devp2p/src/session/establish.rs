//! From a socket to a peer that fits: RLPx handshake, Hello, Status, each within five seconds.

use super::{farewell::say_goodbye, introduce, path::Path, race::Try};
use crate::{
    DisconnectReason, PeerId, PeerInfo,
    counters::Count,
    eth::status::StatusError,
    peers::table::{Newer, Refusal},
    rlpx::{
        capability,
        connection::{self, Connected, ConnectionError, Incoming, Outgoing},
    },
    shared::Shared,
};
use std::{future::Future, io, time::Duration};
use tokio::{
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

/// How long one stage may take.
pub(crate) const STAGE: Duration = Duration::from_secs(5);
/// Who began the connection.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// We dialled the holder of this key, perhaps several times at once.
    Dialled(PeerId, &'a Try),
    /// The other end did.
    Accepted,
}

impl Origin<'_> {
    fn moved(self) {
        if let Self::Dialled(_, one) = self {
            one.moved();
        }
    }
}

/// A connection whose other end fits.
pub(crate) struct Established {
    pub(crate) incoming: Incoming<OwnedReadHalf>,
    pub(crate) outgoing: Outgoing<OwnedWriteHalf>,
    pub(crate) info: PeerInfo,
    pub(crate) capabilities: capability::Shared,
    pub(crate) path: Path,
}

/// Why a connection did not become a peer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EstablishError {
    #[error("{stage} took longer than {} s", STAGE.as_secs())]
    Timeout { stage: &'static str },
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("peer disconnected: {0}")]
    Goodbye(DisconnectReason),
    #[error("first message has id {got:#04x} where Hello (0x00) must come")]
    NotHello { got: u8 },
    #[error("Hello does not decode: {0}")]
    HelloMalformed(alloy_rlp::Error),
    #[error("peer speaks p2p version {got}, this node {want} and up")]
    P2pVersion { got: u64, want: u64 },
    #[error("Hello names id {got}, the handshake proved {want}")]
    Identity { got: Box<PeerId>, want: Box<PeerId> },
    #[error("the other end is this node itself")]
    SelfConnection,
    #[error("no eth version in common: peer offers {offered}")]
    NothingShared { offered: String },
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<io::Error> for EstablishError {
    fn from(error: io::Error) -> Self {
        Self::Connection(error.into())
    }
}

impl EstablishError {
    /// What to tell the other end; nothing when it would not understand.
    pub(crate) const fn farewell(&self) -> Option<DisconnectReason> {
        match self {
            Self::Connection(_) | Self::Goodbye(_) => None,
            Self::Timeout { .. } => Some(DisconnectReason::Timeout),
            Self::NotHello { .. } | Self::HelloMalformed(_) => Some(DisconnectReason::ProtocolBreach),
            Self::P2pVersion { .. } => Some(DisconnectReason::IncompatibleVersion),
            Self::Identity { .. } => Some(DisconnectReason::UnexpectedIdentity),
            Self::SelfConnection => Some(DisconnectReason::SelfConnection),
            Self::NothingShared { .. } => Some(DisconnectReason::UselessPeer),
            Self::Status(_) => Some(DisconnectReason::Subprotocol),
            Self::Refused(refusal) => Some(refusal.farewell()),
        }
    }

    /// Under which counter it goes.
    pub(crate) const fn count(&self) -> Count {
        match self {
            Self::Timeout { .. } => Count::HandshakeTimeout,
            Self::Connection(ConnectionError::Io(_)) => Count::HandshakeClosed,
            Self::Connection(_) => Count::HandshakeGarbage,
            Self::Goodbye(_) => Count::GoodbyeEarly,
            Self::NotHello { .. }
            | Self::HelloMalformed(_)
            | Self::P2pVersion { .. }
            | Self::Identity { .. }
            | Self::SelfConnection
            | Self::NothingShared { .. } => Count::HelloRefused,
            Self::Status(_) => Count::StatusRefused,
            Self::Refused(refusal) => refusal.count(),
        }
    }
}

/// Establishes a connection over a socket; on failure the other end has been told and the socket is closed.
pub(crate) async fn establish(
    shared: &Shared,
    stream: TcpStream,
    origin: Origin<'_>,
) -> Result<Established, EstablishError> {
    let remote_address = stream.peer_addr()?;
    stream.set_nodelay(true)?;
    let path = Path::of(&stream)?;
    let (read, write) = stream.into_split();
    let key = &shared.options.key;
    let handshake = async {
        match origin {
            Origin::Dialled(id, _) => connection::dial(read, write, key, id).await,
            Origin::Accepted => connection::accept(read, write, key).await,
        }
    };
    // Whoever drops a try wants nothing of it to arrive later.
    path.reset_on_close(matches!(origin, Origin::Dialled(..)))?;
    let Connected { remote, mut incoming, mut outgoing } = stage("RLPx handshake", handshake).await?;
    let inbound = matches!(origin, Origin::Accepted);
    let outcome = async {
        origin.moved();
        let newer = Newer { id: remote, host: remote_address.ip(), inbound };
        let hello = introduce::hello(shared, newer, &mut incoming, &mut outgoing);
        let (hello, capabilities) = stage("Hello", hello).await?;
        if let Origin::Dialled(_, one) = origin {
            one.commit().await?;
        }
        let status = introduce::status(shared, capabilities, &mut incoming, &mut outgoing);
        Ok((hello, capabilities, stage("Status", status).await?))
    };
    let outcome = outcome.await;
    path.reset_on_close(false)?;
    match outcome {
        Ok((hello, capabilities, status)) => {
            let (head_hash, head_number, total_difficulty) = shared.believable_head(status.head);
            let info = PeerInfo {
                id: remote,
                client: hello.client,
                remote: remote_address,
                inbound,
                standing: shared.table.standing(&remote),
                eth_version: capabilities.eth.number(),
                istanbul: capabilities.istanbul_base.is_some(),
                head_hash,
                head_number,
                earliest: status.head.earliest(),
                total_difficulty,
            };
            Ok(Established { incoming, outgoing, info, capabilities, path })
        }
        Err(error) => {
            if let Some(reason) = EstablishError::farewell(&error) {
                say_goodbye(reason, incoming, outgoing).await;
            }
            Err(error)
        }
    }
}

async fn stage<T, E: Into<EstablishError>>(
    stage: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, EstablishError> {
    match timeout(STAGE, work).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(_) => Err(EstablishError::Timeout { stage }),
    }
}
