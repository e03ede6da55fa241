//! A pass over one `Consortium`.

use super::Steps;
use crate::{
    apply::{create_once, stamped},
    calls::call,
    chain_access::Chain,
    context::{Action, Context},
    error::Error,
    events, keygen, observe, write,
};
use chain::{network_info::NetworkInfo, signature::seal_from};
use k8s_openapi::api::core::v1::Secret;
use kube::{Resource, ResourceExt};
use operator_core::{
    api::{
        Condition, Consortium, ConsortiumStatus,
        conditions::{ConditionStatus, DRAINABLE, QUORUM_HEALTHY, READY, STALLED, reasons},
    },
    build,
    cache::{Kind, Standing},
    genesis::StoredGenesis,
    keys::{self, Key},
    observed::ConsortiumObserved,
    plan::{self, ConsortiumPlan, Wait},
    status,
    validate::{self, ValidConsortium},
};
use std::{sync::Arc, time::Duration};

/// When everything is as wanted, or a person must act: every round of answers wakes it before.
const SETTLED: Duration = Duration::from_mins(1);

/// One pass. A seat is moved only when it would be moved still by what the API server and the nodes say now.
pub(crate) async fn pass(
    object: &Arc<Consortium>,
    context: &Context,
    steps: &Steps<'_>,
) -> Result<Action, Error> {
    if let Some(action) = decided(object, context, steps, false).await? {
        return Ok(action);
    }
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let Some(object) = context.refresh_consortium(&namespace, &name).await? else {
        return Ok(Action::await_change());
    };
    context.refresh(&observe::key(&namespace, &operator_core::names::ConsortiumName(name))).await?;
    Ok(decided(&object, context, steps, true).await?.unwrap_or(Action::requeue(context.busy())))
}

/// `None` when a seat would be moved and nobody has looked closely.
async fn decided(
    object: &Consortium,
    context: &Context,
    steps: &Steps<'_>,
    looked_closely: bool,
) -> Result<Option<Action>, Error> {
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(Some(Action::await_change()));
    }
    let valid = match validate::consortium(object) {
        Ok(valid) => valid,
        Err(error) => return refused(object, context, &error.to_string()).await.map(Some),
    };
    let observation = observe::consortium(context, &valid).await?;
    let observed = observation.observed;
    steps.done("observe");
    let mut plan = plan::consortium(&valid, &observed);
    steps.done("plan");
    if plan.seat_move.is_some() && !looked_closely {
        return Ok(None);
    }
    let made = make(context, &valid, &plan).await;
    let published = match made {
        Ok(()) => share(context, &valid, &observed, &plan).await,
        Err(error) => Err(error),
    };
    let network_info = match published {
        Err(Error::Child(message)) => return refused(object, context, &message).await.map(Some),
        published => published?,
    };
    if let (Some(ip), true) = (&observation.entry, plan.seat_move.is_some())
        && let Err(error) = move_seat(context, &valid, ip, &observed, &plan).await
    {
        tracing::warn!(%error, "transaction not sent");
        plan.waits.insert(0, Wait::passing(reasons::MOVING_SEATS, format!("transaction not sent: {error}")));
    }
    steps.done("apply");
    let settled = report(object, context, &observed, &plan, network_info.as_deref()).await?;
    steps.done("status");
    Ok(Some(match (plan.accounts.is_empty(), settled) {
        (false, _) => Action::requeue(Duration::ZERO),
        (true, true) => Action::requeue(SETTLED),
        (true, false) => Action::requeue(context.busy()),
    }))
}

/// Accounts and genesis: created, never changed.
async fn make(context: &Context, valid: &ValidConsortium, plan: &ConsortiumPlan) -> Result<(), Error> {
    for name in &plan.accounts {
        let key = keygen::key()?;
        create_once(context, build::account_secret(&valid.namespace, &valid.name, name.clone(), &key))
            .await?;
        context.metrics.decided("key");
    }
    if let Some(genesis) = &plan.genesis {
        create_once(context, build::genesis(valid, genesis)).await?;
        context.metrics.decided("genesis");
        tracing::info!(namespace = valid.namespace, network = valid.name.0, hash = %genesis.hash, "genesis made");
    }
    Ok(())
}

/// The budget of evictions. While nobody can say who votes it stays as it is.
async fn protect(
    context: &Context,
    valid: &ValidConsortium,
    observed: &ConsortiumObserved,
    plan: &ConsortiumPlan,
) -> Result<(), Error> {
    if !observed.fleets.iter().any(|fleet| fleet.seats) {
        return Ok(());
    }
    let budget = build::disruption_budget(valid, plan.min_available);
    match plan.evictable {
        Some(_) => stamped(context, budget).await.map(drop),
        None => create_once(context, budget).await.map(drop),
    }
}

/// What is shared with others: the budget with those who drain, the network info with those who join.
async fn share(
    context: &Context,
    valid: &ValidConsortium,
    observed: &ConsortiumObserved,
    plan: &ConsortiumPlan,
) -> Result<Option<String>, Error> {
    protect(context, valid, observed, plan).await?;
    publish(context, valid, observed, plan).await
}

