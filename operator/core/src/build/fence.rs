//! Where the records of identities are: a Lease for each, kept for ever as keys are, and the fleet's right to write them.

use super::{kept, owned};
use crate::{
    names::{FLEET, NETWORK, NODE, NodeName, labels},
    validate::{FenceStore, ValidFleet},
};
use alloy_primitives::Address;
use k8s_openapi::api::{
    coordination::v1::Lease,
    rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject},
};

const GROUP: &str = "coordination.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";

/// The Lease of an identity, without a record: that is its node's to make. It is created where there is none, and never applied, changed
/// or deleted.
#[must_use]
pub fn lease(fleet: &ValidFleet, node: &NodeName, identity: Address) -> Lease {
    let name = node.to_string();
    let labels = labels([
        (NETWORK, fleet.consortium.0.as_str()),
        (FLEET, fleet.name.0.as_str()),
        (NODE, name.as_str()),
    ]);
    Lease { metadata: kept(&fleet.namespace, node.lease(identity), labels), spec: None }
}

/// What the fleet's nodes may do: look at these Leases and change them, by name; neither make, list nor delete one. Without Leases none is
/// made, and one that is there stays as it is.
pub(super) fn role(fleet: &ValidFleet, leases: &[String]) -> Option<(Role, RoleBinding)> {
    fleet.fence.as_ref().filter(|fence| fence.store == FenceStore::Leases && !leases.is_empty())?;
    let name = fleet.name.fence_role();
    let metadata = || {
        let labels = labels([(NETWORK, fleet.consortium.0.as_str()), (FLEET, fleet.name.0.as_str())]);
        owned(fleet, name.clone(), labels)
    };
    let role = Role {
        metadata: metadata(),
        rules: Some(vec![PolicyRule {
            api_groups: Some(vec![GROUP.to_owned()]),
            resources: Some(vec!["leases".to_owned()]),
            resource_names: Some(leases.to_vec()),
            verbs: vec!["get".to_owned(), "patch".to_owned()],
            non_resource_urls: None,
        }]),
    };
    let binding = RoleBinding {
        metadata: metadata(),
        role_ref: RoleRef { api_group: Some(RBAC.to_owned()), kind: "Role".to_owned(), name: name.clone() },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: fleet.name.0.clone(),
            namespace: Some(fleet.namespace.clone()),
            api_group: None,
        }]),
    };
    Some((role, binding))
}
