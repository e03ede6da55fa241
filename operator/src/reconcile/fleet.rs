//! A pass over one `Validator`.

use super::{Steps, grow, restart};
use crate::{
    apply::{self, create_once},
    context::{Action, Context},
    error::Error,
    events::{self, EventType},
    keygen, node_pool, observe, write,
};
use kube::{Resource, ResourceExt};
use operator_core::{
    api::{
        Condition, Validator, ValidatorStatus,
        conditions::{ConditionStatus, READY, STALLED, reasons},
    },
    build::{self, Applied, FleetResources},
    cache::{Kind, uid_hash},
    names::FINALIZER,
    observed::FleetObserved,
    plan::{self, FleetPlan, KeyWanted, Wait},
    status,
    validate::{self, ValidFleet},
};
use std::time::Duration;

/// When everything is as wanted, or a person must act: whatever changes wakes the fleet before.
const SETTLED: Duration = Duration::from_mins(10);
/// The same for a fleet whose node pool is made: nobody watches the pool.
const SETTLED_WITH_POOL: Duration = Duration::from_secs(12);

/// One pass. What cannot be undone is decided a second time, from what the API server and the nodes say now.
pub(crate) async fn pass(object: &Validator, context: &Context, steps: &Steps<'_>) -> Result<Action, Error> {
    let first = decided(object, context, steps, false).await?;
    match first {
        Decided::Done(action) => Ok(action),
        Decided::Final => {
            let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
            let Some(object) = context.refresh_fleet(&namespace, &name).await? else {
                return Ok(Action::await_change());
            };
            let network = operator_core::names::ConsortiumName(object.spec.consortium_ref.name.clone());
            context.refresh(&observe::key(&namespace, &network)).await?;
            match decided(&object, context, steps, true).await? {
                Decided::Done(action) => Ok(action),
                Decided::Final => Ok(Action::requeue(context.busy())),
            }
        }
    }
}

enum Decided {
    Done(Action),
    /// It would do what cannot be undone, and has not looked closely.
    Final,
}

async fn decided(
    object: &Validator,
    context: &Context,
    steps: &Steps<'_>,
    looked_closely: bool,
) -> Result<Decided, Error> {
    let valid = match validate::fleet(object) {
        Ok(valid) => valid,
        Err(error) => return refused(object, context, &error.to_string()).await.map(Decided::Done),
    };
    if valid.deleting && !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(Decided::Done(Action::await_change()));
    }
    if !valid.deleting {
        write::finalizer(context, object, true).await?;
    }
    let observed = observe::fleet(context, object, &valid).await?;
    steps.done("observe");
    let mut plan = plan::fleet(&valid, &observed, &context.node_image);
    steps.done("plan");
    let is_final = plan.release.is_some() || plan.restart.is_some() || !plan.stop.is_empty();
    if is_final && !looked_closely {
        return Ok(Decided::Final);
    }
    if let Some(release) = &plan.release {
        let stays = operator_core::node_pool::left_behind(&valid).map(|stays| format!("; {stays}"));
        let kind = if release.overridden { EventType::Warning } else { EventType::Normal };
        let note = format!("{}{}", release.message, stays.unwrap_or_default());
        events::publish(context, &object.object_ref(&()), kind, release.reason, &note).await;
        write::finalizer(context, object, false).await?;
        context.metrics.decided("release");
        return Ok(Decided::Done(Action::await_change()));
    }
    // What was just written to Secrets is read back before anything is built on it.
    let made_keys = make_keys(context, &valid, &plan).await? || !plan.journals.is_empty();
    let applied = match carry_out(context, &valid, &plan).await {
        Err(Error::Child(message)) => return refused(object, context, &message).await.map(Decided::Done),
        carried_out => carried_out?,
    };
    plan.node_pool = node_pool::pass(context, &valid, &observed, &plan).await?;
    if let Some(grow) = &plan.grow
        && let Some(wait) = grow::grow(context, &valid.namespace, grow).await?
    {
        plan.waits.push(wait);
    }
    if let Some(restart) = &plan.restart
        && let Some(wait) = restart::restart(context, object, &valid.namespace, restart).await?
    {
        plan.waits.insert(0, wait);
    }
    steps.done("apply");
    let settled = report(object, context, &valid, &observed, &plan, applied.as_ref()).await?;
    steps.done("status");
    Ok(Decided::Done(match (made_keys, settled) {
        (true, _) => Action::requeue(Duration::ZERO),
        (false, true) if plan.node_pool.is_some() => Action::requeue(SETTLED_WITH_POOL),
        (false, true) => Action::requeue(SETTLED),
        (false, false) => Action::requeue(context.busy()),
    }))
}

