//! Stands between the operator and the API server and remembers, for every namespace, what was written and when.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode},
    response::Response,
};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// No object of the operator comes near it.
const LARGEST: usize = 4 << 20;
/// What a status says of the chain's height: written with another change, or once a minute.
const MOVING: [&str; 2] = ["height", "observedAt"];
/// Seconds between two writes of these alone.
const HEARTBEAT_S: i64 = 60;

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

    /// The object as stored; `None` when there is none.
    async fn stored(&self, path: &str) -> Option<Value> {
        let request = axum::http::Request::get(path).body(kube::client::Body::empty()).ok()?;
        let answer = self.client.send(request).await.ok().filter(|answer| answer.status().is_success())?;
        let body = to_bytes(Body::new(answer.into_body()), LARGEST).await.ok()?;
        serde_json::from_slice(&body).ok()
    }

    /// Passes a write of a status on; whether it is the one that is due once a minute, for the height alone.
    async fn pass_status(&self, request: Request) -> (Response, bool) {
        let before = self.stored(request.uri().path()).await;
        let (mut head, body) = self.pass(request).await.into_parts();
        // It goes on in one piece, however it came.
        head.headers.remove("transfer-encoding");
        let Ok(body) = to_bytes(body, LARGEST).await else {
            return (refuse(StatusCode::BAD_GATEWAY, "an answer above 4 MiB"), false);
        };
        let after = serde_json::from_slice::<Value>(&body).ok().filter(|_| head.status.is_success());
        let beats = before.zip(after).is_some_and(|(before, after)| is_heartbeat(&before, &after));
        (Response::from_parts(head, Body::from(body)), beats)
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
    // Asked whether it would be taken, the API server writes nothing.
    if request.uri().query().is_some_and(|query| query.contains("dryRun=")) {
        return tap.pass(request).await;
    }
    let (response, beats) = if path.contains("/consortia/") && path.ends_with("/status") {
        tap.pass_status(request).await
    } else {
        (tap.pass(request).await, false)
    };
    if !beats {
        tap.wrote(method.as_str(), &path, response.status());
    }
    response
}

/// Height and its time alone have moved, and the time before is a minute old: what an object at rest may say.
fn is_heartbeat(before: &Value, after: &Value) -> bool {
    let resting = |object: &Value| {
        let mut status = object["status"].clone();
        if let Some(fields) = status.as_object_mut() {
            fields.retain(|key, _| !MOVING.contains(&key.as_str()));
        }
        status
    };
    let at = |object: &Value| object["status"]["observedAt"].as_str()?.parse::<Timestamp>().ok();
    let apart = at(before).zip(at(after)).map(|(before, after)| after.as_second() - before.as_second());
    resting(before) == resting(after) && apart.is_some_and(|apart| apart >= HEARTBEAT_S)
}

fn namespace_of(path: &str) -> Option<&str> {
    path.split_once("/namespaces/")?.1.split('/').next()
}

fn refuse(status: StatusCode, why: &str) -> Response {
    let mut response = Response::new(Body::from(why.to_owned()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::is_heartbeat;
    use serde_json::{Value, json};

    #[test]
    fn a_height_alone_is_due_a_minute_after_it_was_written_and_nothing_else_is() {
        let object = |height: u64, at: &str, summary: &str| -> Value {
            json!({ "status": { "height": height, "observedAt": at, "summary": summary } })
        };
        let before = object(10, "2026-01-01T00:00:00Z", "1/1");
        assert!(is_heartbeat(&before, &object(11, "2026-01-01T00:01:00Z", "1/1")));
        assert!(!is_heartbeat(&before, &object(11, "2026-01-01T00:00:59Z", "1/1")), "too soon");
        assert!(!is_heartbeat(&before, &object(11, "2026-01-01T00:01:00Z", "0/1")), "something else");
        assert!(!is_heartbeat(&json!({}), &object(11, "2026-01-01T00:01:00Z", "1/1")));
    }
}
