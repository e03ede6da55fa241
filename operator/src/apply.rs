//! Objects onto the API server: server-side apply where they change, create where they are made once.

use crate::{calls::call, context::Context, error::Error};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::ConfigMap};
use kube::{
    Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::NamespaceResourceScope,
};
use operator_core::{
    build::{Applied, FleetResources, Prepared},
    drift,
    names::{MANAGER, NodeName},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, marker::PhantomData};

/// A namespaced kind that is known when compiling, as every object of ours is.
pub(crate) trait Child:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug
{
}

impl<K> Child for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug
{
}

/// Applies a fleet's objects in their order: what a pod mounts is there before the pod.
pub(crate) async fn fleet(
    context: &Context,
    prepared: FleetResources<Prepared>,
) -> Result<FleetResources<Applied>, Error> {
    // Without `..`: a new object that is not applied does not compile.
    let FleetResources {
        service_account,
        nodes_service,
        rpc_service,
        volumes,
        configs,
        statefulsets,
        state: PhantomData,
    } = prepared;
    let service_account = apply(context, service_account).await?;
    let nodes_service = apply(context, nodes_service).await?;
    let rpc_service = match rpc_service {
        Some(service) => Some(apply(context, service).await?),
        None => None,
    };
    let mut made = Vec::with_capacity(volumes.len());
    for volume in volumes {
        made.push(create_once(context, volume).await?);
    }
    let mut applied_configs = Vec::with_capacity(configs.len());
    for config in configs {
        applied_configs.push(apply(context, config).await?);
    }
    let mut applied_sets = Vec::with_capacity(statefulsets.len());
    for set in statefulsets {
        applied_sets.push(apply(context, set).await?);
    }
    Ok(FleetResources {
        service_account,
        nodes_service,
        rpc_service,
        volumes: made,
        configs: applied_configs,
        statefulsets: applied_sets,
        state: PhantomData,
    })
}

/// Applies one object unless it already is as wanted.
pub(crate) async fn apply<K>(context: &Context, desired: K) -> Result<K, Error>
where
    K: Child + Serialize,
{
    let namespace = desired.namespace().ok_or(Error::Incomplete("namespace"))?;
    let name = desired.name_any();
    let api = context.api::<K>(&namespace);
    let mut wanted = serde_json::to_value(&desired)?;
    drift::stamp(&mut wanted);
    if let Some(live) = call("read object", api.get_opt(&name)).await?
        && drift::is_applied(&wanted, &serde_json::to_value(&live)?)
    {
        return Ok(live);
    }
    let params = PatchParams::apply(MANAGER).force();
    let applied = call("apply object", api.patch(&name, &params, &Patch::Apply(&wanted))).await?;
    tracing::info!(kind = %K::kind(&()), namespace, name, "applied");
    context.metrics.wrote("child");
    Ok(applied)
}

/// Creates one object unless there is one of its name, which is then left as it is.
pub(crate) async fn create_once<K>(context: &Context, desired: K) -> Result<K, Error>
where
    K: Child + Serialize,
{
    let namespace = desired.namespace().ok_or(Error::Incomplete("namespace"))?;
    let name = desired.name_any();
    let api = context.api::<K>(&namespace);
    if let Some(live) = call("read object", api.get_opt(&name)).await? {
        return Ok(live);
    }
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let created = call("create object", api.create(&params, &desired)).await?;
    tracing::info!(kind = %K::kind(&()), namespace, name, "created");
    context.metrics.wrote("child");
    Ok(created)
}

/// Stops a node: its StatefulSet and its ConfigMap go; key and disk stay.
pub(crate) async fn stop(context: &Context, namespace: &str, node: &NodeName) -> Result<(), Error> {
    // The set goes last: while it is there the node is planned for, and a stop that was cut short is done again.
    delete::<ConfigMap>(context, namespace, &node.config()).await?;
    delete::<StatefulSet>(context, namespace, &node.to_string()).await?;
    tracing::info!(namespace, %node, "stopped");
    Ok(())
}

/// Deletes an object that may be gone already. Never called for keys, disks and genesis.
pub(crate) async fn delete<K>(context: &Context, namespace: &str, name: &str) -> Result<(), Error>
where
    K: Child,
{
    let api = context.api::<K>(namespace);
    match call("delete object", api.delete(name, &DeleteParams::background())).await {
        Ok(_) => context.metrics.wrote("delete"),
        Err(Error::Kubernetes { source, .. }) if matches!(&*source, kube::Error::Api(status) if status.code == 404) =>
            {}
        Err(error) => return Err(error),
    }
    Ok(())
}
