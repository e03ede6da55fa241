//! Watches that fall silent: events wait, and come late, or are lost with their connection.

use super::Front;
use axum::{
    body::{Body, BodyDataStream, Bytes},
    response::Response,
};
use futures::StreamExt;
use serde_json::json;
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
    pub(super) async fn watch(&self, incoming: axum::extract::Request) -> Response {
        let mut view = self.view.subscribe();
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
