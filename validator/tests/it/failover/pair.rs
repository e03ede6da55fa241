//! One identity, two nodes: the holder is stopped, taken over from, and woken, again and again.

use super::*;
use crate::support::blobs::Blobs;
use std::time::{Duration, Instant};

/// The two nodes that have the identity.
const PAIR: [usize; 2] = [0, 4];
/// Those that have not.
const OTHERS: [usize; 3] = [1, 2, 3];

/// Mean time of a swap, milliseconds.
fn swap_ms(node: &Node) -> Option<f64> {
    let (_, text) = node.get("/metrics")?;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().last()?.parse::<f64>().ok()
    };
    Some(1000.0 * value("quorate_fence_swap_seconds_sum")? / value("quorate_fence_swap_seconds_count")?)
}

/// What came of it.
struct Trial {
    took: Vec<Duration>,
    planned: Duration,
    conflicts: u64,
    swap_ms: f64,
}

/// As many rounds, with the identity's record in this store; a planned end at last.
fn stop_and_wake(network: &mut TestNetwork, store: &FenceStore, rounds: usize) -> Trial {
    let identity = network.nodes[PAIR[0]].read_config().identity.unwrap();
    for node in PAIR {
        let fence = FenceConfig { initialise: node == PAIR[0], ..fence(store.clone(), node) };
        let identity = IdentityConfig { fence: Some(fence), ..identity.clone() };
        network.nodes[node].edit_config(|config| config.identity = Some(identity));
    }
    network.nodes.iter_mut().for_each(Node::start);
    network.wait_height(3);
    wait_for("the first to hold the identity", || votes(&network.nodes[PAIR[0]]));
    let mut took = Vec::new();
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
    let conflicts = equivocations(network, &OTHERS);
    let (holder, standby) = (PAIR[rounds % 2], PAIR[(rounds + 1) % 2]);
    let swap_ms = swap_ms(&network.nodes[holder]).unwrap_or(f64::NAN);
    // The identity is given up, and taken at the next look.
    assert!(network.nodes[holder].terminate().success());
    let ended = Instant::now();
    wait_for("the standby to take what was given up", || votes(&network.nodes[standby]));
    took.sort_unstable();
    Trial { took, planned: ended.elapsed(), conflicts, swap_ms }
}

impl Trial {
    fn told(&self, store: &str) -> String {
        let at =
            |share: usize| self.took[(self.took.len() * share / 100).min(self.took.len() - 1)].as_millis();
        format!(
            "conflicting-signatures={} store={store} lease-ms={LEASE_MS} planned-ms={} swap-mean-ms={:.1} takeover-p50-ms={} takeover-p99-ms={} takeover-max-ms={}",
            self.conflicts,
            self.planned.as_millis(),
            self.swap_ms,
            at(50),
            at(99),
            at(100),
        )
    }
}

#[test]
#[ignore = "needs an API server: make failover"]
fn real_failover_over_a_lease_signs_no_slot_twice() {
    let rounds: usize = named("FAILOVERS").parse().unwrap();
    let trial = stop_and_wake(&mut TestNetwork::create(5, 4), &api_server("pair"), rounds);
    println!("real-failovers={rounds} {}", trial.told("lease"));
    assert_eq!(trial.conflicts, 0);
}

/// Nodes that come to the storage account with the token of their workload identity.
#[test]
#[ignore = "needs Azurite: make failover"]
fn real_failover_over_a_blob_signs_no_slot_twice() {
    const ROUNDS: usize = 10;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let blobs = runtime.block_on(Blobs::start());
    let mut network = TestNetwork::create(5, 4);
    for node in PAIR {
        network.nodes[node].edit_config(|config| config.azure = Some(blobs.azure.clone()));
    }
    let trial = stop_and_wake(&mut network, &blobs.store("bank-a/0x11"), ROUNDS);
    println!("blob-failovers={ROUNDS} {}", trial.told("blob"));
    assert_eq!(trial.conflicts, 0);
}
