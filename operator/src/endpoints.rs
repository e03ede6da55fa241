//! `/livez`, `/readyz` and `/metrics` of the operator, over few connections that must say what they want soon.

use crate::{context::Context, metrics::Standing};
use anyhow::Context as _;
use axum::{Router, extract::State, http::StatusCode, routing::get};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use operator_core::cache::{Kind, ObjectKind};
use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};

/// The kubelet and a scraper need two; the rest is for people.
const CONNECTIONS: usize = 32;
/// A connection that sends no complete head for so long is closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// However busy, a connection is not held longer.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(1);
/// After an accept that failed, as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// First lists that are still awaited: before them the operator decides nothing.
#[derive(Debug)]
pub(crate) struct Listed(watch::Sender<usize>);

impl Listed {
    /// None has come of so many.
    pub(crate) fn awaited(lists: usize) -> Self {
        Self(watch::Sender::new(lists))
    }

    /// One has come.
    pub(crate) fn one(&self) {
        self.0.send_modify(|awaited| *awaited = awaited.saturating_sub(1));
    }

    /// Until all have come.
    pub(crate) async fn all(&self) {
        let _ = self.0.subscribe().wait_for(|awaited| *awaited == 0).await;
    }
}

/// Serves until the process ends.
pub(crate) async fn serve(listen: SocketAddr, context: Arc<Context>) -> anyhow::Result<()> {
    let router = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(context);
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; choose another address with --listen"))?;
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // One more waits in the kernel's queue until another ends.
        let permit = connections.clone().acquire_owned().await?;
        match listener.accept().await {
            Ok((socket, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    connection(socket, router).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "endpoints: cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(socket: TcpStream, router: Router) {
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let served = builder.serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    match timeout(CONNECTION_TIMEOUT, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "endpoints: connection ended"),
        Err(_) => tracing::debug!("endpoints: connection held too long"),
    }
}

/// A replica that follows is ready too: it knows everything, and waits for the lease.
async fn ready(State(context): State<Arc<Context>>) -> (StatusCode, String) {
    match *context.listed.0.borrow() {
        0 => (StatusCode::OK, "ok".to_owned()),
        awaited => (StatusCode::SERVICE_UNAVAILABLE, format!("{awaited} first lists are awaited")),
    }
}

async fn metrics(State(context): State<Arc<Context>>) -> Result<String, StatusCode> {
    context.metrics.text(&standing(&context)).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn standing(context: &Context) -> Standing {
    let cache = context.cache();
    let kinds = [("Consortium", ObjectKind::Consortium), ("Validator", ObjectKind::Validator)];
    let objects = kinds.map(|(name, kind)| {
        let (due, failing) = context.turns(kind).depth();
        (name, cache.count(kind), due, failing)
    });
    let children = Kind::ALL.map(|kind| (kind.plural(), cache.children(kind)));
    Standing {
        objects: objects.to_vec(),
        children: children.to_vec(),
        unvisited: context.unvisited.lock().unwrap_or_else(PoisonError::into_inner).len(),
        leads: context.leadership.leads(),
    }
}
