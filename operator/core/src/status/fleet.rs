//! The status of a `Validator`.

use super::{Conditions, NAMED, with_others};
use crate::{
    api::{
        ValidatorStatus,
        conditions::{ConditionStatus, DEGRADED, NODE_POOL_READY, OVERRIDDEN, PEERING_READY, reasons},
        validator::{NodeState, Phase, Role, RpcAddress},
    },
    build::{Applied, FleetResources},
    names::{ACCEPT_JOURNAL_LOSS, FIRST_SPARE, FLEET, IGNORE_QUORUM, NodeName, SKIP_UNSEAT, STANDBY},
    node_pool::PoolState,
    observed::{FleetObserved, NodeObserved},
    plan::{FleetPlan, Note, Wait},
    validate::ValidFleet,
};
use chain::config::RPC_PORT;
use k8s_openapi::{api::core::v1::Service, jiff::Timestamp};

/// What the status is made from beside the observation.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The status as it stands.
    pub before: &'a ValidatorStatus,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// Now.
    pub now: Timestamp,
}

/// Makes the status; `applied` is absent while the fleet is being deleted.
#[must_use]
pub fn fleet(
    context: &Context<'_>,
    valid: &ValidFleet,
    observed: &FleetObserved,
    plan: &FleetPlan,
    applied: Option<&FleetResources<Applied>>,
) -> ValidatorStatus {
    let mut waits = plan.waits.clone();
    waits.extend(plan.node_pool.as_ref().and_then(PoolState::wait));
    waits.extend(node_waits(plan, observed.member != Some(false), valid.stands_by()));
    let mut conditions = Conditions::new(&context.before.conditions, context.generation, context.now);
    conditions.progress(&waits, "all nodes are where the spec wants them");
    let (status, reason, message) = degraded(plan);
    conditions.set(DEGRADED, status, reason, &message);
    let (status, reason, message) = overridden(valid);
    conditions.set(OVERRIDDEN, status, reason, &message);
    if let Some(pool) = &plan.node_pool {
        conditions.set(NODE_POOL_READY, pool.status, pool.reason, &pool.message);
    }
    if let Some(applied) = applied.filter(|_| valid.peering.is_some()) {
        let (status, reason, message) = peering(valid, applied.peers_service.as_ref());
        conditions.set(PEERING_READY, status, reason, &message);
    }
    conditions.key_access(&plan.key_states, &signers(valid));
    let originals = || observed.nodes.range(..FIRST_SPARE).map(|(_, node)| node);
    let running = originals().filter(|node| node.statefulset.is_some()).count();
    let ready = originals().filter(|node| node.pod.as_ref().is_some_and(|pod| pod.ready)).count();
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    ValidatorStatus {
        observed_generation: context.generation,
        conditions: with_others(&context.before.conditions, conditions.made),
        replicas: count(running),
        ready_replicas: count(ready),
        selector: Some(selector(valid)),
        summary: Some(summary(valid, plan)),
        image: plan
            .objects
            .as_ref()
            .map(|inputs| inputs.image.clone())
            .or_else(|| context.before.image.clone()),
        rpc: match applied {
            Some(applied) => applied.rpc_service.as_ref().and_then(|service| rpc_address(valid, service)),
            None => context.before.rpc.clone(),
        },
        nodes: nodes(context.before, plan, |node| is_up(valid, observed, node)),
    }
}

/// What scales the fleet counts its pods: spares are none of them.
fn selector(valid: &ValidFleet) -> String {
    let spares = if valid.standbys > 0 { format!(",!{STANDBY}") } else { String::new() };
    format!("{FLEET}={}{spares}", valid.name.0)
}

fn is_up(valid: &ValidFleet, observed: &FleetObserved, node: &str) -> bool {
    let node = NodeName::parse(&valid.name.0, node).and_then(|name| observed.nodes.get(&name.index));
    node.is_some_and(NodeObserved::is_up)
}

/// While nobody can say who holds the identity of a node that does not vote, it is who held it last.
fn nodes(before: &ValidatorStatus, plan: &FleetPlan, is_up: impl Fn(&str) -> bool) -> Vec<NodeState> {
    let mut nodes = plan.nodes.clone();
    for node in &mut nodes {
        let last = before.nodes.iter().find(|last| last.name == node.name);
        let silent = match node.phase {
            Phase::Provisioning | Phase::Syncing | Phase::Failed => true,
            Phase::Leaving => !is_up(&node.name),
            Phase::Validating | Phase::AwaitingSeat | Phase::Observing | Phase::Standby => false,
        };
        if silent && node.held_by.is_none() {
            node.held_by = last.and_then(|last| last.held_by.clone());
        }
    }
    nodes
}

