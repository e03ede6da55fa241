//! The product on the embedded cluster, one file per behaviour. `make e2e` brings the cluster up and runs these one at a
//! time: they share one network, and each leaves it as four seated validators.

mod bad_manifests;
mod deletion;
mod disk_lost;
mod live_chain;
mod network;
mod network_policies;
mod node_killed;
mod pod_deleted;
mod pod_security;
mod proposer_killed;
mod scale;
