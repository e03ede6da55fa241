//! Pods that wait for the node pool that the operator makes for them.

use super::FleetPlan;
use crate::{
    api::{conditions::reasons, validator::Phase},
    node_pool::PoolState,
    observed::{FleetObserved, NodeObserved, Trouble},
};
use k8s_openapi::jiff::Timestamp;

/// A pool that has not taken a pod after so long will hardly do it by itself.
const POOL_WITHIN_S: i64 = 30 * 60;

impl FleetPlan {
    /// How the node pool stands. While it comes, a pod that no Kubernetes node takes is no failure: it waits.
    pub fn with_pool(&mut self, pool: PoolState, observed: &FleetObserved, now: Timestamp) {
        if !pool.stalled {
            for (state, node) in self.nodes.iter_mut().zip(observed.nodes.values()) {
                let Some(trouble) = unplaced(node).filter(|_| state.phase == Phase::Failed) else { continue };
                let Some(at) = self.failures.iter().position(|failure| failure.node == state.name) else {
                    continue;
                };
                if awaits(trouble, now) {
                    self.failures.remove(at);
                    state.phase = Phase::Provisioning;
                    state.reason =
                        Some(format!("waits for its node pool ({}): {}", pool.message, trouble.message));
                } else {
                    let minutes = POOL_WITHIN_S / 60;
                    let late =
                        format!("; its node pool has not taken it for {minutes} minutes: {}", pool.message);
                    self.failures[at].message.push_str(&late);
                }
            }
        }
        self.node_pool = Some(pool);
    }
}

fn unplaced(node: &NodeObserved) -> Option<&Trouble> {
    let trouble = node.pod.as_ref()?.trouble.as_ref()?;
    (node.status.is_none() && trouble.reason == Some(reasons::UNSCHEDULABLE)).then_some(trouble)
}

/// Without a time of Kubernetes' nothing bounds the wait.
fn awaits(trouble: &Trouble, now: Timestamp) -> bool {
    trouble.since.is_some_and(|since| now.as_second().saturating_sub(since.as_second()) < POOL_WITHIN_S)
}
