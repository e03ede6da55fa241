//! One request over TLS, bounded in time and size. Redirects are not followed and no proxy is asked: who is asked is whom the
//! URL names.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use operator_core::network_info::MOST_BYTES;
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
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

/// What the URL answers, when that is a document.
pub(crate) async fn get(url: &str, trusted: Arc<ClientConfig>) -> Result<Vec<u8>, FetchError> {
    let request = Request::get(url).header(header::ACCEPT, "application/json").body(Bytes::new());
    let response = exchange(request.map_err(|_| FetchError::Url)?, trusted).await?;
    match response.status() {
        StatusCode::OK => Ok(response.into_body().into()),
        moved if moved.is_redirection() => Err(FetchError::Redirect(moved)),
        other => Err(FetchError::Status(other)),
    }
}

/// What is answered to a request whose address is an https URL.
pub(crate) async fn exchange(
    request: Request<Bytes>,
    trusted: Arc<ClientConfig>,
) -> Result<Response<Bytes>, FetchError> {
    timeout(DEADLINE, answered(request, trusted)).await.unwrap_or(Err(FetchError::Deadline))
}

async fn answered(
    request: Request<Bytes>,
    trusted: Arc<ClientConfig>,
) -> Result<Response<Bytes>, FetchError> {
    let (mut head, body) = request.into_parts();
    let (Some("https"), Some(authority)) = (head.uri.scheme_str(), head.uri.authority()) else {
        return Err(FetchError::Url);
    };
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| FetchError::Url)?;
    let stream = connected(authority, trusted).await?;
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
    // Ends with the call, however that ends.
    let mut driver = JoinSet::new();
    driver.spawn(async move { connection.await.inspect_err(|error| tracing::debug!(%error, "connection")) });
    head.headers.insert(header::HOST, host);
    let agent = HeaderValue::from_static(concat!("quorate-operator/", env!("CARGO_PKG_VERSION")));
    head.headers.insert(header::USER_AGENT, agent);
    let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    head.uri = path.parse().map_err(|_| FetchError::Url)?;
    let response = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
    let (head, body) = response.into_parts();
    Ok(Response::from_parts(head, read(body).await?))
}

async fn connected(
    authority: &http::uri::Authority,
    trusted: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, FetchError> {
    let port = authority.port_u16().unwrap_or(HTTPS_PORT);
    let bare = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let server = ServerName::try_from(bare.clone()).map_err(|_| FetchError::Url)?;
    let refused = |source| FetchError::Connect { host: bare.clone(), port, source };
    let socket = TcpStream::connect((bare.as_str(), port)).await.map_err(refused)?;
    let untrusted = |source| FetchError::Tls { host: bare.clone(), source };
    TlsConnector::from(trusted).connect(server, socket).await.map_err(untrusted)
}

async fn read(mut body: hyper::body::Incoming) -> Result<Bytes, FetchError> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            if read.len() + data.len() > MOST_BYTES {
                return Err(FetchError::Size);
            }
            read.extend_from_slice(&data);
        }
    }
    Ok(read.into())
}
