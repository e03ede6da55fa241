//! The lease of an identity that can move, begun and told how the node is.

use super::NodeError;
use crate::{
    driver::{Voter, journaled},
    faults::Faults,
    health::Health,
    lease::{self, Lease, LeaseHandle, Opening, tell_ready},
    metrics::Metrics,
    setup::Setup,
};
use std::sync::Arc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Starts the fence's task where the configuration names a fence; the driver is given its part of it.
pub(super) fn begin(
    setup: &Setup,
    voter: Option<&mut Voter>,
    metrics: &Arc<Metrics>,
    faults: &Faults,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Option<LeaseHandle>, NodeError> {
    let config = setup.config.identity.as_ref().and_then(|identity| identity.fence.as_ref());
    let (Some(config), Some(voter)) = (config, voter) else { return Ok(None) };
    let opening = Opening {
        genesis_hash: setup.genesis.hash,
        identity: voter.signer.address(),
        journal: voter.journal_id,
    };
    let newest = |limit| journaled(&voter.records, setup.rules.proposal_round, limit);
    let opened = lease::open(config, setup.config.azure.as_ref(), opening, newest)?;
    let (task, handle, changes) = Lease::new(opened, Arc::clone(metrics), faults.clone());
    tasks.spawn(task.run(stop.clone()));
    (voter.lease, voter.changes) = (Some(handle.clone()), Some(changes));
    Ok(Some(handle))
}

/// Keeps telling the fence whether this node could vote.
pub(super) fn tell(
    lease: Option<LeaseHandle>,
    health: &Arc<Health>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    if let Some(lease) = lease {
        let health = Arc::clone(health);
        tasks.spawn(tell_ready(lease, move || health.could_vote(), stop.clone()));
    }
}
