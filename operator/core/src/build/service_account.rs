//! One ServiceAccount per fleet, without a token: nodes do not talk to Kubernetes, unless Leases keep their identities' records; then
//! pods mount one of their own making.

use super::owned;
use crate::{
    names::{FLEET, NETWORK, labels},
    validate::ValidFleet,
};
use k8s_openapi::api::core::v1::ServiceAccount;

pub(super) fn service_account(fleet: &ValidFleet) -> ServiceAccount {
    let labels = labels([(NETWORK, fleet.consortium.0.as_str()), (FLEET, fleet.name.0.as_str())]);
    ServiceAccount {
        metadata: owned(fleet, fleet.name.0.clone(), labels),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
