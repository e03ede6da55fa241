//! Where every node stands, and what keeps it from its place.

use super::{Failure, Planner, standby::FenceTrouble};
use crate::{
    api::{
        conditions::reasons,
        validator::{NodeState, Phase, Role},
    },
    build::endpoint,
    observed::{NodeObserved, SecretState, Trouble, fault},
};

const NOT_HEARD: &str = "it is up and well for minutes, blocks are made, and no other node hears it vote: see its log, its clock, \
     and whether network policies let it reach the other members; a restart begins anew (kubectl delete pod)";

/// A node's phase, why it is not further, and a word for it where somebody must help.
struct Standing(Phase, Option<String>, Option<&'static str>);

impl Standing {
    const fn well(phase: Phase) -> Self {
        Self(phase, None, None)
    }

    const fn because(phase: Phase, why: Option<String>) -> Self {
        Self(phase, why, None)
    }

    fn failed(reason: &'static str, why: String) -> Self {
        Self(Phase::Failed, Some(why), Some(reason))
    }

    fn troubled(trouble: &Trouble) -> Self {
        match trouble.reason {
            Some(reason) => Self::failed(reason, trouble.explained()),
            None => Self::because(Phase::Provisioning, Some(trouble.explained())),
        }
    }
}

impl Planner<'_> {
    pub(super) fn phases(&mut self) {
        for (index, node) in &self.observed.nodes {
            let Standing(phase, why, failure) = self.standing(*index, node);
            let name = self.name(*index).to_string();
            let reason: Option<String> = why.map(|why| why.chars().take(500).collect());
            if let Some(word) = failure {
                let message = reason.clone().unwrap_or_default();
                self.plan.failures.push(Failure { node: name.clone(), reason: word, message });
            }
            let address = node.address().map(|address| address.to_string());
            let endpoint = self.endpoint(*index);
            let spare = self.name(*index).is_spare();
            let holds = self.holds(*index).filter(|_| spare).map(|(node, _)| self.name(node).to_string());
            let held_by = self.held_by(*index).map(|holder| holder.chars().take(128).collect());
            self.plan.nodes.push(NodeState { name, address, phase, holds, held_by, endpoint, reason });
        }
    }

    /// Where other clusters dial the node, by the address its load balancer has now.
    fn endpoint(&self, index: u32) -> Option<String> {
        let name = self.name(index);
        let own = self.observed.peers.iter().find(|peer| peer.name == name)?;
        own.outside.as_ref()?;
        Some(endpoint(&self.valid.namespace, own))
    }

    const fn awaited(&self) -> &'static str {
        match self.observed.member {
            Some(false) => {
                "its member is not in the governance contract: the Consortium's Joined condition says what that waits for"
            }
            _ => "the Consortium's Ready condition says what its seat waits for",
        }
    }

    fn standing(&self, index: u32, node: &NodeObserved) -> Standing {
        if !self.wanted(index) {
            return Standing::well(Phase::Leaving);
        }
        for secret in [&node.identity, &node.p2p] {
            if let SecretState::Malformed(error) = secret {
                return Standing::failed(reasons::SECRET_MALFORMED, error.to_string());
            }
        }
        let Some(status) = &node.status else { return self.not_running(index, node) };
        if let Some(genesis) =
            self.observed.genesis.as_ref().filter(|genesis| genesis.hash != status.genesis_hash)
        {
            let message = format!("runs genesis {}, the network has {}", status.genesis_hash, genesis.hash);
            return Standing::failed(reasons::GENESIS_MISMATCH, message);
        }
        // The node reports a fence that stops as a fault, too: its own word says what to do.
        if let Some(FenceTrouble { reason, message }) = self.fence_trouble(node, status) {
            return Standing::failed(reason, message);
        }
        if let Some(told) = status.faults.last() {
            return Standing::troubled(&fault(told));
        }
        if !status.ready {
            return Standing::because(Phase::Syncing, status.not_ready_reason.clone());
        }
        if self.valid.role == Role::Observer {
            return Standing::well(Phase::Observing);
        }
        if let Some((phase, why)) = self.standby_phase(index, status) {
            return Standing::because(phase, why);
        }
        match &status.identity {
            Some(identity) if identity.seated && self.unheard.contains(&identity.address) => {
                Standing::failed(reasons::NOT_HEARD, NOT_HEARD.to_owned())
            }
            Some(identity) if identity.seated => {
                Standing::because(Phase::Validating, identity.journal.sitting_out.clone())
            }
            _ => Standing::because(Phase::AwaitingSeat, Some(self.awaited().to_owned())),
        }
    }

    fn not_running(&self, index: u32, node: &NodeObserved) -> Standing {
        let provisioning = |why: &str| Standing::because(Phase::Provisioning, Some(why.to_owned()));
        match (&node.pod, &node.statefulset) {
            (None, Some(_)) => provisioning("its pod is not there yet"),
            (None, None) if self.name(index).is_spare() && self.observed.genesis.is_some() => {
                let records = self.unrecorded().join(", ");
                let why = if records.is_empty() { "of an identity" } else { records.as_str() };
                provisioning(&format!("it is made once the fence has a first record: {why}"))
            }
            (None, None) => provisioning("its objects are being made"),
            (Some(pod), _) => match &pod.trouble {
                Some(trouble) => Standing::troubled(trouble),
                None => provisioning("its status is not readable yet"),
            },
        }
    }
}
