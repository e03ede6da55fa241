//! A node's two ports: `/status`, and JSON-RPC. Each node has an address of its own in 127/8; one process may answer for all.

use axum::{
    Json, Router,
    extract::{ConnectInfo, State, connect_info::Connected},
    http::StatusCode,
    routing::{get, post},
    serve::IncomingStream,
};
use chain::{
    config::{METRICS_PORT, RPC_PORT},
    status::NodeStatus,
};
use serde_json::Value;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::{net::TcpListener, task::JoinSet};

/// What nodes say, each by the address at which it is asked. `None`: no word, as of a process that has just ended.
pub trait Nodes: Send + Sync + 'static {
    /// The status document.
    fn status(&self, at: Ipv4Addr) -> Option<NodeStatus>;
    /// The answer to a JSON-RPC request.
    fn rpc(&self, at: Ipv4Addr, request: Value) -> impl Future<Output = Option<Value>> + Send;
}

/// Both ports; closed when dropped.
pub struct Ports(JoinSet<std::io::Result<()>>);

impl Ports {
    /// Opens them at one address, or with [`Ipv4Addr::UNSPECIFIED`] at all that nobody else has opened.
    ///
    /// # Errors
    /// The address is taken, or not of this machine.
    pub async fn open<N: Nodes>(at: Ipv4Addr, nodes: Arc<N>) -> std::io::Result<Self> {
        let status = Router::new().route("/status", get(status::<N>)).with_state(nodes.clone());
        let rpc = Router::new().route("/", post(rpc::<N>)).with_state(nodes);
        let mut tasks = JoinSet::new();
        for (port, router) in [(METRICS_PORT, status), (RPC_PORT, rpc)] {
            let listener = TcpListener::bind((at, port)).await?;
            let service = router.into_make_service_with_connect_info::<Local>();
            tasks.spawn(async move { axum::serve(listener, service).await });
        }
        Ok(Self(tasks))
    }

    /// They stay open for as long as the process runs.
    pub fn keep(mut self) {
        self.0.detach_all();
    }
}

/// Where somebody has connected to.
#[derive(Clone, Copy, Debug)]
struct Local(Ipv4Addr);

impl Connected<IncomingStream<'_, TcpListener>> for Local {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        match stream.io().local_addr().as_ref().map(SocketAddr::ip) {
            Ok(IpAddr::V4(address)) => Self(address),
            _ => Self(Ipv4Addr::UNSPECIFIED),
        }
    }
}

async fn status<N: Nodes>(
    State(nodes): State<Arc<N>>,
    ConnectInfo(Local(at)): ConnectInfo<Local>,
) -> Result<Json<NodeStatus>, StatusCode> {
    nodes.status(at).map(Json).ok_or(StatusCode::BAD_GATEWAY)
}

async fn rpc<N: Nodes>(
    State(nodes): State<Arc<N>>,
    ConnectInfo(Local(at)): ConnectInfo<Local>,
    Json(request): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    nodes.rpc(at, request).await.map(Json).ok_or(StatusCode::BAD_GATEWAY)
}
