//! The SDK's requests over our own bounded TLS: no redirects, no proxies, nothing long.

use crate::https::{self, FetchError};
use azure_core::{
    Result,
    error::{Error, ErrorKind},
    http::{
        AsyncRawResponse, Body, HttpClient, Request,
        headers::{HeaderName, HeaderValue, Headers},
    },
};
use futures::future::BoxFuture;
use std::{collections::HashMap, sync::Arc};
use tokio_rustls::rustls::ClientConfig;

/// Sends each request on a connection of its own: there are few.
#[derive(Debug)]
pub(super) struct Tls(pub(super) Arc<ClientConfig>);

impl HttpClient for Tls {
    fn execute_request<'a, 'b, 'f>(&'a self, request: &'b Request) -> BoxFuture<'f, Result<AsyncRawResponse>>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        Box::pin(self.send(request))
    }
}

impl Tls {
    async fn send(&self, request: &Request) -> Result<AsyncRawResponse> {
        let Body::Bytes(body) = request.body() else {
            return Err(Error::with_message(ErrorKind::Other, "only bodies that are in memory are sent"));
        };
        let mut sent = http::Request::builder().method(request.method().as_ref()).uri(request.url().as_str());
        for (name, value) in request.headers().iter() {
            sent = sent.header(name.as_str(), value.as_str());
        }
        let sent = sent.body(body.clone());
        let sent = sent.map_err(|error| Error::with_message(ErrorKind::Other, error.to_string()))?;
        let answer = https::exchange(sent, self.0.clone()).await.map_err(|error| not_reached(&error))?;
        let (head, body) = answer.into_parts();
        let headers: HashMap<_, _> = head
            .headers
            .iter()
            .filter_map(|(name, value)| {
                let value = value.to_str().ok()?.to_owned();
                Some((HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value)))
            })
            .collect();
        Ok(AsyncRawResponse::from_bytes(head.status.as_u16().into(), Headers::from(headers), body))
    }
}

fn not_reached(error: &FetchError) -> Error {
    Error::with_message(ErrorKind::Io, error.to_string())
}
