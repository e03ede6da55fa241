//! The node pool that the operator makes through Azure Service Operator: what is served, what is there, what is applied.

mod served;

pub(crate) use served::Served;

use crate::{calls::call, context::Context, error::Error};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use operator_core::{
    api::validator::{AsoPool, NodePool},
    drift,
    names::MANAGER,
    node_pool::{
        self as core, GROUP, KIND, Neighbour, PLURAL, PoolObserved, PoolPlan, PoolState, Surroundings,
    },
    observed::FleetObserved,
    plan::FleetPlan,
    validate::ValidFleet,
};
use serde_json::{Value, json};

/// Brings the fleet's pool to where it should be; `None` for fleets that make none.
pub(crate) async fn pass(
    context: &Context,
    fleet: &ValidFleet,
    observed: &FleetObserved,
    plan: &FleetPlan,
) -> Result<Option<PoolState>, Error> {
    let wanted = fleet.node_pool.as_ref().filter(|_| !fleet.deleting);
    let Some((pool, made)) = wanted.and_then(|pool| Some((pool, pool.made()?))) else { return Ok(None) };
    let served = context.agent_pools.versions(&context.client).await?;
    let found = match &served {
        Some(served) => match find(context, fleet, pool, served).await {
            Err(error) => return unreachable(context, pool, error).await.map(Some),
            found => found?,
        },
        None => None,
    };
    let neighbours = neighbours_on(context, fleet, pool)?;
    let around = Surroundings {
        served: served.as_deref(),
        found: found.as_ref(),
        neighbours: &neighbours,
        pods: core::pods(fleet, observed),
        running: core::running(fleet, plan),
        may_shrink: core::may_shrink(fleet, observed, plan),
    };
    carry_out(context, fleet, (pool, made), &around).await.map(Some)
}

async fn carry_out(
    context: &Context,
    fleet: &ValidFleet,
    (pool, made): (&NodePool, &AsoPool),
    around: &Surroundings<'_>,
) -> Result<PoolState, Error> {
    let PoolPlan { restate, apply: wanted, state } = core::plan(fleet, pool, made, around);
    let Some(mut wanted) = wanted else { return Ok(state) };
    drift::stamp(&mut wanted);
    let live = around.found.map(|found| &found.live);
    if live.is_some_and(|live| drift::is_applied(&wanted, live)) {
        return Ok(state);
    }
    match apply(context, fleet, pool, wanted, live, restate).await {
        Ok(()) => Ok(state),
        Err(error) => unreachable(context, pool, error).await,
    }
}

fn api(context: &Context, namespace: &str, version: &str) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: GROUP.to_owned(),
        version: version.to_owned(),
        api_version: format!("{GROUP}/{version}"),
        kind: KIND.to_owned(),
        plural: PLURAL.to_owned(),
    };
    Api::namespaced_with(context.client.clone(), namespace, &resource)
}

/// Reads the pool object, by the version it is applied by, so that what is compared is what was written.
async fn find(
    context: &Context,
    fleet: &ValidFleet,
    pool: &NodePool,
    served: &[String],
) -> Result<Option<PoolObserved>, Error> {
    let Some(newest) = core::version(served, None) else { return Ok(None) };
    let get = |version: String| async move {
        let live =
            call("read node pool", api(context, &fleet.namespace, &version).get_opt(&pool.name)).await?;
        let live = live.map(serde_json::to_value).transpose()?;
        Ok::<_, Error>(live.map(PoolObserved::read))
    };
    let found = get(newest.to_owned()).await?;
    let applied = found.as_ref().and_then(|found| found.applied_version.as_deref());
    match core::version(served, applied) {
        Some(version) if version != newest => get(version.to_owned()).await,
        _ => Ok(found),
    }
}

/// Fields that others hold are not in `wanted`: what is forced is only what nobody held when it was read, or nothing.
async fn apply(
    context: &Context,
    fleet: &ValidFleet,
    pool: &NodePool,
    mut wanted: Value,
    live: Option<&Value>,
    restate: Option<Value>,
) -> Result<(), Error> {
    let version = wanted["apiVersion"].as_str().and_then(|version| version.rsplit('/').next());
    let api = api(context, &fleet.namespace, version.ok_or(Error::Incomplete("apiVersion"))?);
    // A field that the version does not have is refused by name: dropped in silence it would be written again for ever.
    let mut params = PatchParams::apply(MANAGER).validation_strict();
    if let Some(live) = live {
        let mut seen = json!(live.pointer("/metadata/resourceVersion"));
        if let Some(fields) = restate {
            let params = PatchParams::default();
            let patch = json!({ "metadata": { "resourceVersion": seen, "managedFields": fields } });
            let patch = Patch::Merge(&patch);
            let restated =
                call("restate managed fields", api.patch_metadata(&pool.name, &params, &patch)).await?;
            seen = json!(restated.metadata.resource_version);
            context.metrics.wrote("node-pool");
        }
        wanted["metadata"]["resourceVersion"] = seen;
        params = params.force();
    }
    call("apply node pool", api.patch(&pool.name, &params, &Patch::Apply(&wanted))).await?;
    tracing::info!(namespace = fleet.namespace, pool = pool.name, spec = %wanted["spec"], "node pool applied");
    context.metrics.wrote("node-pool");
    Ok(())
}

/// What the API server's refusal means for the fleet; passing ones end the pass.
async fn unreachable(context: &Context, pool: &NodePool, error: Error) -> Result<PoolState, Error> {
    let Some((code, message)) = error.refusal() else { return Err(error) };
    // Webhooks deny with 403 too.
    let denied = message.contains("admission webhook");
    match code {
        403 if !denied => Ok(core::forbidden(message)),
        400 | 403 | 422 => {
            let said = error.said_of_child(KIND, &pool.name);
            Ok(core::refused(pool, said.as_deref().unwrap_or(message)))
        }
        404 => {
            context.agent_pools.forget().await;
            Err(error)
        }
        _ => Err(error),
    }
}

/// Other fleets of the namespace on the same pool.
fn neighbours_on(context: &Context, fleet: &ValidFleet, pool: &NodePool) -> Result<Vec<Neighbour>, Error> {
    let cache = context.cache();
    let on_it =
        cache.fleets_in(&fleet.namespace).filter(|(_, other)| other.pool.as_deref() == Some(&*pool.name));
    let neighbours = on_it.map(|(_, other)| Ok(core::neighbour(fleet, pool, &other.object()?)));
    neighbours.filter_map(Result::transpose).collect()
}
