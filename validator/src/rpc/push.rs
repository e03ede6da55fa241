//! Calls that start or end a subscription, answered through the WebSocket's own queue.

mod backlog;

pub(super) use backlog::{Backlog, Backlogs};

use super::{
    RpcLimits,
    calls::Caller,
    error::{Failure, notifications_not_supported},
    memory::Memory,
};
use jsonrpsee::{
    ConnectionId, Extensions, MethodCallback,
    core::{
        server::{BoundedSubscriptions, MethodSink, SubscriptionState},
        traits::IdProvider,
    },
    types::{ErrorObjectOwned, Id, Params, SubscriptionId},
};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How notifications reach one WebSocket.
pub(super) struct Push {
    pub(super) sink: MethodSink,
    pub(super) connection: ConnectionId,
    pub(super) bounded: BoundedSubscriptions,
    pub(super) backlog: Arc<Backlog>,
}

/// What all connections together may subscribe to.
#[derive(Clone)]
pub(super) struct Hoard {
    count: Arc<Semaphore>,
    criteria: Memory,
    backlogs: Backlogs,
}

impl Hoard {
    pub(super) fn new(limits: &RpcLimits) -> Self {
        Self {
            count: Arc::new(Semaphore::new(limits.subscriptions_total as usize)),
            criteria: Memory::new(limits.filter_bytes.into()),
            backlogs: Backlogs::new(limits.pushed_total_bytes),
        }
    }

    /// The backlog of one more connection.
    pub(super) fn backlog(&self, limits: &RpcLimits) -> Backlog {
        Backlog::new(limits.pushed_bytes, self.backlogs.clone())
    }
}

/// Subscribes or unsubscribes. The answer to a subscription goes out by itself, so that it precedes the first
/// notification; that to anything else is returned whole.
pub(super) async fn run(
    method: &MethodCallback,
    id: &str,
    params: Option<&str>,
    caller: Caller<'_>,
    limits: &RpcLimits,
    hoard: &Hoard,
) -> Result<Option<String>, ErrorObjectOwned> {
    let push = caller.push.ok_or_else(notifications_not_supported)?;
    let id: Id<'_> = serde_json::from_str(id).map_err(Failure::from)?;
    let mut extensions = Extensions::new();
    extensions.insert(caller.client.clone());
    extensions.insert(Arc::clone(&push.backlog));
    let response = match method {
        MethodCallback::Subscription(subscribe) => {
            let most = |what: &str, most: u32| {
                Failure::Limit(format!("{what} {most} subscriptions, the most; unsubscribe from one"))
            };
            let subscription_permit =
                push.bounded.acquire().ok_or_else(|| most("this connection has", limits.subscriptions))?;
            let counted = Arc::clone(&hoard.count).try_acquire_owned();
            let counted = counted.map_err(|_| most("all connections have", limits.subscriptions_total))?;
            let criteria = hoard.criteria.hold(params.map_or(0, str::len));
            let criteria = criteria.map_err(|_| Failure::hoard("subscriptions", limits.filter_bytes))?;
            // Lives as long as the subscription, which keeps the extensions.
            extensions.insert(Arc::new((counted, criteria)));
            let state =
                SubscriptionState { conn_id: push.connection, id_provider: &HexIds, subscription_permit };
            subscribe(id, Params::new(params), push.sink.clone(), state, extensions).await
        }
        MethodCallback::Unsubscription(unsubscribe) => {
            unsubscribe(id, Params::new(params), push.connection, limits.response_bytes as usize, extensions)
        }
        // Ordinary methods are in the tables.
        MethodCallback::Sync(_) | MethodCallback::Async(_) => return Err(Failure::Internal.into()),
    };
    Ok((!response.is_subscription()).then(|| String::from(Box::<str>::from(response.into_json()))))
}

/// Subscription ids as Ethereum clients expect them: hexadecimal strings.
#[derive(Debug)]
struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        SubscriptionId::Str(format!("0x{:032x}", rand::random::<u128>()).into())
    }
}
