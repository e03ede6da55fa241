//! The port: connections, and the limits that hold before a method is reached.

use super::{RpcError, RpcLimits, context::Context, gate::Gate};
use futures::future::BoxFuture;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use jsonrpsee::{
    RpcModule,
    core::{BoxError, middleware::RpcServiceBuilder, server::Methods, traits::IdProvider},
    server::{
        BatchRequestConfig, HttpBody, HttpRequest, HttpResponse, PingConfig, Server, ServerConfig,
        TowerServiceBuilder, stop_channel,
    },
    types::SubscriptionId,
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{Service, layer::util::Identity};

/// How long connections may take to finish what they are answering when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// Pause after the system refused to accept (no file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end; travels with each request.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    /// Whether notifications can reach it.
    pub(super) websocket: bool,
    closer: jsonrpsee::server::ServerHandle,
}

impl Client {
    /// Closes the WebSocket connection; for clients that do not keep up.
    pub(super) fn close(&self) {
        // Already closed is as good.
        let _ = self.closer.stop();
    }
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

/// Opens the port and serves `methods`.
pub(super) async fn start(
    listen: SocketAddr,
    limits: RpcLimits,
    methods: RpcModule<Context>,
) -> Result<ServerHandle, RpcError> {
    let refused = |source| RpcError::Listen { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let local_addr = listener.local_addr().map_err(refused)?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let port = Arc::new(Port {
        services: Server::builder().set_config(server_config(&limits)).to_service_builder(),
        methods: methods.into(),
        connections: Arc::new(Semaphore::new(limits.connections as usize)),
        limits,
        stop: stop.clone(),
        tasks: tasks.clone(),
    });
    tasks.spawn(accept(listener, port));
    Ok(ServerHandle { local_addr, stop, tasks })
}

fn server_config(limits: &RpcLimits) -> ServerConfig {
    ServerConfig::builder()
        .max_request_body_size(limits.request_bytes)
        .max_response_body_size(limits.response_bytes)
        .max_connections(limits.connections)
        .max_subscriptions_per_connection(limits.subscriptions)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch))
        .set_message_buffer_capacity(limits.messages)
        .set_id_provider(HexIds)
        .enable_ws_ping(PingConfig::default())
        .build()
}

/// Subscription ids as Ethereum clients expect them: hexadecimal strings.
#[derive(Debug)]
struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        SubscriptionId::Str(format!("0x{:032x}", rand::random::<u128>()).into())
    }
}

struct Port {
    services: TowerServiceBuilder<Identity, Identity>,
    methods: Methods,
    connections: Arc<Semaphore>,
    limits: RpcLimits,
    stop: CancellationToken,
    tasks: TaskTracker,
}

async fn accept(listener: TcpListener, port: Arc<Port>) {
    loop {
        let accepted = tokio::select! {
            () = port.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (socket, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "rpc: cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&port.connections).try_acquire_owned() else {
            tracing::warn!(%remote, limit = port.limits.connections, "rpc: too many connections, one refused");
            continue;
        };
        let tasks = port.tasks.clone();
        tasks.spawn(connection(socket, remote, Arc::clone(&port), Arc::new(permit)));
    }
}

/// Serves one connection until it ends; an upgraded one goes on in its session's task.
async fn connection(
    socket: TcpStream,
    remote: SocketAddr,
    port: Arc<Port>,
    permit: Arc<OwnedSemaphorePermit>,
) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%remote, %error, "rpc: connection lost");
        return;
    }
    let stop = port.stop.clone();
    let head_timeout = Duration::from_secs(port.limits.head_s);
    let service = tower::service_fn(move |request| {
        let (port, permit) = (Arc::clone(&port), Arc::clone(&permit));
        // Boxed here: the compiler cannot prove the opaque type's error conversion for every lifetime.
        let answer: BoxFuture<'static, _> = Box::pin(port.answer(request, remote.ip(), permit));
        answer
    });
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head_timeout);
    let served =
        builder.serve_connection_with_upgrades(TokioIo::new(socket), TowerToHyperService::new(service));
    let mut served = std::pin::pin!(served);
    let outcome = tokio::select! {
        outcome = served.as_mut() => outcome,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%remote, %error, "rpc: connection ended");
    }
}

impl Port {
    async fn answer<B>(
        self: Arc<Self>,
        mut request: HttpRequest<B>,
        address: IpAddr,
        permit: Arc<OwnedSemaphorePermit>,
    ) -> Result<HttpResponse, std::io::Error>
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (stop, closer) = stop_channel();
        let websocket = jsonrpsee::server::ws::is_upgrade_request(&request);
        request.extensions_mut().insert(Client { address, websocket, closer: closer.clone() });
        let (methods, batch_concurrency) = (self.methods.clone(), self.limits.batch_concurrency);
        let response_bytes = self.limits.response_bytes as usize;
        let gate = RpcServiceBuilder::new().layer_fn(move |inner| Gate {
            inner,
            methods: methods.clone(),
            batch_concurrency,
            response_bytes,
        });
        let mut service = self.services.clone().set_rpc_middleware(gate).build(self.methods.clone(), stop);

        if websocket {
            let (closed, stopping) = (service.on_session_closed(), self.stop.clone());
            self.tasks.spawn(async move {
                tokio::select! {
                    () = closed => {}
                    () = stopping.cancelled() => drop(closer.stop()),
                }
                drop(permit);
            });
            return service.call(request).await.map_err(std::io::Error::other);
        }
        let limit = Duration::from_secs(self.limits.request_s);
        if let Ok(response) = tokio::time::timeout(limit, service.call(request)).await {
            return response.map_err(std::io::Error::other);
        }
        let text = format!("request was not sent and answered within {} s", limit.as_secs());
        HttpResponse::builder().status(408).body(HttpBody::from(text)).map_err(std::io::Error::other)
    }
}
