//! A node's disk: made once, grown in place, mounted by name, and never deleted by us.

use super::kept;
use crate::{
    names::{FLEET, NETWORK, NODE, NodeName, labels},
    validate::ValidFleet,
};
use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};
use std::collections::BTreeMap;

pub(super) fn volume(fleet: &ValidFleet, node: &NodeName) -> PersistentVolumeClaim {
    let name = node.to_string();
    let labels = labels([
        (NETWORK, fleet.consortium.0.as_str()),
        (FLEET, fleet.name.0.as_str()),
        (NODE, name.as_str()),
    ]);
    PersistentVolumeClaim {
        metadata: kept(&fleet.namespace, node.volume(), labels),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec![fleet.access_mode.as_str().to_owned()]),
            storage_class_name: fleet.storage_class.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([(
                    "storage".to_owned(),
                    Quantity(fleet.storage_size.clone()),
                )])),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}
