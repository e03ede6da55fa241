//! The `ManagedClustersAgentPool` that is applied. Only fields that every version has had since 2021.

use super::{GROUP, KIND};
use crate::{
    api::validator::AsoPool,
    names::{FLEET, NETWORK, POOL_TAINT, labels},
    validate::ValidFleet,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What Azure Service Operator does with the pool in Azure.
pub const RECONCILE_POLICY: &str = "serviceoperator.azure.com/reconcile-policy";
/// Deleting the object leaves the pool in Azure alone.
pub const DETACH: &str = "detach-on-delete";
const CREDENTIAL_FROM: &str = "serviceoperator.azure.com/credential-from";

/// The number of nodes as the object has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizing {
    /// As many as said here.
    Fixed(u32),
    /// As the cluster autoscaler says.
    Autoscaled {
        /// Number to begin with: AKS refuses a new pool without one (Azure/azure-service-operator#3220), and a pool that has one
        /// must not be told (a repeated count would undo the autoscaler).
        seed: Option<u32>,
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
    /// Somebody else's matter altogether.
    Theirs,
}

/// Builds the object; what another field manager holds is left out, and so remains his.
#[must_use]
pub fn object(
    fleet: &ValidFleet,
    name: &str,
    pool: &AsoPool,
    version: &str,
    sizing: Sizing,
    held: &BTreeMap<String, String>,
) -> Value {
    let mut annotations = Map::from_iter([(RECONCILE_POLICY.to_owned(), json!(DETACH))]);
    if let Some(secret) = &pool.credential_from {
        annotations.insert(CREDENTIAL_FROM.to_owned(), json!(secret));
    }
    let mut spec = spec(name, pool);
    spec.append(&mut sized(sizing));
    for fields in [&mut annotations, &mut spec] {
        fields.retain(|field, _| !held.contains_key(field));
    }
    json!({
        "apiVersion": format!("{GROUP}/{version}"),
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": fleet.namespace,
            "labels": labels([(NETWORK, fleet.consortium.0.as_str()), (FLEET, fleet.name.0.as_str())]),
            "annotations": annotations,
        },
        "spec": spec,
    })
}

fn spec(name: &str, pool: &AsoPool) -> Map<String, Value> {
    // A surge node for every zone: one with a zonal disk finds a host, wherever AKS puts them (Azure/AKS#3292).
    let surge = pool.availability_zones.len().max(1);
    let zones: BTreeSet<&String> = pool.availability_zones.iter().collect();
    let optional = [
        ("availabilityZones", (!zones.is_empty()).then(|| json!(zones))),
        ("osSKU", pool.os_sku.as_ref().map(|sku| json!(sku))),
        ("osDiskSizeGB", pool.os_disk_size_gb.map(|size| json!(size))),
        ("vnetSubnetReference", pool.vnet_subnet_id.as_ref().map(|id| json!({ "armId": id }))),
        ("tags", (!pool.tags.is_empty()).then(|| json!(pool.tags))),
    ];
    let fixed = [
        ("azureName", json!(name)),
        ("owner", json!(pool.owner)),
        ("mode", json!("User")),
        ("type", json!("VirtualMachineScaleSets")),
        ("osType", json!("Linux")),
        ("vmSize", json!(pool.vm_size)),
        ("nodeTaints", json!([format!("{POOL_TAINT}=true:NoSchedule")])),
        ("upgradeSettings", json!({ "maxSurge": surge.to_string() })),
    ];
    let optional = optional.into_iter().filter_map(|(field, value)| Some((field, value?)));
    fixed.into_iter().chain(optional).map(|(field, value)| (field.to_owned(), value)).collect()
}

fn sized(sizing: Sizing) -> Map<String, Value> {
    let fields = match sizing {
        Sizing::Fixed(count) => json!({ "enableAutoScaling": false, "count": count }),
        Sizing::Autoscaled { seed: Some(seed), min, max } => {
            json!({ "enableAutoScaling": true, "minCount": min, "maxCount": max, "count": seed })
        }
        Sizing::Autoscaled { seed: None, min, max } => {
            json!({ "enableAutoScaling": true, "minCount": min, "maxCount": max })
        }
        Sizing::Theirs => json!({}),
    };
    fields.as_object().cloned().unwrap_or_default()
}
