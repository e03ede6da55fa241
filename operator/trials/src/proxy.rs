//! Stands between an operator and the API server and lets exactly k writes through: what the operator does after its
//! k-th write never happens. Watches and reads pass unhindered.

use crate::world::World;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode},
    response::Response,
};
use kube::Client;
use serde_json::json;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

/// No object of the operator comes near it.
const LARGEST: usize = 4 << 20;

/// Between one operator and the API server.
pub struct Proxy {
    client: Client,
    allowed: usize,
    seen: AtomicUsize,
    /// Told once the last write that is let through has been made.
    pub over: Notify,
}

impl Proxy {
    /// Serves on a free port; returns the kubeconfig that leads there.
    pub async fn start(world: &World, allowed: usize) -> (Arc<Self>, PathBuf) {
        let client = world.as_operator().await;
        let proxy = Arc::new(Self { client, allowed, seen: AtomicUsize::new(0), over: Notify::new() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(forward).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (proxy, kubeconfig(world, &server))
    }

    /// Writes asked for so far.
    pub fn writes(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    async fn pass(&self, request: Request) -> Response {
        let (mut head, body) = request.into_parts();
        head.headers.remove("host");
        let body = to_bytes(body, LARGEST).await.expect("a request within bounds");
        let request = axum::http::Request::from_parts(head, kube::client::Body::from(body.to_vec()));
        match self.client.send(request).await {
            Ok(response) => response.map(Body::new),
            Err(error) => refuse(StatusCode::BAD_GATEWAY, &error.to_string()),
        }
    }
}

async fn forward(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    if request.method() == Method::GET {
        return proxy.pass(request).await;
    }
    let number = proxy.seen.fetch_add(1, Ordering::SeqCst) + 1;
    if number > proxy.allowed {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "the operator is dead by now");
    }
    let response = proxy.pass(request).await;
    if number < proxy.allowed {
        return response;
    }
    proxy.over.notify_one();
    // The write is made; whoever asked for it does not live to know.
    refuse(StatusCode::SERVICE_UNAVAILABLE, "the operator is dead by now")
}

fn refuse(status: StatusCode, why: &str) -> Response {
    let mut response = Response::new(Body::from(why.to_owned()));
    *response.status_mut() = status;
    response
}

/// A kubeconfig of its own: no credentials, since the proxy has them.
pub fn kubeconfig(world: &World, server: &str) -> PathBuf {
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
        "clusters": [{ "name": "proxy", "cluster": { "server": server } }],
        "users": [{ "name": "proxy", "user": {} }],
        "contexts": [{ "name": "proxy", "context": { "cluster": "proxy", "user": "proxy" } }],
    });
    let path = world.scratch.path().join("proxy.kubeconfig");
    std::fs::write(&path, text.to_string()).expect("written");
    path
}
