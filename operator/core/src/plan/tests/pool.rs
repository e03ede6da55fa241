use super::{running, stored, valid_fleet};
use crate::{
    api::{
        conditions::{ConditionStatus, reasons},
        validator::Phase,
    },
    node_pool::{PoolState, may_shrink},
    observed::{FleetObserved, Neighbour, NodeObserved, PodObserved, SecretState},
    plan::{FleetPlan, fleet},
    policy::Turn,
    test_support::HEIGHT,
};
use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use serde_json::json;

fn pod(at: &str) -> PodObserved {
    let pod: Pod = serde_json::from_value(json!({ "status": { "phase": "Pending", "conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": at,
        "message": "0/3 nodes are available",
    }] } }))
    .expect("a pod");
    PodObserved::read(&pod, Timestamp::UNIX_EPOCH)
}

/// A fleet of one whose pod no Kubernetes node has taken since midnight.
fn planned(pool: Option<PoolState>, now: &str) -> FleetPlan {
    let node = NodeObserved {
        identity: SecretState::Present(stored(1)),
        p2p: SecretState::Present(stored(1)),
        pod: Some(pod("2026-01-01T00:00:00Z")),
        ..NodeObserved::default()
    };
    let observed = FleetObserved { nodes: [(0, node)].into(), ..FleetObserved::default() };
    let mut plan = fleet(&valid_fleet(1), &observed, "image");
    if let Some(pool) = pool {
        plan.with_pool(pool, &observed, now.parse().expect("a time"));
    }
    plan
}

fn state(reason: &'static str, stalled: bool) -> PoolState {
    let (status, message) = (ConditionStatus::False, "Azure works on it".to_owned());
    PoolState { status, reason, message, stalled, waits: true }
}

#[test]
fn a_pod_that_no_kubernetes_node_takes_waits_for_its_pool_and_is_a_failure_without_one_or_after_half_an_hour()
{
    let making = || Some(state(reasons::NODE_POOL_PROVISIONING, false));
    let cases = [
        (None, "2026-01-01T00:10:00Z", Phase::Failed, "0/3 nodes"),
        (making(), "2026-01-01T00:29:59Z", Phase::Provisioning, "Azure works on it"),
        (making(), "2026-01-01T00:30:00Z", Phase::Failed, "0/3 nodes"),
        (Some(state(reasons::NODE_POOL_FAILED, true)), "2026-01-01T00:10:00Z", Phase::Failed, "0/3 nodes"),
    ];
    for (pool, now, phase, word) in cases {
        let plan = planned(pool, now);
        assert_eq!(plan.nodes[0].phase, phase, "{now}");
        assert_eq!(plan.failures.len(), usize::from(phase == Phase::Failed), "{now}");
        assert!(plan.nodes[0].reason.as_ref().is_some_and(|why| why.contains(word)), "{:?}", plan.nodes);
    }
    let late = planned(making(), "2026-01-01T01:00:00Z");
    assert!(late.failures[0].message.contains("for 30 minutes: Azure works on it"), "{:?}", late.failures);
}

#[test]
fn a_pool_shrinks_in_its_members_turn_while_all_of_its_nodes_are_up_and_a_quorum_votes_without_one() {
    let valid = valid_fleet(4);
    let shrinks = |observed: &FleetObserved| {
        let plan = FleetPlan { nodes: fleet(&valid, observed, "old:1").nodes, ..FleetPlan::default() };
        may_shrink(&valid, observed, &plan)
    };
    let with = |change: &dyn Fn(&mut FleetObserved)| {
        let mut observed = running(4, 4);
        change(&mut observed);
        shrinks(&observed)
    };
    assert!(with(&|_| {}));
    assert!(!with(&|observed| observed.turn = Some(Turn { place: 0, members: 2 })), "another member's turn");
    assert!(!with(&|observed| observed.turn = None), "a turn that is not known");
    let neighbour = |pod| Neighbour { name: valid.name.node(9), address: Some(stored(60).key.address), pod };
    let up = PodObserved { ready: true, ..PodObserved::default() };
    assert!(with(&|observed| observed.neighbours = vec![neighbour(Some(up.clone()))]));
    assert!(
        !with(&|observed| observed.neighbours = vec![neighbour(None)]),
        "another fleet's node was evicted"
    );
    let old = |observed: &mut FleetObserved| {
        for status in &mut observed.network {
            status.seats[3].height = HEIGHT - 5;
        }
    };
    assert!(!with(&old), "a seat that stopped some blocks ago is live, and does not vote");
}
