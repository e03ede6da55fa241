//! A pass over one `Validator`.

use super::{
    Steps, grow,
    pass::{self, Decided, Looked, Passed},
    restart,
};
use crate::{
    apply::{self, create_once},
    context::{Action, Context},
    error::Error,
    events::{self, EventType},
    keygen, node_pool, observe, write,
};
use k8s_openapi::{api::core::v1::ConfigMap, jiff::Timestamp};
use kube::{Resource, ResourceExt};
use operator_core::{
    api::{Condition, Validator, ValidatorStatus, conditions::READY},
    build::{self, Applied, FleetResources},
    cache::{Cache, KeptError, Kind, NetworkKey, uid_hash},
    names::ConsortiumName,
    observed::FleetObserved,
    plan::{self, FleetPlan, KeyWanted, Release},
    status,
    validate::{self, ValidFleet},
};
use std::{sync::Arc, time::Duration};

/// For a fleet whose node pool is made: nobody watches the pool. Of others whatever changes wakes them before.
const SETTLED_WITH_POOL: Duration = Duration::from_secs(12);

impl Passed for Validator {
    type Status = ValidatorStatus;
    const NAME: &'static str = "Validator";
    const SETTLED: Duration = Duration::from_mins(10);

    fn known(cache: &Cache, namespace: &str, name: &str) -> Option<Result<Arc<Self>, KeptError>> {
        cache.fleet(namespace, name).map(|fleet| fleet.object().map(Arc::new))
    }

    fn network_of(cache: &Cache, namespace: &str, name: &str) -> Option<NetworkKey> {
        let network = ConsortiumName(cache.fleet(namespace, name)?.network.to_string());
        Some(observe::key(namespace, &network))
    }

    fn status(&self) -> Option<&ValidatorStatus> {
        self.status.as_ref()
    }

    fn network(&self) -> NetworkKey {
        let namespace = self.namespace().unwrap_or_default();
        observe::key(&namespace, &ConsortiumName(self.spec.consortium_ref.name.clone()))
    }

    fn conditions(status: &ValidatorStatus) -> &[Condition] {
        &status.conditions
    }

    fn judged(
        status: &ValidatorStatus,
        generation: Option<i64>,
        conditions: Vec<Condition>,
    ) -> ValidatorStatus {
        ValidatorStatus { observed_generation: generation, conditions, ..status.clone() }
    }

    async fn decided(&self, context: &Context, steps: &Steps<'_>, looked: Looked) -> Result<Decided, Error> {
        Box::pin(decided(self, context, steps, looked)).await
    }
}

async fn decided(
    object: &Validator,
    context: &Context,
    steps: &Steps<'_>,
    looked: Looked,
) -> Result<Decided, Error> {
    let valid = match validate::fleet(object) {
        Ok(valid) => valid,
        Err(error) => return pass::refused(object, context, &error.to_string()).await,
    };
    if valid.deleting && !write::is_kept(object) {
        return Ok(Decided::Done(Action::await_change()));
    }
    if !valid.deleting {
        write::finalizer(context, object, true).await?;
    }
    let observed = steps.of("observe", observe::fleet(context, object, &valid)).await?;
    let mut plan = steps.thought("plan", || plan::fleet(&valid, &observed, &context.node_image));
    context.vaults.want(&observe::object_of(object), plan.vault.as_ref());
    let is_final = plan.release.is_some() || plan.restart.is_some() || !plan.stop.is_empty();
    if is_final && looked == Looked::AtCache {
        return Ok(Decided::Final);
    }
    if let Some(release) = &plan.release {
        steps.of("apply", let_go(object, context, &valid, release)).await?;
        return Ok(Decided::Done(Action::await_change()));
    }
    let (made_keys, applied) =
        match steps.of("apply", Box::pin(perform(object, context, &valid, &observed, &mut plan))).await {
            Err(Error::Child(message)) => return pass::refused(object, context, &message).await,
            carried_out => carried_out?,
        };
    let reported = report(object, context, &valid, &observed, &plan, applied.as_ref());
    let settled = steps.of("status", reported).await?;
    Ok(Decided::Done(match (made_keys, settled) {
        (true, _) => Action::requeue(Duration::ZERO),
        (false, true) if plan.node_pool.is_some() => Action::requeue(SETTLED_WITH_POOL),
        (false, true) => Action::requeue(Validator::SETTLED),
        (false, false) => Action::requeue(context.busy()),
    }))
}

