//! The operator against a real API server (`make operator-test`). No kubelet and no controllers run beside it: the tests
//! make the pods, and answer for the nodes on addresses of their own.

mod bad_manifests;
mod crash;
mod deletion;
mod fake_network;
mod objects;
mod proxy;
mod readiness;
mod seats;
mod world;
