//! The port: connections, and the limits that hold before a method is reached.
//!
//! ```text
//! accept ─► admission (how many) ─► patient (how slow) ─► http ─┬─► calls
//!                                                               └─► socket ─► calls
//! ```

mod accept;
mod access;
mod admission;
mod http;
mod patient;
mod socket;
mod tls;

pub use access::FileError;

use super::{
    RpcError, RpcLimits,
    calls::{Answered, Calls, Shared, failed},
    dispatch::Methods,
    error::invalid_request,
    memory::Memory,
};
use access::{Access, Allowed};
use admission::{Admission, Place};
use chain::config::{RpcPort, RpcTransport};
use patient::Doing;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long connections may take to finish what they are answering when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Who is at the other end; travels with each call.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    allowed: Allowed,
    closer: CancellationToken,
}

impl Client {
    /// Whether its key opens a method, or a namespace.
    pub(super) fn may(&self, name: &str) -> bool {
        let namespace = name.split('_').next().unwrap_or_default();
        self.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|allowed| allowed == namespace))
    }

    /// Closes the WebSocket connection; for clients that do not keep up.
    pub(super) fn close(&self) {
        self.closer.cancel();
    }
}

/// A connection, as its requests see it.
#[derive(Clone)]
struct Peer {
    address: SocketAddr,
    place: Arc<Place>,
    doing: Arc<Doing>,
}

/// A running server. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct ServerHandle {
    addresses: Vec<SocketAddr>,
    threads: Option<Runtime>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl ServerHandle {
    /// Addresses listened on, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The first of them.
    pub fn local_addr(&self) -> SocketAddr {
        self.addresses.first().copied().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// Takes over the threads that it runs on.
    pub(super) fn kept_by(mut self, threads: Runtime) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Stops accepting, lets calls in progress finish, closes subscriptions.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP_GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                connections = self.tasks.len(),
                "rpc: connections did not finish in time, left behind"
            );
        }
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(threads) = self.threads.take() {
            // Waiting for them is not possible where tasks run.
            threads.shutdown_background();
        }
    }
}

/// The rules of one port, from its configuration.
pub(super) struct Rules {
    listen: SocketAddr,
    access: Access,
    tls: Option<TlsAcceptor>,
    http: bool,
    websocket: bool,
}

impl Rules {
    /// Reads what the configuration names.
    pub(super) fn open(port: &RpcPort) -> Result<Self, RpcError> {
        super::check_namespaces(&port.namespaces)?;
        let shown = || port.listen.chars().take(100).collect();
        let listen = port.listen.parse().map_err(|_| RpcError::Address { got: shown() })?;
        let speaks = |transport| port.transports.is_empty() || port.transports.contains(&transport);
        let now = Instant::now();
        Ok(Self {
            listen,
            access: Access::open(&port.access, now)?,
            tls: port.tls.as_ref().map(|files| tls::acceptor(files, now)).transpose()?,
            http: speaks(RpcTransport::Http),
            websocket: speaks(RpcTransport::Ws),
        })
    }

    /// Whether there can be subscriptions.
    pub(super) fn pushes(&self) -> bool {
        self.websocket
    }
}

/// What the connections of one port share.
struct Port {
    rules: Rules,
    calls: Calls,
    memory: Memory,
    admission: Arc<Admission>,
    limits: RpcLimits,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Port {
    /// The answer to a message that was not taken.
    fn too_large(&self) -> Answered {
        let most = self.limits.request_bytes;
        let error = invalid_request(format!("request too large: at most {most} bytes"));
        Answered { text: failed("null", &error), held: None, last: true }
    }
}

/// Opens the ports and serves the methods of each.
pub(super) async fn start(limits: RpcLimits, ports: Vec<(Rules, Methods)>) -> Result<ServerHandle, RpcError> {
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (shared, admission) = (Shared::new(&limits), Admission::new(&limits));
    let (mut addresses, mut loops) = (Vec::new(), Vec::new());
    for (rules, methods) in ports {
        let listen = rules.listen;
        let refused = |source| RpcError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        addresses.push(listener.local_addr().map_err(refused)?);
        let port = Port {
            rules,
            calls: Calls::new(methods, limits, &shared),
            memory: shared.memory.clone(),
            admission: Arc::clone(&admission),
            limits,
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        loops.push(accept::accept(listener, Arc::new(port)));
    }
    // Only when all are open.
    for accept in loops {
        tasks.spawn(accept);
    }
    Ok(ServerHandle { addresses, threads: None, stop, tasks })
}