/// The network info, signed; returns its ConfigMap's name.
async fn publish(
    context: &Context,
    valid: &ValidConsortium,
    observed: &ConsortiumObserved,
    plan: &ConsortiumPlan,
) -> Result<Option<String>, Error> {
    let (Some(genesis), Some(operator)) = (genesis(observed, plan), observed.operator.key()) else {
        return Ok(None);
    };
    if !plan.publish {
        return Ok(None);
    }
    let info = build::unsigned_network_info(&valid.namespace, genesis, &observed.peers, operator.key.address);
    let (network, name) = (observe::key(&valid.namespace, &valid.name), valid.name.network_info());
    let signing_hash = info.signing_hash();
    let stands = {
        let cache = context.cache();
        let applied = cache.published(&network, signing_hash);
        applied.map(|applied| cache.standing(Kind::ConfigMap, &valid.namespace, &name, applied))
    };
    if stands != Some(Standing::AsApplied) {
        let Some(key) = signing_key(context, valid).await? else { return Ok(None) };
        let signed = sign(info, &key)?;
        let (_, applied) = stamped(context, build::network_info(valid, &signed)?).await?;
        context.cache().remember_published(&network, signing_hash, applied);
    }
    Ok(Some(name))
}

/// The operator account's private key: read when something is to be signed, and dropped with that.
async fn signing_key(context: &Context, valid: &ValidConsortium) -> Result<Option<Key>, Error> {
    let api = context.api::<Secret>(&valid.namespace);
    let found = call("read Secret", api.get_opt(&valid.operator_secret)).await?;
    Ok(found.as_ref().and_then(|secret| keys::read(secret).ok()))
}

fn genesis<'a>(observed: &'a ConsortiumObserved, plan: &'a ConsortiumPlan) -> Option<&'a StoredGenesis> {
    let stored = observed.genesis.as_ref().and_then(|genesis| genesis.as_ref().ok());
    stored.or(plan.genesis.as_ref())
}

/// The signature is deterministic (RFC 6979): the same document is the same object.
fn sign(mut info: NetworkInfo, key: &Key) -> Result<NetworkInfo, Error> {
    let (signature, id) = key.signing.sign_prehash_recoverable(info.signing_hash().as_slice())?;
    info.signature = Some(seal_from(&alloy_primitives::Signature::from((signature, id))));
    Ok(info)
}

async fn move_seat(
    context: &Context,
    valid: &ValidConsortium,
    ip: &str,
    observed: &ConsortiumObserved,
    plan: &ConsortiumPlan,
) -> Result<(), Error> {
    let (Some(wanted), Some(genesis)) = (&plan.seat_move, genesis(observed, plan)) else { return Ok(()) };
    let Some(key) = signing_key(context, valid).await? else { return Ok(()) };
    if !context.leadership.leads() {
        return Err(Error::NotLeading);
    }
    Chain { nodes: &context.nodes, ip }.send(genesis.chain_id, &key, wanted).await?;
    context.metrics.decided("seat-move");
    tracing::info!(?wanted, "transaction sent");
    Ok(())
}

async fn report(
    object: &Consortium,
    context: &Context,
    observed: &ConsortiumObserved,
    plan: &ConsortiumPlan,
    network_info: Option<&str>,
) -> Result<bool, Error> {
    let before = object.status.clone().unwrap_or_default();
    let now = k8s_openapi::jiff::Timestamp::now();
    let at = status::ConsortiumContext {
        before: &before,
        generation: object.metadata.generation,
        network_info,
        now,
    };
    let after = status::consortium(&at, observed, plan);
    let settled = settled(&after.conditions);
    if !status::conditions_equal(&before.conditions, &after.conditions) {
        plan.waits.iter().for_each(|wait| context.metrics.refused("Consortium", wait.reason));
    }
    if status::consortium_worth_writing(&before, &after, now) {
        store(object, context, &before, after).await?;
    }
    Ok(settled)
}

async fn store(
    object: &Consortium,
    context: &Context,
    before: &ConsortiumStatus,
    after: ConsortiumStatus,
) -> Result<(), Error> {
    write::status(context, object, before, &after).await?;
    events::changes(context, &object.object_ref(&()), &before.conditions, &after.conditions).await;
    Ok(())
}

/// A spec that cannot be carried out: what runs is left running.
async fn refused(object: &Consortium, context: &Context, message: &str) -> Result<Action, Error> {
    let before = object.status.clone().unwrap_or_default();
    let now = k8s_openapi::jiff::Timestamp::now();
    let waits = [Wait::stalled(reasons::INVALID_SPEC, message)];
    let conditions = status::stalled(&before.conditions, object.metadata.generation, now, &waits);
    let after =
        ConsortiumStatus { observed_generation: object.metadata.generation, conditions, ..before.clone() };
    if before != after {
        store(object, context, &before, after).await?;
    }
    Ok(Action::requeue(SETTLED))
}

fn settled(conditions: &[Condition]) -> bool {
    let is_true =
        |kind| conditions.iter().any(|c: &Condition| c.kind == kind && c.status == ConditionStatus::True);
    let settling = conditions.iter().any(|c| c.kind == DRAINABLE && c.reason == reasons::AWAITING_VOTES);
    // A network that is not heard is looked at often: its return is news, as is that of a node that drains wait for.
    (is_true(READY) && is_true(QUORUM_HEALTHY) && !settling) || is_true(STALLED)
}
