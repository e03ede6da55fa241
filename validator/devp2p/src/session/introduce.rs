//! Hello and Status.

use super::establish::EstablishError;
use crate::{
    DisconnectReason, PeerId,
    eth::{Status, message::id, status::StatusError},
    peers::table::Newer,
    rlpx::{
        capability::{self, Protocol, negotiate, offered_by_us},
        compression::compress,
        connection::{ConnectionError, Incoming, Outgoing},
        hello::{Hello, MAX_HELLO, P2P_VERSION},
        message_id,
    },
    shared::Shared,
};
use tokio::io::{AsyncRead, AsyncWrite};

/// Longest message accepted before a peer has shown its Status.
const MAX_BEFORE_STATUS: usize = 2048;

/// Exchanges Hellos.
pub(crate) async fn hello<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    shared: &Shared,
    newer: Newer,
    incoming: &mut Incoming<R>,
    outgoing: &mut Outgoing<W>,
) -> Result<(Hello, capability::Shared), EstablishError> {
    let ours = Hello {
        version: P2P_VERSION,
        client: shared.options.client.clone(),
        capabilities: offered_by_us(&shared.options.eth_versions),
        port: shared.local_address.port(),
        id: shared.local_id,
    };
    send(outgoing, message_id::HELLO, &ours.encode()).await?;
    let message = incoming.read(MAX_HELLO).await?;
    incoming.compressed();
    match message.id {
        message_id::HELLO => {}
        message_id::DISCONNECT => {
            return Err(EstablishError::Goodbye(DisconnectReason::decode(&message.data)));
        }
        got => return Err(EstablishError::NotHello { got }),
    }
    let theirs = Hello::decode(&message.data).map_err(EstablishError::HelloMalformed)?;
    let capabilities = check(shared, newer.id, &theirs)?;
    shared.table.check(&newer)?;
    Ok((theirs, capabilities))
}

fn check(shared: &Shared, remote: PeerId, hello: &Hello) -> Result<capability::Shared, EstablishError> {
    if remote == shared.local_id {
        return Err(EstablishError::SelfConnection);
    }
    if hello.id != remote {
        return Err(EstablishError::Identity { got: Box::new(hello.id), want: Box::new(remote) });
    }
    if hello.version < P2P_VERSION {
        return Err(EstablishError::P2pVersion { got: hello.version, want: P2P_VERSION });
    }
    negotiate(&shared.options.eth_versions, &hello.capabilities).ok_or_else(|| {
        let offered: Vec<_> =
            hello.capabilities.iter().map(|c| format!("{}/{}", c.name, c.version)).collect();
        EstablishError::NothingShared { offered: offered.join(" ") }
    })
}

/// Exchanges Statuses.
pub(crate) async fn status<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    shared: &Shared,
    capabilities: capability::Shared,
    incoming: &mut Incoming<R>,
    outgoing: &mut Outgoing<W>,
) -> Result<Status, EstablishError> {
    let (ours, head_number, head_time) = shared.status(capabilities.eth);
    send_compressed(outgoing, capabilities.eth_base + id::STATUS, &ours.encode()).await?;
    loop {
        let message = incoming.read(MAX_BEFORE_STATUS).await?;
        match capabilities.protocol(message.id) {
            Protocol::Eth(id::STATUS) => {
                let theirs = Status::decode(capabilities.eth, &message.data)?;
                theirs.check(&ours)?;
                let forks = &shared.options.forks;
                forks.check(head_number, head_time, theirs.fork_id).map_err(StatusError::from)?;
                return Ok(theirs);
            }
            Protocol::Base(message_id::DISCONNECT) => {
                return Err(EstablishError::Goodbye(DisconnectReason::decode(&message.data)));
            }
            Protocol::Base(message_id::PING) => send_compressed(outgoing, message_id::PONG, &[0xc0]).await?,
            Protocol::Base(message_id::PONG) => {}
            _ => return Err(StatusError::NotStatus { got: message.id }.into()),
        }
    }
}

async fn send<W: AsyncWrite + Unpin>(
    out: &mut Outgoing<W>,
    id: u8,
    data: &[u8],
) -> Result<(), ConnectionError> {
    out.push(id, data)?;
    Ok(out.flush().await?)
}

/// Compresses and sends one message at once.
pub(crate) async fn send_compressed<W: AsyncWrite + Unpin>(
    out: &mut Outgoing<W>,
    id: u8,
    data: &[u8],
) -> Result<(), ConnectionError> {
    let data = compress(data)?;
    send(out, id, &data).await
}
