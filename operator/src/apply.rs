//! Objects onto the API server: server-side apply where they change, create where they are made once. What the cache knows to
//! be as wanted is neither read nor written.

use crate::{calls::call, context::Context, error::Error, watches::Kept};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    coordination::v1::Lease,
    core::v1::{ConfigMap, Service, ServiceStatus},
};
use kube::{
    Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::NamespaceResourceScope,
};
use operator_core::{
    build::{Applied, FleetResources, Prepared},
    cache::{Kind, Standing},
    drift,
    names::{MANAGER, NodeName},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, marker::PhantomData};

/// A namespaced kind that is known when compiling, as every object of ours is.
pub(crate) trait Child:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug + Kept
{
}

impl<K> Child for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug + Kept
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
        fence_role,
        nodes_service,
        rpc_service,
        peers_service,
        volumes,
        configs,
        statefulsets,
        state: PhantomData,
    } = prepared;
    let service_account = apply(context, service_account).await?;
    let fence_role = match fence_role {
        Some((role, binding)) => Some((apply(context, role).await?, apply(context, binding).await?)),
        None => None,
    };
    let nodes_service = apply(context, nodes_service).await?;
    let rpc_service = match rpc_service {
        Some(service) => Some(with_address(context, apply(context, service).await?)),
        None => None,
    };
    let peers_service = match peers_service {
        Some(service) => Some(with_address(context, apply(context, service).await?)),
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
        fence_role,
        nodes_service,
        rpc_service,
        peers_service,
        volumes: made,
        configs: applied_configs,
        statefulsets: applied_sets,
        state: PhantomData,
    })
}

/// The address that a load balancer has got stands in the Service's status, which is not ours to apply.
fn with_address(context: &Context, mut service: Service) -> Service {
    let (namespace, name) = (service.namespace().unwrap_or_default(), service.name_any());
    let cache = context.cache();
    let known = cache.child(Kind::Service, &namespace, &name).and_then(|child| child.load_balancer());
    service.status = known
        .map(|address| ServiceStatus { load_balancer: Some(address.clone()), ..ServiceStatus::default() });
    service
}

/// Applies one object unless it already is as wanted.
pub(crate) async fn apply<K>(context: &Context, desired: K) -> Result<K, Error>
where
    K: Child + Serialize,
{
    stamped(context, desired).await.map(|(applied, _)| applied)
}

/// The same, with the hash of the intent. What is as wanted is handed back as it was asked for.
pub(crate) async fn stamped<K>(context: &Context, desired: K) -> Result<(K, u64), Error>
where
    K: Child + Serialize,
{
    let (namespace, name) = place(&desired)?;
    let api = context.api::<K>(&namespace);
    let mut wanted = serde_json::to_value(&desired)?;
    let intent = u64::from_str_radix(&drift::stamp(&mut wanted), 16).unwrap_or(0);
    let (standing, asked) = {
        let cache = context.cache();
        (cache.standing(K::KIND, &namespace, &name, intent), cache.mark(K::KIND, &namespace))
    };
    if standing == Standing::AsApplied {
        return Ok((desired, intent));
    }
    if standing == Standing::Unsure
        && let Some(live) = call("read object", api.get_opt(&name)).await?
        && drift::is_applied(&wanted, &serde_json::to_value(&live)?)
    {
        context.learn_written(&live, asked);
        return Ok((live, intent));
    }
    let params = PatchParams::apply(MANAGER).force();
    let applied = call("apply object", api.patch(&name, &params, &Patch::Apply(&wanted)))
        .await
        .map_err(|error| error.of_child(&K::kind(&()), &name))?;
    context.learn_written(&applied, asked);
    tracing::info!(kind = %K::kind(&()), namespace, name, "applied");
    context.metrics.wrote("child");
    Ok((applied, intent))
}

/// Creates one object unless there is one of its name, which is then left as it is.
pub(crate) async fn create_once<K>(context: &Context, desired: K) -> Result<K, Error>
where
    K: Child + Serialize,
{
    let (namespace, name) = place(&desired)?;
    if context.cache().child(K::KIND, &namespace, &name).is_some() {
        return Ok(desired);
    }
    let (api, asked) = (context.api::<K>(&namespace), context.mark(K::KIND, &namespace));
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let created = match call("create object", api.create(&params, &desired)).await {
        Ok(created) => created,
        // Somebody has made it, perhaps without the label by which it would be known.
        Err(error) if error.is_conflict() => return call("read object", api.get(&name)).await,
        Err(error) => return Err(error.of_child(&K::kind(&()), &name)),
    };
    context.learn_written(&created, asked);
    tracing::info!(kind = %K::kind(&()), namespace, name, "created");
    context.metrics.wrote("child");
    Ok(created)
}

/// Makes the Lease of an identity unless there is one, whatever stands in it.
pub(crate) async fn lease(context: &Context, namespace: &str, lease: &Lease) -> Result<(), Error> {
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    match call("make Lease", context.api::<Lease>(namespace).create(&params, lease)).await {
        Ok(_) => {
            tracing::info!(kind = "Lease", namespace, name = lease.name_any(), "created");
            context.metrics.wrote("child");
            Ok(())
        }
        Err(error) if error.is_conflict() => Ok(()),
        Err(error) => Err(error.of_child("Lease", &lease.name_any())),
    }
}

fn place(object: &impl ResourceExt) -> Result<(String, String), Error> {
    Ok((object.namespace().ok_or(Error::Incomplete("namespace"))?, object.name_any()))
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
        Err(error) if error.status_code() == Some(404) => {}
        Err(error) => return Err(error),
    }
    context.learn(|cache, wakes| cache.remove_child(K::KIND, namespace, name, u64::MAX, wakes));
    Ok(())
}
