//! Between transport and methods: unknown methods get the text that client libraries look for, and the calls of a
//! batch run side by side, so that a batch of submissions shares one sync of the journal.

use super::{
    error::{method_not_found, notifications_not_supported},
    server::Client,
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use jsonrpsee::{
    MethodResponse,
    core::{
        middleware::{Batch, BatchEntry, BatchEntryErr, Notification},
        server::{BatchResponseBuilder, MethodCallback, Methods},
    },
    server::middleware::rpc::RpcServiceT,
    types::{ErrorObjectOwned, Request},
};
use std::future::Future;

/// The layer; one per connection, cheap to clone.
#[derive(Clone)]
pub(super) struct Gate<S> {
    pub(super) inner: S,
    pub(super) methods: Methods,
    pub(super) batch_concurrency: usize,
    pub(super) response_bytes: usize,
}

impl<S> Gate<S>
where
    Self: RpcServiceT<MethodResponse = MethodResponse>,
    S: Send + 'static,
{
    /// One entry of a batch; nothing for a notification.
    fn entry<'a>(
        self,
        entry: Result<BatchEntry<'a>, BatchEntryErr<'a>>,
    ) -> BoxFuture<'a, Option<MethodResponse>> {
        match entry {
            Ok(BatchEntry::Call(request)) => self.call(request).map(Some).boxed(),
            Ok(BatchEntry::Notification(_)) => futures::future::ready(None).boxed(),
            Err(entry) => {
                let (error, id) = entry.into_parts();
                futures::future::ready(Some(MethodResponse::error(id, error))).boxed()
            }
        }
    }
}

impl<S> Gate<S> {
    /// Why the request goes no further.
    fn refusal(&self, request: &Request<'_>) -> Option<ErrorObjectOwned> {
        match self.methods.method(request.method_name()) {
            None => Some(method_not_found(request.method_name())),
            Some(MethodCallback::Subscription(_) | MethodCallback::Unsubscription(_)) => {
                let pushable = request.extensions().get::<Client>().is_some_and(|client| client.websocket);
                (!pushable).then(notifications_not_supported)
            }
            Some(MethodCallback::Sync(_) | MethodCallback::Async(_)) => None,
        }
    }
}

impl<S> RpcServiceT for Gate<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            NotificationResponse = MethodResponse,
            BatchResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let refused = self.refusal(&request);
        let inner = self.inner.clone();
        async move {
            match refused {
                None => inner.call(request).await,
                Some(error) => MethodResponse::error(request.id.clone(), error),
            }
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let gate = self.clone();
        async move {
            let concurrency = gate.batch_concurrency;
            let mut answers = BatchResponseBuilder::new_with_limit(gate.response_bytes);
            let mut notified = false;
            let calls: Vec<_> = batch.into_iter().map(|entry| gate.clone().entry(entry)).collect();
            let calls = futures::stream::iter(calls).buffered(concurrency);
            let mut calls = std::pin::pin!(calls);
            while let Some(answer) = calls.next().await {
                match answer.map(|answer| answers.append(answer)) {
                    Some(Ok(())) => {}
                    Some(Err(too_large)) => return too_large,
                    None => notified = true,
                }
            }
            if answers.is_empty() && notified {
                return MethodResponse::notification();
            }
            MethodResponse::from_batch(answers.finish())
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.inner.notification(notification)
    }
}
