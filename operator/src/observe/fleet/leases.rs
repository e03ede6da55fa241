//! Leases of identities that have no record yet as far as is known. They are asked for, not watched: nodes write them with every vote, and
//! what they write stands in the metadata.

use crate::{calls::call, context::Context, error::Error};
use k8s_openapi::api::coordination::v1::Lease;
use operator_core::{
    observed::{FleetObserved, LeaseState},
    validate::{FenceStore, ValidFleet},
};

/// Looks at them. Once a record is remembered beside the key nobody looks any more.
pub(super) async fn place(
    context: &Context,
    valid: &ValidFleet,
    observed: &mut FleetObserved,
) -> Result<(), Error> {
    if valid.deleting || valid.fence.as_ref().is_none_or(|fence| fence.store != FenceStore::Leases) {
        return Ok(());
    }
    let api = context.api::<Lease>(&valid.namespace);
    for (index, node) in &mut observed.nodes {
        let Some(stored) = node.identity.key().filter(|stored| !stored.recorded) else { continue };
        let name = valid.name.node(*index).lease(stored.key.address);
        let found = call("look at Lease", api.get_metadata_opt(&name)).await?;
        node.lease = LeaseState::read(found.as_ref().map(|lease| &lease.metadata));
    }
    Ok(())
}
