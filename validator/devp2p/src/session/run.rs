//! The life of a peer: one task that reads, writes, answers and keeps alive until the first of them ends.

use super::{
    dispatch::{MAX_QUERIES, NumberedQuery, dispatch},
    establish::Established,
    farewell::say_goodbye,
    keepalive::keepalive,
    path::{Path, is_our_client},
    serve::serve,
};
use crate::{
    DisconnectReason, DownReason, Event,
    counters::Count,
    eth::limits::MAX_MESSAGE,
    event::Weighed,
    peers::{outbound::OutboundReader, peer::Peer, table::Refusal},
    rlpx::connection::{ConnectionError, Incoming, Outgoing},
    shared::Shared,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    sync::mpsc,
    time::timeout,
};

/// A write that takes longer means a peer that does not read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// Frames are collected up to here before they are written.
const WRITE_AT_ONCE: usize = 64 * 1024;

/// A connection that is in the table.
pub(crate) struct Session {
    peer: Arc<Peer>,
    outbound: OutboundReader,
    incoming: Incoming<OwnedReadHalf>,
    outgoing: Outgoing<OwnedWriteHalf>,
    path: Path,
}

/// Makes an established connection a peer, or says goodbye and tells why it was not let in.
pub(crate) async fn enter(shared: &Shared, established: Established) -> Result<Session, Refusal> {
    let Established { incoming, outgoing, info, capabilities, path } = established;
    let is_ours = is_our_client(&shared.options.client, &info.client);
    let (peer, outbound) = Peer::new(shared.next_session(), info, capabilities);
    if is_ours {
        peer.activity.pings_often();
    }
    let peer = Arc::new(peer);
    if let Err(refusal) = admit(shared, &peer).await {
        say_goodbye(refusal.farewell(), incoming, outgoing).await;
        return Err(refusal);
    }
    Ok(Session { peer, outbound, incoming, outgoing, path })
}

/// Runs a session to its end. Gives why it ended.
pub(crate) async fn run(shared: &Shared, session: Session) -> DownReason {
    let Session { peer, mut outbound, mut incoming, mut outgoing, path } = session;
    let (queries, queries_reader) = mpsc::channel(MAX_QUERIES);
    let reason = tokio::select! {
        biased;
        () = shared.stop.cancelled() => DownReason::Shutdown,
        reason = peer.stopped() => reason,
        reason = read(shared, &peer, &queries, &mut incoming) => reason,
        reason = write(shared, &mut outbound, &mut outgoing) => reason,
        reason = keepalive(&peer) => reason,
        never = path.watch(&peer, || shared.table.look_again()) => match never {},
        reason = serve(shared, &peer, queries_reader) => reason,
    };
    peer.stop(reason);
    let reason = peer.down_reason();
    leave(shared, &peer, &reason).await;
    if let Some(code) = farewell(&reason) {
        say_goodbye(code, incoming, outgoing).await;
    }
    reason
}

/// Enters the table. Places in the owner's queue are taken before, so that events have the order of the table.
async fn admit(shared: &Shared, peer: &Arc<Peer>) -> Result<(), Refusal> {
    let places = tokio::select! {
        () = shared.stop.cancelled() => None,
        places = shared.events.reserve_many(2) => places.ok(),
    };
    let Some(mut places) = places else {
        // Nobody listens to events any more: the network is stopping.
        return Err(Refusal::TooMany { max: 0 });
    };
    let mut send = |event| {
        if let Some(place) = places.next() {
            place.send(Weighed::light(event));
        }
    };
    shared.table.admit(peer, |replaced| {
        if let Some(older) = replaced {
            older.stop(DownReason::Replaced);
            send(Event::PeerDown { id: older.id, reason: older.down_reason() });
        }
        send(Event::PeerUp { peer: peer.info.lock().clone() });
    })?;
    shared.counters.add(Count::PeerUp);
    Ok(())
}

async fn leave(shared: &Shared, peer: &Peer, reason: &DownReason) {
    match reason {
        DownReason::Breach(_) => shared.counters.add(Count::Breach),
        DownReason::Slow => shared.counters.add(Count::Slow),
        DownReason::Idle(_) => shared.counters.add(Count::Idle),
        _ => {}
    }
    let place = tokio::select! {
        () = shared.stop.cancelled() => None,
        place = shared.events.reserve() => place.ok(),
    };
    shared.table.remove(peer, || {
        if let Some(place) = place {
            place.send(Weighed::light(Event::PeerDown { id: peer.id, reason: reason.clone() }));
        }
    });
}

/// What to tell the other end.
const fn farewell(reason: &DownReason) -> Option<DisconnectReason> {
    match reason {
        DownReason::Remote(_) | DownReason::Io(_) => None,
        DownReason::Local(reason) => Some(*reason),
        DownReason::Replaced => Some(DisconnectReason::AlreadyConnected),
        DownReason::Slow => Some(DisconnectReason::UselessPeer),
        DownReason::Breach(_) => Some(DisconnectReason::ProtocolBreach),
        DownReason::Idle(_) => Some(DisconnectReason::Timeout),
        DownReason::Shutdown => Some(DisconnectReason::Quitting),
    }
}

async fn read<R: AsyncRead + Unpin>(
    shared: &Shared,
    peer: &Peer,
    queries: &mpsc::Sender<NumberedQuery>,
    incoming: &mut Incoming<R>,
) -> DownReason {
    loop {
        let message = match incoming.read(MAX_MESSAGE).await {
            Ok(message) => message,
            Err(ConnectionError::Io(error)) => return DownReason::Io(error.to_string()),
            Err(error) => return DownReason::Breach(error.to_string()),
        };
        peer.activity.heard();
        if let Err(reason) = dispatch(shared, peer, queries, message).await {
            return reason;
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(
    shared: &Shared,
    outbound: &mut OutboundReader,
    outgoing: &mut Outgoing<W>,
) -> DownReason {
    while let Some(mut frame) = outbound.next().await {
        let mut bytes = 0;
        loop {
            bytes += frame.data.len();
            if let Err(error) = outgoing.push(frame.id, &frame.data) {
                return DownReason::Breach(error.to_string());
            }
            if outgoing.buffered() >= WRITE_AT_ONCE {
                break;
            }
            let Some(next) = outbound.try_next() else { break };
            frame = next;
        }
        shared.counters.add_many(Count::BytesSent, outgoing.buffered() as u64);
        match timeout(WRITE_TIMEOUT, outgoing.flush()).await {
            Ok(Ok(())) => outbound.written(bytes),
            Ok(Err(error)) => return DownReason::Io(error.to_string()),
            Err(_) => return DownReason::Slow,
        }
    }
    DownReason::Shutdown
}
