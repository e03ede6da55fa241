//! The SDK's requests over our own bounded TLS: no redirects, no proxies, nothing long, connections kept for the next request.

use azure_core::{
    Result,
    error::{Error, ErrorKind},
    http::{
        AsyncRawResponse, Body, ClientOptions, HttpClient, Request, RetryOptions, Transport,
        headers::{HeaderName, HeaderValue, Headers},
    },
};
use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::timeout};
use tokio_rustls::rustls::{self, RootCertStore};

/// Longest head of an answer.
const HEAD_BYTES: usize = 16 << 10;
/// How long a connection stays open that nobody uses.
const IDLE: Duration = Duration::from_secs(90);
/// Until the system asks whether a silent peer still lives.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const AGENT: &str = concat!("quorate/", env!("CARGO_PKG_VERSION"));

/// How much a transport may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests, and so connections, at the same time; more wait, within their deadline.
    pub connections: usize,
    /// Longest answer.
    pub answer_bytes: usize,
    /// For all of a request: its turn, name, connection, handshake, answer.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 16, answer_bytes: 512 << 10, deadline: Duration::from_secs(10) }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NotReached {
    /// Not in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Deadline(Duration),
    /// No connection, no TLS, or cut off; for a certificate of a private authority name that authority.
    #[error("{0}")]
    Connection(String),
    /// Too long.
    #[error("answer is longer than {0} bytes")]
    Size(usize),
    /// Nothing that can be sent.
    #[error("is no request over https: {0}")]
    Request(String),
}

/// TLS over a few connections that stay open. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Https(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    places: Semaphore,
    limits: Limits,
}

impl Https {
    /// Towards those for whom these authorities vouch.
    pub fn new(roots: RootCertStore, limits: Limits) -> std::result::Result<Self, rustls::Error> {
        let mut config = rustls::ClientConfig::clone(&*crate::trust::tls(roots)?);
        // The connector names the protocol itself.
        config.alpn_protocols.clear();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_connect_timeout(Some(limits.deadline));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(limits.connections)
            .http1_max_buf_size(HEAD_BYTES)
            .build(connector);
        Ok(Self(Arc::new(Inner { client, places: Semaphore::new(limits.connections), limits })))
    }

    /// What the SDK's clients are made with. It retries nothing: who asks is asked again by a queue or a budget of its own, and
    /// retries in here would hide minutes.
    #[must_use]
    pub fn options(&self) -> ClientOptions {
        ClientOptions {
            transport: Some(Transport::new(Arc::new(self.clone()))),
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        }
    }

    /// Asks somebody else than Azure under the same limits; whatever the status, an answer is one.
    pub async fn ask(
        &self,
        request: http::Request<Bytes>,
    ) -> std::result::Result<http::Response<Bytes>, NotReached> {
        let deadline = self.0.limits.deadline;
        let exchange = timeout(deadline, self.exchange(request)).await;
        exchange.unwrap_or(Err(NotReached::Deadline(deadline)))
    }

    async fn send(&self, request: &Request) -> Result<AsyncRawResponse> {
        let answer = match written(request) {
            Ok(sent) => self.ask(sent).await,
            Err(error) => Err(error),
        };
        let answer = answer.map_err(|error| {
            let told = error.to_string();
            Error::with_error(ErrorKind::Io, error, told)
        })?;
        let (head, body) = answer.into_parts();
        let headers: HashMap<_, _> = head
            .headers
            .iter()
            .filter_map(|(name, value)| {
                let value = value.to_str().ok()?.to_owned();
                Some((HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value)))
            })
            .collect();
        let status = head.status.as_u16().into();
        Ok(AsyncRawResponse::from_bytes(status, Headers::from(headers), body))
    }

    async fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> std::result::Result<http::Response<Bytes>, NotReached> {
        let mut sent = request.map(Full::new);
        sent.headers_mut().insert(http::header::USER_AGENT, http::HeaderValue::from_static(AGENT));
        let connection = |error: &dyn std::error::Error| NotReached::Connection(chain(error));
        let _place = self.0.places.acquire().await.map_err(|error| connection(&error))?;
        let answer = self.0.client.request(sent).await.map_err(|error| connection(&error))?;
        let (head, body) = answer.into_parts();
        let most = self.0.limits.answer_bytes;
        let body = Limited::new(body, most).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { NotReached::Size(most) } else { connection(&*error) }
        })?;
        Ok(http::Response::from_parts(head, body.to_bytes()))
    }
}

impl HttpClient for Https {
    fn execute_request<'a, 'b, 'f>(&'a self, request: &'b Request) -> BoxFuture<'f, Result<AsyncRawResponse>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        Box::pin(self.send(request))
    }
}

fn written(request: &Request) -> std::result::Result<http::Request<Bytes>, NotReached> {
    let Body::Bytes(body) = request.body() else {
        return Err(NotReached::Request("only bodies that are in memory are sent".to_owned()));
    };
    let mut sent = http::Request::builder().method(request.method().as_ref()).uri(request.url().as_str());
    for (name, value) in request.headers().iter() {
        sent = sent.header(name.as_str(), value.as_str());
    }
    sent.body(body.clone()).map_err(|error| NotReached::Request(error.to_string()))
}

/// What the layers below say: the uppermost one alone says that there was an error.
fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let next = error.to_string();
        if !told.ends_with(&next) {
            told = format!("{told}: {next}");
        }
        below = error.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::{Https, Limits, NotReached, chain};
    use crate::trust;
    use azure_core::http::{HttpClient, Method, Request};

    #[derive(Debug, thiserror::Error)]
    #[error("client error (Connect)")]
    struct Upper(#[source] std::io::Error);

    #[test]
    fn what_a_layer_below_says_is_told_once() {
        assert_eq!(chain(&Upper(std::io::Error::other("no route"))), "client error (Connect): no route");
    }

    #[tokio::test]
    async fn nothing_is_sent_without_tls() {
        let https = Https::new(trust::public(), Limits::default()).expect("TLS");
        let request = Request::new("http://127.0.0.1:1/".parse().expect("URL"), Method::Get);
        let error = https.execute_request(&request).await.expect_err("refused");
        assert!(error.to_string().contains("unsupported scheme http"), "{error}");
    }

    #[test]
    fn a_deadline_is_told_in_milliseconds() {
        let told = NotReached::Deadline(std::time::Duration::from_millis(300)).to_string();
        assert_eq!(told, "no answer within 300 ms");
    }
}
