//! An identity with two nodes: real processes, stopped and woken, over a Lease of a real API server.

use crate::support::{
    network::{Node, TestNetwork},
    wait_for,
};
use chain::{
    config::{FenceConfig, FenceStore, IdentityConfig},
    status::FenceRole,
};
use std::{
    env,
    time::{Duration, Instant},
};

/// Short, so that many take-overs fit into a trial.
const LEASE_MS: u64 = 2_000;
/// The two nodes that have the identity.
const PAIR: [usize; 2] = [0, 4];

fn named(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run make failover"))
}

fn fence(holder: usize) -> FenceConfig {
    FenceConfig {
        store: FenceStore::KubernetesLease {
            server: named("FENCE_SERVER"),
            namespace: "fence".into(),
            name: format!("seat-0-{}", std::process::id()),
            token_file: named("FENCE_TOKEN"),
            ca_file: named("FENCE_CA"),
        },
        holder: format!("node-{holder}"),
        preferred: false,
        initialise: holder == PAIR[0],
        lease_ms: LEASE_MS,
    }
}

fn role(node: &Node) -> Option<FenceRole> {
    Some(node.status()?.identity?.fence?.role)
}

fn votes(node: &Node) -> Option<()> {
    let identity = node.status()?.identity?;
    (identity.voting && identity.fence?.role == FenceRole::Holder).then_some(())
}

/// Of all messages that the other seats were sent, those that contradict another of the same seat.
fn equivocations(network: &TestNetwork) -> u64 {
    let others = (0..network.nodes.len()).filter(|node| !PAIR.contains(node));
    let counted = others.filter_map(|node| {
        let (_, text) = network.nodes[node].get("/metrics")?;
        let line = text.lines().find(|line| {
            line.starts_with("quorate_messages_rejected_total") && line.contains("\"equivocation\"")
        })?;
        line.split_whitespace().last()?.parse::<u64>().ok()
    });
    counted.sum()
}

/// Mean time of a swap, milliseconds.
fn swap_ms(node: &Node) -> Option<f64> {
    let (_, text) = node.get("/metrics")?;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().last()?.parse::<f64>().ok()
    };
    Some(1000.0 * value("quorate_fence_swap_seconds_sum")? / value("quorate_fence_swap_seconds_count")?)
}

#[test]
#[ignore = "needs an API server: make failover"]
fn real_failover_over_a_lease_signs_no_slot_twice() {
    let rounds: usize = named("FAILOVERS").parse().unwrap();
    let mut network = TestNetwork::create(5, 4);
    let identity = network.nodes[PAIR[0]].read_config().identity.unwrap();
    for node in PAIR {
        network.nodes[node].edit_config(|config| {
            config.identity = Some(IdentityConfig { fence: Some(fence(node)), ..identity.clone() });
        });
    }
    network.nodes.iter_mut().for_each(Node::start);
    network.wait_height(3);
    wait_for("the first to hold the identity", || votes(&network.nodes[PAIR[0]]));
    let mut took: Vec<Duration> = Vec::new();
    for round in 0..rounds {
        let (holder, standby) = (PAIR[round % 2], PAIR[(round + 1) % 2]);
        wait_for("the other to stand by", || {
            (role(&network.nodes[standby])? == FenceRole::Standby).then_some(())
        });
        network.nodes[holder].signal("-STOP");
        let stopped = Instant::now();
        wait_for("the standby to take over", || votes(&network.nodes[standby]));
        took.push(stopped.elapsed());
        network.nodes[holder].signal("-CONT");
        wait_for("the woken one to stand by", || {
            (role(&network.nodes[holder])? == FenceRole::Standby).then_some(())
        });
        let height = network.nodes[1].height();
        network.nodes[1].wait_block(height + 1);
    }
    let height = network.nodes[1].height();
    network.wait_height(height + 2);
    let conflicts = equivocations(&network);
    let swap_ms = swap_ms(&network.nodes[PAIR[rounds % 2]]).unwrap_or(f64::NAN);
    // A planned end: the identity is given up, and taken at the next look.
    let (holder, standby) = (PAIR[rounds % 2], PAIR[(rounds + 1) % 2]);
    assert!(network.nodes[holder].terminate().success());
    let ended = Instant::now();
    wait_for("the standby to take what was given up", || votes(&network.nodes[standby]));
    let planned = ended.elapsed();
    took.sort_unstable();
    let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)].as_millis();
    println!(
        "real-failovers={rounds} conflicting-signatures={conflicts} lease-ms={LEASE_MS} planned-ms={} swap-mean-ms={swap_ms:.1} takeover-p50-ms={} takeover-p99-ms={}",
        planned.as_millis(),
        at(50),
        at(99)
    );
    assert_eq!(conflicts, 0);
}
