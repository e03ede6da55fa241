//! Stands between the operator and the API server and remembers, for every namespace, what was written and when.

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
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// No object of the operator comes near it.
const LARGEST: usize = 4 << 20;

/// What was written in a namespace.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    /// How many.
    pub count: usize,
    /// The last one: when, what, and how it was answered.
    pub last: Option<(Instant, String, StatusCode)>,
}

/// A behaviour that must not be, planted to see it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Of every StatefulSet one edit is made; later ones are answered as if they were: nothing comes back.
    LostEdit,
    /// Status is never written.
    LostStatus,
}

/// The tap.
pub struct Tap {
    client: Client,
    plant: Option<Plant>,
    writes: Mutex<BTreeMap<String, Writes>>,
    edits: Mutex<BTreeMap<String, usize>>,
}

impl Tap {
    /// Serves on a free port; returns the kubeconfig that leads there, written into `folder`.
    ///
    /// # Panics
    /// There is no free port, or the file cannot be written.
    pub async fn start(client: Client, plant: Option<Plant>, folder: &Path) -> (Arc<Self>, PathBuf) {
        let tap = Arc::new(Self { client, plant, writes: Mutex::default(), edits: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(forward).with_state(tap.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "tap",
            "clusters": [{ "name": "tap", "cluster": { "server": server } }],
            "users": [{ "name": "tap", "user": {} }],
            "contexts": [{ "name": "tap", "context": { "cluster": "tap", "user": "tap" } }],
        });
        let path = folder.join("tap.kubeconfig");
        std::fs::write(&path, text.to_string()).expect("written");
        (tap, path)
    }

    /// What has been written in a namespace so far.
    pub fn writes(&self, namespace: &str) -> Writes {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.get(namespace).cloned().unwrap_or_default()
    }

    fn wrote(&self, what: &str, path: &str, status: StatusCode) {
        let Some(namespace) = namespace_of(path) else { return };
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = writes.entry(namespace.to_owned()).or_default();
        entry.count += 1;
        entry.last = Some((Instant::now(), format!("{what} {path}"), status));
    }

    /// A planted fault answers instead of the API server.
    async fn planted(&self, method: &Method, path: &str) -> Option<Response> {
        let lost = match self.plant? {
            Plant::LostEdit => path.contains("/statefulsets/") && *method == Method::PATCH,
            Plant::LostStatus => path.ends_with("/status"),
        };
        let stored = path.trim_end_matches("/status");
        let request = axum::http::Request::get(stored).body(kube::client::Body::empty()).ok()?;
        let answer = self.client.send(request).await.ok().filter(|_| lost)?;
        // What does not exist yet is made all the same: only edits are lost.
        if !answer.status().is_success() || self.is_first_edit(stored) {
            return None;
        }
        Some(answer.map(Body::new))
    }

    fn is_first_edit(&self, path: &str) -> bool {
        let mut edits = self.edits.lock().unwrap_or_else(PoisonError::into_inner);
        let count = edits.entry(path.to_owned()).or_default();
        *count += 1;
        self.plant == Some(Plant::LostEdit) && *count == 1
    }

    async fn pass(&self, request: Request) -> Response {
        let (mut head, body) = request.into_parts();
        head.headers.remove("host");
        let Ok(body) = to_bytes(body, LARGEST).await else {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the tap takes 4 MiB");
        };
        let request = axum::http::Request::from_parts(head, kube::client::Body::from(body.to_vec()));
        match self.client.send(request).await {
            Ok(response) => response.map(Body::new),
            Err(error) => refuse(StatusCode::BAD_GATEWAY, &error.to_string()),
        }
    }
}

async fn forward(State(tap): State<Arc<Tap>>, request: Request) -> Response {
    if request.method() == Method::GET {
        return tap.pass(request).await;
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if let Some(response) = tap.planted(&method, &path).await {
        return response;
    }
    let response = tap.pass(request).await;
    tap.wrote(method.as_str(), &path, response.status());
    response
}

fn namespace_of(path: &str) -> Option<&str> {
    path.split_once("/namespaces/")?.1.split('/').next()
}

fn refuse(status: StatusCode, why: &str) -> Response {
    let mut response = Response::new(Body::from(why.to_owned()));
    *response.status_mut() = status;
    response
}