/// The finalizer goes, and with it the fleet.
async fn let_go(
    object: &Validator,
    context: &Context,
    valid: &ValidFleet,
    release: &Release,
) -> Result<(), Error> {
    let stays = operator_core::node_pool::left_behind(valid).map(|stays| format!("; {stays}"));
    let kind = if release.overridden { EventType::Warning } else { EventType::Normal };
    let note = format!("{}{}", release.message, stays.unwrap_or_default());
    events::publish(context, &object.object_ref(&()), kind, release.reason, &note).await;
    write::finalizer(context, object, false).await?;
    context.decided("release");
    Ok(())
}

/// Carries the plan out; whether keys were made, which are read back before anything is built on them, and what was applied.
async fn perform(
    object: &Validator,
    context: &Context,
    valid: &ValidFleet,
    observed: &FleetObserved,
    plan: &mut FleetPlan,
) -> Result<(bool, Option<FleetResources<Applied>>), Error> {
    let made_keys = make_keys(context, valid, plan).await?
        || !(plan.journals.is_empty() && plan.records.is_empty() && plan.leases.is_empty());
    let applied = carry_out(object, context, valid, plan).await?;
    if let Some(pool) = node_pool::pass(context, valid, observed, plan).await? {
        plan.with_pool(pool, observed, Timestamp::now());
    }
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
    Ok((made_keys, applied))
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
        context.decided("key");
    }
    for adoption in &plan.adopt {
        write::adopt(context, &valid.namespace, adoption).await?;
    }
    Ok(!plan.keys.is_empty() || !plan.adopt.is_empty())
}

/// Journal ids and records first: a node that restarts after this pass must find its own.
async fn carry_out(
    object: &Validator,
    context: &Context,
    valid: &ValidFleet,
    plan: &FleetPlan,
) -> Result<Option<FleetResources<Applied>>, Error> {
    for (secret, id) in &plan.journals {
        write::journal(context, &valid.namespace, secret, *id).await?;
        context.decided("journal");
    }
    for secret in &plan.records {
        write::recorded(context, &valid.namespace, secret).await?;
        context.decided("record");
    }
    for (node, identity) in &plan.leases {
        apply::lease(context, &valid.namespace, &build::lease(valid, node, *identity)).await?;
    }
    // Before the pods: none of them ever runs without it.
    if let (Some(access), Some(inputs)) = (&context.access, &plan.objects) {
        apply::apply(context, build::network_policy(valid, access, &inputs.bootnodes)).await?;
    }
    let applied = match &plan.objects {
        Some(inputs) => Some(Box::pin(apply::fleet(context, build::fleet(valid, inputs)?)).await?),
        None => None,
    };
    if !valid.deleting {
        let unwanted = [
            (valid.rpc.is_none(), valid.name.rpc_service()),
            (valid.peering.is_none(), valid.name.peers_service()),
        ];
        for (_, name) in unwanted.iter().filter(|(is_unwanted, _)| *is_unwanted) {
            remove_service(context, valid, name).await?;
        }
    }
    for node in &plan.unconfigure {
        apply::delete::<ConfigMap>(context, &valid.namespace, &node.config()).await?;
    }
    for node in &plan.stop {
        apply::stop(context, &valid.namespace, node).await?;
        let note = format!(
            "{node} is stopped: it holds no seat, or keeps it by annotation; its key and its disk stay"
        );
        events::decided(context, object, "stop", "NodeStopped", &note).await;
    }
    Ok(applied)
}

async fn remove_service(context: &Context, valid: &ValidFleet, name: &str) -> Result<(), Error> {
    use k8s_openapi::api::core::v1::Service;
    let ours = |child: &operator_core::cache::Child| child.owner == uid_hash(&valid.uid);
    let found = context.cache().child(Kind::Service, &valid.namespace, name).is_some_and(ours);
    if found {
        apply::delete::<Service>(context, &valid.namespace, name).await?;
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
    pass::waits_told::<Validator>(context, &plan.waits, before.conditions != after.conditions);
    pass::store(object, context, &before, &after).await?;
    for note in status::moved(&before, &after) {
        events::decided(context, object, "identity", note.reason, &note.message).await;
    }
    Ok(status::is_settled(&after.conditions, &[READY]))
}
