//! The leases of identities that can move, begun and told how the node is.

use super::NodeError;
use crate::{
    driver::{Voter, journaled},
    faults::Faults,
    health::Health,
    lease::{self, Changed, Lease, Opened, Opening, tell_ready},
    metrics::Metrics,
    setup::{Candidate, Setup},
};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Starts the fences' task where the configuration names fences; each voter is given its part of it. Gives what the driver is told
/// by it. Voters are those of the configuration, in its order.
pub(super) fn begin(
    setup: &Setup,
    voters: &mut [Voter],
    metrics: &Arc<Metrics>,
    faults: &Faults,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Option<mpsc::Receiver<Changed>>, NodeError> {
    let of = voters.len();
    let mut opened = Vec::new();
    for (index, (candidate, voter)) in setup.candidates.iter().zip(&*voters).enumerate() {
        // An identity without a fence is the only one, and cannot move.
        let Some(part) = open(setup, candidate, voter, of) else { return Ok(None) };
        let told = |source| {
            if candidate.is_own { NodeError::Fence(source) } else { NodeError::FenceOf { index, source } }
        };
        opened.push(part.map_err(told)?);
    }
    if opened.is_empty() {
        return Ok(None);
    }
    let (task, handles, changes) = Lease::new(opened, Arc::clone(metrics), faults.clone());
    tasks.spawn(task.run(stop.clone()));
    for (voter, handle) in voters.iter_mut().zip(handles) {
        voter.lease = Some(handle);
    }
    Ok(Some(changes))
}

fn open(
    setup: &Setup,
    candidate: &Candidate,
    voter: &Voter,
    of: usize,
) -> Option<Result<Opened, lease::FenceSetupError>> {
    let config = candidate.config.fence.as_ref()?;
    let opening = Opening {
        genesis_hash: setup.genesis.hash,
        identity: voter.signer.address(),
        journal: voter.journal_id,
        recorded: voter.recorded,
        of,
    };
    let newest = |limit| journaled(&voter.records, setup.rules.proposal_round, limit);
    Some(lease::open(config, setup.config.azure.as_ref(), opening, newest))
}

/// Keeps telling the fences whether this node could vote.
pub(super) fn tell(health: &Arc<Health>, tasks: &TaskTracker, stop: &CancellationToken) {
    for one in &health.identities {
        let Some(lease) = one.lease.clone() else { continue };
        let (health, signer) = (Arc::clone(health), Arc::clone(&one.signer));
        let heads = health.importer.heads();
        let could_vote = move || health.could_vote(signer.as_ref());
        tasks.spawn(tell_ready(lease, could_vote, heads, stop.clone()));
    }
}
