//! The leases of identities that can move, begun and told how the node is.

use super::NodeError;
use crate::{
    driver::{SIT_OUT_MARGIN_S, Voter, journaled},
    faults::Faults,
    health::Health,
    journal::{Journal, Record, Refusal},
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

/// What the journal tells of the newest height that was voted at, when what is decided is forgotten. A fence compares it with its
/// record, which a store that was set back shows as it was before heights that are decided since.
pub(super) fn newest_votes(
    journal: &mut Journal,
    head: u64,
    is_fenced: bool,
) -> Result<Vec<Record>, Refusal> {
    let newest = journal.newest();
    journal.prune(head)?;
    Ok(if is_fenced { newest } else { journal.newest() })
}

/// Keeps telling the fences whether this node could vote.
pub(super) fn tell(health: &Arc<Health>, started_s: u64, tasks: &TaskTracker, stop: &CancellationToken) {
    for one in &health.identities {
        let Some(lease) = one.lease.clone() else { continue };
        let (health, signer) = (Arc::clone(health), Arc::clone(&one.signer));
        let heads = health.importer.heads();
        let could_vote = move || health.could_vote(signer.as_ref());
        let without = (!one.has_journal).then(|| started_s.saturating_add(SIT_OUT_MARGIN_S));
        tasks.spawn(tell_ready(lease, without, could_vote, heads, stop.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Opened, Start};
    use alloy_primitives::{B256, Bytes};

    fn vote(height: u64) -> Record {
        Record { height, round: 0, phase: 0x13, digest: B256::repeat_byte(1), payload: Bytes::new() }
    }

    #[test]
    fn a_fence_is_told_of_the_newest_vote_though_its_height_is_decided() {
        let dir = tempfile::tempdir().unwrap();
        let start = Start::Active { replaces: None };
        let mut journal = Opened::open(dir.path()).unwrap().create(start).unwrap();
        for height in [4, 5] {
            journal.insert(vote(height)).unwrap();
        }
        assert_eq!(newest_votes(&mut journal, 4, false), Ok(vec![vote(5)]));
        assert_eq!(newest_votes(&mut journal, 4, true), Ok(vec![vote(5)]));
        drop(journal);
        for (is_fenced, told) in [(true, vec![vote(5)]), (false, Vec::new())] {
            let Opened::Found(mut journal) = Opened::open(dir.path()).unwrap() else { panic!("it is gone") };
            assert_eq!(newest_votes(&mut journal, 9, is_fenced), Ok(told));
            assert!(matches!(journal.insert(vote(9)), Err(Refusal::Decided { .. })), "{is_fenced}");
        }
    }
}
