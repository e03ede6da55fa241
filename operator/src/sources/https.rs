//! One GET over TLS, bounded in time and size. Redirects are not followed and no proxy is asked: what is read is what the URL
//! names.

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use operator_core::network_info::MOST_BYTES;
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

/// For all of it: name, connection, handshake, answer.
const DEADLINE: Duration = Duration::from_secs(10);
const HTTPS_PORT: u16 = 443;
/// Longest head of an answer.
const HEAD_BYTES: usize = 16 << 10;

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// Not an https URL.
    #[error("is no https URL with a host")]
    Url,
    /// Not in time.
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Deadline,
    /// No connection.
    #[error("no connection to {host} port {port}: {source}")]
    Connect {
        /// Where to.
        host: String,
        /// Where to.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// No TLS, or not with the one meant.
    #[error("tls with {host}: {source}; if its certificate is of a private authority, name that in caBundle")]
    Tls {
        /// With whom.
        host: String,
        /// Why.
        source: std::io::Error,
    },
    /// No HTTP.
    #[error("http: {0}")]
    Http(#[from] hyper::Error),
    /// A request that cannot be written.
    #[error("http: {0}")]
    Request(#[from] http::Error),
    /// Another answer than the document.
    #[error("answers {0}")]
    Status(StatusCode),
    /// Another address.
    #[error("answers {0}: redirects are not followed, name the address itself")]
    Redirect(StatusCode),
    /// Too long.
    #[error("answer is longer than {MOST_BYTES} bytes: no network info")]
    Size,
}

/// What the URL answers.
pub(super) async fn get(url: &str, trusted: Arc<ClientConfig>) -> Result<Vec<u8>, FetchError> {
    timeout(DEADLINE, fetch(url, trusted)).await.unwrap_or(Err(FetchError::Deadline))
}

async fn fetch(url: &str, trusted: Arc<ClientConfig>) -> Result<Vec<u8>, FetchError> {
    let uri: Uri = url.parse().map_err(|_| FetchError::Url)?;
    let (Some("https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(FetchError::Url);
    };
    let (host, port) = (authority.host(), authority.port_u16().unwrap_or(HTTPS_PORT));
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let server = ServerName::try_from(bare.clone()).map_err(|_| FetchError::Url)?;
    let refused = |source| FetchError::Connect { host: bare.clone(), port, source };
    let socket = TcpStream::connect((bare.as_str(), port)).await.map_err(refused)?;
    let untrusted = |source| FetchError::Tls { host: bare.clone(), source };
    let stream = TlsConnector::from(trusted).connect(server, socket).await.map_err(untrusted)?;
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
    // Ends with the call, however that ends.
    let mut driver = JoinSet::new();
    driver.spawn(async move { connection.await.inspect_err(|error| tracing::debug!(%error, "source")) });
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = Request::get(path)
        .header(header::HOST, authority.as_str())
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, concat!("quorate-operator/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    match response.status() {
        StatusCode::OK => read(response.into_body()).await,
        moved if moved.is_redirection() => Err(FetchError::Redirect(moved)),
        other => Err(FetchError::Status(other)),
    }
}

async fn read(mut body: hyper::body::Incoming) -> Result<Vec<u8>, FetchError> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            if read.len() + data.len() > MOST_BYTES {
                return Err(FetchError::Size);
            }
            read.extend_from_slice(&data);
        }
    }
    Ok(read)
}
