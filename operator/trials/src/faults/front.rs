//! The API server's front as one operator process sees it: every request is parsed, writes are numbered by the [`Gate`] and
//! may fail as real ones do, reads may come from an earlier moment, watches may fall silent.

mod cut;
mod gate;
mod lies;
mod request;
mod stale;
mod watches;

pub use gate::{Answer, Event, Fate, Gate, Written};
pub use request::{Request, Verb};
pub use watches::Silence;

use crate::faults::history::Log;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::StatusCode,
    response::Response,
};
use kube::Client;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{sync::watch, task::JoinHandle};

/// No object of the operator comes near it.
const LARGEST: usize = 4 << 20;

/// One operator process's way to the API server.
pub struct Front {
    client: Client,
    gate: Arc<Gate>,
    log: Arc<Log>,
    namespace: String,
    /// Which process of the plan, from 0.
    pub instance: usize,
    dead: AtomicBool,
    /// The resource version that reads show; 0 shows what is.
    view: watch::Sender<u64>,
    silence: watch::Sender<Option<Silence>>,
    /// Pages of lists are cut to this; 0 leaves them.
    page: usize,
    server: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Front {
    /// Serves on a free port; returns the kubeconfig in `folder` that leads there.
    pub async fn start(
        client: Client,
        gate: Arc<Gate>,
        (namespace, log): (&str, Arc<Log>),
        instance: usize,
        page: usize,
        folder: &Path,
    ) -> anyhow::Result<(Arc<Self>, PathBuf)> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let server = format!("http://{}", listener.local_addr()?);
        let front = Arc::new(Self {
            client,
            gate,
            log,
            namespace: namespace.to_owned(),
            instance,
            dead: AtomicBool::new(false),
            view: watch::channel(0).0,
            silence: watch::channel(None).0,
            page,
            server: std::sync::Mutex::new(None),
        });
        let router = Router::new().fallback(handle).with_state(front.clone());
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        *front.server.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(task);
        let path = folder.join(format!("kubeconfig-{instance}"));
        std::fs::write(&path, kubeconfig(&server).to_string())?;
        Ok((front, path))
    }

    /// From now on the process counts as dead: nothing of it passes any more.
    pub fn close(&self) {
        self.dead.store(true, Ordering::SeqCst);
        if let Some(task) = self.server.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            task.abort();
        }
    }

    /// Reads show what was at this resource version, and watches wait, until 0 is set.
    pub fn show(&self, version: u64) {
        self.view.send_replace(version);
    }

    /// What becomes of watch events; `None` lets them pass.
    pub fn silence(&self, silence: Option<Silence>) {
        self.silence.send_replace(silence);
    }

    async fn handle(self: &Arc<Self>, incoming: axum::extract::Request) -> Response {
        let request = Request::parse(incoming.method(), incoming.uri());
        if self.dead.load(Ordering::SeqCst) {
            return status(StatusCode::BAD_GATEWAY, "Dead", "this process has been killed", &[]);
        }
        match request.verb {
            Verb::Watch => self.watch(&request, incoming).await,
            Verb::Get | Verb::List => {
                if let Some(answer) = self.gate.read(self.instance, &request) {
                    return answer.response();
                }
                let version = *self.view.borrow();
                if version > 0 && request.namespace.is_some() && !request.is_consistent() {
                    return stale::answer(&self.log.as_of(version), version, &request, incoming.headers());
                }
                self.pass(self.paged(incoming, &request)).await
            }
            _ => self.write(request, incoming).await,
        }
    }

    async fn write(&self, request: Request, incoming: axum::extract::Request) -> Response {
        let what = request.to_string();
        match self.gate.decide(self.instance, &what, Some(&request)).await {
            Fate::Pass => {
                if self.dead.load(Ordering::SeqCst) {
                    return status(StatusCode::BAD_GATEWAY, "Dead", "this process has been killed", &[]);
                }
                self.effective(&request, incoming).await
            }
            Fate::Answer(answer) => answer.response(),
            Fate::CommitThen(answer) => {
                self.effective(&request, incoming).await;
                answer.response()
            }
            Fate::GrantThenKill if request.is_eviction() => {
                self.pass(cut::of_another_pod(incoming).await).await;
                self.die().await
            }
            Fate::KillAfter | Fate::GrantThenKill => {
                self.effective(&request, incoming).await;
                self.die().await
            }
            Fate::KillBefore => self.die().await,
            Fate::NoAnswer { commit } => {
                if commit {
                    self.effective(&request, incoming).await;
                }
                std::future::pending().await
            }
        }
    }

    /// The process ends here: it hears nothing more.
    async fn die(&self) -> Response {
        self.dead.store(true, Ordering::SeqCst);
        self.gate.tell(Event::Kill(self.instance));
        std::future::pending().await
    }

    /// Lets a write through; what it did is looked at where it stops a node.
    async fn effective(&self, request: &Request, incoming: axum::extract::Request) -> Response {
        match self.gate.lie() {
            None => self.performed(request, incoming).await,
            Some(lie) => self.with_lie(lie, request, incoming).await,
        }
    }

    async fn performed(&self, request: &Request, incoming: axum::extract::Request) -> Response {
        let before = self.gate.before(request);
        let response = self.pass(incoming).await;
        self.gate.after(request, before, response.status().as_u16());
        response
    }

    async fn pass(&self, request: axum::extract::Request) -> Response {
        let (mut head, body) = request.into_parts();
        head.headers.remove("host");
        let Ok(body) = to_bytes(body, LARGEST).await else {
            return status(StatusCode::PAYLOAD_TOO_LARGE, "TooLarge", "request out of bounds", &[]);
        };
        let request = axum::http::Request::from_parts(head, kube::client::Body::from(body.to_vec()));
        match self.client.send(request).await {
            Ok(response) => response.map(Body::new),
            Err(error) => status(StatusCode::BAD_GATEWAY, "Unreachable", &error.to_string(), &[]),
        }
    }

    /// A list may be given in smaller pages than were asked for: who lists must follow `continue`.
    fn paged(&self, mut incoming: axum::extract::Request, request: &Request) -> axum::extract::Request {
        if self.page == 0 || request.verb != Verb::List || !request.query.contains_key("limit") {
            return incoming;
        }
        let query: Vec<String> = incoming
            .uri()
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.starts_with("limit="))
            .map(str::to_owned)
            .chain([format!("limit={}", self.page)])
            .collect();
        let path = format!("{}?{}", incoming.uri().path(), query.join("&"));
        if let Ok(uri) = path.parse() {
            *incoming.uri_mut() = uri;
        }
        incoming
    }
}

async fn handle(State(front): State<Arc<Front>>, request: axum::extract::Request) -> Response {
    front.handle(request).await
}

/// A kubeconfig of its own: no credentials, since the front has them.
fn kubeconfig(server: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "front",
        "clusters": [{ "name": "front", "cluster": { "server": server } }],
        "users": [{ "name": "front", "user": {} }],
        "contexts": [{ "name": "front", "context": { "cluster": "front", "user": "front" } }],
    })
}

/// An error as an API server words it.
fn status(code: StatusCode, reason: &str, message: &str, headers: &[(&str, &str)]) -> Response {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
        "code": code.as_u16(),
    });
    reply(code, &body, headers)
}

fn reply(code: StatusCode, body: &Value, headers: &[(&str, &str)]) -> Response {
    let mut response = Response::builder().status(code).header("content-type", "application/json");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(body.to_string())).unwrap_or_default()
}
