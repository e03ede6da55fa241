//! From the text of a message to the text of its answer: bounds, envelope, one call or a batch.
//!
//! The calls of a batch run side by side, so that a batch of submissions shares one sync of the journal.

mod envelope;
mod shape;

use super::{
    RpcLimits,
    budget::{Budget, Encoded},
    context::{Beside, turn},
    dispatch::Methods,
    error::{Failure, invalid_request},
    memory::{Held, Memory},
    push::{self, Backlog, Hoard, Push},
    server::Client,
};
use envelope::{Call, NO_ID, Refused};
use futures::StreamExt;
use jsonrpsee::types::ErrorObjectOwned;
use serde_json::value::RawValue;
use shape::Shape;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Bytes of memory that a parsed value takes, about.
const VALUE_BYTES: usize = 64;

/// What a port answers with; shared by its connections.
pub(super) struct Calls {
    methods: Methods,
    limits: RpcLimits,
    memory: Memory,
    slots: Arc<Semaphore>,
    hoard: Hoard,
}

/// Who calls, and how notifications reach them.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) client: &'a Client,
    pub(super) push: Option<&'a Push>,
}

/// The text of an answer, and the memory that it takes until it is written.
pub(super) struct Answered {
    pub(super) text: String,
    pub(super) held: Option<Held>,
    /// Whether the connection ends with it.
    pub(super) last: bool,
}

impl Answered {
    fn refusal(error: &ErrorObjectOwned) -> Self {
        Self { text: failed(NO_ID, error), held: None, last: false }
    }
}

/// The answer to one call; nothing where none is due, or where a subscription answers by itself.
type Reply = Option<String>;

impl Calls {
    pub(super) fn new(methods: Methods, limits: RpcLimits, shared: &Shared) -> Self {
        let Shared { memory, slots, hoard } = shared.clone();
        Self { methods, limits, memory, slots, hoard }
    }

    /// The backlog of one more WebSocket.
    pub(super) fn backlog(&self) -> Backlog {
        self.hoard.backlog(&self.limits)
    }

    /// Answers a message; nothing when all of it was notifications.
    pub(super) async fn answer(&self, message: &[u8], caller: Caller<'_>) -> Option<Answered> {
        let (text, _parsing) = match self.admit(message) {
            Ok(admitted) => admitted,
            Err(error) => return Some(Answered::refusal(&error)),
        };
        let (one, batch) = (self.limits.response_bytes as usize, self.limits.batch_response_bytes as usize);
        let is_batch = text.starts_with('[');
        let total = if is_batch { batch } else { one };
        let budget = match Budget::new(one.min(total), total, self.memory.clone()) {
            Ok(budget) => Arc::new(budget),
            Err(failure) => return Some(Answered::refusal(&failure.into())),
        };
        let reply = if is_batch {
            self.batch(text, caller, &budget).await
        } else {
            self.one(text, caller, Beside::Connection, &budget).await
        };
        let text = reply?;
        match self.memory.hold(text.len()) {
            Ok(held) => Some(Answered { text, held: Some(held), last: false }),
            Err(exhausted) => Some(Answered::refusal(&Failure::from(exhausted).into())),
        }
    }

