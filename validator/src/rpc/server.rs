//! The port: connections, and the limits that hold before a method is reached.
//!
//! ```text
//! accept ─► admission (how many) ─► patient (how slow) ─► http ─┬─► calls
//!                                                               └─► socket ─► calls
//! ```

mod accept;
mod admission;
mod http;
mod patient;
mod socket;

use super::{
    RpcError, RpcLimits,
    calls::{Answered, Calls, Shared, failed},
    dispatch::Methods,
    error::invalid_request,
    memory::Memory,
};
use admission::{Admission, Place};
use patient::Doing;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long connections may take to finish what they are answering when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Who is at the other end; travels with each call.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    closer: CancellationToken,
}

impl Client {
    /// Closes the WebSocket connection; for clients that do not keep up.
    pub(super) fn close(&self) {
        self.closer.cancel();
    }
}

/// A connection, as its requests see it.
struct Peer {
    address: SocketAddr,
    place: Arc<Place>,
    doing: Arc<Doing>,
}

/// A running server. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct ServerHandle {
    local_addr: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl ServerHandle {
    /// Address listened on.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
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
    }
}

/// What the connections of one port share.
struct Port {
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

/// Opens the port and serves `methods`.
pub(super) async fn start(
    listen: SocketAddr,
    limits: RpcLimits,
    methods: Methods,
) -> Result<ServerHandle, RpcError> {
    let refused = |source| RpcError::Listen { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let local_addr = listener.local_addr().map_err(refused)?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let shared = Shared::new(&limits);
    let port = Arc::new(Port {
        calls: Calls::new(methods, limits, &shared),
        memory: shared.memory,
        admission: Admission::new(&limits),
        limits,
        stop: stop.clone(),
        tasks: tasks.clone(),
    });
    tasks.spawn(accept::accept(listener, port));
    Ok(ServerHandle { local_addr, stop, tasks })
}
