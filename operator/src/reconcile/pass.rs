//! What the passes over both kinds have in common: what cannot be undone is decided twice, and a status is written and told
//! only when it says something new.

use super::Steps;
use crate::{
    calls::call,
    context::{Action, Context},
    error::Error,
    events,
    watches::{self, Own},
    write,
};
use kube::{Resource, ResourceExt, core::NamespaceResourceScope};
use operator_core::{
    api::{Condition, conditions::reasons},
    cache::{Cache, KeptError, NetworkKey},
    plan::Wait,
    status,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, sync::Arc, time::Duration};

/// How closely a pass has looked before it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// At what the watches have brought and the nodes said last.
    AtCache,
    /// At what the API server and the nodes say now.
    Closely,
}

/// What came of deciding.
pub(super) enum Decided {
    /// The pass is over.
    Done(Action),
    /// It would do what cannot be undone, and has not looked closely.
    Final,
}

/// One of our two kinds, as far as their passes are alike.
pub(super) trait Passed:
    Own
    + Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + DeserializeOwned
    + Debug
    + Send
    + Sync
{
    /// What it says of itself.
    type Status: Clone + Default + PartialEq + Serialize + Send + Sync;
    /// Its name in metrics and traces.
    const NAME: &'static str;
    /// Until the next pass, when everything is as wanted or a person must act.
    const SETTLED: Duration;

    /// As the cache has it.
    fn known(cache: &Cache, namespace: &str, name: &str) -> Option<Result<Arc<Self>, KeptError>>;
    /// The network of one in the cache.
    fn network_of(cache: &Cache, namespace: &str, name: &str) -> Option<NetworkKey>;
    /// What it says now.
    fn status(&self) -> Option<&Self::Status>;
    /// The network that it is of.
    fn network(&self) -> NetworkKey;
    /// The conditions of a status.
    fn conditions(status: &Self::Status) -> &[Condition];
    /// The same status for this generation, with these conditions.
    fn judged(status: &Self::Status, generation: Option<i64>, conditions: Vec<Condition>) -> Self::Status;
    /// Decides, and does it.
    fn decided(
        &self,
        context: &Context,
        steps: &Steps<'_>,
        looked: Looked,
    ) -> impl Future<Output = Result<Decided, Error>> + Send;
}

/// One pass. What cannot be undone is decided a second time, from what the API server and the nodes say now.
pub(super) async fn pass<K: Passed>(
    object: &K,
    context: &Context,
    steps: &Steps<'_>,
) -> Result<Action, Error> {
    if let Decided::Done(action) = object.decided(context, steps, Looked::AtCache).await? {
        return Ok(action);
    }
    let Some(object) = steps.of("look-closely", looked_closely(object, context)).await? else {
        return Ok(Action::await_change());
    };
    Ok(match object.decided(context, steps, Looked::Closely).await? {
        Decided::Done(action) => action,
        Decided::Final => Action::requeue(context.busy()),
    })
}

/// Reads the object and its network anew; `None` when it is gone, or another has its name: that one is told by the watch.
async fn looked_closely<K: Passed>(object: &K, context: &Context) -> Result<Option<Arc<K>>, Error> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let found = call("read object", context.api::<K>(&namespace).get_opt(&name)).await?;
    if !found.is_some_and(|found| watches::answered(context, found)) {
        return Ok(None);
    }
    let known = K::known(&context.cache(), &namespace, &name).transpose()?;
    let Some(object) = known else { return Ok(None) };
    context.refresh(&object.network()).await?;
    Ok(Some(object))
}

/// Writes a status, and tells what changed by it.
pub(super) async fn store<K: Passed>(
    object: &K,
    context: &Context,
    before: &K::Status,
    after: &K::Status,
) -> Result<(), Error> {
    if before == after {
        return Ok(());
    }
    write::status(context, object, before, after).await?;
    events::changes(context, &object.object_ref(&()), K::conditions(before), K::conditions(after)).await;
    Ok(())
}

/// A spec that cannot be carried out: what runs is left running.
pub(super) async fn refused<K: Passed>(
    object: &K,
    context: &Context,
    message: &str,
) -> Result<Decided, Error> {
    let before = object.status().cloned().unwrap_or_default();
    let now = k8s_openapi::jiff::Timestamp::now();
    let (generation, waits) = (object.meta().generation, [Wait::stalled(reasons::INVALID_SPEC, message)]);
    let conditions = status::stalled(K::conditions(&before), generation, now, &waits);
    waits_told::<K>(context, &waits, true);
    let after = K::judged(&before, generation, conditions);
    store(object, context, &before, &after).await?;
    Ok(Decided::Done(Action::requeue(K::SETTLED)))
}

/// Traces what is waited for, and counts it where it is news.
pub(super) fn waits_told<K: Passed>(context: &Context, waits: &[Wait], news: bool) {
    for wait in waits {
        crate::traces::waits(wait.reason, &wait.message);
        if news {
            context.metrics.refused(K::NAME, wait.reason);
        }
    }
}
