//! The fence, played: a record for each identity says which node votes. Swaps are what they are promised to be, so that here a record is
//! a value under a lock; the operator's part is the Leases, who may write them, and who is told to make the first record.

use super::Node;
use alloy_primitives::Address;
use chain::{
    config::{FenceConfig, FenceStore, IdentityConfig},
    status::{Fence, FenceRole, Standby},
};
use operator_core::keys::Key;
use std::collections::{BTreeMap, BTreeSet};

/// A record, by the name of its Lease.
pub(super) type Records = BTreeMap<String, Record>;

/// Which node votes for an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    identity: Address,
    holder: String,
    epoch: u64,
}

impl std::fmt::Display for Record {
    /// As it stands in the Lease: the epoch first, which never goes down.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.epoch, self.identity, self.holder)
    }
}

/// What a node is told of an identity that can move, and its key.
pub(super) struct Fenced {
    pub(super) key: Key,
    pub(super) member: Option<Address>,
    /// It is the node's own.
    pub(super) own: bool,
    lease: String,
    config: FenceConfig,
}

impl Fenced {
    /// `None` for an identity that cannot move, or not by a Lease.
    pub(super) fn new(config: &IdentityConfig, key: Key, own: bool) -> Option<Self> {
        let fence = config.fence.clone()?;
        let FenceStore::KubernetesLease { name, .. } = &fence.store else { return None };
        Some(Self { key, member: config.member, own, lease: name.clone(), config: fence })
    }

    /// What the node says of it.
    pub(super) fn view(&self, records: &Records) -> Fence {
        let record = records.get(&self.lease);
        let holds = record.is_some_and(|record| record.holder == self.config.holder);
        let missing = record.is_none() && !self.config.initialise;
        Fence {
            role: match (holds, missing) {
                (true, _) => FenceRole::Holder,
                (false, true) => FenceRole::Stopped,
                (false, false) => FenceRole::Standby,
            },
            holder: record.map(|record| record.holder.clone()),
            epoch: record.map_or(0, |record| record.epoch),
            recorded: record.is_some(),
            reason: missing.then(|| "record_missing".to_owned()),
            message: missing.then(|| "there is no record".to_owned()),
        }
    }

    /// The same, as a spare lists it.
    pub(super) fn standby(&self, records: &Records) -> Standby {
        Standby { address: self.key.address, signer_ready: true, fence: self.view(records) }
    }
}

/// Who could vote for an identity: uid of the pod, and what its node is told.
struct Candidate<'a> {
    uid: &'a str,
    fenced: &'a Fenced,
}

/// Brings the records to where the nodes that run would bring them; which pod votes with what.
pub(super) fn settle(
    nodes: &BTreeMap<String, Node>,
    records: &mut Records,
    leases: &BTreeSet<String>,
) -> BTreeMap<String, Address> {
    let mut candidates: BTreeMap<&str, Vec<Candidate<'_>>> = BTreeMap::new();
    for (uid, node) in nodes.iter().filter(|(_, node)| node.is_synced()) {
        for fenced in &node.fenced {
            candidates.entry(&fenced.lease).or_default().push(Candidate { uid, fenced });
        }
    }
    let mut votes: BTreeMap<String, Address> = BTreeMap::new();
    // Who holds or has it as its own, then spares for what is left: one holds one at most.
    for taking_over in [false, true] {
        for (lease, candidates) in &candidates {
            if votes.values().any(|voted| candidates[0].fenced.key.address == *voted) {
                continue;
            }
            let is_free = |candidate: &&Candidate<'_>| !votes.contains_key(candidate.uid);
            let next = next(records.get(*lease), candidates, taking_over, is_free);
            let Some(next) = next.filter(|_| leases.contains(*lease)) else { continue };
            let identity = next.fenced.key.address;
            let holder = next.fenced.config.holder.clone();
            let record = records.entry((*lease).to_owned());
            let record = record.or_insert_with(|| Record { identity, holder: holder.clone(), epoch: 1 });
            if record.holder != holder {
                (record.holder, record.epoch) = (holder, record.epoch + 1);
            }
            votes.insert(next.uid.to_owned(), identity);
        }
    }
    votes
}

fn next<'a>(
    record: Option<&Record>,
    candidates: &'a [Candidate<'a>],
    taking_over: bool,
    is_free: impl Fn(&&Candidate<'_>) -> bool,
) -> Option<&'a Candidate<'a>> {
    let mut candidates = candidates.iter().filter(is_free);
    let Some(record) = record else {
        return candidates.find(|candidate| candidate.fenced.own && candidate.fenced.config.initialise);
    };
    if taking_over {
        return candidates.next();
    }
    let all: Vec<_> = candidates.collect();
    let preferred = all.iter().find(|candidate| candidate.fenced.config.preferred);
    preferred
        .or_else(|| all.iter().find(|candidate| candidate.fenced.config.holder == record.holder))
        .copied()
}

impl super::Network {
    /// Tells which Leases there are; the records to write into them, with what stands there now.
    #[must_use]
    pub fn records(&self, leases: BTreeSet<String>) -> Vec<(String, String)> {
        let mut state = self.lock();
        state.leases = leases;
        let there = state.records.iter().filter(|(lease, _)| state.leases.contains(*lease));
        there.map(|(lease, record)| (lease.clone(), record.to_string())).collect()
    }
}