/// Identities that moved between two statuses, for events. One that nobody holds any more has returned only to a node that is there for it.
#[must_use]
pub fn moved(before: &ValidatorStatus, after: &ValidatorStatus) -> Vec<Note> {
    let last = |node: &NodeState| {
        before.nodes.iter().find(|last| last.name == node.name).and_then(|last| last.held_by.clone())
    };
    let is_back = |node: &NodeState| matches!(node.phase, Phase::Validating | Phase::AwaitingSeat);
    let moved = after.nodes.iter().filter(|node| node.held_by != last(node));
    let moved = moved.filter(|node| node.held_by.is_some() || is_back(node));
    let told = |node: &NodeState| match (&node.held_by, last(node)) {
        (Some(holder), _) => {
            Note { reason: "IdentityMoved", message: format!("{holder} holds the identity of {}", node.name) }
        }
        (None, holder) => {
            let from = holder.map(|holder| format!(", which {holder} held")).unwrap_or_default();
            Note {
                reason: "IdentityReturned",
                message: format!("{} holds its identity again{from}", node.name),
            }
        }
    };
    moved.map(told).collect()
}

/// Nodes that are not where they should be, worst first. Of a member that the others have not admitted, or no more, none waits for
/// a seat: all is done that its operator can do.
fn node_waits(plan: &FleetPlan, admitted: bool, stands_by: bool) -> Vec<Wait> {
    let failed = plan.failures.iter().map(|failure| {
        Wait::passing(failure.reason, format!("{} is Failed: {}", failure.node, failure.message))
    });
    let reason = |node: &NodeState| match node.phase {
        Phase::Provisioning | Phase::Syncing => Some(reasons::NODES_STARTING),
        Phase::AwaitingSeat => admitted.then_some(reasons::AWAITING_SEAT),
        Phase::Standby => (node.held_by.is_some() && !stands_by).then_some(reasons::HANDING_BACK),
        Phase::Validating | Phase::Leaving | Phase::Observing | Phase::Failed => None,
    };
    let mut nodes: Vec<_> = plan.nodes.iter().filter_map(|node| Some((reason(node)?, node))).collect();
    nodes.sort_by_key(|(_, node)| std::cmp::Reverse(node.phase));
    let why =
        |reason: &Option<String>| reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let others = nodes.into_iter().map(|(word, node)| {
        Wait::passing(word, format!("{} is {:?}{}", node.name, node.phase, why(&node.reason)))
    });
    failed.chain(others).collect()
}

