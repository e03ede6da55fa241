//! The client of the API server: every request is counted, and what changes anything is sent only while this process leads,
//! and cut off when its lease ends.

use crate::{clock::steady_ms, leader::Leadership, metrics::ApiMetrics, traces};
use futures::future::BoxFuture;
use kube::{
    Client, Config,
    client::{Body, ClientBuilder},
};
use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower::{BoxError, Layer, Service};
use tracing::Instrument;

/// Refused here, not by the API server.
#[derive(Debug, thiserror::Error)]
#[error("another operator leads, or may: nothing is written until this one has the lease")]
pub(crate) struct NotLeading;

/// Counts requests, and holds writes to the lease.
#[derive(Clone)]
struct Gate {
    metrics: ApiMetrics,
    /// `None`: writes are never held, as those of the lease itself.
    leadership: Option<Arc<Leadership>>,
}

/// A client; with `leadership` it writes only while that lasts.
pub(crate) fn client(
    config: Config,
    metrics: ApiMetrics,
    leadership: Option<Arc<Leadership>>,
) -> Result<Client, kube::Error> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&Gate { metrics, leadership }).build())
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner, gate: self.clone() }
    }
}

#[derive(Clone)]
struct Gated<S> {
    inner: S,
    gate: Gate,
}

type Request = http::Request<Body>;

impl<S, B> Service<Request> for Gated<S>
where
    S: Service<Request, Response = http::Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let what = Asked::of(&request);
        let held = self.gate.leadership.as_ref().filter(|_| what.writes());
        let left = match held.map(|leadership| leadership.remaining()) {
            Some(None) => return Box::pin(async { Err(NotLeading.into()) }),
            Some(Some(left)) => left,
            None => Duration::MAX,
        };
        let metrics = self.gate.metrics.clone();
        let answer = self.inner.call(request);
        let span = traces::request(what.verb, &what.resource);
        let seen = span.clone();
        let asked = async move {
            let began = steady_ms();
            let outcome = match tokio::time::timeout(left, answer).await {
                Ok(outcome) => outcome,
                Err(_) => Err(NotLeading.into()),
            };
            let code = outcome.as_ref().map_or(0, |response| response.status().as_u16());
            metrics.asked(what.verb, &what.resource, code, Duration::from_millis(steady_ms() - began));
            seen.record("code", code);
            outcome
        };
        Box::pin(asked.instrument(span))
    }
}

/// What a request asks, in Kubernetes' words.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    verb: &'static str,
    /// Plural, with its subresource: `pods/status`.
    resource: String,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let apply = || {
            let kind = request.headers().get(http::header::CONTENT_TYPE)?.to_str().ok()?;
            Some(kind.contains("apply-patch"))
        };
        let uri = request.uri();
        Self::read(request.method().as_str(), uri.path(), uri.query(), apply().unwrap_or(false))
    }

    fn read(method: &str, path: &str, query: Option<&str>, apply: bool) -> Self {
        let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
        // `api/v1` and `apis/group/version` come before what is asked for.
        let before = if parts.peek() == Some(&"api") { 2 } else { 3 };
        let mut rest: Vec<&str> = parts.skip(before).collect();
        if rest.first() == Some(&"namespaces") && rest.len() > 2 {
            rest.drain(..2);
        }
        let (name, subresource) = (rest.get(1), rest.get(2));
        let watched =
            query.is_some_and(|query| query.split('&').any(|pair| pair == "watch=true" || pair == "watch=1"));
        let verb = match (method, name) {
            ("GET", _) if watched => "watch",
            ("GET", Some(_)) => "get",
            ("GET", None) => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) if apply => "apply",
            ("PATCH", _) => "patch",
            ("DELETE", _) => "delete",
            _ => "other",
        };
        let resource = rest.first().copied().unwrap_or("discovery");
        Self {
            verb,
            resource: subresource.map_or_else(|| resource.to_owned(), |sub| format!("{resource}/{sub}")),
        }
    }

    fn writes(&self) -> bool {
        !matches!(self.verb, "get" | "list" | "watch")
    }
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn requests_are_counted_in_kubernetes_words() {
        let table = [
            ("GET", "/api/v1/namespaces/a/secrets/x", None, "get", "secrets"),
            ("GET", "/api/v1/pods", Some("labelSelector=a&watch=true"), "watch", "pods"),
            ("GET", "/apis/apps/v1/statefulsets", Some("limit=500"), "list", "statefulsets"),
            (
                "PATCH",
                "/apis/quorate.dev/v1alpha1/namespaces/a/validators/b/status",
                None,
                "patch",
                "validators/status",
            ),
            ("POST", "/api/v1/namespaces/a/pods/b/eviction", None, "create", "pods/eviction"),
            ("DELETE", "/api/v1/namespaces/a/pods/b", None, "delete", "pods"),
            ("GET", "/apis", None, "list", "discovery"),
        ];
        for (method, path, query, verb, resource) in table {
            let asked = Asked::read(method, path, query, false);
            assert_eq!((asked.verb, asked.resource.as_str()), (verb, resource), "{method} {path}");
            assert_eq!(asked.writes(), method != "GET", "{method} {path}");
        }
        assert_eq!(Asked::read("PATCH", "/api/v1/namespaces/a/services/x", None, true).verb, "apply");
    }
}
