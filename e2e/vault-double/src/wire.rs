//! HTTP/1.1 with bounds: whoever is slow or long is let go, so that no test hangs on the double.

use crate::state::Answer;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::time::Duration;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

/// For the head of a request, from when the one before was answered: idle connections end so too.
const HEAD: Duration = Duration::from_mins(2);
/// For its body.
const BODY: Duration = Duration::from_secs(10);
/// Longest body: a secret, or a backup of many versions.
const BODY_BYTES: usize = 256 * 1024;
/// Longest head.
const HEAD_BYTES: usize = 32 * 1024;

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
pub(crate) struct Closed;

/// Serves a connection until either side ends it.
pub(crate) async fn serve<S, H, F>(stream: S, handle: H)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(Request<Bytes>) -> F,
    F: Future<Output = Result<Answer, Closed>>,
{
    let handle = &handle;
    let service = service_fn(|request: Request<Incoming>| async move {
        let (head, body) = request.into_parts();
        let body = timeout(BODY, Limited::new(body, BODY_BYTES).collect()).await;
        let body = body.map_err(|_| Closed)?.map_err(|_| Closed)?.to_bytes();
        Ok::<_, Closed>(written(&handle(Request::from_parts(head, body)).await?))
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    // However it ends: the client sees it.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

fn written(answer: &Answer) -> Response<Full<Bytes>> {
    // A body that is text is what it is.
    let (kind, body) = match &answer.body {
        serde_json::Value::String(text) => ("text/plain", text.clone()),
        body => ("application/json; charset=utf-8", body.to_string()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in &answer.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}
