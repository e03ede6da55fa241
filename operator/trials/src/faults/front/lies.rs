//! Planted misdeeds: what a broken operator would do, done in its name, to see that the oracle reports it.

use super::{Front, Request, Verb};
use crate::faults::{plan::Fault, scenario::FLEET};
use axum::{
    body::{Body, to_bytes},
    http::Method,
    response::Response,
};
use serde_json::{Value, json};

impl Front {
    pub(super) async fn with_lie(
        &self,
        lie: Fault,
        request: &Request,
        incoming: axum::extract::Request,
    ) -> Response {
        let (verb, resource) = (request.verb, request.resource.as_str());
        match lie {
            Fault::LieImage if (verb, resource) == (Verb::Patch, "statefulsets") => {
                let other = replaced(incoming, "registry.example/node:2", "registry.example/node:3").await;
                self.performed(request, other).await
            }
            Fault::LieTwo if resource == "pods" && (verb == Verb::Delete || request.is_eviction()) => {
                let response = self.performed(request, incoming).await;
                let next = if request.name.as_deref() == Some("bank-a-1-0") { 2 } else { 1 };
                self.also(Method::DELETE, &format!("pods/{FLEET}-{next}-0"), &json!({})).await;
                response
            }
            Fault::LieKey if (verb, resource) == (Verb::Create, "secrets") => {
                let response = self.performed(request, incoming).await;
                self.rewrite_and_restore(&format!("{FLEET}-0-identity")).await;
                response
            }
            _ => self.performed(request, incoming).await,
        }
    }

    async fn rewrite_and_restore(&self, secret: &str) {
        let Some(found) = self.log.get("Secret", secret) else { return };
        let path = format!("secrets/{secret}");
        self.also(Method::PATCH, &path, &json!({ "data": { "key": "AAAA" } })).await;
        self.also(Method::PATCH, &path, &json!({ "data": { "key": found["data"]["key"] } })).await;
    }

    /// A request of our own that counts as the operator's.
    async fn also(&self, method: Method, path: &str, body: &Value) {
        let uri = format!("/api/v1/namespaces/{}/{path}", self.namespace);
        let contents =
            if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let made = axum::extract::Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", contents)
            .body(Body::from(body.to_string()));
        if let Ok(made) = made {
            let request = Request::parse(made.method(), made.uri());
            self.performed(&request, made).await;
        }
    }
}

async fn replaced(incoming: axum::extract::Request, from: &str, to: &str) -> axum::extract::Request {
    let (mut head, body) = incoming.into_parts();
    let bytes = to_bytes(body, super::LARGEST).await.unwrap_or_default();
    head.headers.remove("content-length");
    axum::extract::Request::from_parts(head, Body::from(String::from_utf8_lossy(&bytes).replace(from, to)))
}
