//! What trials of the operator share: the operator as a process in a namespace of its own on a real API server, a proxy
//! between the two, and nodes that answer for the chain. Ships nothing; tests and `make operator-…` stand on it.
//!
//! The API server (etcd and kube-apiserver, no kubelet, no controllers) is the one whose kubeconfig `QUORATE_API_KUBECONFIG`
//! names; otherwise [`world::World::new`] starts one with `e2e/cluster/api-up target/api-operator`, which stays up for the
//! next run (`e2e/cluster/api-down target/api-operator` ends it). Whoever makes a [`world::World`] says which operator it
//! is about by the path of the program: `env!("CARGO_BIN_EXE_quorate-operator")` in tests of package `operator`.
//!
//! A failure of the surroundings (no API server, no free port) panics with what was tried: it is no outcome of a trial.
//!
//! Feature `real` adds `faults`, which stands on the real ledger.

pub mod azure_service_operator;
pub mod fake_network;
pub mod mutate;
pub mod players;
pub mod proxy;
pub mod publisher;
pub mod rights;
pub mod scale;
pub mod world;

#[cfg(feature = "real")]
pub mod faults;
