//! JSON-RPC of one node over HTTP or HTTPS, one call after the other, bounded in time and size.

use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Request, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Runtime,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

/// For one call: name, connection, handshake, answer.
const DEADLINE: Duration = Duration::from_secs(30);
/// Longest answer: 256 members with all their accounts, in hex, are a quarter of it.
const MAX_BYTES: usize = 4 << 20;

/// Which node, and how it knows us and we know it.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Endpoint {
    /// In place of --config: JSON-RPC of a running node, the one with the highest head; http or https.
    #[arg(long, value_name = "URL")]
    rpc: Option<String>,
    /// File with the certificates of a private authority, for https; the public ones are known.
    #[arg(long, requires = "rpc")]
    ca: Option<PathBuf>,
    /// File with an API key or a token, where the node asks for one.
    #[arg(long, requires = "rpc")]
    token: Option<PathBuf>,
}

impl Endpoint {
    pub(super) const fn is_named(&self) -> bool {
        self.rpc.is_some()
    }
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum RpcReadError {
    #[error("--rpc {got:?} is no http or https URL with a host; write it like http://127.0.0.1:8545")]
    Url { got: String },
    #[error("{path}: {reason}")]
    File { path: PathBuf, reason: String },
    #[error("cannot start threads: {0}")]
    Runtime(io::Error),
    #[error("tls: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
    #[error("no connection to {host} port {port}: {source}")]
    Connect { host: String, port: u16, source: io::Error },
    #[error("tls with {host}: {source}; if its certificate is of a private authority, name that with --ca")]
    Untrusted { host: String, source: io::Error },
    #[error("{method}: no answer within {} s", DEADLINE.as_secs())]
    Deadline { method: String },
    #[error("http: {0}")]
    Http(#[from] hyper::Error),
    #[error("http: {0}")]
    Request(#[from] http::Error),
    #[error("{method}: the node answers {status}; a node that asks for a key or a token needs --token")]
    Status { method: String, status: StatusCode },
    #[error("{method}: the answer is cut, or longer than {MAX_BYTES} bytes: {reason}")]
    Body { method: String, reason: String },
    #[error("{method}: {message}; the namespace eth must be served")]
    Refused { method: String, message: String },
    #[error("{method}: not the answer that was expected: {reason}; is this a node's JSON-RPC?")]
    Answer { method: String, reason: String },
    #[error("{call}: not the governance contract's answer: {reason}")]
    Contract { call: &'static str, reason: String },
}

/// The way to a node.
pub(super) struct Rpc {
    runtime: Runtime,
    host: String,
    port: u16,
    authority: String,
    path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    token: Option<HeaderValue>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    result: Value,
    error: Option<Told>,
}

#[derive(Deserialize)]
struct Told {
    message: String,
}

impl Rpc {
    /// Reads what the endpoint names; connects with the first call.
    pub(super) fn open(endpoint: &Endpoint) -> Result<Self, RpcReadError> {
        let got = endpoint.rpc.clone().unwrap_or_default();
        let wrong = || RpcReadError::Url { got: got.chars().take(200).collect() };
        let uri: Uri = got.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => {
                let name = ServerName::try_from(host.clone()).map_err(|_| wrong())?;
                (Some((connector(endpoint.ca.as_deref())?, name)), 443)
            }
            _ => return Err(wrong()),
        };
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(RpcReadError::Runtime)?,
            host,
            port: authority.port_u16().unwrap_or(port),
            authority: authority.as_str().to_owned(),
            path: uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned(),
            tls,
            token: endpoint.token.as_deref().map(bearer).transpose()?,
        })
    }

    /// What a method answers.
    pub(super) fn call<T: DeserializeOwned>(&self, method: &str, params: &Value) -> Result<T, RpcReadError> {
        let deadline = || RpcReadError::Deadline { method: method.to_owned() };
        let asked = async { timeout(DEADLINE, self.ask(method, params)).await };
        let bytes = self.runtime.block_on(asked).map_err(|_| deadline())??;
        let wrong = |error: serde_json::Error| RpcReadError::Answer {
            method: method.to_owned(),
            reason: error.to_string(),
        };
        let Answer { result, error } = serde_json::from_slice(&bytes).map_err(wrong)?;
        match error {
            Some(Told { message }) => Err(RpcReadError::Refused {
                method: method.to_owned(),
                message: message.chars().take(500).collect(),
            }),
            None => serde_json::from_value(result).map_err(wrong),
        }
    }

    async fn ask(&self, method: &str, params: &Value) -> Result<Bytes, RpcReadError> {
        let (host, port) = (self.host.as_str(), self.port);
        let socket = TcpStream::connect((host, port)).await.map_err(|source| RpcReadError::Connect {
            host: host.to_owned(),
            port,
            source,
        })?;
        match &self.tls {
            None => self.send(socket, method, params).await,
            Some((connector, name)) => {
                let stream = connector
                    .connect(name.clone(), socket)
                    .await
                    .map_err(|source| RpcReadError::Untrusted { host: host.to_owned(), source })?;
                self.send(stream, method, params).await
            }
        }
    }

    async fn send<S>(&self, stream: S, method: &str, params: &Value) -> Result<Bytes, RpcReadError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the call, however that ends.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let mut request = Request::post(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token);
        }
        let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(RpcReadError::Status { method: method.to_owned(), status });
        }
        let collected = Limited::new(response.into_body(), MAX_BYTES).collect().await;
        let cut = |error: Box<dyn std::error::Error + Send + Sync>| RpcReadError::Body {
            method: method.to_owned(),
            reason: error.to_string(),
        };
        Ok(collected.map_err(cut)?.to_bytes())
    }
}

fn wrong_file(path: &Path) -> impl Fn(String) -> RpcReadError {
    let path = path.to_path_buf();
    move |reason| RpcReadError::File { path: path.clone(), reason }
}

fn bearer(path: &Path) -> Result<HeaderValue, RpcReadError> {
    let wrong = wrong_file(path);
    let token = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
        .map_err(|_| wrong("holds what no header may; write the token alone".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector, RpcReadError> {
    let roots = match ca {
        None => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
        Some(path) => roots(path)?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn roots(path: &Path) -> Result<RootCertStore, RpcReadError> {
    let wrong = wrong_file(path);
    let pem = fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| wrong(format!("is not PEM: {error}")))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(format!("holds a certificate that is none: {error}")))?;
    }
    if roots.is_empty() { Err(wrong("holds no certificate; expected PEM".to_owned())) } else { Ok(roots) }
}
