//! Leases as an API server keeps them, for nodes with the rights that the operator gives them: to read and to change those that
//! are there, and to make none.

use super::{tls::certificates, wait_for};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path as Named, State},
    http::StatusCode,
    routing::{get, post},
    serve::Listener,
};
use chain::config::FenceStore;
use data_encoding::BASE64;
use fence::Record;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};

const ANNOTATION: &str = "quorate.dev/fence-record";

/// Whether the answer to the swap that wrote this record is to be kept back.
type Keep = Box<dyn Fn(&Record) -> bool + Send>;

#[derive(Default)]
struct Objects {
    leases: BTreeMap<String, (u64, Value)>,
    version: u64,
    /// One swap of this Lease that is done and never answered.
    keep: Option<(String, Keep)>,
    kept: Option<Record>,
    /// The Lease of which nothing more is said once that is done.
    silent: Option<String>,
}

type Shared = Arc<Mutex<Objects>>;

/// The server; it ends with the test.
pub(crate) struct Leases {
    objects: Shared,
    address: SocketAddr,
    dir: tempfile::TempDir,
    _runtime: Runtime,
}

impl Leases {
    /// With these Leases, none of which has a record.
    pub(crate) fn start(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        certificates(dir.path());
        std::fs::write(dir.path().join("token"), "node").unwrap();
        let runtime = Runtime::new().unwrap();
        let objects = Shared::default();
        for name in names {
            let empty = json!({ "metadata": { "name": name, "resourceVersion": "1" }, "spec": {} });
            objects.lock().unwrap().leases.insert((*name).to_owned(), (1, empty));
        }
        objects.lock().unwrap().version = 1;
        let router = Router::new()
            .route("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases", post(refuse))
            .route(
                "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}",
                get(read).patch(change),
            )
            .with_state(Arc::clone(&objects));
        let tls = acceptor(dir.path());
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(axum::serve(Tls { listener, tls }, router).into_future());
        Self { objects, address, dir, _runtime: runtime }
    }

    /// As a node's configuration names it.
    pub(crate) fn store(&self, name: &str) -> FenceStore {
        let file = |name: &str| self.dir.path().join(name).to_string_lossy().into_owned();
        FenceStore::KubernetesLease {
            server: format!("https://{}", self.address),
            namespace: "fence".into(),
            name: name.into(),
            token_file: file("token"),
            ca_file: file("ca.crt"),
        }
    }

    /// The record of a Lease.
    pub(crate) fn record(&self, name: &str) -> Option<Record> {
        record(&self.objects.lock().unwrap().leases.get(name)?.1)
    }

    /// Takes the record away, as nobody may.
    pub(crate) fn lose(&self, name: &str) {
        let mut objects = self.objects.lock().unwrap();
        objects.version += 1;
        let version = objects.version;
        let (at, lease) = objects.leases.get_mut(name).unwrap();
        *at = version;
        lease["metadata"]["resourceVersion"] = version.to_string().into();
        lease["metadata"]["annotations"] = json!({});
    }

    /// The next swap that writes such a record is done and never answered, and nothing that is asked of this Lease from then on is.
    pub(crate) fn keep_back(&self, name: &str, keep: impl Fn(&Record) -> bool + Send + 'static) {
        self.objects.lock().unwrap().keep = Some((name.to_owned(), Box::new(keep)));
    }

    /// Waits for that swap.
    pub(crate) fn wait_kept_back(&self) -> Record {
        wait_for("the swap", || self.objects.lock().unwrap().kept.take())
    }

    /// Answers what is asked of that Lease from now on.
    pub(crate) fn answer_again(&self) {
        self.objects.lock().unwrap().silent = None;
    }
}

fn record(lease: &Value) -> Option<Record> {
    let text = lease["metadata"]["annotations"][ANNOTATION].as_str()?;
    Record::decode(&BASE64.decode(text.as_bytes()).unwrap()).ok()
}

async fn refuse() -> (StatusCode, Json<Value>) {
    (StatusCode::FORBIDDEN, Json(json!({ "reason": "Forbidden", "message": "no right to create" })))
}

async fn read(
    State(objects): State<Shared>,
    Named((_, name)): Named<(String, String)>,
) -> (StatusCode, Json<Value>) {
    let answer = look(&objects.lock().unwrap(), &name);
    match answer {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

fn look(objects: &Objects, name: &str) -> Option<(StatusCode, Json<Value>)> {
    if objects.silent.as_deref() == Some(name) {
        return None;
    }
    Some(match objects.leases.get(name) {
        Some((_, lease)) => (StatusCode::OK, Json(lease.clone())),
        None => (StatusCode::NOT_FOUND, Json(json!({ "reason": "NotFound" }))),
    })
}

async fn change(
    State(objects): State<Shared>,
    Named((_, name)): Named<(String, String)>,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let patch = serde_json::from_slice(&body).unwrap();
    let answer = swap(&mut objects.lock().unwrap(), &name, &patch);
    match answer {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

/// A merge patch, of the version that it names; no answer where it is kept back.
fn swap(objects: &mut Objects, name: &str, patch: &Value) -> Option<(StatusCode, Json<Value>)> {
    if objects.silent.as_deref() == Some(name) {
        return None;
    }
    let version = objects.version + 1;
    let Some((at, lease)) = objects.leases.get_mut(name) else {
        return Some((StatusCode::NOT_FOUND, Json(json!({ "reason": "NotFound" }))));
    };
    if patch["metadata"]["resourceVersion"].as_str() != Some(at.to_string().as_str()) {
        return Some((StatusCode::CONFLICT, Json(json!({ "reason": "Conflict" }))));
    }
    *at = version;
    lease["metadata"]["resourceVersion"] = version.to_string().into();
    lease["metadata"]["annotations"] = patch["metadata"]["annotations"].clone();
    lease["spec"] = patch["spec"].clone();
    let lease = lease.clone();
    objects.version = version;
    let written = record(&lease);
    let is_kept = |(of, keep): &mut (String, Keep)| of == name && written.as_ref().is_some_and(keep);
    if objects.keep.take_if(is_kept).is_some() {
        (objects.kept, objects.silent) = (written, Some(name.to_owned()));
        return None;
    }
    Some((StatusCode::OK, Json(lease)))
}

/// Connections over TLS.
struct Tls {
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

fn acceptor(dir: &Path) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(dir.join("tls.crt")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(dir.join("tls.key")).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let server = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(server.with_single_cert(chain, key).unwrap()))
}