/// Makes the keys that are missing; they are read back before anything is built on them.
async fn make_keys(context: &Context, valid: &ValidFleet, plan: &FleetPlan) -> Result<bool, Error> {
    for wanted in &plan.keys {
        let key = keygen::key()?;
        let secret = match wanted {
            KeyWanted::Identity(node) => {
                build::identity_secret(&valid.namespace, &valid.consortium, node, &key)
            }
            KeyWanted::P2p(node) => build::p2p_secret(&valid.namespace, &valid.consortium, node, &key),
        };
        create_once(context, secret).await?;
        context.metrics.decided("key");
    }
    for adoption in &plan.adopt {
        write::adopt(context, &valid.namespace, adoption).await?;
    }
    Ok(!plan.keys.is_empty() || !plan.adopt.is_empty())
}

/// Journal ids first: a node that restarts after this pass must find its own.
async fn carry_out(
    context: &Context,
    valid: &ValidFleet,
    plan: &FleetPlan,
) -> Result<Option<FleetResources<Applied>>, Error> {
    for (secret, id) in &plan.journals {
        write::journal(context, &valid.namespace, secret, *id).await?;
        context.metrics.decided("journal");
    }
    // Before the pods: none of them ever runs without it.
    if let (Some(access), Some(_)) = (&context.access, &plan.objects) {
        apply::apply(context, build::network_policy(valid, access)).await?;
    }
    let applied = match &plan.objects {
        Some(inputs) => Some(Box::pin(apply::fleet(context, build::fleet(valid, inputs)?)).await?),
        None => None,
    };
    if valid.rpc.is_none() && !valid.deleting {
        remove_rpc_service(context, valid).await?;
    }
    for node in &plan.stop {
        apply::stop(context, &valid.namespace, node).await?;
        context.metrics.decided("stop");
    }
    Ok(applied)
}

async fn remove_rpc_service(context: &Context, valid: &ValidFleet) -> Result<(), Error> {
    use k8s_openapi::api::core::v1::Service;
    let name = valid.name.rpc_service();
    let ours = |child: &operator_core::cache::Child| child.owner == uid_hash(&valid.uid);
    let found = context.cache().child(Kind::Service, &valid.namespace, &name).is_some_and(ours);
    if found {
        apply::delete::<Service>(context, &valid.namespace, &name).await?;
    }
    Ok(())
}

/// Writes the status if it says anything new; returns whether the fleet is settled.
async fn report(
    object: &Validator,
    context: &Context,
    valid: &ValidFleet,
    observed: &FleetObserved,
    plan: &FleetPlan,
    applied: Option<&FleetResources<Applied>>,
) -> Result<bool, Error> {
    let before = object.status.clone().unwrap_or_default();
    let at = status::FleetContext {
        before: &before,
        generation: object.metadata.generation,
        now: k8s_openapi::jiff::Timestamp::now(),
    };
    let after = status::fleet(&at, valid, observed, plan, applied);
    let settled = settled(&after.conditions);
    if before.conditions != after.conditions {
        let waits = plan.waits.iter();
        waits.for_each(|wait| context.metrics.refused("Validator", wait.reason));
    }
    store(object, context, &before, after).await?;
    Ok(settled)
}

async fn store(
    object: &Validator,
    context: &Context,
    before: &ValidatorStatus,
    after: ValidatorStatus,
) -> Result<(), Error> {
    if *before == after {
        return Ok(());
    }
    write::status(context, object, before, &after).await?;
    events::changes(context, &object.object_ref(&()), &before.conditions, &after.conditions).await;
    Ok(())
}

/// A spec that cannot be carried out: what runs is left running.
async fn refused(object: &Validator, context: &Context, message: &str) -> Result<Action, Error> {
    let before = object.status.clone().unwrap_or_default();
    let now = k8s_openapi::jiff::Timestamp::now();
    let waits = [Wait::stalled(reasons::INVALID_SPEC, message)];
    let conditions = status::stalled(&before.conditions, object.metadata.generation, now, &waits);
    let after =
        ValidatorStatus { observed_generation: object.metadata.generation, conditions, ..before.clone() };
    store(object, context, &before, after).await?;
    Ok(Action::requeue(SETTLED))
}

fn settled(conditions: &[Condition]) -> bool {
    let is_true =
        |kind| conditions.iter().any(|c: &Condition| c.kind == kind && c.status == ConditionStatus::True);
    is_true(READY) || is_true(STALLED)
}
