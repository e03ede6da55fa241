//! `/livez`, `/readyz` and `/metrics` of the operator.

use crate::{connections, context::Context, metrics::Standing};
use anyhow::Context as _;
use axum::{Router, extract::State, http::StatusCode, routing::get};
use operator_core::cache::{Kind, ObjectKind};
use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError},
};
use tokio::{net::TcpListener, sync::watch};

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
    connections::serve(listener, router, None).await
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