/// Status, reason and message of a condition.
type Said = (ConditionStatus, &'static str, String);

fn degraded(plan: &FleetPlan) -> Said {
    let Some(first) = plan.failures.first() else {
        return (ConditionStatus::False, reasons::SETTLED, String::new());
    };
    let named =
        plan.failures.iter().take(NAMED).map(|failure| format!("{}: {}", failure.node, failure.message));
    let more = plan.failures.len().saturating_sub(NAMED);
    let rest = if more == 0 { String::new() } else { format!("; and {more} more nodes") };
    (ConditionStatus::True, first.reason, named.collect::<Vec<_>>().join("; ") + &rest)
}

/// What a person has told the operator to disregard; true is nothing to forget about.
fn overridden(valid: &ValidFleet) -> Said {
    let set = [
        (
            valid.ignore_quorum,
            IGNORE_QUORUM,
            "nodes restart one after the other whatever it costs the quorum",
        ),
        (valid.skip_unseat, SKIP_UNSEAT, "nodes and fleet go without their seats being given up"),
        (
            !valid.accept_journal_loss.is_empty(),
            ACCEPT_JOURNAL_LOSS,
            "nodes vote although the named journals are lost",
        ),
    ];
    let told: Vec<_> =
        set.iter().filter(|(set, ..)| *set).map(|(_, name, effect)| format!("{name}: {effect}")).collect();
    if told.is_empty() {
        return (ConditionStatus::False, reasons::NO_OVERRIDE, String::new());
    }
    (
        ConditionStatus::True,
        reasons::ANNOTATED,
        told.join("; ") + "; remove the annotation when it has done its work",
    )
}

fn summary(valid: &ValidFleet, plan: &FleetPlan) -> String {
    let (good, word) = match valid.role {
        Role::Validator => (Phase::Validating, "validating"),
        Role::Observer => (Phase::Observing, "observing"),
    };
    let is_spare =
        |node: &NodeState| NodeName::parse(&valid.name.0, &node.name).is_some_and(|name| name.is_spare());
    let stands_by = |node: &&NodeState| node.phase == Phase::Standby;
    let count = |n: usize| n.min(valid.replicas as usize);
    if valid.stands_by() {
        let count = count(plan.nodes.iter().filter(|node| !is_spare(node)).filter(stands_by).count());
        return format!("{count}/{} standing by", valid.replicas);
    }
    // A seat votes, whoever votes for it.
    let votes = count(plan.nodes.iter().filter(|node| node.phase == good).count());
    let spares = plan.nodes.iter().filter(|node| is_spare(node)).filter(stands_by).count();
    match valid.standbys {
        0 => format!("{votes}/{} {word}", valid.replicas),
        standbys => format!("{votes}/{} {word}, {spares}/{standbys} standing by", valid.replicas),
    }
}

/// Whether members in other clusters can dial the nodes. `Ready` does not wait for it: the address is the cloud's to give.
fn peering(valid: &ValidFleet, service: Option<&Service>) -> Said {
    let name = valid.name.peers_service();
    match service.and_then(address) {
        Some(host) => (
            ConditionStatus::True,
            reasons::ADDRESS_GIVEN,
            format!("members in other clusters dial the nodes at {host}; status.nodes names each one's port"),
        ),
        None => (
            ConditionStatus::False,
            reasons::WAITING_FOR_ADDRESS,
            format!(
                "Service {name} waits for its address from the cloud's load balancer; until then no other cluster can dial the nodes (kubectl describe service {name})"
            ),
        ),
    }
}

/// By which right the nodes use their keys: what a person gives in Entra and in the vault.
fn signers(valid: &ValidFleet) -> String {
    let client = valid.keys.vault().map_or("", |vault| vault.client_id.as_str());
    format!(
        "nodes use them as client {client}, by its federated credential for the subject system:serviceaccount:{}:{} (docs/keys.md)",
        valid.namespace, valid.name.0
    )
}

/// What a Service's load balancer has been given.
fn address(service: &Service) -> Option<String> {
    let ingress = service.status.as_ref()?.load_balancer.as_ref()?.ingress.as_ref()?.first()?;
    ingress.ip.clone().or_else(|| ingress.hostname.clone())
}

/// The load balancer's address once it has one, else the name inside the cluster.
fn rpc_address(valid: &ValidFleet, service: &Service) -> Option<RpcAddress> {
    let rpc = valid.rpc.as_ref()?;
    let host = if rpc.load_balancer {
        address(service)?
    } else {
        format!("{}.{}.svc", valid.name.rpc_service(), valid.namespace)
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Some(RpcAddress { http: format!("http://{host}:{RPC_PORT}"), ws: format!("ws://{host}:{RPC_PORT}") })
}

#[cfg(test)]
mod tests {
    use super::{moved, node_waits, nodes, peering, selector, summary};
    use crate::{
        api::{
            ValidatorStatus,
            conditions::{ConditionStatus, reasons},
            validator::{NodeState, Phase},
        },
        plan::FleetPlan,
        validate::{self, ValidFleet},
    };
    use serde_json::json;

    fn spared(standbys: i32) -> ValidFleet {
        let spec = json!({ "consortiumRef": { "name": "n" }, "replicas": 2, "standbys": standbys });
        let object = json!({
            "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator", "metadata": { "name": "bank-a", "namespace": "a" },
            "spec": spec,
        });
        validate::fleet(&serde_json::from_value(object).expect("a manifest")).expect("valid")
    }

    fn state(name: &str, phase: Phase, held_by: Option<&str>) -> NodeState {
        NodeState {
            name: name.to_owned(),
            address: None,
            phase,
            holds: None,
            held_by: held_by.map(str::to_owned),
            endpoint: None,
            reason: None,
        }
    }

    fn status(nodes: Vec<NodeState>) -> ValidatorStatus {
        ValidatorStatus { nodes, ..ValidatorStatus::default() }
    }

    #[test]
    fn seats_that_vote_are_counted_whoever_votes_for_them_and_spares_that_are_ready_beside_them() {
        use Phase::{Provisioning, Standby, Syncing, Validating};
        let said = |standbys, phases: [Phase; 3]| {
            let names = ["bank-a-0", "bank-a-1", "bank-a-standby-0"];
            let nodes = names.into_iter().zip(phases).map(|(name, phase)| state(name, phase, None));
            summary(&spared(standbys), &FleetPlan { nodes: nodes.collect(), ..FleetPlan::default() })
        };
        assert_eq!(said(1, [Validating, Validating, Standby]), "2/2 validating, 1/1 standing by");
        assert_eq!(said(1, [Provisioning, Validating, Validating]), "2/2 validating, 0/1 standing by");
        assert_eq!(said(1, [Provisioning, Validating, Syncing]), "1/2 validating, 0/1 standing by");
        let mut elsewhere = spared(1);
        elsewhere.fence.as_mut().expect("a fence").preferred = false;
        let nodes = vec![state("bank-a-0", Standby, Some("east/bank-a-0")), state("bank-a-1", Syncing, None)];
        let plan = FleetPlan { nodes, ..FleetPlan::default() };
        assert_eq!(summary(&elsewhere, &plan), "1/2 standing by");
        assert_eq!(selector(&spared(1)), "quorate.dev/fleet=bank-a,!quorate.dev/standby");
        assert_eq!(selector(&spared(0)), "quorate.dev/fleet=bank-a");
    }

    #[test]
    fn a_node_that_is_back_waits_for_its_identity_and_a_fleet_that_stands_by_waits_for_none() {
        let nodes = vec![
            state("bank-a-0", Phase::Standby, Some("bank-a-standby-0")),
            state("bank-a-standby-0", Phase::Standby, None),
        ];
        let plan = FleetPlan { nodes, ..FleetPlan::default() };
        let waits =
            |stands_by| node_waits(&plan, true, stands_by).iter().map(|wait| wait.reason).collect::<Vec<_>>();
        assert_eq!(waits(false), [reasons::HANDING_BACK]);
        assert!(waits(true).is_empty());
    }

    #[test]
    fn an_identity_that_moves_is_told_once_each_way_and_a_silent_node_moves_nothing() {
        let told = |before: &ValidatorStatus, after: &ValidatorStatus| {
            moved(before, after).into_iter().map(|note| note.reason).collect::<Vec<_>>()
        };
        let at = |phase, holder| status(vec![state("bank-a-0", phase, holder)]);
        let (own, spare) = (at(Phase::Validating, None), at(Phase::Provisioning, Some("bank-a-standby-0")));
        assert!(told(&own, &own).is_empty() && told(&spare, &spare).is_empty());
        assert_eq!(told(&own, &spare), ["IdentityMoved"]);
        assert_eq!(told(&spare, &at(Phase::Standby, Some("bank-a-standby-1"))), ["IdentityMoved"]);
        assert_eq!(told(&spare, &own), ["IdentityReturned"]);
        let plan = |phase| FleetPlan { nodes: at(phase, None).nodes, ..FleetPlan::default() };
        for phase in [Phase::Provisioning, Phase::Syncing, Phase::Failed] {
            assert_eq!(
                nodes(&spare, &plan(phase), |_| true)[0].held_by.as_deref(),
                Some("bank-a-standby-0"),
                "{phase:?}"
            );
        }
        let left = |phase, up| nodes(&spare, &plan(phase), |_| up)[0].held_by.clone();
        assert_eq!((left(Phase::Validating, true), left(Phase::Leaving, true)), (None, None));
        assert_eq!(left(Phase::Leaving, false).as_deref(), Some("bank-a-standby-0"), "it is dead, and goes");
        for (phase, want) in [
            (Phase::Leaving, Vec::new()),
            (Phase::Failed, Vec::new()),
            (Phase::Provisioning, Vec::new()),
            (Phase::AwaitingSeat, vec!["IdentityReturned"]),
        ] {
            assert_eq!(told(&spare, &at(phase, None)), want, "{phase:?}");
        }
    }

    #[test]
    fn who_peers_across_clusters_is_told_the_address_or_which_service_waits_for_one() {
        let text = include_str!("../../tests/golden/peering.input.yaml");
        let valid = validate::fleet(&serde_saphyr::from_str(text).expect("a manifest")).expect("valid");
        let said = |ingress: serde_json::Value| {
            let service = json!({ "status": { "loadBalancer": ingress } });
            peering(&valid, Some(&serde_json::from_value(service).expect("a Service")))
        };
        for (ingress, host) in [
            (json!({ "ingress": [{ "ip": "203.0.113.7" }, { "ip": "203.0.113.8" }] }), "203.0.113.7;"),
            (json!({ "ingress": [{ "hostname": "peers.example" }] }), "peers.example;"),
        ] {
            let (status, reason, message) = said(ingress);
            assert_eq!((status, reason), (ConditionStatus::True, reasons::ADDRESS_GIVEN));
            assert!(message.contains(host), "{message}");
        }
        for (status, reason, message) in
            [said(json!({})), said(json!({ "ingress": [] })), peering(&valid, None)]
        {
            assert_eq!((status, reason), (ConditionStatus::False, reasons::WAITING_FOR_ADDRESS));
            assert!(message.contains(&valid.name.peers_service()), "{message}");
        }
    }
}