    /// Judges a message by its shape, before it is parsed.
    fn admit<'a>(&self, message: &'a [u8]) -> Result<(&'a str, Held), ErrorObjectOwned> {
        let limits = &self.limits;
        let most = Shape { depth: limits.request_depth, values: limits.request_values };
        let shape = Shape::of(message, most);
        if shape.depth > most.depth {
            return Err(invalid_request(format!(
                "request too deep: at most {} levels of nesting",
                most.depth
            )));
        }
        if shape.values > most.values {
            return Err(invalid_request(format!("request too rich: at most {} JSON values", most.values)));
        }
        let bytes = message.len().saturating_add(VALUE_BYTES.saturating_mul(shape.values as usize));
        let held = self.memory.hold(bytes).map_err(Failure::from)?;
        let text = std::str::from_utf8(message).map_err(|_| Failure::Parse)?;
        Ok((text.trim_start_matches([' ', '\t', '\r', '\n']), held))
    }

    async fn batch(&self, text: &str, caller: Caller<'_>, budget: &Arc<Budget>) -> Reply {
        let most = self.limits.batch as usize;
        let messages = match serde_json::from_str::<Vec<&RawValue>>(text) {
            Ok(messages) if messages.is_empty() => {
                return Some(failed(NO_ID, &invalid_request("empty batch")));
            }
            Ok(messages) if messages.len() > most => {
                let error =
                    invalid_request(format!("batch too large: {} calls, at most {most}", messages.len()));
                return Some(failed(NO_ID, &error));
            }
            Ok(messages) => messages,
            Err(_) => return Some(failed(NO_ID, &Failure::Parse.into())),
        };
        let at_once = self.limits.calls_per_connection.max(1) as usize;
        let calls: Vec<_> =
            messages.iter().map(|message| self.one(message.get(), caller, Beside::Batch, budget)).collect();
        let mut replies = futures::stream::iter(calls).buffered(at_once).enumerate();
        let mut whole = String::from("[");
        while let Some((index, reply)) = replies.next().await {
            let Some(reply) = reply else { continue };
            if whole.len().saturating_add(reply.len()) > self.limits.batch_response_bytes as usize {
                // As go-ethereum: what fits is answered, every later call is told why it is not.
                drop(replies);
                too_large(&mut whole, messages.get(index..).unwrap_or_default());
                break;
            }
            append(&mut whole, &reply);
        }
        whole.push(']');
        (whole != "[]").then_some(whole)
    }

    /// One message, alone or of a batch.
    async fn one(&self, text: &str, caller: Caller<'_>, beside: Beside, budget: &Arc<Budget>) -> Reply {
        let call = match Call::read(text) {
            Ok(call) => call,
            Err(Refused { id, error }) => return Some(failed(id, &error)),
        };
        // A notification of ours is nothing that a client could send.
        let id = call.id?;
        if let Some(pushed) = self.methods.pushed(&call.method, caller.client) {
            let outcome = push::run(pushed, id, call.params, caller, &self.limits, &self.hoard).await;
            return outcome.unwrap_or_else(|error| Some(failed(id, &error)));
        }
        match self.run(&call, caller.client, beside, budget).await {
            Ok(result) => Some(succeeded(id, result.get())),
            Err(error) => Some(failed(id, &error)),
        }
    }

    async fn run(
        &self,
        call: &Call<'_>,
        client: &Client,
        beside: Beside,
        budget: &Arc<Budget>,
    ) -> Result<Encoded, ErrorObjectOwned> {
        let wait = Duration::from_secs(self.limits.read_wait_s);
        let Some(_slot) = turn(&self.slots, wait).await else {
            return Err(Failure::busy("calls", self.limits.calls as usize).into());
        };
        let limit = Duration::from_secs(self.limits.request_s);
        let answer = self.methods.call(&call.method, call.params, client, beside, budget);
        match tokio::time::timeout(limit, answer).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::TimedOut.into()),
        }
    }
}

/// What all ports share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) memory: Memory,
    slots: Arc<Semaphore>,
    hoard: Hoard,
}

impl Shared {
    pub(super) fn new(limits: &RpcLimits) -> Self {
        Self {
            memory: Memory::new(limits.memory_bytes),
            slots: Arc::new(Semaphore::new(limits.calls.max(1) as usize)),
            hoard: Hoard::new(limits),
        }
    }
}

fn append(whole: &mut String, reply: &str) {
    if whole.len() > 1 {
        whole.push(',');
    }
    whole.push_str(reply);
}

/// Tells the calls that are left that the batch has no room for them.
fn too_large(whole: &mut String, left: &[&RawValue]) {
    let error = ErrorObjectOwned::owned(-32003, "response too large", None::<()>);
    for message in left {
        let id = match Call::read(message.get()) {
            Ok(Call { id: None, .. }) => continue,
            Ok(Call { id: Some(id), .. }) | Err(Refused { id, .. }) => id,
        };
        append(whole, &failed(id, &error));
    }
}

fn succeeded(id: &str, result: &str) -> String {
    let mut text = String::with_capacity(id.len() + result.len() + 40);
    for part in [r#"{"jsonrpc":"2.0","id":"#, id, r#","result":"#, result, "}"] {
        text.push_str(part);
    }
    text
}

pub(super) fn failed(id: &str, error: &ErrorObjectOwned) -> String {
    // Of strings and numbers only, which always encode.
    let error = serde_json::to_string(error).unwrap_or_default();
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
}
