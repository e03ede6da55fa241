//! The operator against a real API server (`make operator-test`). No kubelet and no controllers run beside it: the tests
//! make the pods, and answer for the nodes on addresses of their own.

mod bad_manifests;
mod blob;
mod crash;
mod deletion;
mod describe;
mod disks;
mod gitops;
mod join;
mod leader;
mod node_pool;
mod objects;
mod peering;
mod readiness;
mod rights;
mod rolling;
mod seats;
mod standbys;
mod stuck;
mod tls;
mod traces;
mod vault;

use operator_trials::world::World;

/// A fresh namespace with this package's operator, not yet started.
async fn world(test: &str) -> World {
    World::new(test, env!("CARGO_BIN_EXE_quorate-operator")).await
}
