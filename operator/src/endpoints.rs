//! `/livez`, `/readyz` and `/metrics` of the operator.

use crate::context::Context;
use axum::{Router, extract::State, http::StatusCode, routing::get};
use std::{net::SocketAddr, sync::Arc};

/// Serves until the process ends.
pub(crate) async fn serve(listen: SocketAddr, context: Arc<Context>) -> anyhow::Result<()> {
    let router = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(|| async { "ok" }))
        .route("/metrics", get(metrics))
        .with_state(context);
    let listener = tokio::net::TcpListener::bind(listen).await?;
    axum::serve(listener, router).await?;
    Ok(())
}

async fn metrics(State(context): State<Arc<Context>>) -> Result<String, StatusCode> {
    context.metrics.text().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
