//! HTTP over few connections that must say what they want soon, with or without TLS.

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// The kubelet and a scraper, or some joiners, need few; the rest is for people.
const CONNECTIONS: usize = 32;
/// A connection that sends no complete head for so long is closed, and one that is not done with TLS.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// However busy, a connection is not held longer.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(1);
/// After an accept that failed, as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until the process ends.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<TlsAcceptor>,
) -> anyhow::Result<()> {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // One more waits in the kernel's queue until another ends.
        let permit = connections.clone().acquire_owned().await?;
        match listener.accept().await {
            Ok((socket, _)) => {
                let (router, tls) = (router.clone(), tls.clone());
                tokio::spawn(async move {
                    opened(socket, router, tls).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn opened(socket: TcpStream, router: Router, tls: Option<TlsAcceptor>) {
    let Some(tls) = tls else { return connection(socket, router).await };
    match timeout(HEAD_TIMEOUT, tls.accept(socket)).await {
        Ok(Ok(stream)) => connection(stream, router).await,
        Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
        Err(_) => tracing::debug!("no TLS in time"),
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(CONNECTION_TIMEOUT, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "connection ended"),
        Err(_) => tracing::debug!("connection held too long"),
    }
}
