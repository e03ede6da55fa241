//! The status of a `Validator`.

use super::{Conditions, NAMED, with_others};
use crate::{
    api::{
        ValidatorStatus,
        conditions::{ConditionStatus, DEGRADED, NODE_POOL_READY, OVERRIDDEN, PEERING_READY, reasons},
        validator::{Phase, Role, RpcAddress},
    },
    build::{Applied, FleetResources},
    names::{ACCEPT_JOURNAL_LOSS, FLEET, IGNORE_QUORUM, SKIP_UNSEAT},
    node_pool::PoolState,
    observed::FleetObserved,
    plan::{FleetPlan, Wait},
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
    waits.extend(node_waits(plan, observed.member != Some(false)));
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
    let running = observed.nodes.values().filter(|node| node.statefulset.is_some()).count();
    let ready = observed.nodes.values().filter(|node| node.pod.as_ref().is_some_and(|pod| pod.ready)).count();
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    ValidatorStatus {
        observed_generation: context.generation,
        conditions: with_others(&context.before.conditions, conditions.made),
        replicas: count(running),
        ready_replicas: count(ready),
        selector: Some(format!("{FLEET}={}", valid.name.0)),
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
        nodes: plan.nodes.clone(),
    }
}

/// Nodes that are not where they should be, worst first. Of a member that the others have not admitted, or no more, none waits for
/// a seat: all is done that its operator can do.
fn node_waits(plan: &FleetPlan, admitted: bool) -> Vec<Wait> {
    let failed = plan.failures.iter().map(|failure| {
        Wait::passing(failure.reason, format!("{} is Failed: {}", failure.node, failure.message))
    });
    let reason = |phase| match phase {
        Phase::Provisioning | Phase::Syncing => Some(reasons::NODES_STARTING),
        Phase::AwaitingSeat => admitted.then_some(reasons::AWAITING_SEAT),
        Phase::Validating | Phase::Leaving | Phase::Observing | Phase::Failed => None,
    };
    let mut nodes: Vec<_> = plan.nodes.iter().filter_map(|node| Some((reason(node.phase)?, node))).collect();
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
    let count = plan.nodes.iter().filter(|node| node.phase == good).count();
    format!("{count}/{} {word}", valid.replicas)
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
    use super::peering;
    use crate::{
        api::conditions::{ConditionStatus, reasons},
        validate,
    };
    use serde_json::json;

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
