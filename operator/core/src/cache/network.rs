//! What is known of one network in one namespace: what its nodes said last, its genesis, what was published.

use crate::{
    genesis::StoredGenesis, in_flight::Waiting, names::NodeName, network_info::Learned, observed::PeerNode,
    votes::History,
};
use alloy_primitives::{Address, B256};
use chain::status::{Fence, Identity, NodeStatus};
use std::{collections::BTreeMap, sync::Arc};

/// A node's answer, and where it came from.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Address that was asked.
    pub ip: String,
    /// What it said; `None` when it was silent.
    pub status: Option<Arc<NodeStatus>>,
}

/// A stored genesis, or why it cannot be read.
pub type Genesis = Result<Arc<StoredGenesis>, String>;

/// A member's votes on its chain: read from there, and only read on for as long as the process lives.
#[derive(Clone, Debug)]
pub struct KeptVotes {
    /// Hash of the chain's block 0, and the member's id.
    pub of: (B256, u32),
    /// The votes.
    pub history: History,
    /// The admin account's nonce for which they are complete.
    pub nonce: Option<u64>,
}
/// What is kept of other members' network infos.
pub type Learnt = Arc<Learned>;

/// One network.
#[derive(Debug, Default)]
pub(super) struct Network {
    /// Answers of the last round; `None` before the first.
    pub(super) heard: Option<BTreeMap<NodeName, Answer>>,
    /// Version of the ConfigMap, and what it holds.
    pub(super) genesis: Option<(u64, Genesis)>,
    /// Version of the ConfigMap, and what it keeps of other members' network infos.
    pub(super) learned: Option<(u64, Learnt)>,
    /// Signing hash of the published network info, and the hash that was applied for it.
    pub(super) published: Option<(B256, u64)>,
    /// Nodes that may peer and nodes that may not any more, as the contract has been seen to have them.
    pub(super) peering: Option<(Vec<PeerNode>, Vec<PeerNode>)>,
    /// Transactions of our accounts that wait for a block there.
    pub(super) waiting: BTreeMap<Address, Waiting>,
    /// Whether a transaction that moves a seat may wait for a block; `None` before the chain was asked.
    pub(super) moving: Option<bool>,
    /// Our votes there.
    pub(super) votes: Option<KeptVotes>,
}

impl Network {
    /// Takes a round of answers; the nodes that say something new, moving numbers aside.
    pub(super) fn hear(&mut self, round: BTreeMap<NodeName, Answer>) -> Vec<NodeName> {
        let before = self.heard.take().unwrap_or_default();
        let silent = before.keys().filter(|name| !round.contains_key(name));
        let news = round
            .iter()
            .filter(|(name, answer)| before.get(name).is_none_or(|before| !same_state(before, answer)));
        let news = news.map(|(name, _)| name).chain(silent).cloned().collect();
        self.heard = Some(round);
        news
    }
}

/// Whether two answers of a node put it in the same place: heights, times and peers move all the time.
fn same_state(before: &Answer, after: &Answer) -> bool {
    let (Some(before), Some(after)) = (&before.status, &after.status) else {
        return before.status.is_none() && after.status.is_none();
    };
    let place = |status: &NodeStatus| {
        let signs = |id: &Identity| id.signer.as_ref().map(|signer| signer.state);
        let fence = |fence: &Fence| {
            (fence.role, fence.holder.clone(), fence.epoch, fence.recorded, fence.reason.clone())
        };
        let identity = status.identity.clone().map(|id| {
            (id.address, id.seated, id.voting, signs(&id), id.journal, id.fence.as_ref().map(fence))
        });
        let others = status.standby_for.iter().map(|of| (of.address, of.signer_ready, fence(&of.fence)));
        let others: Vec<_> = others.collect();
        let readiness = (status.ready, status.not_ready_reason.clone());
        (status.genesis_hash, readiness, identity, others, status.faults.clone())
    };
    Arc::ptr_eq(before, after) || place(before) == place(after)
}

#[cfg(test)]
mod tests {
    use super::{Answer, Network};
    use crate::{names::NodeName, test_support::node_status};
    use std::{collections::BTreeMap, sync::Arc};

    #[test]
    fn a_higher_head_is_no_news_and_a_fault_a_new_node_or_silence_is() {
        let name = |index| NodeName { fleet: "bank-a".to_owned(), index };
        let answer = |change: &dyn Fn(&mut chain::status::NodeStatus)| {
            let mut status = node_status(1, 4, true);
            change(&mut status);
            Answer { ip: "10.0.0.1".to_owned(), status: Some(Arc::new(status)) }
        };
        let mut network = Network::default();
        let mut hear = |answers: Vec<(u32, Answer)>| {
            network.hear(
                answers.into_iter().map(|(index, answer)| (name(index), answer)).collect::<BTreeMap<_, _>>(),
            )
        };
        assert_eq!(hear(vec![(0, answer(&|_| {}))]), [name(0)], "first heard");
        assert!(hear(vec![(0, answer(&|status| status.head.number += 1))]).is_empty());
        assert_eq!(hear(vec![(0, answer(&|status| status.faults.push("disk full".to_owned())))]), [name(0)]);
        let silent = Answer { status: None, ..answer(&|_| {}) };
        assert_eq!(hear(vec![(0, silent), (1, answer(&|_| {}))]), [name(0), name(1)]);
        assert_eq!(hear(vec![]), [name(0), name(1)]);
    }
}
