//! Watches that fall silent: events wait, and come late, or are lost with their connection.

use super::{Front, Request, stale};
use axum::{
    body::{Body, BodyDataStream, Bytes},
    response::Response,
};
use futures::StreamExt;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch::Receiver;

/// What becomes of watch events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// They wait; when the silence is lifted they come, in order.
    Hold,
    /// What comes is an end of the watch: the connection breaks, and goes on from where the operator knows.
    Cut,
    /// What comes is 410: what was missed is not known any more, list again.
    Gone,
}

impl Front {
    pub(super) async fn watch(
        self: &Arc<Self>,
        request: &Request,
        incoming: axum::extract::Request,
    ) -> Response {
        let mut view = self.view.subscribe();
        let version = *view.borrow_and_update();
        let streams = request.query.get("sendInitialEvents").is_some_and(|value| value == "true");
        if version > 0 && streams && request.namespace.is_some() {
            return self.stale_stream(version, request, incoming);
        }
        // A cache that lags has nothing new to tell.
        let _ = view.wait_for(|version| *version == 0).await;
        let response = self.pass(incoming).await;
        if !response.status().is_success() {
            return response;
        }
        let (head, body) = response.into_parts();
        let response_body = body.into_data_stream();
        let watched = Watched { body: Some(response_body), silence: self.silence.subscribe() };
        Response::from_parts(head, Body::from_stream(futures::stream::unfold(watched, Watched::next)))
    }
}

impl Front {
    /// A streamed list from an earlier moment; what has happened since follows once the cache has caught up.
    fn stale_stream(
        self: &Arc<Self>,
        version: u64,
        request: &Request,
        incoming: axum::extract::Request,
    ) -> Response {
        let first = stale::streamed(&self.log.as_of(version), version, request, incoming.headers());
        let Some(first) = first else { return Response::default() };
        let (front, mut view) = (self.clone(), self.view.subscribe());
        let later = async move {
            let _ = view.wait_for(|version| *version == 0).await;
            front.pass(going_on_from(version, incoming)).await.into_body().into_data_stream()
        };
        let first = futures::stream::once(std::future::ready(Ok(Bytes::from(first))));
        let body = first.chain(futures::stream::once(later).flatten());
        let mut response = Response::new(Body::from_stream(body));
        response
            .headers_mut()
            .insert("content-type", axum::http::HeaderValue::from_static("application/json"));
        response
    }
}

/// The same watch without its first list.
fn going_on_from(version: u64, mut incoming: axum::extract::Request) -> axum::extract::Request {
    const LIST: [&str; 3] = ["sendInitialEvents=", "resourceVersionMatch=", "resourceVersion="];
    let query = incoming.uri().query().unwrap_or_default().to_owned();
    let kept = query.split('&').filter(|pair| !LIST.iter().any(|key| pair.starts_with(key)));
    let query: Vec<String> = kept.map(str::to_owned).chain([format!("resourceVersion={version}")]).collect();
    if let Ok(uri) = format!("{}?{}", incoming.uri().path(), query.join("&")).parse() {
        *incoming.uri_mut() = uri;
    }
    incoming
}

struct Watched {
    /// Ends the watch when taken.
    body: Option<BodyDataStream>,
    silence: Receiver<Option<Silence>>,
}

impl Watched {
    async fn next(mut self) -> Option<(Result<Bytes, axum::Error>, Self)> {
        let event = self.body.as_mut()?.next().await?;
        let now = *self.silence.borrow_and_update();
        let Some(kind) = now else { return Some((event, self)) };
        // The bytes wait here; those behind them wait in the connection.
        let _ = self.silence.wait_for(Option::is_none).await;
        match kind {
            Silence::Hold => Some((event, self)),
            Silence::Cut => None,
            Silence::Gone => {
                self.body = None;
                Some((Ok(gone()), self))
            }
        }
    }
}

fn gone() -> Bytes {
    let object = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired",
        "message": "too old resource version", "code": 410,
    });
    Bytes::from(format!("{}\n", json!({ "type": "ERROR", "object": object })))
}
