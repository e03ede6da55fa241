//! One HTTP request: what must hold before its body is read, the body, the answer.

use super::{
    Client, Peer, Port,
    access::{Access, Denied},
    socket,
};
use crate::rpc::{
    calls::{Caller, failed},
    error::{Failure, invalid_request},
    memory::Held,
};
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use jsonrpsee::types::ErrorObjectOwned;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Content types of JSON-RPC, as go-ethereum takes them.
const JSON: [&str; 3] = ["application/json", "application/json-rpc", "application/jsonrequest"];

/// The body of an answer, charged until it is written or the client is gone.
pub(super) struct Reply {
    text: Full<Bytes>,
    _held: Option<Held>,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.text).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.text.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.text.size_hint()
    }
}

/// Answers a request; a WebSocket goes on in a task of its own.
pub(super) async fn answer(port: Arc<Port>, request: Request<Incoming>, peer: Peer) -> Response<Reply> {
    let headers = request.headers().clone();
    let preflight = Access::is_preflight(request.method(), &headers);
    let answered =
        if preflight { Ok(plain(StatusCode::NO_CONTENT, "")) } else { admit(&port, request, peer).await };
    let mut response = answered.unwrap_or_else(|denied| denied_response(&denied));
    port.rules.access.share(&headers, preflight, response.headers_mut());
    response
}

/// Judges the head, then answers.
async fn admit(port: &Arc<Port>, request: Request<Incoming>, peer: Peer) -> Result<Response<Reply>, Denied> {
    let (rules, headers) = (&port.rules, request.headers());
    rules.access.check_host(headers)?;
    let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let allowed = rules.access.authenticate(headers, Instant::now(), unix_s)?;
    let client = Client { address: peer.address.ip(), allowed, closer: port.stop.child_token() };
    if socket::is_wanted(headers) {
        if !rules.websocket {
            return Ok(plain(StatusCode::NOT_FOUND, "WebSocket is not served on this port\n"));
        }
        rules.access.check_socket(headers)?;
        return Ok(socket::upgrade(Arc::clone(port), request, peer, client));
    }
    if !rules.http {
        return Ok(plain(StatusCode::NOT_FOUND, "HTTP is not served on this port, only WebSocket\n"));
    }
    if request.method() != Method::POST {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "JSON-RPC is sent by POST\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Ok(response);
    }
    if !is_json(headers) {
        return Ok(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json\n"));
    }
    let (body, _held) = match receive(port, request).await {
        Ok(received) => received,
        Err(refused) => return Ok(refused.response()),
    };
    let answered = port.calls.answer(&body, Caller { client: &client, push: None }).await;
    let (text, held) = answered.map_or((String::new(), None), |answered| (answered.text, answered.held));
    Ok(json(StatusCode::OK, text, held))
}

fn denied_response(denied: &Denied) -> Response<Reply> {
    let error = ErrorObjectOwned::owned(-32000, denied.to_string(), None::<()>);
    let mut response = json(denied.status(), failed("null", &error), None);
    if denied.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    JSON.iter().any(|known| kind.eq_ignore_ascii_case(known))
}

/// Why a body was not taken.
enum Refused {
    TooLarge { most: u32 },
    TooSlow { seconds: u64 },
    Limit(Failure),
    Broken,
}

impl Refused {
    fn response(self) -> Response<Reply> {
        let (status, error): (_, ErrorObjectOwned) = match self {
            Self::TooLarge { most } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                invalid_request(format!("request too large: at most {most} bytes")),
            ),
            Self::TooSlow { seconds } => (
                StatusCode::REQUEST_TIMEOUT,
                invalid_request(format!("request did not arrive within {seconds} s")),
            ),
            Self::Limit(failure) => (StatusCode::SERVICE_UNAVAILABLE, failure.into()),
            Self::Broken => (StatusCode::BAD_REQUEST, invalid_request("request body is broken")),
        };
        json(status, failed("null", &error), None)
    }
}

/// The body, charged as it arrives.
async fn receive(port: &Port, request: Request<Incoming>) -> Result<(Bytes, Held), Refused> {
    let limits = &port.limits;
    let most = limits.request_bytes;
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > u64::from(most)) {
        return Err(Refused::TooLarge { most });
    }
    let collect = async {
        let memory = &port.memory;
        let mut held = memory.hold(0).map_err(|full| Refused::Limit(full.into()))?;
        let (mut body, mut whole) = (request.into_body(), BytesMut::new());
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Refused::Broken)?.into_data() else { continue };
            let bytes = whole.len().saturating_add(data.len());
            if bytes > most as usize {
                return Err(Refused::TooLarge { most });
            }
            memory.grow(&mut held, bytes).map_err(|full| Refused::Limit(full.into()))?;
            whole.extend_from_slice(&data);
        }
        Ok((whole.freeze(), held))
    };
    let seconds = limits.request_s;
    let received = tokio::time::timeout(Duration::from_secs(seconds), collect).await;
    received.unwrap_or(Err(Refused::TooSlow { seconds }))
}

fn json(status: StatusCode, text: String, held: Option<Held>) -> Response<Reply> {
    reply(status, "application/json", Bytes::from(text), held)
}

/// A response that is not JSON-RPC.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Reply> {
    reply(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()), None)
}

fn reply(status: StatusCode, kind: &'static str, text: Bytes, held: Option<Held>) -> Response<Reply> {
    let mut response = Response::new(Reply { text: Full::new(text), _held: held });
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
