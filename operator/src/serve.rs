//! `serve-network-info`: a member's signed network info over https, for those who want to join. It has no token and no key but its
//! certificate's, and changed files are served without a restart.

mod certificate;
mod reloaded;

use crate::connections;
use anyhow::Context as _;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    routing::get,
};
use chain::network_info::NetworkInfo;
use operator_core::names::NETWORK_INFO_FILE;
use reloaded::Reloaded;
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Instant};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// What is served, and where.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// The signed document.
    #[arg(long)]
    document: PathBuf,
    /// Where it is served.
    #[arg(long)]
    listen: SocketAddr,
    /// Folder with `tls.crt` and `tls.key`; without it the document is served over http.
    #[arg(long)]
    tls_dir: Option<PathBuf>,
}

type Document = Arc<Reloaded<Vec<u8>>>;

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let document: Document = Arc::new(Reloaded::open(vec![args.document], signed, Instant::now())?);
    let tls = args.tls_dir.as_deref().map(|dir| certificate::acceptor(dir, Instant::now())).transpose()?;
    let path = format!("/{NETWORK_INFO_FILE}");
    let router = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(|| async { "ok" }))
        .route(&path, get(answer))
        .with_state(document);
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}; choose another address with --listen", args.listen))?;
    tracing::info!(listen = %listener.local_addr()?, tls = tls.is_some(), path, "network info served");
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        ended = connections::serve(listener, router, tls) => ended,
    }
}

async fn answer(
    State(document): State<Document>,
) -> (StatusCode, [(header::HeaderName, &'static str); 1], Vec<u8>) {
    let text = document.get(Instant::now());
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], (*text).clone())
}

/// What nobody would believe is not served.
fn signed(texts: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    let [text] = texts else { return Err("one document is served".to_owned()) };
    let info: NetworkInfo =
        serde_json::from_slice(text).map_err(|error| format!("is no network info: {error}"))?;
    info.verify().map_err(|error| error.to_string())?;
    Ok(text.clone())
}
