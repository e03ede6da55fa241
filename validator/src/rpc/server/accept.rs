//! The accept loop, and the life of one connection.

use super::{
    Peer, Place, Port, http,
    patient::{Doing, Patience, Patient},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

/// Pause after the system refused to accept (no file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 64 << 10;

/// Accepts until the server stops.
pub(super) async fn accept(listener: TcpListener, port: Arc<Port>) {
    loop {
        let accepted = tokio::select! {
            () = port.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "rpc: cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match port.admission.admit(remote.ip()) {
            Ok(place) => {
                let tasks = port.tasks.clone();
                tasks.spawn(connection(stream, remote, Arc::clone(&port), Arc::new(place)));
            }
            Err(full) => {
                tracing::debug!(%remote, reason = %full, "rpc: connection refused");
                refuse(&stream, &full.to_string());
            }
        }
    }
}

/// Says why, without waiting for whoever may not want to hear it.
fn refuse(stream: &TcpStream, why: &str) {
    let body = format!(r#"{{"jsonrpc":"2.0","id":null,"error":{{"code":-32005,"message":"{why}"}}}}"#);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    // The connection ends either way.
    let _ = stream.try_write(format!("{head}{body}").as_bytes());
}

/// Serves one connection until it ends; an upgraded one goes on in its session's task.
async fn connection(stream: TcpStream, remote: SocketAddr, port: Arc<Port>, place: Arc<Place>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%remote, %error, "rpc: connection lost");
        return;
    }
    let doing = Doing::new(port.memory.clone());
    let patient = Patient::new(stream, Arc::clone(&doing), Patience::new(&port.limits));
    let peer = Peer { address: remote, place, doing };
    let outcome = match &port.rules.tls {
        None => serve(patient, peer, Arc::clone(&port)).await,
        Some(acceptor) => match acceptor.accept(patient).await {
            Ok(stream) => {
                peer.doing.waiting();
                serve(stream, peer, Arc::clone(&port)).await
            }
            Err(error) => {
                tracing::debug!(%remote, %error, "rpc: no TLS connection");
                return;
            }
        },
    };
    if let Err(error) = outcome {
        tracing::debug!(%remote, %error, "rpc: connection ended");
    }
}

/// Serves HTTP on bytes that are as patient and as private as the port wants them.
async fn serve<S>(stream: S, peer: Peer, port: Arc<Port>) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stop = port.stop.clone();
    let service = service_fn(move |request| {
        let (port, peer) = (Arc::clone(&port), peer.clone());
        async move {
            let doing = Arc::clone(&peer.doing);
            doing.busy();
            let response = http::answer(port, request, peer).await;
            doing.waiting();
            Ok::<_, Infallible>(response)
        }
    });
    let served = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    tokio::select! {
        outcome = served.as_mut() => outcome,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    }
}
