//! One WebSocket: messages in, answers and notifications out.
//!
//! Nothing more is read while `calls_per_connection` messages are being answered, so a client that sends faster than it
//! is served fills its own TCP window and nothing else.

use super::{Client, Peer, Place, Port, http, patient::Doing};
use crate::rpc::{
    calls::{Answered, Caller},
    push::{Backlog, Push},
};
use ::http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use bytes::Bytes;
use futures::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use jsonrpsee::{
    ConnectionId,
    core::server::{BoundedSubscriptions, MethodSink},
};
use serde_json::value::RawValue;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

/// How often a client is asked whether it is there.
const PING: Duration = Duration::from_secs(30);
/// How long nothing whole, not even an answer to a ping, may arrive; also the time for one message.
const SILENCE: Duration = Duration::from_secs(90);

/// How long a session that is told to close has for saying so.
const PARTING: Duration = Duration::from_secs(1);
/// Why it is closed.
const GOING: (CloseCode, &str) = (CloseCode::Away, "node stops");
const SLOW: (CloseCode, &str) = (CloseCode::Policy, "client reads too slowly, subscribe again");

/// Bytes read and written at once.
const BUFFER: usize = 8 << 10;

type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// Numbers connections, so that one cannot end another's subscriptions.
static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// What a session is made of.
struct Session {
    port: Arc<Port>,
    client: Client,
    push: Push,
    doing: Arc<Doing>,
}

/// Whether a request asks for a WebSocket.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let has = |name, wanted: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case(wanted))
    };
    has(CONNECTION, "upgrade") && has(UPGRADE, "websocket")
}

/// Switches protocols; the session goes on in a task of its own and keeps the connection's place.
pub(super) fn upgrade(
    port: Arc<Port>,
    request: Request<Incoming>,
    peer: Peer,
    client: Client,
) -> Response<http::Reply> {
    let headers = request.headers();
    let version = headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let accept =
        headers.get(SEC_WEBSOCKET_KEY).filter(|_| version).map(|key| derive_accept_key(key.as_bytes()));
    let Some(accept) = accept.and_then(|accept| HeaderValue::try_from(accept).ok()) else {
        return http::plain(StatusCode::BAD_REQUEST, "this is not a WebSocket handshake of version 13\n");
    };
    let Peer { address, place, doing } = peer;
    let tasks = port.tasks.clone();
    tasks.spawn(async move {
        match hyper::upgrade::on(request).await {
            Ok(upgraded) => serve(port, upgraded, client, doing, place).await,
            Err(error) => tracing::debug!(remote = %address, %error, "rpc: WebSocket not established"),
        }
    });
    let mut response = http::plain(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.clear();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

async fn serve(port: Arc<Port>, upgraded: Upgraded, client: Client, doing: Arc<Doing>, _place: Arc<Place>) {
    doing.socket();
    let most = Some(port.limits.request_bytes as usize);
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(most)
        .max_frame_size(most);
    let stream = Stream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (sender, receiver) = stream.split();
    let (pushed, notifications) = mpsc::channel(port.limits.messages.max(1) as usize);
    let (replies, answers) = mpsc::channel(1);
    let (address, closed) = (client.address, client.closer.clone());
    let (backlog, stop) = (Arc::new(port.calls.backlog()), port.stop.clone());
    let push = Push {
        sink: MethodSink::new_with_limit(pushed, port.limits.response_bytes),
        connection: ConnectionId(CONNECTIONS.fetch_add(1, Ordering::Relaxed)),
        bounded: BoundedSubscriptions::new(port.limits.subscriptions),
        backlog: Arc::clone(&backlog),
    };
    let session = Arc::new(Session { port, client, push, doing });
    let outcome = tokio::select! {
        () = cut(&closed) => Ok(()),
        outcome = read(session, receiver, replies) => outcome,
        outcome = write(sender, answers, (notifications, &backlog), (&closed, &stop)) => outcome,
    };
    // Ends the session's subscriptions: their queue has no reader any more.
    closed.cancel();
    if let Err(error) = outcome {
        tracing::debug!(remote = %address, %error, "rpc: WebSocket ended");
    }
}

/// Ends a session that was told to close; one whose client reads nothing does not hear why.
async fn cut(closed: &CancellationToken) {
    closed.cancelled().await;
    tokio::time::sleep(PARTING).await;
}

/// Takes messages over until the client leaves or goes silent. Calls that are not answered by then are given up.
async fn read(
    session: Arc<Session>,
    mut receiver: SplitStream<Stream>,
    replies: mpsc::Sender<Answered>,
) -> Result<(), Error> {
    let at_once = session.port.limits.calls_per_connection.max(1) as usize;
    let (slots, mut calls) = (Arc::new(Semaphore::new(at_once)), JoinSet::new());
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return Ok(()) };
        while calls.try_join_next().is_some() {}
        let incoming = timeout(SILENCE, receiver.next()).await;
        session.doing.socket();
        let message = match incoming {
            Ok(Some(Ok(message @ (Message::Text(_) | Message::Binary(_))))) => message.into_data(),
            Ok(Some(Ok(_))) => continue,
            Ok(Some(Err(Error::ConnectionClosed)) | None) | Err(_) => return Ok(()),
            Ok(Some(Err(error))) => {
                if matches!(error, Error::Capacity(_)) {
                    // Said before the connection ends: what follows the part that was read is no message.
                    let _ = replies.send(session.port.too_large()).await;
                    replies.closed().await;
                }
                return Err(error);
            }
        };
        let (session, replies) = (Arc::clone(&session), replies.clone());
        calls.spawn(async move {
            let caller = Caller { client: &session.client, push: Some(&session.push) };
            if let Some(answer) = session.port.calls.answer(&message, caller).await {
                // Nobody is there to read it: the session is over.
                let _ = replies.send(answer).await;
            }
            drop(slot);
        });
    }
}

/// Sends answers and notifications, asks now and then whether the client is there, and says why it is closed.
async fn write(
    mut sender: SplitSink<Stream, Message>,
    mut answers: mpsc::Receiver<Answered>,
    (mut notifications, backlog): (mpsc::Receiver<Box<RawValue>>, &Backlog),
    (closed, stop): (&CancellationToken, &CancellationToken),
) -> Result<(), Error> {
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();
    loop {
        tokio::select! {
            Some(Answered { text, held, last }) = answers.recv() => {
                sender.send(Message::text(text)).await?;
                drop(held);
                if last {
                    return sender.close().await;
                }
            }
            Some(notification) = notifications.recv() => {
                let bytes = notification.get().len();
                sender.send(Message::text(String::from(Box::<str>::from(notification)))).await?;
                backlog.wrote(bytes);
            }
            () = closed.cancelled() => {
                let (code, reason) = if stop.is_cancelled() { GOING } else { SLOW };
                return sender.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
            }
            _ = ping.tick() => sender.send(Message::Ping(Bytes::new())).await?,
        }
    }
}
