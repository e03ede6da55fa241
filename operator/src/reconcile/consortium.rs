//! A pass over one `Consortium`.

use super::measured;
use crate::{
    apply::{apply, create_once},
    chain_access::Chain,
    context::{Context, again},
    error::Error,
    events, keygen,
    observe::{self},
    write,
};
use chain::{network_info::NetworkInfo, signature::seal_from};
use kube::{Resource, ResourceExt, runtime::controller::Action};
use operator_core::{
    api::{
        Condition, Consortium, ConsortiumStatus,
        conditions::{ConditionStatus, DRAINABLE, QUORUM_HEALTHY, READY, STALLED, reasons},
    },
    build,
    genesis::StoredGenesis,
    keys::Key,
    observed::ConsortiumObserved,
    plan::{self, ConsortiumPlan, Wait},
    status,
    validate::{self, ValidConsortium},
};
use std::{sync::Arc, time::Duration};

/// While something is under way.
const BUSY: Duration = Duration::from_secs(1);
/// When everything is as wanted, or a person must act.
const SETTLED: Duration = Duration::from_secs(10);

/// One pass.
pub(crate) async fn reconcile(object: Arc<Consortium>, context: Arc<Context>) -> Result<Action, Error> {
    let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
    measured(&context, "Consortium", name, Box::pin(pass(&object, &context))).await
}

async fn pass(object: &Consortium, context: &Context) -> Result<Action, Error> {
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let valid = match validate::consortium(object) {
        Ok(valid) => valid,
        Err(error) => return refused(object, context, &error.to_string()).await,
    };
    let observation = observe::consortium(context, &valid).await?;
    let observed = observation.observed;
    let mut plan = plan::consortium(&valid, &observed);
    make(context, &valid, &plan).await?;
    protect(context, &valid, &observed, &plan).await?;
    let network_info = publish(context, &valid, &observed, &plan).await?;
    if let (Some(ip), true) = (&observation.entry, plan.seat_move.is_some())
        && let Err(error) = move_seat(context, ip, &observed, &plan).await
    {
        tracing::warn!(%error, "transaction not sent");
        plan.waits.insert(0, Wait::passing(reasons::MOVING_SEATS, format!("transaction not sent: {error}")));
    }
    let settled = report(object, context, &observed, &plan, network_info.as_deref()).await?;
    Ok(match (plan.accounts.is_empty(), settled) {
        (false, _) => Action::requeue(Duration::from_millis(50)),
        (true, true) => again(SETTLED),
        (true, false) => again(BUSY),
    })
}

/// Accounts and genesis: created, never changed.
async fn make(context: &Context, valid: &ValidConsortium, plan: &ConsortiumPlan) -> Result<(), Error> {
    for name in &plan.accounts {
        let key = keygen::key()?;
        create_once(context, build::account_secret(&valid.namespace, &valid.name, name.clone(), &key))
            .await?;
    }
    if let Some(genesis) = &plan.genesis {
        create_once(context, build::genesis(valid, genesis)).await?;
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
        Some(_) => apply(context, budget).await.map(drop),
        None => create_once(context, budget).await.map(drop),
    }
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
    let signed = sign(info, &operator.key)?;
    apply(context, build::network_info(valid, &signed)?).await?;
    Ok(Some(valid.name.network_info()))
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
    ip: &str,
    observed: &ConsortiumObserved,
    plan: &ConsortiumPlan,
) -> Result<(), Error> {
    let (Some(wanted), Some(operator), Some(genesis)) =
        (&plan.seat_move, observed.operator.key(), genesis(observed, plan))
    else {
        return Ok(());
    };
    Chain { nodes: &context.nodes, ip }.send(genesis.chain_id, &operator.key, wanted).await?;
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
    write::status(context, object, "Consortium", &after).await?;
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
    Ok(again(Duration::from_mins(5)))
}

fn settled(conditions: &[Condition]) -> bool {
    let is_true =
        |kind| conditions.iter().any(|c: &Condition| c.kind == kind && c.status == ConditionStatus::True);
    let settling = conditions.iter().any(|c| c.kind == DRAINABLE && c.reason == reasons::AWAITING_VOTES);
    // A network that is not heard is looked at often: its return is news, as is that of a node that drains wait for.
    (is_true(READY) && is_true(QUORUM_HEALTHY) && !settling) || is_true(STALLED)
}
